-- Cursors and tombstones: what a device has, what it may be sent, and what it must forget.

-- The part of a cursor that counts changes, where the cursor is of the present epoch; else null.
create or replace function app.cursor_number(p_cursor bigint) returns bigint
language plpgsql stable security definer set search_path = public, pg_temp as $$
declare
  n bigint;
begin
  if p_cursor is null then
    return null;
  end if;
  select case when p_cursor >> 40 = c.epoch and p_cursor & ((1::bigint << 40) - 1) <= c.number
    then p_cursor & ((1::bigint << 40) - 1) end into n
  from agency_counters c where c.agency_id = nullif(current_setting('app.agency_id', true), '')::uuid;
  return n;
end
$$;

-- What a phone may hold and must now forget: records deleted, and whole clients that the caller no longer sees.
-- One number can stand for many records.
create or replace function app.tombstones_between(p_after bigint, p_upto bigint)
returns table (table_name text, record_id uuid, number bigint)
language plpgsql stable security definer rows 10
set search_path = public, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
#variable_conflict use_column
declare
  me constant uuid := app.user_id();
  agency constant uuid := app.agency_id();
  mine uuid[];
  ever_mine uuid[];
  since timestamptz;
begin
  if p_upto <= p_after then
    return;
  end if;
  since := app.logged_since(p_after);
  if app.sees_agency() then
    return query
      select l.table_name, l.record_id, max(l.number) from sync_log l
      where l.agency_id = agency and l.number > p_after and l.number <= p_upto and l.operation = 'delete'
        and l.synced_at >= since and l.table_name in ('clients', 'visits', 'visit_tasks', 'photos', 'alerts')
      group by 1, 2;
    return;
  end if;
  mine := app.my_client_array();
  select coalesce(array_agg(distinct t.client_id), '{}') into ever_mine
  from care_team t where t.user_id = me and t.agency_id = agency;
  return query
    with deleted as (
      select l.table_name, l.record_id, l.number from sync_log l
      where l.client_id = any (ever_mine) and l.number > p_after and l.number <= p_upto and l.operation = 'delete'
        and l.synced_at >= since and l.agency_id = agency
        and l.table_name in ('clients', 'visits', 'visit_tasks', 'photos', 'alerts')
    ), gone as (
      -- Clients taken away: the caller's own grants changed, and none is left.
      select t.client_id, max(t.change_number) as number from care_team t
      where t.user_id = me and t.agency_id = agency and t.change_number > p_after and t.change_number <= p_upto
        and t.client_id <> all (mine)
      group by t.client_id
      union all
      select d.record_id, d.number from deleted d where d.table_name = 'clients'
    )
    select x.table_name, x.record_id, max(x.number) from (
      select d.table_name, d.record_id, d.number from deleted d where d.table_name <> 'clients'
      union all
      select 'clients', g.client_id, g.number from gone g
      union all
      select 'visits', v.id, g.number from gone g join visits v on v.client_id = g.client_id
      union all
      select 'visit_tasks', t.id, g.number from gone g join visit_tasks t on t.client_id = g.client_id
      union all
      select 'photos', p.id, g.number from gone g join photos p on p.subject_client_id = g.client_id
      union all
      select 'alerts', a.id, g.number from gone g join alerts a on a.client_id = g.client_id
    ) x (table_name, record_id, number) group by 1, 2;
end
$$;

-- Clients that became the caller's since `p_after` and were not before, and the number from which they are.
create or replace function app.granted_since(p_after bigint) returns table (client_id uuid, number bigint)
language plpgsql stable security definer rows 5
set search_path = public, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
#variable_conflict use_column
declare
  me constant uuid := app.user_id();
  agency constant uuid := app.agency_id();
  mine uuid[];
  then_day date;
  since timestamptz;
begin
  if p_after <= 0 or app.sees_agency()
    or not exists (select from care_team t where t.user_id = me and t.change_number > p_after) then
    return;
  end if;
  mine := app.my_client_array();
  since := app.logged_since(p_after);
  select coalesce((d.last_sync_at at time zone a.time_zone)::date, app.today()) into then_day
  from devices d join agencies a on a.id = d.agency_id where d.id = app.device_id();
  return query
    select t.client_id, max(t.change_number) from care_team t
    where t.user_id = me and t.agency_id = agency and t.change_number > p_after and t.client_id = any (mine)
      -- Not a client that was the caller's all along, by this grant as it was then or by another: by its dates on the
      -- day of the last synchronisation, and as phones had been told. A phone may ask between midnight and the job.
      and not exists (
        select from care_team o
        left join lateral (
          select l.before from sync_log l
          where l.record_id = o.id and l.number > p_after and l.synced_at >= since
          order by l.number limit 1) l on true
        where o.user_id = t.user_id and o.client_id = t.client_id
          and case when o.change_number <= p_after
            then o.in_force and o.deleted_at is null
              and o.starts_on <= then_day and (o.ends_on is null or o.ends_on >= then_day)
            else l.before is not null and l.before ->> 'deleted_at' is null
              and (l.before ->> 'in_force')::boolean
              and (l.before ->> 'starts_on')::date <= then_day
              and (l.before ->> 'ends_on' is null or (l.before ->> 'ends_on')::date >= then_day) end)
    group by t.client_id;
end
$$;

-- Clients that were taken from the caller after `p_told`, or whose grant has run out by its date and is not numbered
-- yet.
create or replace function app.revoked_client_ids(p_told bigint) returns setof uuid
language plpgsql stable security definer rows 5
set search_path = public, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  me constant uuid := app.user_id();
  agency constant uuid := app.agency_id();
  today constant date := app.today();
  zone constant text := coalesce(nullif(current_setting('app.time_zone', true), ''), 'UTC');
  mine uuid[];
begin
  if app.sees_agency() then
    return;
  end if;
  mine := app.my_client_array();
  return query
    select distinct t.client_id from care_team t
    where t.user_id = me and t.agency_id = agency and t.relation <> 'family' and t.starts_on <= today
      and (t.change_number > p_told
        or (t.deleted_at is null and t.ends_on < today and (t.updated_at at time zone zone)::date <= t.ends_on))
      and t.client_id <> all (mine)
      and exists (select from clients c where c.id = t.client_id and c.deleted_at is null);
end
$$;

-- Until when the caller was last on a client's care team.
create or replace function app.access_ended_at(p_client uuid) returns timestamptz
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select max(least(coalesce(t.deleted_at, 'infinity'),
    coalesce((t.ends_on + 1)::timestamp at time zone a.time_zone, 'infinity')))
  from care_team t join agencies a on a.id = t.agency_id
  where t.user_id = app.user_id() and t.client_id = p_client and t.agency_id = app.agency_id()
    and t.relation <> 'family' and t.starts_on <= app.today();
end;

-- Whether what a phone did before its access ended is still taken: `limits::WORK_TAKEN_AFTER_ACCESS_ENDED`.
create or replace function app.is_work_still_taken(p_access_ended_at timestamptz) returns boolean
language sql stable parallel safe
return p_access_ended_at >= now() - interval '7 days';

-- Clients on whose care team the caller was, and isn't any more.
create or replace function app.former_client_ids() returns setof uuid
language plpgsql stable security definer rows 5
set search_path = public, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  me constant uuid := app.user_id();
  agency constant uuid := app.agency_id();
  today constant date := app.today();
  mine constant uuid[] := app.my_client_array();
begin
  if app.sees_agency() then
    return;
  end if;
  return query
    select distinct t.client_id from care_team t
    where t.user_id = me and t.agency_id = agency and t.relation <> 'family' and t.starts_on <= today
      and t.client_id <> all (mine);
end
$$;

grant execute on function app.cursor_number, app.tombstones_between, app.granted_since, app.revoked_client_ids,
  app.access_ended_at, app.is_work_still_taken, app.former_client_ids
  to berthcare_app;
