-- After each statement on a synced table: an entry for each changed row, with what changed and by whom, and the newest
-- number under each client. Times, authors and numbers are not changes.
create or replace function app.log_inserts() returns trigger
language plpgsql security definer set search_path = public, pg_temp set plan_cache_mode = force_generic_plan as $$
declare
  agency constant uuid := app.agency_id();
  me constant uuid := app.user_id();
  device constant uuid := app.device_id();
  written constant text := tg_table_name;
  ids uuid[];
  numbers bigint[];
  clients uuid[];
begin
  case written
    when 'clients' then
      select array_agg(a.id), array_agg(a.change_number), array_agg(a.id) into ids, numbers, clients from added a;
    when 'photos' then
      select array_agg(a.id), array_agg(a.change_number), array_agg(a.subject_client_id) into ids, numbers, clients
      from added a;
    else
      select array_agg(a.id), array_agg(a.change_number), array_agg(a.client_id) into ids, numbers, clients
      from added a;
  end case;
  with logged as (
    insert into sync_log (agency_id, number, user_id, device_id, table_name, record_id, client_id, operation,
      changed_columns, after)
    select agency, n.number, me, device, written, n.id, n.client_id, 'create', '{}', '{}'
    from unnest(ids, numbers, clients) n (id, number, client_id)
    returning client_id, number
  )
  insert into client_marks as m (client_id, agency_id, number)
  select l.client_id, agency, max(l.number) from logged l where l.client_id is not null group by 1
  on conflict (client_id) do update set number = excluded.number;
  if current_setting('app.listened', true) is distinct from 'no' then
    perform app.announce(agency);
  end if;
  if written = 'care_team' then
    -- Whose clients are whose may be another now (app.my_client_array).
    perform set_config('app.my_clients', '', true);
  end if;
  return null;
end
$$;

create or replace function app.log_updates() returns trigger
language plpgsql security definer set search_path = public, pg_temp set plan_cache_mode = force_generic_plan as $$
declare
  bumped constant text[] := app.bumped_columns();
  me constant uuid := app.user_id();
  device constant uuid := case when bumped is null then app.device_id() end;
  written constant text := tg_table_name;
  of_client constant text := case written when 'clients' then 'id' when 'photos' then 'subject_client_id'
    else 'client_id' end;
begin
  with logged as (
    insert into sync_log (agency_id, number, user_id, device_id, table_name, record_id, client_id, operation,
      changed_columns, before, after)
    select (n.entry ->> 'agency_id')::uuid, (n.entry ->> 'change_number')::bigint,
      case when bumped is null then me else (n.entry ->> 'updated_by')::uuid end, device, written, n.id,
      (n.entry ->> of_client)::uuid,
      -- A deleted row that is to be sent again is to be deleted again.
      (case when n.entry ->> 'deleted_at' is not null and (bumped is not null or n.old_entry ->> 'deleted_at' is null)
        then 'delete' else 'update' end)::change_operation,
      coalesce(bumped, c.names, '{}'),
      case when written = 'care_team' then n.old_entry else coalesce(c.old_values, '{}') end,
      coalesce(c.new_values, '{}')
    from (
      select a.id, to_jsonb(b) as old_entry, to_jsonb(a) as entry
      from was b join became a on a.id = b.id where a.change_number <> b.change_number) n
    cross join lateral (
      select array_agg(e.key order by e.key) as names, jsonb_object_agg(e.key, n.old_entry -> e.key) as old_values,
        jsonb_object_agg(e.key, e.value) as new_values
      from jsonb_each(n.entry) e
      where case when bumped is not null then e.key = any (bumped)
        else e.value is distinct from n.old_entry -> e.key and e.key not in
          ('created_at', 'created_by', 'updated_at', 'updated_by', 'change_number', 'search_name', 'sort_name') end) c
    returning client_id, agency_id, number
  )
  insert into client_marks as m (client_id, agency_id, number)
  select l.client_id, l.agency_id, max(l.number) from logged l where l.client_id is not null group by 1, 2
  on conflict (client_id) do update set number = excluded.number;
  if current_setting('app.listened', true) is distinct from 'no' then
    perform app.announce(app.agency_id());
  end if;
  if written in ('care_team', 'clients') then
    perform set_config('app.my_clients', '', true);
  end if;
  return null;
end
$$;

do $$
declare
  synced text;
begin
  foreach synced in array array['clients', 'care_team', 'visits', 'visit_tasks', 'photos', 'alerts'] loop
    execute format('create or replace trigger log_inserts after insert on %I
      referencing new table as added for each statement execute function app.log_inserts()', synced);
    execute format('create or replace trigger log_updates after update on %I
      referencing old table as was new table as became for each statement execute function app.log_updates()', synced);
  end loop;
end
$$;

-- The values that a row had when it was created, at `p_number`, by its columns. They follow from the row as it is
-- stored and from what changed since.
create or replace function app.created_values(p_record uuid, p_number bigint, p_stored jsonb)
returns table (name text, value jsonb)
language sql stable security definer rows 20 set search_path = public, pg_temp
begin atomic
  select k.key, coalesce((
    select l.before -> k.key from sync_log l
    where l.record_id = p_record and l.number > p_number and k.key = any (l.changed_columns)
    order by l.number limit 1), k.value)
  from jsonb_each(p_stored) k
  where k.key not in
    ('created_at', 'created_by', 'updated_at', 'updated_by', 'change_number', 'search_name', 'sort_name');
end;
