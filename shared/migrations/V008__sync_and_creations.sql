create type conflict_status as enum ('auto_resolved', 'needs_review', 'resolved');

-- One column that two people changed from the same base: both values, and who decided.
create table sync_conflicts (
  id uuid primary key default app.uuid7(),
  agency_id uuid not null references agencies,
  client_id uuid not null,
  table_name text not null,
  record_id uuid not null,
  column_name text not null,
  server_value jsonb,
  device_value jsonb,
  server_user_id uuid,
  device_user_id uuid,
  device_id uuid,
  status conflict_status not null,
  resolved_by uuid,
  resolved_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid references users,
  updated_by uuid references users,
  constraint sync_conflicts_client_fkey foreign key (agency_id, client_id) references clients (agency_id, id),
  foreign key (agency_id, server_user_id) references users (agency_id, id),
  foreign key (agency_id, device_user_id) references users (agency_id, id),
  foreign key (agency_id, device_id) references devices (agency_id, id),
  foreign key (agency_id, resolved_by) references users (agency_id, id),
  constraint sync_conflicts_resolved check ((status = 'resolved') = (resolved_at is not null))
);
create index sync_conflicts_open on sync_conflicts (agency_id, created_at) where status = 'needs_review';
create index sync_conflicts_by_record on sync_conflicts (record_id);
create trigger stamp_times before insert or update on sync_conflicts for each row execute function app.stamp_times();

-- What a device pushed and the server could not take, verbatim.
create table sync_quarantine (
  id uuid primary key default app.uuid7(),
  agency_id uuid not null references agencies,
  device_id uuid not null,
  user_id uuid not null,
  table_name text not null,
  -- Text: a malformed id is one of the reasons to be here.
  record_id text not null,
  body jsonb not null,
  body_sha256 bytea not null check (length(body_sha256) = 32),
  reason text not null check (length(reason) between 1 and 500),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid references users,
  updated_by uuid references users,
  constraint sync_quarantine_device_fkey foreign key (agency_id, device_id) references devices (agency_id, id),
  foreign key (agency_id, user_id) references users (agency_id, id),
  constraint sync_quarantine_once unique (device_id, table_name, record_id, body_sha256)
);
create index sync_quarantine_by_age on sync_quarantine (created_at);
create trigger stamp_times before insert or update on sync_quarantine for each row execute function app.stamp_times();

-- What each record was first created from, so that a create sent again is told from another with the same id,
-- however often the record was changed meanwhile.
create table creations (
  record_id uuid primary key,
  agency_id uuid not null references agencies default app.agency_id(),
  table_name text not null,
  body_sha256 bytea not null check (length(body_sha256) = 32),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid references users,
  updated_by uuid references users
);
create trigger stamp_times before insert on creations for each row execute function app.stamp_times();
select app.only_append('creations');
