-- What the server remembers of a device between its synchronisations. Cursors are as on the wire: epoch x 2^40 + number.
alter table devices
  -- Whether the last pull said that nothing was waiting to be sent.
  add column pulled_clean boolean not null default false,
  -- The cursor that the device held when it last pushed.
  add column pushed_at bigint,
  -- Tombstones up to this number were in the answer whose cursor was `tombstones_sent_with`...
  add column tombstones_sent bigint not null default 0,
  add column tombstones_sent_with bigint not null default 0,
  -- ...and those up to this one have arrived.
  add column tombstones_received bigint not null default 0,
  -- A cursor that can't be served, answered with nothing once so that the phone could push first.
  add column replacing bigint;
grant update (pulled_clean, pushed_at, tombstones_sent, tombstones_sent_with, tombstones_received, replacing)
  on devices to berthcare_app;

-- What each device sent for a record, by its digest: the same again is a replay, however late it arrives.
create table sync_receipts (
  device_id uuid not null,
  record_id uuid not null,
  agency_id uuid not null references agencies,
  body_sha256 bytea not null check (length(body_sha256) = 32),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid references users,
  updated_by uuid references users,
  primary key (device_id, record_id, body_sha256),
  constraint sync_receipts_device_fkey foreign key (agency_id, device_id) references devices (agency_id, id)
);
create trigger stamp_times before insert or update on sync_receipts for each row execute function app.stamp_times();
alter table sync_receipts enable row level security;
create policy backup_reads_all on sync_receipts for select to berthcare_backup using (true);
create policy reports_read_all on sync_receipts for select to berthcare_readonly using (true);
grant select on sync_receipts to berthcare_backup, berthcare_readonly;
grant select, insert, update on sync_receipts to berthcare_app;
create policy own_device on sync_receipts to berthcare_app
  using (agency_id = app.agency_id() and device_id = app.device_id())
  with check (agency_id = app.agency_id() and device_id = app.device_id() and app.caller_role() <> 'family');

-- A client that was just taken from the caller, but whose tombstone this device has not been given: what it did before
-- is still taken. Set by app.linger for one push.
create function app.lingering_client_ids() returns uuid[] language sql stable parallel safe
  return coalesce(nullif(current_setting('app.lingering', true), '')::uuid[], '{}');

create or replace function app.my_client_ids() returns setof uuid
language sql stable security definer rows 30 set search_path = public, pg_temp
begin atomic
  select t.client_id from care_team t join clients c on c.id = t.client_id
  where t.user_id = app.user_id() and t.agency_id = app.agency_id() and t.deleted_at is null and c.deleted_at is null
    and t.starts_on <= app.today() and (t.ends_on is null or t.ends_on >= app.today())
    and (t.relation = 'family') = (app.caller_role() = 'family')
    and (app.caller_role() <> 'family' or app.consented(t.client_id, 'family_sharing'))
  union all
  select unnest(app.lingering_client_ids());
end;

-- The part of a cursor that counts changes, where the cursor is of the present epoch; else null.
create function app.cursor_number(p_cursor bigint) returns bigint
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select case when p_cursor >> 40 = c.epoch and p_cursor & ((1::bigint << 40) - 1) <= c.number
    then p_cursor & ((1::bigint << 40) - 1) end
  from agency_counters c where c.agency_id = app.agency_id();
end;

-- What a phone may hold and must now forget: records deleted, and whole clients that the caller no longer sees.
-- One number can stand for many records.
create function app.tombstones_between(p_after bigint, p_upto bigint)
returns table (table_name text, record_id uuid, number bigint)
language sql stable security definer set search_path = public, pg_temp
begin atomic
  with ever_mine as (
    select distinct t.client_id from care_team t where t.user_id = app.user_id() and t.agency_id = app.agency_id()
  ), gone as (
    -- Clients taken away: the caller's own grants changed, and none is left.
    select t.client_id, max(t.change_number) as number
    from care_team t
    where t.user_id = app.user_id() and t.agency_id = app.agency_id() and not app.sees_agency()
      and t.change_number > p_after and t.change_number <= p_upto
      and t.client_id not in (select app.my_client_ids())
    group by t.client_id
    union all
    select l.record_id, l.number from sync_log l
    where l.agency_id = app.agency_id() and l.number > p_after and l.number <= p_upto
      and l.operation = 'delete' and l.table_name = 'clients'
      and (app.sees_agency() or l.record_id in (select client_id from ever_mine))
  )
  select x.table_name, x.record_id, max(x.number) from (
  select l.table_name, l.record_id, l.number from sync_log l
  where l.agency_id = app.agency_id() and l.number > p_after and l.number <= p_upto
    and l.operation = 'delete' and l.table_name in ('visits', 'visit_tasks', 'photos', 'alerts')
    and (app.sees_agency() or l.client_id in (select client_id from ever_mine))
  union all
  select 'clients', g.client_id, g.number from gone g
  union all
  select 'visits', v.id, g.number from gone g join visits v on v.client_id = g.client_id
  union all
  select 'visit_tasks', t.id, g.number
  from gone g join visits v on v.client_id = g.client_id join visit_tasks t on t.visit_id = v.id
  union all
  select 'photos', p.id, g.number
  from gone g join photos p on p.client_id = g.client_id
  union all
  select 'photos', p.id, g.number
  from gone g join visits v on v.client_id = g.client_id join photos p on p.visit_id = v.id
  union all
  select 'alerts', a.id, g.number from gone g join alerts a on a.client_id = g.client_id) x (table_name, record_id, number) group by 1, 2;
end;

-- Up to which number this device may be given tombstones: those that its cursor has passed, once it says that nothing
-- waits to be sent, or says nothing of what waits. That it pushed since is not enough: it may have written more.
create function app.tombstones_due(p_number bigint, p_pending integer) returns bigint
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select case when coalesce(p_pending, 0) = 0 then p_number else 0 end;
end;

-- Clients that became the caller's since `p_after` and were not before, and the number from which they are.
create function app.granted_since(p_after bigint)
returns table (client_id uuid, number bigint)
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select t.client_id, max(t.change_number)
  from care_team t
  where p_after > 0 and not app.sees_agency()
    and t.user_id = app.user_id() and t.agency_id = app.agency_id() and t.change_number > p_after
    and t.client_id in (select app.my_client_ids())
    -- Not a client that was the caller's all along, by this grant as it was then or by another.
    and not exists (
      select from care_team o
      left join lateral (
        select l.before from sync_log l where l.record_id = o.id and l.number > p_after order by l.number limit 1) l on true
      cross join lateral (
        select coalesce((d.last_sync_at at time zone a.time_zone)::date, app.today()) as day
        from devices d join agencies a on a.id = d.agency_id where d.id = app.device_id()) then_
      where o.user_id = t.user_id and o.client_id = t.client_id
        and case when o.change_number <= p_after
          then o.deleted_at is null and o.starts_on <= then_.day and (o.ends_on is null or o.ends_on >= then_.day)
          else l.before is not null and l.before ->> 'deleted_at' is null
            and (l.before ->> 'starts_on')::date <= then_.day
            and (l.before ->> 'ends_on' is null or (l.before ->> 'ends_on')::date >= then_.day) end)
  group by t.client_id;
end;

-- For one push: what the device did for clients that were taken away, before it was told.
create function app.linger() returns void language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  told bigint;
begin
  select d.tombstones_received into told from devices d where d.id = app.device_id();
  perform set_config('app.lingering', coalesce((
    select array_agg(distinct t.client_id)::text
    from care_team t join clients c on c.id = t.client_id
    where t.user_id = app.user_id() and t.agency_id = app.agency_id() and not app.sees_agency()
      and t.relation <> 'family' and t.change_number > told and t.starts_on <= app.today() and c.deleted_at is null
      and t.client_id not in (select app.my_client_ids())), '{}'), true);
end
$$;

-- What the server has of records that a device pushes, whether the caller may see them or not: row-level security
-- alone would make a push fail as a whole where one id is another's. An invisible row is told of, not shown.
-- `others`: the columns that anyone else changed since `p_base`, with value and author. `own_since`: those that this
-- device changed after `p_held`, the cursor that its push carries: such a push was overtaken by a newer one.
create function app.sync_state(p_table text, p_ids uuid[], p_base bigint, p_held bigint)
returns table (id uuid, visible boolean, stored jsonb, client_id uuid, others jsonb, own_since text[], receipts text[])
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  if p_table not in ('clients', 'visits', 'visit_tasks', 'photos', 'alerts') then
    raise exception 'no such synced table';
  end if;
  return query execute format($query$
    with found as (
      select r.id, r.agency_id, to_jsonb(r) - 'search_name' as stored, %s as client_id
      from %I r where r.id = any ($1)
    ), seen as (
      select f.id, f.stored, f.client_id,
        f.agency_id = app.agency_id()
          and (app.sees_agency() or f.client_id in (select app.my_client_ids()) or (f.client_id is null
            and (f.stored ->> 'user_id' = app.user_id()::text or f.stored ->> 'created_by' = app.user_id()::text)))
          as visible
      from found f
    )
    select s.id, s.visible, case when s.visible then s.stored end, s.client_id,
      coalesce((
        select jsonb_object_agg(c.name, jsonb_build_object('value', c.value, 'user_id', c.user_id))
        from (
          select distinct on (name) name, l.after -> name as value, l.user_id
          from sync_log l cross join unnest(l.changed_columns) name
          where s.visible and l.record_id = s.id and l.number > $2 and l.device_id is distinct from app.device_id()
          order by name, l.number desc) c), '{}'),
      array(select distinct name from sync_log l cross join unnest(l.changed_columns) name
            where l.record_id = s.id and l.number > $3 and l.device_id = app.device_id()),
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
  using p_ids, p_base, p_held;
end
$$;

revoke execute on all functions in schema app from public;
grant execute on function app.lingering_client_ids(), app.cursor_number(bigint), app.tombstones_between(bigint, bigint),
  app.tombstones_due(bigint, integer), app.granted_since(bigint), app.linger(), app.sync_state(text, uuid[], bigint, bigint)
  to berthcare_app;

-- Which of the two values a person kept.
alter table sync_conflicts
  add column kept text check (kept in ('server', 'device')),
  add constraint sync_conflicts_kept check ((status = 'resolved') = (kept is not null));

-- A person who settles a conflict may find that a visit took place though it was called off.
create or replace function app.guard_visit_moves() returns trigger language plpgsql as $$
begin
  if new.status <> old.status and (old.status, new.status) not in (
    ('scheduled', 'in_progress'), ('scheduled', 'completed'), ('scheduled', 'cancelled'), ('scheduled', 'missed'),
    ('missed', 'in_progress'), ('missed', 'completed'), ('in_progress', 'completed'))
    and not (current_setting('app.settling', true) is not distinct from 'on'
      and (old.status, new.status) in (('cancelled', 'in_progress'), ('cancelled', 'completed'))) then
    raise exception 'a visit can''t go from % to %', old.status, new.status
      using errcode = 'check_violation', constraint = 'visits_status_moves';
  end if;
  return new;
end
$$;

-- Numbers a row anew, unchanged as it is: a phone takes its own values for the server's after a push, so that where the
-- server kept another one it must send the row again. Logged as a change of those columns by nobody's device, so that
-- what the phone writes over them before it has seen them is a conflict.
create function app.touch(p_table text, p_id uuid, p_columns text[]) returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  if p_table not in ('clients', 'visits', 'visit_tasks', 'photos', 'alerts') then
    raise exception 'no such synced table';
  end if;
  perform set_config('app.touching', array_to_string(p_columns, ','), true);
  execute format('update %I set id = id where id = $1 and agency_id = app.agency_id()', p_table) using p_id;
  perform set_config('app.touching', '', true);
end
$$;
grant execute on function app.touch(text, uuid, text[]) to berthcare_app;

create function app.settle_conflicts() returns void language plpgsql volatile as $$
begin
  if coalesce(app.caller_role(), '') not in ('admin', 'coordinator') then
    raise exception 'conflicts are settled by planners' using errcode = 'insufficient_privilege';
  end if;
  perform set_config('app.settling', 'on', true);
end
$$;
grant execute on function app.settle_conflicts() to berthcare_app;
