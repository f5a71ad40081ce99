create type visit_status as enum ('scheduled', 'in_progress', 'completed', 'cancelled', 'missed');
create type task_type as enum
  ('vitals', 'medication', 'personal_care', 'meals', 'mobility', 'wound_care', 'companionship', 'housekeeping',
   'other');

create table visits (
  id uuid primary key,
  agency_id uuid not null,
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
  -- Whether its caregiver planned it, for these times, rather than a coordinator: such a visit grants nothing.
  self_planned boolean not null default false,
  -- Whether something of it was sent by a phone whose user was off the client's care team by then.
  after_access_ended boolean not null default false,
  change_number bigint not null,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid, updated_by uuid, deleted_at timestamptz,
  unique (agency_id, id),
  constraint visits_client_fkey foreign key (agency_id, client_id) references clients (agency_id, id),
  constraint visits_user_fkey foreign key (agency_id, user_id) references users (agency_id, id),
  constraint visits_schedule_forward check (scheduled_end > scheduled_start),
  -- So that what ended lately is found by when it began.
  constraint visits_schedule_length check (scheduled_end - scheduled_start <= interval '24 hours'),
  constraint visits_started check ((status in ('in_progress', 'completed')) = (actual_start is not null)),
  constraint visits_ended check ((status = 'completed') = (actual_end is not null)),
  constraint visits_cancel_reason check ((status = 'cancelled') = (cancel_reason is not null))
);
create index visits_by_time on visits (agency_id, scheduled_start, id) where deleted_at is null;
create index visits_by_user on visits (user_id, scheduled_start, id) where deleted_at is null;
create index visits_by_client on visits (client_id, scheduled_start, id) where deleted_at is null;
-- What the late-visit job looks for, every five minutes.
create index visits_not_started on visits (scheduled_start) where status = 'scheduled' and deleted_at is null;
create unique index visits_agency_id_change_number_idx on visits (agency_id, change_number);
create index visits_changed on visits (client_id, change_number);
-- Who visits a client: many visits, few caregivers.
create index visits_caregivers on visits (client_id, user_id) where deleted_at is null;
create index visits_deleted on visits (client_id) include (id) where deleted_at is not null;

create table visit_tasks (
  id uuid primary key,
  agency_id uuid not null,
  visit_id uuid not null,
  -- The visit's, kept by app.set_task_client: whose care a row is of is asked for each row that is read.
  client_id uuid not null,
  task_type task_type not null,
  title text not null check (length(title) between 1 and 200),
  completed boolean not null default false,
  completed_at timestamptz,
  outcome text check (length(outcome) <= 2000),
  data jsonb check (jsonb_typeof(data) = 'object'),
  change_number bigint not null,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid, updated_by uuid, deleted_at timestamptz,
  constraint visit_tasks_visit_fkey foreign key (agency_id, visit_id) references visits (agency_id, id),
  constraint visit_tasks_completed check (completed = (completed_at is not null))
);
-- With the deleted ones: a visit's version counts them too.
create index visit_tasks_by_visit on visit_tasks (visit_id, id);
create unique index visit_tasks_agency_id_change_number_idx on visit_tasks (agency_id, change_number);
create index visit_tasks_changed on visit_tasks (client_id, change_number);

create type chart_record as enum ('visit_note', 'family_note', 'task');

-- What was charted, as it was before each change or deletion, and who made that change, by triggers
-- (app.revise_visit_notes, app.revise_task). Rows are only ever added, and go with the record that they are of. Not
-- partitioned: they are found by their record, and no month of them is ever forgotten.
create table chart_revisions (
  record chart_record not null,
  -- The visit, of a note, or the task.
  record_id uuid not null,
  -- Of the values, counted from 1 for each record.
  version integer not null check (version > 0),
  agency_id uuid not null,
  client_id uuid not null,
  visit_id uuid not null,
  before jsonb not null check (jsonb_typeof(before) = 'object'),
  -- Who took the next version on, and when.
  author_id uuid default app.user_id(),
  device_id uuid default app.device_id(),
  at timestamptz not null default clock_timestamp(),
  reason text check (length(reason) between 1 and 500),
  primary key (record_id, record, version)
);
create index chart_revisions_by_client on chart_revisions (client_id, at);
