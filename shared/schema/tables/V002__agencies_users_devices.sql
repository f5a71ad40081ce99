create type user_role as enum ('admin', 'coordinator', 'nurse', 'care_aide', 'family');
create type user_status as enum ('invited', 'active', 'suspended');
create type device_platform as enum ('ios', 'android', 'web');

create table agencies (
  id uuid primary key,
  name text not null check (length(name) between 1 and 200),
  time_zone text not null check (now() at time zone time_zone is not null),
  -- Since when nobody of it gets in.
  suspended_at timestamptz,
  -- Until when somebody of it may have a WebSocket open. Whoever writes looks here, and tells nobody where none has.
  listened_until timestamptz,
  -- How many years a record is kept after the last care. Files are kept for seven in any case.
  retention_years integer not null default 10 check (retention_years between 7 and 100),
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid
);

create table users (
  id uuid primary key,
  agency_id uuid not null references agencies,
  email text not null check (length(email) between 3 and 254),
  phone text not null check (phone ~ '^\+[1-9][0-9]{6,14}$'),
  -- A number that was asked for and has yet to be confirmed, and the one from before the last change.
  pending_phone text check (pending_phone ~ '^\+[1-9][0-9]{6,14}$'),
  previous_phone text,
  phone_changed_at timestamptz,
  first_name text not null check (length(first_name) between 1 and 100),
  last_name text not null check (length(last_name) between 1 and 100),
  -- Kept by a trigger.
  sort_name text collate "C" not null default '',
  role user_role not null,
  locale text not null default 'en-CA' check (locale in ('en-CA', 'fr-CA')),
  status user_status not null default 'invited',
  -- Which push messages they take: each kind that isn't false.
  push_preferences jsonb not null default '{}' check (jsonb_typeof(push_preferences) = 'object'),
  password_hash text,
  last_login_at timestamptz,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid references users, updated_by uuid references users, deleted_at timestamptz,
  unique (agency_id, id),
  constraint users_active_has_password check (status <> 'active' or password_hash is not null)
);
-- One address signs in to one agency; a deleted user's address is free again.
create unique index users_email_key on users (lower(email)) where deleted_at is null;
create index users_by_name on users (agency_id, sort_name, id) where deleted_at is null;
-- Whose an inbound SMS is.
create index users_by_phone on users (phone) where deleted_at is null;
alter table agencies
  add foreign key (created_by) references users,
  add foreign key (updated_by) references users;

create table devices (
  id uuid primary key,
  agency_id uuid not null references agencies,
  user_id uuid not null,
  name text not null check (length(name) between 1 and 100),
  platform device_platform not null,
  app_version text not null check (length(app_version) between 1 and 50),
  -- The refresh-token family signed in on this device; null when signed out. Access tokens name it and end with it.
  session_id uuid,
  -- When the password was last given in this session; it ends 30 days later.
  authenticated_at timestamptz not null default now(),
  -- Whether a second factor was proven in it.
  second_factor boolean not null default false,
  -- One app's on one phone, so that a token is of one device only.
  push_token text check (length(push_token) <= 255),
  last_seen_at timestamptz not null default now(),
  last_sync_at timestamptz,
  pending_count integer check (pending_count >= 0),
  schema_version integer check (schema_version >= 1),
  clock_offset_ms bigint,

  -- What the server remembers of the device between its synchronisations. Cursors are as on the wire: epoch x 2^40 +
  -- number. The cursors between which it last pulled...
  pulled_from bigint,
  pulled_to bigint,
  -- ...whether that pull said that nothing was waiting to be sent...
  pulled_clean boolean not null default false,
  -- The cursor that its last pull was answered which found nothing waiting to be sent.
  clean_at bigint,
  -- ...and where its unsent work began.
  work_base bigint,
  -- The cursor that the device held when it last pushed.
  pushed_at bigint,
  -- Changes that others made after this cursor count as made at the same time as what the next push brings...
  push_base bigint,
  -- ...and those in clients that were taken away meanwhile, after this one.
  push_base_taken bigint,
  -- What the device held at the first pull that withheld the rows of a client it still has...
  withheld_from bigint,
  -- ...and the cursor it was answered at the first pull that withheld none any more.
  full_sync_cursor bigint,
  -- Tombstones up to this number were in the answer whose cursor was `tombstones_sent_with`...
  tombstones_sent bigint not null default 0,
  tombstones_sent_with bigint not null default 0,
  -- ...and those up to this one have arrived.
  tombstones_received bigint not null default 0,
  -- A cursor that can't be served, answered with nothing once so that the phone could push first.
  replacing bigint,
  -- A cursor before this number isn't served: the phone starts again.
  servable_from bigint not null default 0,

  revoked_at timestamptz,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid references users, updated_by uuid references users,
  unique (agency_id, id),
  foreign key (agency_id, user_id) references users (agency_id, id)
);
create index devices_by_user on devices (user_id);
create index devices_by_push_token on devices (push_token) where push_token is not null;

-- Second factors (TOTP): one a user. Seeds are sealed under a key that `auth` alone has.
create table second_factors (
  user_id uuid primary key,
  agency_id uuid not null references agencies,
  key_id text not null check (length(key_id) between 1 and 50),
  sealed_seed bytea not null check (length(sealed_seed) between 32 and 200),
  -- Null until a code was confirmed: it doesn't count before that.
  confirmed_at timestamptz,
  -- The newest time step whose code was used: each is good once.
  last_step bigint not null default 0,
  -- SHA-256 of those recovery codes that were not used yet.
  recovery_digests bytea[] not null default '{}',
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid references users, updated_by uuid references users,
  foreign key (agency_id, user_id) references users (agency_id, id)
);
