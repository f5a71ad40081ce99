-- For one push: what the device did for clients that were taken away, before it was told and not long ago.
create or replace function app.keep_revoked_clients_readable() returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  told bigint;
  revoked uuid[];
begin
  select d.tombstones_received into told from devices d where d.id = app.device_id();
  -- Of none, so that a transaction that pushes twice asks about the caller's own clients alone.
  perform set_config('app.revoked_readable', '{}', true), set_config('app.my_clients', '', true);
  revoked := array(
    select r from app.revoked_client_ids(told) r where app.is_work_still_taken(app.access_ended_at(r)));
  if revoked <> '{}' then
    perform set_config('app.my_clients', (app.my_client_array() || revoked)::text, true),
      set_config('app.revoked_readable', revoked::text, true);
  end if;
end
$$;

-- The visits that tasks and photos belong to, seen or not.
create or replace function app.visits_of_records(p_records uuid[]) returns setof uuid
language plpgsql stable security definer rows 20
set search_path = public, pg_temp set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  agency constant uuid := app.agency_id();
begin
  return query
    select t.visit_id from visit_tasks t where t.id = any (p_records) and t.agency_id = agency
    union
    select p.visit_id from photos p where p.id = any (p_records) and p.agency_id = agency and p.visit_id is not null;
end
$$;

-- Rows as they are stored, of whatever agency: for app.pushed_state alone.
create or replace function app.stored_rows(p_table text, p_ids uuid[])
returns table (id uuid, agency_id uuid, client_id uuid, created_at timestamptz, change_number bigint, stored jsonb)
language plpgsql stable security definer rows 50
set search_path = public, pg_temp set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
#variable_conflict use_column
begin
  case p_table
    when 'clients' then return query
      select r.id, r.agency_id, r.id, r.created_at, r.change_number, to_jsonb(r) - 'search_name' - 'sort_name'
      from clients r where r.id = any (p_ids);
    when 'visits' then return query
      select r.id, r.agency_id, r.client_id, r.created_at, r.change_number, to_jsonb(r)
      from visits r where r.id = any (p_ids);
    when 'visit_tasks' then return query
      select r.id, r.agency_id, r.client_id, r.created_at, r.change_number, to_jsonb(r)
      from visit_tasks r where r.id = any (p_ids);
    when 'photos' then return query
      select r.id, r.agency_id, r.subject_client_id, r.created_at, r.change_number, to_jsonb(r)
      from photos r where r.id = any (p_ids);
    when 'alerts' then return query
      select r.id, r.agency_id, r.client_id, r.created_at, r.change_number, to_jsonb(r)
      from alerts r where r.id = any (p_ids);
    else raise exception 'no such synced table';
  end case;
end
$$;

-- What an entry of the log says that its record's columns were changed to. `p_stored`: the record as it is stored.
create or replace function app.logged_values(l sync_log, p_stored jsonb) returns table (name text, value jsonb)
language plpgsql stable security definer rows 10 set search_path = public, pg_temp as $$
begin
  if l.operation = 'create' then
    return query select c.name, c.value from app.created_values(l.record_id, l.number, p_stored) c;
  else
    return query select n, l.after -> n from unnest(l.changed_columns) n;
  end if;
end
$$;

-- What the server has of records that a device pushes, whether the caller may see them or not: row-level security alone
-- would make a push fail as a whole where one id is another's. An invisible row is told of, not shown.
-- `taken`: whether the record is of a client who was taken from the caller, and what was done before is still taken;
-- `ended`: whether it isn't any more.
-- `others`: the columns that anyone else changed since the record's work began, with value and author. That is the
-- device's base, the lower one of clients that were withheld from it, and the one on which an earlier push of the
-- record was refused; but never later than the cursor that the push carries: a push that a newer one overtook finds the
-- device's base moved on.
-- `own_since`: the columns that this device changed after `p_held`, the cursor that its push carries, each with the
-- stamp of the push that wrote it, where known: such a push was overtaken by a newer one. A cursor of another epoch
-- says nothing of what came since.
-- `given`: the columns in which the device was last given another value than the stored one, with that value, by its
-- own push or by a pull up to `p_held`; null where it was never answered with the record.
-- `sent`: what the device itself last wrote of each column since a pull last found nothing waiting: until the answer of
-- one that does has reached it, the phone sends it again with whatever else is edited.
create or replace function app.pushed_state(p_table text, p_ids uuid[], p_held bigint)
returns table (id uuid, visible boolean, taken boolean, ended boolean, stored jsonb, client_id uuid, others jsonb,
  own_since jsonb, given jsonb, sent jsonb, receipts text[])
language plpgsql stable security definer rows 50
set search_path = public, pg_temp set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
#variable_conflict use_column
declare
  agency constant uuid := app.agency_id();
  me constant uuid := app.user_id();
  device constant uuid := app.device_id();
  sees_all constant boolean := app.sees_agency();
  revoked constant uuid[] := app.revoked_readable_client_ids();
  mine constant uuid[] := app.my_client_array();
  former constant uuid[] := array(select app.former_client_ids());
  base bigint;
  base_taken bigint;
  from_taken bigint;
  logged_from bigint;
  held bigint;
  sent_after bigint;
  withheld_from bigint;
  lowered uuid[];
  since timestamptz;
  sent_since timestamptz;
begin
  -- Where the work began in another epoch, everything counts as made at the same time.
  select coalesce(app.cursor_number(d.push_base), 0), coalesce(app.cursor_number(d.push_base_taken), 0),
    coalesce(app.cursor_number(d.withheld_from), 0), c.tombstones_from,
    coalesce(app.cursor_number(p_held), 9223372036854775807),
    -- A push that was made before such a pull, and arrives after it, brings nothing that was not sent by then.
    case when d.clean_at <= p_held then coalesce(app.cursor_number(d.clean_at), 0) else 0 end,
    -- Null once it was given everything that had been withheld.
    case when d.full_sync_cursor <= p_held then null else app.cursor_number(d.withheld_from) end
  into base, base_taken, from_taken, logged_from, held, sent_after, withheld_from
  from devices d join agency_counters c on c.agency_id = d.agency_id where d.id = device;
  -- No base below is lower.
  since := app.logged_since(least(base, base_taken, held, withheld_from, (
    select min(coalesce(app.cursor_number(q.work_base), 0)) from sync_quarantine q
    where q.device_id = device and q.table_name = p_table and q.work_base is not null)));
  sent_since := app.logged_since(sent_after);
  lowered := revoked;
  if base_taken < base then
    select lowered || coalesce(array_agg(t.client_id), '{}') into lowered from care_team t
    where t.user_id = me and t.agency_id = agency and t.change_number > from_taken;
  end if;
  return query
    with seen as (
      select f.id, f.stored, f.client_id, f.created_at, f.change_number,
        f.agency_id = agency and (sees_all or f.client_id = any (mine) or (f.client_id is null
          and (f.stored ->> 'user_id' = me::text or f.stored ->> 'created_by' = me::text))) as visible,
        least(case when f.client_id = any (lowered) then base_taken else base end, held, (
          select min(coalesce(app.cursor_number(q.work_base), 0)) from sync_quarantine q
          where q.device_id = device and q.table_name = p_table and q.record_id = f.id::text
            and q.work_base is not null and q.created_at > coalesce((
              select max(r.created_at) from sync_receipts r
              where r.device_id = device and r.record_id = f.id
                and r.created_at >= f.created_at - interval '1 hour'), '-infinity'))) as base,
        -- What was withheld from it the device was not given.
        case when f.client_id = any (lowered) then least(held, withheld_from) else held end as seen_to,
        array(select encode(r.body_sha256, 'hex') from sync_receipts r
          -- Nobody remembers what was sent for a record before there was one.
          where r.device_id = device and r.record_id = f.id and r.created_at >= f.created_at - interval '1 hour'
        ) as receipts
      from app.stored_rows(p_table, p_ids) f
    )
    select s.id, s.visible, s.client_id = any (revoked), s.client_id = any (former),
      case when s.visible then s.stored end, case when s.visible or s.client_id = any (revoked) then s.client_id end,
      coalesce(o.others, '{}'), coalesce(w.own_since, '{}'),
      case when s.change_number <= s.seen_to then '{}' else g.given end, coalesce(e.sent, '{}'), s.receipts
    from seen s
    left join lateral (
      select jsonb_object_agg(c.name, jsonb_build_object('value', c.value, 'user_id', c.user_id)) as others
      from (
        select distinct on (o.name) o.name, o.value, o.user_id
        from (
          select c.name, c.value, l.user_id, l.number
          from sync_log l cross join lateral app.logged_values(l, s.stored) c
          where l.record_id = s.id and l.number > s.base and l.synced_at >= since
            and l.device_id is distinct from device and not (l.operation = 'create' and c.value = 'null')
          union all
          -- What changed before the log begins isn't known, so that every column may have.
          select k.key, k.value, (s.stored ->> 'updated_by')::uuid, 0
          from jsonb_each(s.stored) k where s.base < logged_from) o (name, value, user_id, number)
        order by o.name, o.number desc) c
      -- What has no newer number than the base has no newer entry.
      ) o on s.visible and s.change_number > s.base
    left join lateral (
      select jsonb_object_agg(w.name, w.row_stamp) as own_since
      from (
        select distinct on (c.name) c.name, r.row_stamp
        from sync_log l cross join lateral app.logged_values(l, s.stored) c
        -- Written by one transaction, so at one time.
        left join sync_receipts r
          on r.device_id = l.device_id and r.record_id = l.record_id and r.created_at = l.synced_at
        -- By record: what the device ever wrote may be much.
        where l.record_id = s.id and l.number > held and l.synced_at >= since
          and l.device_id is not distinct from device and not (l.operation = 'create' and c.value = 'null')
        order by c.name, l.number desc) w) w on s.change_number > held
    left join lateral (
      select coalesce(jsonb_object_agg(k.name, k.value), '{}') as given
      from (
        -- Its own newest value, or what the column had before others changed it.
        select distinct on (c.name) c.name,
          case when l.device_id is not distinct from device then c.value else l.before -> c.name end as value
        from sync_log l cross join lateral app.logged_values(l, s.stored) c
        where l.record_id = s.id and l.number > s.seen_to and l.synced_at >= since
        order by c.name, l.device_id is not distinct from device desc,
          case when l.device_id is not distinct from device then -l.number else l.number end) k
      ) g on s.visible and s.change_number > s.seen_to and (s.receipts <> '{}' or not exists (
        select from sync_log l where l.record_id = s.id and l.number > s.seen_to and l.synced_at >= since
          and l.operation = 'create' and l.device_id is distinct from device))
    left join lateral (
      select jsonb_object_agg(k.name, k.value) as sent
      from (
        select distinct on (c.name) c.name, c.value
        from sync_log l cross join lateral app.logged_values(l, s.stored) c
        where l.record_id = s.id and l.number > sent_after and l.synced_at >= sent_since
          and l.device_id is not distinct from device
        order by c.name, l.number desc) k) e on s.visible and s.change_number > sent_after
    union all
    -- Ids that the server has never seen may have been refused before.
    select i.id, null::boolean, null::boolean, null::boolean, null::jsonb, null::uuid, '{}'::jsonb,
      '{}'::jsonb, null::jsonb,
      '{}'::jsonb, '{}'::text[]
    from unnest(p_ids) i (id) where i.id not in (select s.id from seen s);
end
$$;

-- All of a push at once, and without a lock. The first row, of `devices`, is what is remembered of the device, and the
-- agency's newest number: it is read before all else, so that what changes while this reads has a higher one, and
-- app.write_push finds it. Rows of `consents` say what clients have withdrawn: their kinds are what is stored. `p_ids`:
-- ids by table; of visits also those that tasks and photos belong to, as a phone may name these by their ids alone.
create or replace function app.push_state(
  p_user uuid, p_device uuid, p_session uuid, p_role text, p_request_id text, p_source_ip text, p_ids jsonb,
  p_held bigint
) returns table (table_name text, id uuid, visible boolean, taken boolean, ended boolean, stored jsonb, client_id uuid,
  others jsonb, own_since jsonb, given jsonb, sent jsonb, receipts text[])
language plpgsql volatile security definer rows 50
set search_path = public, pg_temp set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
#variable_conflict use_column
declare
  synced text;
  ids uuid[];
begin
  perform app.act_as(p_user, p_device, p_session, p_role, p_request_id, p_source_ip);
  return query
    select 'devices', d.id, true, false, false,
      jsonb_build_object('epoch', c.epoch, 'number', c.number, 'as_of', d.updated_at,
      'base', jsonb_build_object('began', d.work_base, 'pulled_from', d.pulled_from, 'pulled_to', d.pulled_to,
        'pulled_clean', d.pulled_clean, 'clean_at', d.clean_at, 'withheld_from', d.withheld_from,
        'full_sync_cursor', d.full_sync_cursor), 'own_grants', app.own_grants(),
        'recent_alerts', case when p_ids ? 'alerts' then cardinality(app.own_recent_alerts()) else 0 end),
      null::uuid, null::jsonb, null::jsonb, null::jsonb, null::jsonb, null::text[]
    from devices d join agency_counters c on c.agency_id = d.agency_id where d.id = p_device;
  perform app.keep_revoked_clients_readable();
  return query
    select 'consents', w.client_id, true, false, false, w.kinds, w.client_id, null::jsonb, null::jsonb, null::jsonb,
      null::jsonb, null::text[]
    from app.withdrawn_consents() w;
  foreach synced in array array['clients', 'visits', 'visit_tasks', 'photos', 'alerts'] loop
    ids := array(select jsonb_array_elements_text(p_ids -> synced))::uuid[];
    if synced = 'visits' and (p_ids ? 'visit_tasks' or p_ids ? 'photos') then
      ids := array(select unnest(ids) union select app.visits_of_records(array(
        select jsonb_array_elements_text(coalesce(p_ids -> 'visit_tasks', '[]') || coalesce(p_ids -> 'photos', '[]'))
      )::uuid[]));
    end if;
    if ids <> '{}' then
      return query select synced, s.* from app.pushed_state(synced, ids, p_held) s;
    end if;
  end loop;
end
$$;

grant execute on function app.keep_revoked_clients_readable, app.visits_of_records, app.pushed_state, app.push_state
  to berthcare_app;
