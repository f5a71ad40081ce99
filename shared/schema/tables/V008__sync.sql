-- The change counter: one row an agency, locked by every transaction that writes what phones hold, before it
-- touches any other row, so that number order is commit order.
create type change_operation as enum ('create', 'update', 'delete');

create table agency_counters (
  agency_id uuid primary key references agencies,
  -- Raised by a restore from backup, so that every phone starts again.
  epoch integer not null default 1 check (epoch between 1 and 8191),
  -- 40 bits: a cursor is epoch x 2^40 + number, and stays below JavaScript's 2^53.
  number bigint not null default 0 check (number between 0 and 1099511627775),
  -- The oldest change after which all are on sync_log still: what a phone must forget is known from here on.
  tombstones_from bigint not null default 0,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid references users, updated_by uuid references users
);

-- The newest number under each client: of its row, care team, visits, tasks, photos and alerts. It tells a phone that
-- there is nothing for it without looking at any of them. Written by the log's triggers, under the counter's lock.
create table client_marks (
  client_id uuid primary key,
  agency_id uuid not null,
  number bigint not null
) with (fillfactor = 50);

-- What changed, by whom: the merge base of sync, the evidence of a conflict, a device's receipt. `before` and `after`
-- hold the columns that changed and no others (of a care team's row all: who was on it by then is read from them). Of a
-- creation nothing is kept but that it was: what the row was made with follows from the row and what changed since
-- (app.created_values).
-- No foreign keys: agency, user and device are those that took the transaction on. A partition a month.
create table sync_log (
  agency_id uuid not null,
  number bigint not null,
  user_id uuid,
  device_id uuid,
  table_name text not null,
  record_id uuid not null,
  client_id uuid,
  operation change_operation not null,
  changed_columns text[] not null,
  before jsonb,
  after jsonb not null,
  synced_at timestamptz not null default now(),
  primary key (agency_id, number, synced_at)
) partition by range (synced_at);
create index sync_log_by_record on sync_log (record_id, number);
create index sync_log_by_device on sync_log (device_id, number) where device_id is not null;
-- Deletions are few, and phones ask for them by client, coordinators' phones for all.
create index sync_log_deletions on sync_log (agency_id, number) where operation = 'delete';
create index sync_log_deletions_by_client on sync_log (client_id, number) where operation = 'delete';

create type conflict_status as enum ('auto_resolved', 'needs_review', 'resolved');

-- One column that two people changed from the same base: both values, and who decided.
create table sync_conflicts (
  id uuid primary key default app.uuid7(),
  agency_id uuid not null references agencies,
  -- Null for a picture of a user, which is about no client.
  client_id uuid,
  table_name text not null,
  record_id uuid not null,
  column_name text not null,
  server_value jsonb,
  device_value jsonb,
  server_user_id uuid,
  device_user_id uuid,
  device_id uuid,
  status conflict_status not null,
  -- Which of the two values the record has while nobody has decided.
  stored_side text not null check (stored_side in ('server', 'device', 'deleted')),
  -- Which of the two values a person kept. `current`: neither of the two, but what the record has by now.
  kept text check (kept in ('server', 'device', 'current')),
  -- What they say to whoever sent the value.
  word text check (length(word) between 1 and 1000),
  resolved_by uuid,
  resolved_at timestamptz,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid references users, updated_by uuid references users,
  constraint sync_conflicts_client_fkey foreign key (agency_id, client_id) references clients (agency_id, id),
  foreign key (agency_id, server_user_id) references users (agency_id, id),
  foreign key (agency_id, device_user_id) references users (agency_id, id),
  foreign key (agency_id, device_id) references devices (agency_id, id),
  foreign key (agency_id, resolved_by) references users (agency_id, id),
  constraint sync_conflicts_resolved check ((status = 'resolved') = (resolved_at is not null)),
  constraint sync_conflicts_kept check ((status = 'resolved') = (kept is not null))
);
create index sync_conflicts_open on sync_conflicts (agency_id, created_at) where status = 'needs_review';
create index sync_conflicts_by_record on sync_conflicts (record_id);

-- What a device pushed and the server could not take, verbatim.
create table sync_quarantine (
  id uuid primary key default app.uuid7(),
  agency_id uuid not null references agencies,
  device_id uuid not null,
  user_id uuid not null,
  -- Whose session wrote it, as the phone says, where that is another user's: nobody has to be known by it.
  written_by uuid,
  table_name text not null,
  -- Text: a malformed id is one of the reasons to be here.
  record_id text not null,
  body jsonb not null,
  body_sha256 bytea not null check (length(body_sha256) = 32),
  reason text not null check (length(reason) between 1 and 500),
  -- The base of the device's work: what was refused stays on the phone, and on the base that it had.
  work_base bigint,
  status text not null default 'open' check (status in ('open', 'accepted', 'dismissed')),
  -- Who first looked at it. What nobody has looked at is kept for ever.
  seen_by uuid,
  seen_at timestamptz,
  -- What it was accepted as, by the names of the phone's columns; null where it was a deletion.
  accepted_as jsonb,
  -- Why it was dismissed or corrected, as whoever wrote it reads it.
  word text check (length(word) between 1 and 1000),
  settled_by uuid,
  settled_at timestamptz,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid references users, updated_by uuid references users,
  constraint sync_quarantine_seen check (status = 'open' or seen_at is not null),
  constraint sync_quarantine_settled check ((status = 'open') = (settled_at is null)),
  foreign key (agency_id, seen_by) references users (agency_id, id),
  foreign key (agency_id, settled_by) references users (agency_id, id),
  constraint sync_quarantine_device_fkey foreign key (agency_id, device_id) references devices (agency_id, id),
  foreign key (agency_id, user_id) references users (agency_id, id),
  constraint sync_quarantine_once unique (device_id, table_name, record_id, body_sha256)
);
create index sync_quarantine_by_age on sync_quarantine (created_at);
-- What coordinators are asked about, the oldest first.
create index sync_quarantine_by_status on sync_quarantine (agency_id, status, created_at, id);

-- What each device sent for a record, by its digest: the same again is a replay, however late it arrives.
-- A partition a month.
create table sync_receipts (
  device_id uuid not null,
  record_id uuid not null,
  agency_id uuid not null,
  body_sha256 bytea not null check (length(body_sha256) = 32),
  -- When the phone wrote the row, by its own clock, in milliseconds. It tells which of two pushes of one phone, made on
  -- the same cursor, is the newer one: requests overtake each other. It orders nothing else.
  row_stamp bigint,
  created_at timestamptz not null default now()
) partition by range (created_at);
-- No key: a push has one body of a record, and asks for it before.
create index sync_receipts_by_record on sync_receipts (record_id, device_id);

-- Partitions that are old: from when on nothing that is asked needs them, and when they were dropped.
create table partitions.forgotten (
  table_name text not null,
  starts timestamptz not null,
  ends timestamptz not null,
  announced_at timestamptz not null default clock_timestamp(),
  dropped_at timestamptz,
  primary key (table_name, starts)
);

-- Where each agency's counter stood, read daily: no change with a higher number was logged long before.
create table partitions.counter_readings (
  agency_id uuid not null,
  number bigint not null,
  at timestamptz not null default now(),
  primary key (agency_id, number)
);

-- What is remembered of partitions is for definer functions. Here, as policies are made anew in `public` alone.
alter table partitions.forgotten enable row level security, force row level security;
create policy definer_functions on partitions.forgotten to berthcare_migrate using (true);
create policy backup_reads_all on partitions.forgotten for select to berthcare_backup using (true);
grant select on partitions.forgotten to berthcare_backup;
alter table partitions.counter_readings enable row level security, force row level security;
create policy definer_functions on partitions.counter_readings to berthcare_migrate using (true);
create policy backup_reads_all on partitions.counter_readings for select to berthcare_backup using (true);
grant select on partitions.counter_readings to berthcare_backup;

-- What each record was first created from, so that a create sent again is told from another with the same id,
-- however often the record was changed meanwhile.
create table creations (
  record_id uuid primary key,
  agency_id uuid not null default app.agency_id(),
  table_name text not null,
  body_sha256 bytea not null check (length(body_sha256) = 32),
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid
);
