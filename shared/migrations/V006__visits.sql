create type visit_status as enum ('scheduled', 'in_progress', 'completed', 'cancelled', 'missed');
create type task_type as enum
  ('vitals', 'medication', 'personal_care', 'meals', 'mobility', 'wound_care', 'companionship', 'housekeeping', 'other');

create table visits (
  id uuid primary key,
  agency_id uuid not null references agencies,
  client_id uuid not null,
  user_id uuid not null,
  scheduled_start timestamptz not null,
  scheduled_end timestamptz not null,
  -- Times and places as the phone gave them; `*_received_at` is when the server heard of it.
  actual_start timestamptz,
  check_in_latitude double precision check (check_in_latitude between -90 and 90),
  check_in_longitude double precision check (check_in_longitude between -180 and 180),
  check_in_accuracy_m double precision check (check_in_accuracy_m >= 0),
  check_in_distance_m double precision check (check_in_distance_m >= 0),
  check_in_received_at timestamptz,
  actual_end timestamptz,
  check_out_latitude double precision check (check_out_latitude between -90 and 90),
  check_out_longitude double precision check (check_out_longitude between -180 and 180),
  check_out_accuracy_m double precision check (check_out_accuracy_m >= 0),
  check_out_distance_m double precision check (check_out_distance_m >= 0),
  check_out_received_at timestamptz,
  status visit_status not null default 'scheduled',
  cancel_reason text check (length(cancel_reason) between 1 and 500),
  notes text check (length(notes) <= 10000),
  family_note text check (length(family_note) <= 2000),
  change_number bigint not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid references users,
  updated_by uuid references users,
  deleted_at timestamptz,
  unique (agency_id, id),
  constraint visits_client_fkey foreign key (agency_id, client_id) references clients (agency_id, id),
  constraint visits_user_fkey foreign key (agency_id, user_id) references users (agency_id, id),
  constraint visits_schedule_forward check (scheduled_end > scheduled_start),
  constraint visits_actual_forward check (actual_end >= actual_start),
  constraint visits_started check ((status in ('in_progress', 'completed')) = (actual_start is not null)),
  constraint visits_ended check ((status = 'completed') = (actual_end is not null)),
  constraint visits_cancel_reason check ((status = 'cancelled') = (cancel_reason is not null))
);
create index visits_by_time on visits (agency_id, scheduled_start, id) where deleted_at is null;
create index visits_by_user on visits (user_id, scheduled_start, id) where deleted_at is null;
create index visits_by_client on visits (client_id, scheduled_start, id) where deleted_at is null;
-- What the late-visit job looks for, every five minutes.
create index visits_not_started on visits (scheduled_start) where status = 'scheduled' and deleted_at is null;
select app.track_changes('visits');

-- Metres along the great circle between two points in degrees (WGS 84): the haversine formula on a sphere of the earth's
-- mean radius (IUGG). Strict: `least` skips nulls, so that nowhere would be on the other side of the earth.
create function app.metres(lat1 double precision, lon1 double precision, lat2 double precision, lon2 double precision)
returns double precision language sql immutable strict parallel safe
return round((2 * 6371008.8 * asin(least(1, sqrt(
  sind((lat2 - lat1) / 2) ^ 2 + cosd(lat1) * cosd(lat2) * sind((lon2 - lon1) / 2) ^ 2))))::numeric, 1)::double precision;

-- scheduled -> in_progress -> completed, or scheduled -> cancelled | missed. `missed` is a guess that a check-in
-- overrules. A phone that was offline brings check-in and check-out at once, so both moves may be one.
create function app.guard_visit_moves() returns trigger language plpgsql as $$
begin
  if new.status <> old.status and (old.status, new.status) not in (
    ('scheduled', 'in_progress'), ('scheduled', 'completed'), ('scheduled', 'cancelled'), ('scheduled', 'missed'),
    ('missed', 'in_progress'), ('missed', 'completed'), ('in_progress', 'completed')) then
    raise exception 'a visit can''t go from % to %', old.status, new.status
      using errcode = 'check_violation', constraint = 'visits_status_moves';
  end if;
  return new;
end
$$;
create trigger guard_visit_moves before update on visits for each row execute function app.guard_visit_moves();

create table visit_tasks (
  id uuid primary key,
  agency_id uuid not null references agencies,
  visit_id uuid not null,
  task_type task_type not null,
  title text not null check (length(title) between 1 and 200),
  completed boolean not null default false,
  completed_at timestamptz,
  outcome text check (length(outcome) <= 2000),
  data jsonb check (jsonb_typeof(data) = 'object'),
  change_number bigint not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid references users,
  updated_by uuid references users,
  deleted_at timestamptz,
  constraint visit_tasks_visit_fkey foreign key (agency_id, visit_id) references visits (agency_id, id),
  constraint visit_tasks_completed check (completed = (completed_at is not null))
);
-- With the deleted ones: a visit's version counts them too.
create index visit_tasks_by_visit on visit_tasks (visit_id, id);
select app.track_changes('visit_tasks');

-- Everyone on a schedule or team of the caller's clients: whose names the caller may read. One family member is not
-- shown another.
create function app.my_colleague_ids() returns setof uuid
language sql stable security definer rows 30 set search_path = public, pg_temp
begin atomic
  select t.user_id from care_team t
  where t.client_id in (select app.my_client_ids()) and t.deleted_at is null
    and (t.relation <> 'family' or app.caller_role() <> 'family')
  union
  select v.user_id from visits v where v.client_id in (select app.my_client_ids()) and v.deleted_at is null;
end;

-- A visit puts its caregiver on the client's care team until 14 days after their last visit there. Called after
-- each write that gives, moves or takes away a visit; the row changes only when its dates do.
create function app.refresh_scheduled_grant(p_client uuid, p_user uuid) returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  last_day date;
begin
  select max((v.scheduled_end at time zone a.time_zone)::date) + 14 into last_day
  from visits v join agencies a on a.id = v.agency_id
  where v.client_id = p_client and v.user_id = p_user and v.agency_id = app.agency_id()
    and v.deleted_at is null and v.status <> 'cancelled';
  if last_day is null then
    update care_team set deleted_at = now()
    where client_id = p_client and user_id = p_user and agency_id = app.agency_id()
      and source = 'scheduled' and deleted_at is null;
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
