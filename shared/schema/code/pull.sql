-- From the server to the phone: one statement, driven by the caller's clients. What it reads is a small part of each
-- table, so that its kept plans go by indexes and nothing else, whatever the tables held when the plans were made.

-- What changed after `p_after` under these clients.
create or replace function app.changes_of_clients(p_clients uuid[], p_after bigint, p_version integer, p_limit bigint)
returns table (place integer, number bigint, id uuid, client_id uuid, body bytea)
language plpgsql stable rows 100
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off
set enable_mergejoin = off as $$
#variable_conflict use_column
begin
  return query
    select 0, r.change_number, r.id, r.client_id, r.body from app.phone_clients r
    where r.id = any (p_clients) and r.change_number > p_after
    union all
    select 1, r.change_number, r.id, r.client_id, r.body from app.phone_visits r
    where r.client_id = any (p_clients) and r.change_number > p_after
    union all
    select 2, r.change_number, r.id, r.client_id, r.body
    from app.phone_visit_tasks r
    join visits v on v.id = r.visit_id and v.deleted_at is null and v.scheduled_end >= now() - interval '90 days'
    where r.client_id = any (p_clients) and r.change_number > p_after
    union all
    select 3, r.change_number, r.id, r.client_id, r.body from app.phone_photos r
    where r.client_id = any (p_clients) and r.change_number > p_after
    union all
    select 4, r.change_number, r.id, r.client_id, r.body from app.phone_alerts r
    where r.client_id = any (p_clients) and r.change_number > p_after and p_version >= 2
    order by 2, 1 limit p_limit;
end
$$;

-- All that is under these clients, by its own number or, where the client has come to the caller, by that of the grant:
-- then no page splits it.
create or replace function app.all_of_clients(p_clients uuid[], p_numbers bigint[], p_version integer, p_limit bigint)
returns table (place integer, number bigint, id uuid, client_id uuid, body bytea)
language plpgsql stable rows 10000
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set work_mem = '32MB' as $$
#variable_conflict use_column
begin
  return query
    with wanted as (
      select w.client_id, w.number from unnest(p_clients, p_numbers) w (client_id, number)
    ), recent as materialized (
      select w.number, r.change_number, r.id, r.client_id, r.body
      from wanted w join app.phone_visits r on r.client_id = w.client_id
    )
    select 0, coalesce(w.number, r.change_number), r.id, r.client_id, r.body
    from wanted w join app.phone_clients r on r.id = w.client_id
    union all
    select 1, coalesce(v.number, v.change_number), v.id, v.client_id, v.body from recent v
    union all
    select 2, coalesce(v.number, r.change_number), r.id, r.client_id, r.body
    from recent v join app.phone_visit_tasks r on r.visit_id = v.id
    union all
    select 3, coalesce(w.number, r.change_number), r.id, r.client_id, r.body
    from wanted w join app.phone_photos r on r.client_id = w.client_id
    union all
    select 4, coalesce(w.number, r.change_number), r.id, r.client_id, r.body
    from wanted w join app.phone_alerts r on r.client_id = w.client_id where p_version >= 2
    order by 2, 1 limit p_limit;
end
$$;

-- What changed after `p_after` in the whole agency, for who sees it.
create or replace function app.changes_of_agency(p_after bigint, p_version integer, p_limit bigint)
returns table (place integer, number bigint, id uuid, client_id uuid, body bytea)
language plpgsql stable rows 1000
set plan_cache_mode = force_generic_plan set enable_seqscan = off set work_mem = '32MB' as $$
#variable_conflict use_column
declare
  agency constant uuid := app.agency_id();
begin
  return query
    (select 0, r.change_number, r.id, r.client_id, r.body from app.phone_clients r
     where r.agency_id = agency and r.change_number > p_after order by 2 limit p_limit)
    union all
    (select 1, r.change_number, r.id, r.client_id, r.body from app.phone_visits r
     where r.agency_id = agency and r.change_number > p_after order by 2 limit p_limit)
    union all
    (select 2, r.change_number, r.id, r.client_id, r.body
     from app.phone_visit_tasks r
     join visits v on v.id = r.visit_id and v.deleted_at is null and v.scheduled_end >= now() - interval '90 days'
     where r.agency_id = agency and r.change_number > p_after order by 2 limit p_limit)
    union all
    (select 3, r.change_number, r.id, r.client_id, r.body from app.phone_photos r
     where r.agency_id = agency and r.change_number > p_after order by 2 limit p_limit)
    union all
    (select 4, r.change_number, r.id, r.client_id, r.body from app.phone_alerts r
     where r.agency_id = agency and r.change_number > p_after and p_version >= 2 order by 2 limit p_limit)
    order by 2, 1 limit p_limit;
end
$$;

-- What changed after `p_after` of photos that are of no client: of people, and of visits that are still to come.
create or replace function app.changes_of_no_client(p_after bigint, p_limit bigint)
returns table (place integer, number bigint, id uuid, client_id uuid, body bytea)
language plpgsql stable rows 5
set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
#variable_conflict use_column
declare
  agency constant uuid := app.agency_id();
begin
  return query
    select 3, r.change_number, r.id, r.client_id, r.body from app.phone_photos r
    where r.agency_id = agency and r.client_id is null and r.change_number > p_after
    order by 2 limit p_limit;
end
$$;

-- Whether anything has happened after `p_after` that concerns the caller, so that the phone's cursor must move on: also
-- what brings no row, as a client taken away, or a deletion: its tombstone is held back until the cursor has passed it.
create or replace function app.concerns_caller_since(p_after bigint) returns boolean
language plpgsql stable security definer
set search_path = public, pg_temp set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  me constant uuid := app.user_id();
  agency constant uuid := app.agency_id();
begin
  return app.sees_agency()
    or exists (
      select from care_team t join client_marks m on m.client_id = t.client_id
      where t.user_id = me and t.agency_id = agency and m.number > p_after)
    or exists (
      select from photos p
      where p.agency_id = agency and p.subject_client_id is null and p.change_number > p_after);
end
$$;

-- One pull of a phone, identity included. STABLE, so that everything in it is read as of the calling statement: the
-- counter, the rows and the caller's rights are of one moment. The first row (place -1) tells the agency's newest
-- number and, as JSON, what is remembered of the device; where its cursor can't be served there is no other. Tombstones
-- have no body.
create or replace function app.pull(
  p_user uuid, p_device uuid, p_session uuid, p_role text, p_request_id text, p_source_ip text,
  p_cursor bigint, p_pending integer, p_version integer, p_limit bigint
) returns table (place integer, number bigint, id uuid, client_id uuid, body bytea)
language plpgsql stable rows 1000
set plan_cache_mode = force_generic_plan set enable_seqscan = off set work_mem = '32MB' as $$
#variable_conflict use_column
declare
  after constant bigint := coalesce(p_cursor & ((1::bigint << 40) - 1), 0);
  device record;
  arrived bigint;
  served boolean;
  mine uuid[];
  hot uuid[];
  granted uuid[];
  granted_numbers bigint[];
begin
  perform app.act_as(p_user, p_device, p_session, p_role, p_request_id, p_source_ip);
  select c.epoch, c.number as newest, c.tombstones_from, d.pulled_from, d.pulled_to, d.pulled_clean, d.clean_at,
    d.work_base, d.withheld_from, d.full_sync_cursor, d.pushed_at, d.replacing, d.tombstones_sent,
    d.tombstones_sent_with, d.tombstones_received, d.servable_from, d.pending_count, d.schema_version, d.updated_at,
    d.agency_id,
    coalesce(d.last_sync_at > now() - interval '1 minute', false) as seen_just_now into device
  from devices d join agency_counters c on c.agency_id = d.agency_id where d.id = p_device;
  -- Tombstones up to this number have arrived: what was sent has, once the cursor that it went with comes back.
  arrived := case when device.tombstones_sent_with <= coalesce(p_cursor, 0)
    then greatest(device.tombstones_sent, device.tombstones_received) else device.tombstones_received end;
  -- A pull can go on from a cursor that is of this epoch, where every tombstone since the last that has arrived is
  -- kept, and that this device was given by its last pull or the one before: a phone that was put back to an older
  -- state of its own has what isn't known to be deleted there.
  served := p_cursor is null or (p_cursor >> 40 = device.epoch and after <= device.newest
    and arrived >= device.tombstones_from
    and p_cursor between coalesce(device.pulled_from, 0) and coalesce(device.pulled_to, 0)
    and after >= device.servable_from);
  place := -1;
  number := device.newest;
  id := '00000000-0000-0000-0000-000000000000';
  body := convert_to(jsonb_build_object('epoch', device.epoch, 'served', served, 'replacing', device.replacing,
    'pushed_at', device.pushed_at, 'pulled_from', device.pulled_from, 'pulled_to', device.pulled_to,
    'pulled_clean', device.pulled_clean, 'clean_at', device.clean_at, 'began', device.work_base,
    'withheld_from', device.withheld_from, 'full_sync_cursor', device.full_sync_cursor,
    'tombstones_sent', device.tombstones_sent,
    'tombstones_sent_with', device.tombstones_sent_with, 'tombstones_received', device.tombstones_received,
    'arrived', arrived, 'withheld', exists (select from app.revoked_client_ids(arrived)),
    'pending', device.pending_count, 'version', device.schema_version, 'seen_just_now', device.seen_just_now,
    'quiet', device.newest = after or not app.concerns_caller_since(after),
    'as_of', device.updated_at)::text, 'UTF8');
  return next;
  if not served then
    return;
  end if;

  -- Tombstones are due that its cursor has passed, once it says that nothing waits to be sent, or says nothing of what
  -- waits. That it pushed since is not enough: it may have written more.
  if p_cursor is not null and coalesce(p_pending, 0) = 0 and after > arrived then
    return query
      select p.place, t.number, t.record_id, null::uuid, null::bytea from app.tombstones_between(arrived, after) t
      join (values ('clients', 0), ('visits', 1), ('visit_tasks', 2), ('photos', 3), ('alerts', 4)) p (name, place)
        on p.name = t.table_name
      where t.table_name <> 'alerts' or p_version >= 2;
  end if;

  if app.sees_agency() then
    return query
      select c.place, c.number, c.id, c.client_id, c.body from app.changes_of_agency(after, p_version, p_limit) c;
    return;
  end if;
  mine := app.my_client_array();
  if after = 0 then
    return query
      select c.place, c.number, c.id, c.client_id, c.body from app.all_of_clients(mine, null, p_version, p_limit) c;
  else
    select array_agg(g.client_id), array_agg(g.number) into granted, granted_numbers from app.granted_since(after) g;
    select array_agg(m.client_id) into hot from client_marks m
    where m.client_id = any (mine) and m.number > after and m.client_id <> all (coalesce(granted, '{}'));
    if hot is not null then
      return query
        select c.place, c.number, c.id, c.client_id, c.body
        from app.changes_of_clients(hot, after, p_version, p_limit) c;
    end if;
    if granted is not null then
      return query
        select c.place, c.number, c.id, c.client_id, c.body
        from app.all_of_clients(granted, granted_numbers, p_version, p_limit) c;
    end if;
  end if;
  if exists (select from photos p where p.agency_id = device.agency_id and p.subject_client_id is null
      and p.change_number > after) then
    return query select c.place, c.number, c.id, c.client_id, c.body from app.changes_of_no_client(after, p_limit) c;
  end if;
end
$$;

-- Notes what a pull was answered, and on record whose records it read. Where the device has done anything else since
-- `p_as_of`, what was answered may be wrong: nothing is noted, and the pull begins anew.
create or replace function app.record_pull(
  p_user uuid, p_device uuid, p_session uuid, p_role text, p_request_id text, p_source_ip text,
  p_as_of timestamptz, p_state jsonb, p_clients jsonb
) returns void language plpgsql volatile set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
begin
  perform app.act_as(p_user, p_device, p_session, p_role, p_request_id, p_source_ip);
  update devices d set pulled_from = s.pulled_from, pulled_to = s.pulled_to, pulled_clean = s.pulled_clean,
    clean_at = s.clean_at, work_base = s.began, withheld_from = s.withheld_from, full_sync_cursor = s.full_sync_cursor,
    push_base = s.push_base, push_base_taken = s.push_base_taken, pending_count = s.pending,
    schema_version = coalesce(s.version, d.schema_version), replacing = s.replacing,
    tombstones_sent = s.tombstones_sent, tombstones_sent_with = s.tombstones_sent_with,
    tombstones_received = s.tombstones_received, last_sync_at = now(), last_seen_at = now()
  from jsonb_to_record(p_state) s (pulled_from bigint, pulled_to bigint, pulled_clean boolean, clean_at bigint,
    began bigint, withheld_from bigint, full_sync_cursor bigint, push_base bigint, push_base_taken bigint,
    pending integer, version integer, replacing bigint, tombstones_sent bigint, tombstones_sent_with bigint,
    tombstones_received bigint)
  where d.id = p_device and d.updated_at = p_as_of;
  perform app.assert_unchanged(found);
  insert into audit_log (action, resource, resource_id, client_id, details)
  select 'sync.pull', 'client', c.key::uuid, c.key::uuid, jsonb_build_object('records', c.value)
  from jsonb_each(p_clients) c;
end
$$;

grant execute on function app.changes_of_clients, app.all_of_clients, app.changes_of_agency, app.changes_of_no_client,
  app.concerns_caller_since, app.pull, app.record_pull to berthcare_app;
