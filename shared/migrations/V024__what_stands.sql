-- What a push may not do by overtaking, lingering or missing; and what a person finds who settles a conflict.

-- When the phone wrote the row that a receipt is of, by its own clock, in milliseconds. It tells which of two pushes of one
-- phone, made on the same cursor, is the newer one: requests overtake each other. It orders nothing else.
alter table sync_receipts add column row_stamp bigint;

alter table sync_conflicts
  -- A picture of a user is about no client.
  alter column client_id drop not null,
  -- Which of the two values the record has while nobody has decided. Null where a release before this one wrote the row:
  -- the device's where auto_resolved, else the server's.
  add column standing text check (standing in ('server', 'device', 'deleted')),
  -- `current`: neither of the two, but what the record has by now.
  drop constraint sync_conflicts_kept_check,
  add constraint sync_conflicts_kept_check check (kept in ('server', 'device', 'current'));

-- The last day on which visits to a client put a caregiver on the care team; null where no visits do.
create function app.last_scheduled_day(p_client uuid, p_user uuid) returns date
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select max((v.scheduled_end at time zone a.time_zone)::date) + 14
  from visits v join agencies a on a.id = v.agency_id
  where v.client_id = p_client and v.user_id = p_user and v.agency_id = app.agency_id()
    and v.deleted_at is null and v.status <> 'cancelled';
end;

-- After a visit was called off: what the caregiver's visits grant ends with the last that is left. It never begins and never
-- lasts longer by this, so that whoever was taken off a care team stays off it, whatever their phone still sends.
create function app.shorten_scheduled_grant(p_client uuid, p_user uuid) returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  last_day constant date := app.last_scheduled_day(p_client, p_user);
begin
  update care_team
  set deleted_at = case when last_day is null then now() end,
    ends_on = case when last_day is null then ends_on else greatest(last_day, starts_on) end
  where client_id = p_client and user_id = p_user and agency_id = app.agency_id()
    and source = 'scheduled' and deleted_at is null
    and (last_day is null or ends_on is null or ends_on > greatest(last_day, starts_on));
end
$$;

-- A visit puts its caregiver on the client's care team until 14 days after their last visit there. Called after
-- each write that gives, moves or takes away a visit; the row changes only when its dates do. Of a client who was taken from
-- the caller, and whom only work done before still reaches, nothing is granted.
create or replace function app.refresh_scheduled_grant(p_client uuid, p_user uuid) returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  last_day constant date := app.last_scheduled_day(p_client, p_user);
begin
  if last_day is null or p_client = any (app.lingering_client_ids()) then
    perform app.shorten_scheduled_grant(p_client, p_user);
    return;
  end if;
  update care_team set ends_on = greatest(last_day, starts_on)
  where client_id = p_client and user_id = p_user and agency_id = app.agency_id()
    and source = 'scheduled' and deleted_at is null;
  if not found then
    insert into care_team (id, agency_id, client_id, user_id, relation, source, starts_on, ends_on)
    select app.uuid7(), u.agency_id, p_client, u.id,
      (case u.role when 'care_aide' then 'care_aide' when 'nurse' then 'nurse' else 'coordinator' end)::care_relation,
      'scheduled', least(app.today(), last_day), last_day
    from users u where u.id = p_user and u.agency_id = app.agency_id();
  end if;
end
$$;

-- Fails where a write reached fewer rows than it was meant for: row-level security hides a row from an update without a word,
-- and what was not written must not be confirmed.
create function app.must_reach(p_reached bigint, p_meant bigint) returns void language plpgsql immutable as $$
begin
  if p_reached <> p_meant then
    raise exception 'a row is out of reach' using errcode = 'insufficient_privilege', constraint = 'out_of_reach';
  end if;
end
$$;

-- app.sync_state as the release before this one calls it, and more: whether the record is of a client who was taken from the
-- caller (`taken`), and in `own_since` for each column the stamp of the push of this device that wrote it, where known.
create function app.pushed_state(p_table text, p_ids uuid[], p_held bigint)
returns table (id uuid, visible boolean, taken boolean, stored jsonb, client_id uuid, others jsonb, own_since jsonb, receipts text[])
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
      select unnest(app.lingering_client_ids()) as client_id
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
    select s.id, s.visible, s.client_id = any (app.lingering_client_ids()), case when s.visible then s.stored end, s.client_id,
      coalesce((
        select jsonb_object_agg(c.name, jsonb_build_object('value', c.value, 'user_id', c.user_id))
        from (
          select distinct on (o.name) o.name, o.value, o.user_id
          from (
            select name, l.after -> name, l.user_id, l.number
            from sync_log l cross join unnest(l.changed_columns) name
            where s.visible and l.record_id = s.id and l.number > s.base and l.device_id is distinct from app.device_id()
            union all
            -- What changed before the log begins isn't known, so that every column may have.
            select k.key, k.value, (s.stored ->> 'updated_by')::uuid, 0
            from jsonb_each(s.stored) k
            where s.visible and s.base < $7 and (s.stored ->> 'change_number')::bigint > s.base) o (name, value, user_id, number)
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
      when 'visit_tasks' then '(select v.client_id from visits v where v.id = r.visit_id)'
      when 'photos' then 'coalesce(r.client_id, (select v.client_id from visits v where v.id = r.visit_id))'
      else 'r.client_id' end,
    p_table)
  using p_ids, base, base_taken, coalesce(withheld_from, 0), held, p_table, logged_from;
end
$$;

revoke execute on all functions in schema app from public;
grant execute on function app.shorten_scheduled_grant(uuid, uuid), app.must_reach(bigint, bigint),
  app.pushed_state(text, uuid[], bigint) to berthcare_app;
