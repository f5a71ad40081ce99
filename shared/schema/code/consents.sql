-- Whether a client's own consent is in force: the newest row that is about nobody in particular. Of whatever agency,
-- for other definer functions alone.
create or replace function app.consent_in_force(p_client uuid, p_kind consent_kind) returns boolean
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select coalesce((
    select c.granted from consents c
    where c.client_id = p_client and c.kind = p_kind and c.user_id is null
    order by c.recorded_at desc, c.id desc limit 1), false);
end;

-- The same for the caller's agency.
create or replace function app.has_consent(p_client uuid, p_kind consent_kind) returns boolean
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select app.consent_in_force(p_client, p_kind)
    and exists (select from clients c where c.id = p_client and c.agency_id = app.agency_id());
end;

-- Whether somebody's own consent is in force: the newest row about them and this client.
create or replace function app.has_consent_of(p_client uuid, p_kind consent_kind, p_user uuid) returns boolean
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select coalesce((
    select c.granted from consents c
    where c.client_id = p_client and c.kind = p_kind and c.user_id = p_user and c.agency_id = app.agency_id()
    order by c.recorded_at desc, c.id desc limit 1), false);
end;

-- How a client's own consent stands: `given`, `withdrawn`, or `not_recorded`, as far as the caller may see it.
create or replace function app.consent_state(p_client uuid, p_kind consent_kind) returns text
language sql stable
begin atomic
  select coalesce((
    select case when c.granted then 'given' else 'withdrawn' end from consents c
    where c.client_id = p_client and c.kind = p_kind and c.user_id is null
    order by c.recorded_at desc, c.id desc limit 1), 'not_recorded');
end;

-- Whether a client's own consent was withdrawn. One that was never recorded wasn't. Of whatever agency, for other
-- definer functions alone.
create or replace function app.consent_withdrawn(p_client uuid, p_kind consent_kind) returns boolean
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select coalesce((
    select not c.granted from consents c
    where c.client_id = p_client and c.kind = p_kind and c.user_id is null
    order by c.recorded_at desc, c.id desc limit 1), false);
end;

-- Refuses what any of these clients has withdrawn the consent to. What a person decides about a conflict was collected
-- before.
create or replace function app.assert_consent(p_clients uuid[], p_kind consent_kind) returns void
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  if coalesce(current_setting('app.resolving_conflict', true), '') <> 'on'
    and exists (select from unnest(p_clients) c (id) where app.consent_withdrawn(c.id, p_kind)) then
    raise exception 'the client has withdrawn a consent' using errcode = 'check_violation',
      constraint = p_kind || '_withdrawn';
  end if;
end
$$;

-- Nothing new is charted for who has withdrawn the consent to it. Check-in and check-out are no charting, and don't run
-- this; nor are alerts.
create or replace function app.require_consent() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform app.assert_consent(array[new.client_id], 'data_collection');
  return new;
end
$$;

create or replace trigger require_consent before insert on care_plan_versions
  for each row execute function app.require_consent();
create or replace trigger require_consent before insert on visits for each row
  when (new.notes is not null or new.family_note is not null) execute function app.require_consent();
create or replace trigger require_consent_to_change before update on visits for each row
  when (new.deleted_at is null
    and (new.notes is distinct from old.notes or new.family_note is distinct from old.family_note))
  execute function app.require_consent();

create or replace function app.require_consent_to_tasks() returns trigger
language plpgsql security definer set search_path = public, pg_temp set plan_cache_mode = force_generic_plan as $$
begin
  perform app.assert_consent(array(select distinct a.client_id from added a), 'data_collection');
  return null;
end
$$;

create or replace trigger require_consent after insert on visit_tasks
  referencing new table as added for each statement execute function app.require_consent_to_tasks();

-- Where nobody in the agency has withdrawn it, that alone is looked at.
create or replace function app.require_consent_to_task_changes() returns trigger
language plpgsql security definer set search_path = public, pg_temp set plan_cache_mode = force_generic_plan as $$
begin
  if exists (
    select from consents c
    where c.agency_id = app.agency_id() and c.kind = 'data_collection' and not c.granted and c.user_id is null) then
    perform app.assert_consent(array(
      select distinct a.client_id from was b join became a on a.id = b.id
      where a.deleted_at is null and (a.task_type, a.title, a.completed, a.completed_at, a.outcome, a.data)
        is distinct from (b.task_type, b.title, b.completed, b.completed_at, b.outcome, b.data)), 'data_collection');
  end if;
  return null;
end
$$;

create or replace trigger require_consent_to_change after update on visit_tasks
  referencing old table as was new table as became for each statement
  execute function app.require_consent_to_task_changes();

-- Pictures of a client need both consents, signatures and documents that to charting.
create or replace function app.require_consent_to_photos() returns trigger
language plpgsql security definer set search_path = public, pg_temp set plan_cache_mode = force_generic_plan as $$
begin
  perform app.assert_consent(array(select distinct a.subject_client_id from added a), 'data_collection');
  perform app.assert_consent(
    array(select distinct a.subject_client_id from added a where a.kind in ('photo', 'profile')), 'photos');
  return null;
end
$$;

create or replace trigger require_consent after insert on photos
  referencing new table as added for each statement execute function app.require_consent_to_photos();

create or replace function app.require_consent_to_caption() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform app.assert_consent(array[new.subject_client_id], 'data_collection');
  return new;
end
$$;

create or replace trigger require_consent_to_change before update on photos for each row
  when (new.deleted_at is null and new.caption is distinct from old.caption)
  execute function app.require_consent_to_caption();

grant execute on function app.has_consent, app.has_consent_of, app.consent_state to berthcare_app;
