-- Tables live in `public`; what enforces the rules lives in `app`: its functions and triggers are in `code/`, who may
-- read and write what is in `policies/`. Here, too, are the functions that columns' defaults call.
create schema app;
grant usage on schema app to berthcare_app;
-- The partitions of tables that grow for ever, and what is remembered of them. Nobody reads here but through the tables
-- in `public`; a backup copies what is stored.
create schema partitions;
grant usage on schema partitions to berthcare_backup;
-- A function is nobody's until it is granted. Not `in schema app`: what is granted everywhere can't be revoked in one
-- schema.
alter default privileges revoke execute on functions from public;

-- The files of `code/` and `policies/` as they were last applied, by the SHA-256 of their text.
create table applied_code (
  file text primary key,
  checksum text not null,
  applied_at timestamptz not null default now()
);

-- Who is calling, for the length of one transaction. Set by app.act_as and its kin only.
create function app.agency_id() returns uuid language sql stable parallel safe
  return nullif(current_setting('app.agency_id', true), '')::uuid;
create function app.user_id() returns uuid language sql stable parallel safe
  return nullif(current_setting('app.user_id', true), '')::uuid;
create function app.device_id() returns uuid language sql stable parallel safe
  return nullif(current_setting('app.device_id', true), '')::uuid;
create function app.request_id() returns text language sql stable parallel safe
  return nullif(current_setting('app.request_id', true), '');
create function app.source_ip() returns inet language sql stable parallel safe
  return nullif(current_setting('app.source_ip', true), '')::inet;

-- UUIDv7 (RFC 9562, 5.7): 48 bits of Unix milliseconds before the random ones, so that indexes grow at one end.
create function app.uuid7() returns uuid language sql volatile parallel safe
  return encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
        placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
      52, 1), 53, 1), 'hex')::uuid;

grant execute on function app.agency_id(), app.user_id(), app.device_id(), app.request_id(), app.source_ip(),
  app.uuid7() to berthcare_app;

-- The first UUIDv7 of a millisecond, and the millisecond of one.
create function app.uuid7_from(p_time timestamptz) returns uuid language sql immutable parallel safe
  return (lpad(to_hex(greatest((extract(epoch from p_time) * 1000)::bigint, 0)), 12, '0') || repeat('0', 20))::uuid;
create function app.time_of_uuid7(p_id uuid) returns timestamptz language sql immutable parallel safe
  return to_timestamp(('x' || left(replace(p_id::text, '-', ''), 12))::bit(48)::bigint / 1000.0);
