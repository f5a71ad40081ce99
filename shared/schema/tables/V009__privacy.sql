-- The registers that privacy law asks for: what people ask of their data, breaches, and what must not be removed.
create type privacy_request_kind as enum ('access', 'correction', 'deletion');
create type privacy_request_state as enum ('received', 'in_progress', 'fulfilled', 'refused', 'withdrawn');
create type privacy_incident_state as enum ('open', 'contained', 'closed');
create type client_export_format as enum ('json', 'fhir', 'ndjson', 'zip');
create type client_export_state as enum ('waiting', 'running', 'ready', 'failed');
create type harm_risk as enum ('unassessed', 'not_significant', 'significant');

create table privacy_requests (
  id uuid primary key,
  agency_id uuid not null references agencies,
  kind privacy_request_kind not null,
  -- Whose data it is about: a client's or a user's.
  client_id uuid,
  user_id uuid,
  -- By name, and by which right where it isn't the person themselves.
  asked_by text not null check (length(asked_by) between 1 and 200),
  details text check (length(details) <= 5000),
  received_at timestamptz not null,
  due_at timestamptz not null,
  extension_reason text check (length(extension_reason) between 1 and 1000),
  state privacy_request_state not null default 'received',
  outcome text check (length(outcome) between 1 and 5000),
  closed_at timestamptz,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid references users, updated_by uuid references users,
  constraint privacy_requests_one_subject check (num_nonnulls(client_id, user_id) = 1),
  -- 30 days; once as many more, for a reason that whoever asked is told.
  constraint privacy_requests_due check (
    due_at >= received_at and due_at <= received_at + interval '1440 hours'
    and (extension_reason is not null or due_at <= received_at + interval '720 hours')),
  constraint privacy_requests_outcome check (state not in ('fulfilled', 'refused') or outcome is not null),
  constraint privacy_requests_client_fkey foreign key (agency_id, client_id) references clients (agency_id, id),
  constraint privacy_requests_user_fkey foreign key (agency_id, user_id) references users (agency_id, id)
);
create index privacy_requests_newest on privacy_requests (agency_id, received_at desc, id desc);
create index privacy_requests_open on privacy_requests (agency_id, due_at) where state in ('received', 'in_progress');

-- The register of breaches. Nobody removes a row; retention may, two years after it was closed.
create table privacy_incidents (
  id uuid primary key,
  agency_id uuid not null references agencies,
  description text not null check (length(description) between 1 and 5000),
  happened_from timestamptz,
  happened_until timestamptz,
  found_at timestamptz not null,
  -- By which device and under whose name, where that is known: the audit log says what they reached.
  device_id uuid,
  user_id uuid,
  -- Whose data, and which, in words: what the audit log can't know, as of a letter to a wrong address.
  whose text check (length(whose) <= 2000),
  information text check (length(information) <= 2000),
  risk harm_risk not null default 'unassessed',
  assessment text check (length(assessment) <= 5000),
  steps_taken text check (length(steps_taken) <= 5000),
  steps_advised text check (length(steps_advised) <= 5000),
  -- Who was told, when and how: a list of {whom, name, at, how}.
  told jsonb not null default '[]' check (jsonb_typeof(told) = 'array'),
  -- By when the risk is assessed and who must be told is told. The law says: as soon as feasible.
  due_at timestamptz not null,
  state privacy_incident_state not null default 'open',
  closed_at timestamptz,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid references users, updated_by uuid references users,
  constraint privacy_incidents_period check (happened_until >= happened_from),
  constraint privacy_incidents_assessed check (
    state <> 'closed' or (risk <> 'unassessed' and length(assessment) > 0)),
  -- Where harm is likely enough, the commissioner and whoever is affected are told before it is over.
  constraint privacy_incidents_told check (
    state <> 'closed' or risk <> 'significant' or told @> '[{"whom": "commissioner"}, {"whom": "affected"}]'),
  constraint privacy_incidents_device_fkey foreign key (agency_id, device_id) references devices (agency_id, id),
  constraint privacy_incidents_user_fkey foreign key (agency_id, user_id) references users (agency_id, id)
);
create index privacy_incidents_newest on privacy_incidents (agency_id, found_at desc, id desc);
create index privacy_incidents_open on privacy_incidents (agency_id, due_at) where state <> 'closed';

-- What must not be removed, whatever its age, until the hold is lifted.
create table legal_holds (
  id uuid primary key,
  agency_id uuid not null references agencies,
  client_id uuid,
  user_id uuid,
  reason text not null check (length(reason) between 1 and 2000),
  placed_by uuid not null default app.user_id(),
  placed_at timestamptz not null default now(),
  lifted_by uuid,
  lifted_at timestamptz,
  lift_reason text check (length(lift_reason) between 1 and 2000),
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid references users, updated_by uuid references users,
  constraint legal_holds_one_subject check (num_nonnulls(client_id, user_id) = 1),
  constraint legal_holds_lifted check (num_nonnulls(lifted_by, lifted_at, lift_reason) in (0, 3)),
  constraint legal_holds_client_fkey foreign key (agency_id, client_id) references clients (agency_id, id),
  constraint legal_holds_user_fkey foreign key (agency_id, user_id) references users (agency_id, id),
  constraint legal_holds_placed_by_fkey foreign key (agency_id, placed_by) references users (agency_id, id),
  constraint legal_holds_lifted_by_fkey foreign key (agency_id, lifted_by) references users (agency_id, id)
);
create index legal_holds_newest on legal_holds (agency_id, placed_at desc, id desc);
create index legal_holds_of_client on legal_holds (client_id) where lifted_at is null;
create index legal_holds_of_user on legal_holds (user_id) where lifted_at is null;

-- Exports that are made after the request: who asked, how far it is, and where the file is. A row goes with its file.
create table client_exports (
  id uuid primary key,
  agency_id uuid not null references agencies,
  client_id uuid not null,
  format client_export_format not null,
  requested_by uuid not null default app.user_id(),
  requested_on uuid default app.device_id(),
  state client_export_state not null default 'waiting',
  -- Each begins anew, with a key of its own; who runs one has it until the lease is over.
  attempts integer not null default 0 check (attempts between 0 and 3),
  leased_until timestamptz,
  object_key text check (length(object_key) <= 500),
  object_version text check (length(object_version) <= 1024),
  bytes bigint check (bytes > 0),
  sha256 bytea check (length(sha256) = 32),
  counts jsonb check (jsonb_typeof(counts) = 'object'),
  ready_at timestamptz,
  -- From then on nobody gets it, and the file is removed.
  expires_at timestamptz not null default now() + interval '72 hours',
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid references users, updated_by uuid references users,
  constraint client_exports_ready check (
    num_nonnulls(object_key, bytes, sha256, counts, ready_at) = case state when 'ready' then 5 else 0 end),
  constraint client_exports_leased check ((leased_until is not null) = (state = 'running')),
  constraint client_exports_client_fkey foreign key (agency_id, client_id) references clients (agency_id, id)
    on delete cascade,
  constraint client_exports_requested_by_fkey foreign key (agency_id, requested_by) references users (agency_id, id)
);
create unique index client_exports_one_under_way on client_exports (requested_by, client_id, format)
  where state in ('waiting', 'running');
create index client_exports_to_make on client_exports (created_at) where state in ('waiting', 'running');
create index client_exports_of_client on client_exports (agency_id, client_id);
create index client_exports_expiring on client_exports (expires_at);

-- Clients whose records have grown old enough to go: planned first, so that a person can look, then removed, objects
-- before rows. Once they have gone this row is the last trace: that somebody was, and by which rule they went. No
-- foreign key to the client: the row outlives them.
create table erasures (
  client_id uuid primary key,
  agency_id uuid not null references agencies,
  rule text not null check (rule in ('last_care', 'majority')),
  due_on date not null,
  planned_at timestamptz not null default clock_timestamp(),
  begun_at timestamptz,
  ended_at timestamptz check (ended_at is null or begun_at is not null),
  -- How many rows of each table went.
  removed jsonb not null default '{}' check (jsonb_typeof(removed) = 'object')
);
create index erasures_to_do on erasures (agency_id, due_on) where ended_at is null;

-- What each run of the retention did for an agency, where it did anything.
create table retention_reports (
  id uuid primary key default app.uuid7(),
  agency_id uuid not null references agencies,
  at timestamptz not null default clock_timestamp(),
  planned bigint not null,
  withdrawn bigint not null,
  held bigint not null,
  -- Who went, and how much of them: rows of all tables, versions of objects.
  erased uuid[] not null,
  removed_rows bigint not null,
  removed_objects bigint not null
);
create index retention_reports_newest on retention_reports (agency_id, at desc, id desc);
