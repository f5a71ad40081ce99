-- Which clients and colleagues a caller may see: what most policies ask.

-- A client that was just taken from the caller, but whose tombstone this device has not been given: what it did before
-- is still taken. Set by app.keep_revoked_clients_readable for one push.
create or replace function app.revoked_readable_client_ids() returns uuid[] language sql stable parallel safe
  return coalesce(nullif(current_setting('app.revoked_readable', true), '')::uuid[], '{}');

-- The clients a caregiver or family member is linked to today, and those whose earlier work is still taken. Worked out
-- once a transaction and kept in a setting of it, since each policy asks for them. Whoever changes the answer clears
-- the setting: the functions that set the caller, app.keep_revoked_clients_readable, and the log's triggers.
create or replace function app.my_client_array() returns uuid[]
language plpgsql stable security definer set search_path = public, pg_temp as $$
declare
  known constant text := current_setting('app.my_clients', true);
  me constant uuid := app.user_id();
  agency constant uuid := app.agency_id();
  today constant date := app.today();
  mine uuid[];
begin
  if known <> '' then
    return known::uuid[];
  end if;
  if app.caller_role() = 'family' then
    select array_agg(distinct t.client_id) into mine
    from care_team t join clients c on c.id = t.client_id and c.deleted_at is null
    where t.user_id = me and t.agency_id = agency and t.deleted_at is null and t.relation = 'family'
      and t.starts_on <= today and (t.ends_on is null or t.ends_on >= today)
      and app.has_consent(t.client_id, 'family_sharing');
  elsif app.caller_role() is not null then
    select array_agg(distinct t.client_id) into mine
    from care_team t join clients c on c.id = t.client_id and c.deleted_at is null
    where t.user_id = me and t.agency_id = agency and t.deleted_at is null and t.relation <> 'family'
      and t.starts_on <= today and (t.ends_on is null or t.ends_on >= today);
  end if;
  mine := coalesce(mine, '{}') || app.revoked_readable_client_ids();
  perform set_config('app.my_clients', mine::text, true);
  return mine;
end
$$;

-- The same as rows, for policies, which hash them once a query. Not `unnest` of the array: the planner itself would
-- call that, to guess how many there are.
create or replace function app.my_client_ids() returns setof uuid
language plpgsql stable rows 30 as $$
begin
  return query select unnest(app.my_client_array());
end
$$;

-- Deleted visits of the caller's clients: what belongs to them goes with them.
create or replace function app.my_deleted_visit_ids() returns setof uuid
language plpgsql stable security definer rows 5
set search_path = public, pg_temp set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  mine constant uuid[] := app.my_client_array();
begin
  return query select v.id from visits v where v.client_id = any (mine) and v.deleted_at is not null;
end
$$;

-- Everyone on a schedule or team of the caller's clients: whose names the caller may read. One family member is not
-- shown another. The index of visits is read from one caregiver to the next, not visit by visit.
create or replace function app.my_colleague_ids() returns setof uuid
language plpgsql stable security definer rows 30
set search_path = public, pg_temp set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  mine constant uuid[] := app.my_client_array();
  family constant boolean := app.caller_role() is not distinct from 'family';
begin
  return query
    with recursive scheduled as (
      select c.client_id, (
        select v.user_id from visits v where v.client_id = c.client_id and v.deleted_at is null
        order by v.user_id limit 1) as user_id
      from unnest(mine) c (client_id)
      union all
      select s.client_id, (
        select v.user_id from visits v
        where v.client_id = s.client_id and v.deleted_at is null and v.user_id > s.user_id
        order by v.user_id limit 1)
      from scheduled s where s.user_id is not null
    )
    select t.user_id from care_team t
    where t.client_id = any (mine) and t.deleted_at is null and (t.relation <> 'family' or not family)
    union
    select s.user_id from scheduled s where s.user_id is not null;
end
$$;

-- Which of the caller's clients have withdrawn the consent to charting or to photos.
create or replace function app.withdrawn_consents() returns table (client_id uuid, kinds jsonb)
language plpgsql stable security definer rows 2
set search_path = public, pg_temp set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  agency constant uuid := app.agency_id();
  mine constant uuid[] := app.my_client_array();
  sees_all constant boolean := app.sees_agency();
begin
  return query
    select c.client_id, jsonb_agg(distinct c.kind) from consents c
    where c.agency_id = agency and not c.granted and c.user_id is null and c.kind in ('data_collection', 'photos')
      and (sees_all or c.client_id = any (mine)) and app.consent_withdrawn(c.client_id, c.kind)
    group by c.client_id;
end
$$;

grant execute on function app.withdrawn_consents, app.revoked_readable_client_ids, app.my_client_array,
  app.my_client_ids, app.my_deleted_visit_ids, app.my_colleague_ids to berthcare_app;
