-- What a device's unsent work is based on, where pulls withheld rows from it or records of it were refused; and what a
-- push needs of the server in one flight.

alter table devices
  -- Changes that others made after this cursor count as made at the same time as what the next push brings...
  add column push_base bigint,
  -- ...and those in clients that were taken away meanwhile, after this one.
  add column push_base_taken bigint,
  -- What the device held at the first pull that withheld the rows of a client it still has...
  add column withheld_from bigint,
  -- ...and what it was answered at the first one that didn't any more.
  add column whole_at bigint;
update devices set push_base = case when pulled_clean then coalesce(pulled_from, work_base) else work_base end;
update devices set push_base_taken = push_base;
grant update (push_base, push_base_taken, withheld_from, whole_at) on devices to berthcare_app;

-- The oldest change after which all are on sync_log still: what a phone must forget is known from here on.
alter table agency_counters add column tombstones_from bigint not null default 0;

-- What was refused stays on the phone, and on the base that it had.
alter table sync_quarantine add column work_base bigint;

-- Tombstones up to this number have arrived, now that the device presents `p_presented`: what was sent has, once the
-- cursor that it went with comes back.
create function app.tombstones_arrived(p_presented bigint) returns bigint
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select case when d.tombstones_sent_with <= coalesce(p_presented, 0)
    then greatest(d.tombstones_sent, d.tombstones_received) else d.tombstones_received end
  from devices d where d.id = app.device_id();
end;

-- Clients that were taken from the caller after `p_told`, or whose grant has run out by its date and is not numbered yet.
create function app.taken_client_ids(p_told bigint) returns setof uuid
language sql stable security definer rows 5 set search_path = public, pg_temp
begin atomic
  select distinct t.client_id
  from care_team t
  join clients c on c.id = t.client_id
  join agencies a on a.id = t.agency_id
  where t.user_id = app.user_id() and t.agency_id = app.agency_id() and not app.sees_agency()
    and t.relation <> 'family' and t.starts_on <= app.today() and c.deleted_at is null
    and (t.change_number > p_told
      or (t.deleted_at is null and t.ends_on < app.today() and (t.updated_at at time zone a.time_zone)::date <= t.ends_on))
    and t.client_id not in (select app.my_client_ids());
end;

-- Whether this device still has a client whose rows it isn't sent any more.
create function app.withholds(p_presented bigint) returns boolean
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select exists (select from app.taken_client_ids(app.tombstones_arrived(p_presented)));
end;

-- For one push: what the device did for clients that were taken away, before it was told.
create or replace function app.linger() returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  told bigint;
begin
  select d.tombstones_received into told from devices d where d.id = app.device_id();
  -- Of none, so that a transaction that pushes twice asks about the caller's own clients alone.
  perform set_config('app.lingering', '{}', true);
  perform set_config('app.lingering', coalesce((select array_agg(id)::text from app.taken_client_ids(told) id), '{}'), true);
end
$$;

-- The visits that tasks and photos belong to, seen or not.
create function app.visits_of(p_records uuid[]) returns setof uuid
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select t.visit_id from visit_tasks t where t.id = any (p_records) and t.agency_id = app.agency_id()
  union
  select p.visit_id from photos p
  where p.id = any (p_records) and p.agency_id = app.agency_id() and p.visit_id is not null;
end;

-- What the server has of records that a device pushes, whether the caller may see them or not: row-level security
-- alone would make a push fail as a whole where one id is another's. An invisible row is told of, not shown.
-- `others`: the columns that anyone else changed since the record's work began, with value and author. That is the device's
-- base, the lower one of clients that were withheld from it, and the one on which an earlier push of the record was refused.
-- `own_since`: the columns that this device changed after `p_held`, the cursor that its push carries: such a push was
-- overtaken by a newer one. A cursor of another epoch says nothing of what came since.
drop function app.sync_state(text, uuid[], bigint, bigint);
create function app.sync_state(p_table text, p_ids uuid[], p_held bigint)
returns table (id uuid, visible boolean, stored jsonb, client_id uuid, others jsonb, own_since text[], receipts text[])
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
    select s.id, s.visible, case when s.visible then s.stored end, s.client_id,
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
      array(select distinct name from sync_log l cross join unnest(l.changed_columns) name
            where l.record_id = s.id and l.number > $5 and l.device_id = app.device_id()),
      array(select encode(r.body_sha256, 'hex') from sync_receipts r
            where r.device_id = app.device_id() and r.record_id = s.id)
    from seen s
    union all
    -- Ids that the server has never seen may have been refused before.
    select i.id, null::boolean, null::jsonb, null::uuid, '{}'::jsonb, '{}'::text[], '{}'::text[]
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

-- The columns of a row that is to be sent again as it is (app.touch). Of a touch without columns the list is empty.
create or replace function app.touched_columns() returns text[] language sql stable parallel safe
  return nullif(current_setting('app.touching', true), '')::text[];

-- Numbers rows anew, unchanged as they are: a phone takes its own values for the server's after a push, so that where the
-- server kept another one it must send the row again. Logged as a change of those columns by nobody's device, so that
-- what the phone writes over them before it has seen them is a conflict. `p_rows`: [{"table", "id", "columns"}].
drop function app.touch(text, uuid, text[]);
create function app.touch(p_rows jsonb) returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  touched record;
begin
  for touched in
    select r."table", r.columns, array_agg(r.id) as ids
    from jsonb_to_recordset(p_rows) r ("table" text, id uuid, columns text[]) group by 1, 2
  loop
    if touched."table" not in ('clients', 'visits', 'visit_tasks', 'photos', 'alerts') then
      raise exception 'no such synced table';
    end if;
    perform set_config('app.touching', touched.columns::text, true);
    execute format('update %I set id = id where id = any ($1) and agency_id = app.agency_id()', touched."table")
      using touched.ids;
  end loop;
  perform set_config('app.touching', '', true);
end
$$;

grant execute on function app.tombstones_arrived(bigint), app.taken_client_ids(bigint), app.withholds(bigint),
  app.visits_of(uuid[]), app.sync_state(text, uuid[], bigint), app.touch(jsonb) to berthcare_app;
