-- For one push: what the device did for clients that were taken away, before it was told.
create or replace function app.keep_revoked_clients_readable() returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  told bigint;
  revoked uuid[];
begin
  select d.tombstones_received into told from devices d where d.id = app.device_id();
  -- Of none, so that a transaction that pushes twice asks about the caller's own clients alone.
  perform set_config('app.revoked_readable', '{}', true), set_config('app.my_clients', '', true);
  revoked := array(select app.revoked_client_ids(told));
  perform set_config('app.revoked_readable', revoked::text, true), set_config('app.my_clients', '', true);
end
$$;

-- The visits that tasks and photos belong to, seen or not.
create or replace function app.visits_of_records(p_records uuid[]) returns setof uuid
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select t.visit_id from visit_tasks t where t.id = any (p_records) and t.agency_id = app.agency_id()
  union
  select p.visit_id from photos p
  where p.id = any (p_records) and p.agency_id = app.agency_id() and p.visit_id is not null;
end;

-- What the server has of records that a device pushes, whether the caller may see them or not: row-level security alone
-- would make a push fail as a whole where one id is another's. An invisible row is told of, not shown.
-- `taken`: whether the record is of a client who was taken from the caller.
-- `others`: the columns that anyone else changed since the record's work began, with value and author. That is the
-- device's base, the lower one of clients that were withheld from it, and the one on which an earlier push of the
-- record was refused.
-- `own_since`: the columns that this device changed after `p_held`, the cursor that its push carries, each with the
-- stamp of the push that wrote it, where known: such a push was overtaken by a newer one. A cursor of another epoch
-- says nothing of what came since.
create or replace function app.pushed_state(p_table text, p_ids uuid[], p_held bigint)
returns table (id uuid, visible boolean, taken boolean, stored jsonb, client_id uuid, others jsonb, own_since jsonb,
  receipts text[])
language plpgsql stable security definer set search_path = public, pg_temp as $$
declare
  base bigint;
  base_taken bigint;
  withheld_from bigint;
  logged_from bigint;
  held bigint := coalesce(app.cursor_number(p_held), 9223372036854775807);
begin
  if p_table not in ('clients', 'visits', 'visit_tasks', 'photos', 'alerts') then
    raise exception 'no such synced table';
  end if;
  -- Where the work began in another epoch, everything counts as made at the same time.
  select coalesce(app.cursor_number(d.push_base), 0), coalesce(app.cursor_number(d.push_base_taken), 0),
    app.cursor_number(d.withheld_from)
  into base, base_taken, withheld_from
  from devices d where d.id = app.device_id();
  select c.tombstones_from into logged_from from agency_counters c where c.agency_id = app.agency_id();
  return query execute format($query$
    with taken as materialized (
      select unnest(app.revoked_readable_client_ids()) as client_id
      union
      select t.client_id from care_team t
      where $3 < $2 and t.user_id = app.user_id() and t.agency_id = app.agency_id() and t.change_number > $4
    ), found as (
      select r.id, r.agency_id, to_jsonb(r) - 'search_name' as stored, %s as client_id
      from %I r where r.id = any ($1)
    ), seen as (
      select f.id, f.stored, f.client_id,
        f.agency_id = app.agency_id()
          and (app.sees_agency() or f.client_id in (select app.my_client_ids()) or (f.client_id is null
            and (f.stored ->> 'user_id' = app.user_id()::text or f.stored ->> 'created_by' = app.user_id()::text)))
          as visible,
        least(case when f.client_id in (select t.client_id from taken t) then $3 else $2 end, (
          select min(coalesce(app.cursor_number(q.work_base), 0)) from sync_quarantine q
          where q.device_id = app.device_id() and q.table_name = $6 and q.record_id = f.id::text
            and q.work_base is not null and q.created_at > coalesce((
              select max(r.created_at) from sync_receipts r
              where r.device_id = app.device_id() and r.record_id = f.id), '-infinity'))) as base
      from found f
    )
    select s.id, s.visible, s.client_id = any (app.revoked_readable_client_ids()),
      case when s.visible then s.stored end, s.client_id,
      coalesce((
        select jsonb_object_agg(c.name, jsonb_build_object('value', c.value, 'user_id', c.user_id))
        from (
          select distinct on (o.name) o.name, o.value, o.user_id
          from (
            select name, l.after -> name, l.user_id, l.number
            from sync_log l cross join unnest(l.changed_columns) name
            where s.visible and l.record_id = s.id and l.number > s.base
              and l.device_id is distinct from app.device_id()
            union all
            -- What changed before the log begins isn't known, so that every column may have.
            select k.key, k.value, (s.stored ->> 'updated_by')::uuid, 0
            from jsonb_each(s.stored) k
            where s.visible and s.base < $7 and (s.stored ->> 'change_number')::bigint > s.base
          ) o (name, value, user_id, number)
          order by o.name, o.number desc) c), '{}'),
      coalesce((
        select jsonb_object_agg(w.name, w.row_stamp)
        from (
          select distinct on (name) name, r.row_stamp
          from sync_log l cross join unnest(l.changed_columns) name
          -- Written by one transaction, so at one time.
          left join sync_receipts r
            on r.device_id = l.device_id and r.record_id = l.record_id and r.created_at = l.synced_at
          where l.record_id = s.id and l.number > $5 and l.device_id = app.device_id()
          order by name, l.number desc) w), '{}'),
      array(select encode(r.body_sha256, 'hex') from sync_receipts r
            where r.device_id = app.device_id() and r.record_id = s.id)
    from seen s
    union all
    -- Ids that the server has never seen may have been refused before.
    select i.id, null::boolean, null::boolean, null::jsonb, null::uuid, '{}'::jsonb, '{}'::jsonb, '{}'::text[]
    from unnest($1) as i(id) where i.id not in (select f.id from found f)
  $query$,
    case p_table
      when 'clients' then 'r.id'
      when 'photos' then 'r.subject_client_id'
      else 'r.client_id' end,
    p_table)
  using p_ids, base, base_taken, coalesce(withheld_from, 0), held, p_table, logged_from;
end
$$;

-- Lets a planner move a visit as only the settling of a conflict may, until the transaction ends.
create or replace function app.begin_conflict_resolution() returns void language plpgsql volatile as $$
begin
  if coalesce(app.caller_role(), '') not in ('admin', 'coordinator') then
    raise exception 'conflicts are settled by planners' using errcode = 'insufficient_privilege';
  end if;
  perform set_config('app.resolving_conflict', 'on', true);
end
$$;

grant execute on function app.keep_revoked_clients_readable, app.visits_of_records, app.pushed_state,
  app.begin_conflict_resolution to berthcare_app;
