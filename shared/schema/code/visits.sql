-- Metres along the great circle between two points in degrees (WGS 84): the haversine formula on a sphere of the
-- earth's mean radius (IUGG). Strict: `least` skips nulls, so that nowhere would be on the other side of the earth.
create or replace function app.metres(
  lat1 double precision, lon1 double precision, lat2 double precision, lon2 double precision
) returns double precision language sql immutable strict parallel safe
return round((2 * 6371008.8 * asin(least(1, sqrt(
  sind((lat2 - lat1) / 2) ^ 2 + cosd(lat1) * cosd(lat2) * sind((lon2 - lon1) / 2) ^ 2
))))::numeric, 1)::double precision;

-- scheduled -> in_progress -> completed, or scheduled -> cancelled | missed. `missed` is a guess that a check-in
-- overrules. A phone that was offline brings check-in and check-out at once, so both moves may be one. A person who
-- settles a conflict may find that a visit took place though it was cancelled.
create or replace function app.enforce_visit_transitions() returns trigger language plpgsql as $$
begin
  if new.status <> old.status and (old.status, new.status) not in (
    ('scheduled', 'in_progress'), ('scheduled', 'completed'), ('scheduled', 'cancelled'), ('scheduled', 'missed'),
    ('missed', 'in_progress'), ('missed', 'completed'), ('in_progress', 'completed'))
    and not (current_setting('app.resolving_conflict', true) is not distinct from 'on'
      and (old.status, new.status) in (('cancelled', 'in_progress'), ('cancelled', 'completed'))) then
    raise exception 'a visit can''t go from % to %', old.status, new.status
      using errcode = 'check_violation', constraint = 'visits_status_moves';
  end if;
  return new;
end
$$;

create or replace trigger enforce_visit_transitions before update on visits
  for each row execute function app.enforce_visit_transitions();

-- Who plans a visit is whoever gives it its caregiver and its times. Before app.stamp_change, which compares rows:
-- triggers fire by name.
create or replace function app.set_self_planned() returns trigger language plpgsql as $$
begin
  new.self_planned := coalesce(app.caller_role() in ('nurse', 'care_aide'), false);
  return new;
end
$$;

create or replace trigger set_self_planned before insert on visits
  for each row execute function app.set_self_planned();
create or replace trigger set_self_planned_again before update of user_id, scheduled_start, scheduled_end on visits
  for each row when ((new.user_id, new.scheduled_start, new.scheduled_end)
    is distinct from (old.user_id, old.scheduled_start, old.scheduled_end))
  execute function app.set_self_planned();

-- However a check-in arrives (REST, a phone's push, a settled conflict), and whatever else settles the matter, messages
-- about a late or missed visit that are not yet sent are cancelled.
create or replace function app.cancel_visit_messages() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform app.cancel_messages(null, new.id);
  return null;
end
$$;

create or replace trigger cancel_visit_messages after update of status, scheduled_start, user_id, deleted_at on visits
  for each row when (old.status in ('scheduled', 'missed')
    and (old.status, old.scheduled_start, old.user_id, old.deleted_at)
    is distinct from (new.status, new.scheduled_start, new.user_id, new.deleted_at))
  execute function app.cancel_visit_messages();

-- A task is of its visit's client, and a visit of one client for good: policies rely on it.
create or replace function app.set_task_client() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  select v.client_id into new.client_id from visits v where v.id = new.visit_id and v.agency_id = new.agency_id;
  if not found then
    raise exception 'no such visit' using errcode = 'foreign_key_violation', constraint = 'visit_tasks_visit_fkey';
  end if;
  return new;
end
$$;

create or replace trigger set_client before insert or update of visit_id, client_id on visit_tasks
  for each row execute function app.set_task_client();

create or replace function app.keep_visit_client() returns trigger language plpgsql as $$
begin
  raise exception 'a visit stays its client''s' using errcode = 'insufficient_privilege';
end
$$;

create or replace trigger keep_client before update of client_id on visits
  for each row when (new.client_id is distinct from old.client_id) execute function app.keep_visit_client();

grant execute on function app.metres to berthcare_app;
