-- Tables live in `public`; what enforces the rules lives in `app`.
create schema app;

create type user_role as enum ('admin', 'coordinator', 'nurse', 'care_aide', 'family');
create type user_status as enum ('invited', 'active', 'suspended');
create type device_platform as enum ('ios', 'android', 'web');

-- Who is calling, for the length of one transaction. Set by app.act_as and app.act_as_job only.
create function app.agency_id() returns uuid language sql stable parallel safe
  return nullif(current_setting('app.agency_id', true), '')::uuid;
create function app.user_id() returns uuid language sql stable parallel safe
  return nullif(current_setting('app.user_id', true), '')::uuid;
create function app.device_id() returns uuid language sql stable parallel safe
  return nullif(current_setting('app.device_id', true), '')::uuid;
create function app.caller_role() returns text language sql stable parallel safe
  return nullif(current_setting('app.caller_role', true), '');
create function app.request_id() returns text language sql stable parallel safe
  return nullif(current_setting('app.request_id', true), '');
create function app.source_ip() returns inet language sql stable parallel safe
  return nullif(current_setting('app.source_ip', true), '')::inet;
-- Today where the agency is: a grant that ends on the 5th ends at its own midnight.
create function app.today() returns date language sql stable parallel safe
  return (now() at time zone coalesce(nullif(current_setting('app.time_zone', true), ''), 'UTC'))::date;
-- Who sees the whole agency; everybody else sees the clients they are linked to.
create function app.sees_agency() returns boolean language sql stable parallel safe
  return coalesce(app.caller_role() in ('admin', 'coordinator', 'job'), false);

-- UUIDv7 (RFC 9562, 5.7): 48 bits of Unix milliseconds before the random ones, so that indexes grow at one end.
create function app.uuid7() returns uuid language sql volatile parallel safe
  return encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
        placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
      52, 1), 53, 1), 'hex')::uuid;

-- Text as people search it: lower case, no accents, and the two ligatures that Unicode does not decompose.
create function app.fold(value text) returns text language sql immutable parallel safe
  return replace(replace(
    lower(regexp_replace(normalize(value, NFD), '[\u0300-\u036f]', '', 'g')),
    'œ', 'oe'), 'æ', 'ae');

-- For tables that phones don't hold: who and when, always by the database's clock.
create function app.stamp_times() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    new.created_at := now();
    new.created_by := coalesce(app.user_id(), new.created_by);
  else
    new.created_at := old.created_at;
    new.created_by := old.created_by;
  end if;
  new.updated_at := clock_timestamp();
  new.updated_by := coalesce(app.user_id(), new.updated_by);
  return new;
end
$$;

create table agencies (
  id uuid primary key,
  name text not null check (length(name) between 1 and 200),
  time_zone text not null check (now() at time zone time_zone is not null),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid
);

create table users (
  id uuid primary key,
  agency_id uuid not null references agencies,
  email text not null check (length(email) between 3 and 254),
  phone text not null check (phone ~ '^\+[1-9][0-9]{6,14}$'),
  first_name text not null check (length(first_name) between 1 and 100),
  last_name text not null check (length(last_name) between 1 and 100),
  role user_role not null,
  locale text not null default 'en-CA' check (locale in ('en-CA', 'fr-CA')),
  status user_status not null default 'invited',
  password_hash text,
  mfa_secret bytea,
  last_login_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid references users,
  updated_by uuid references users,
  deleted_at timestamptz,
  unique (agency_id, id),
  constraint users_active_has_password check (status <> 'active' or password_hash is not null)
);
-- One address signs in to one agency; a deleted user's address is free again.
create unique index users_email_key on users (lower(email)) where deleted_at is null;
create index users_by_name on users (agency_id, last_name, first_name, id) where deleted_at is null;
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
  push_token text check (length(push_token) <= 255),
  last_seen_at timestamptz not null default now(),
  last_sync_at timestamptz,
  pending_count integer check (pending_count >= 0),
  schema_version integer check (schema_version >= 1),
  clock_offset_ms bigint,
  -- Cursors (section 6 of the product) between which the device last pulled, and where its unsent work began.
  pulled_from bigint,
  pulled_to bigint,
  work_base bigint,
  revoked_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid references users,
  updated_by uuid references users,
  unique (agency_id, id),
  foreign key (agency_id, user_id) references users (agency_id, id)
);
create index devices_by_user on devices (user_id);

create trigger stamp_times before insert or update on agencies for each row execute function app.stamp_times();
create trigger stamp_times before insert or update on users for each row execute function app.stamp_times();
create trigger stamp_times before insert or update on devices for each row execute function app.stamp_times();
