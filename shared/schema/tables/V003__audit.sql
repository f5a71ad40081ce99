-- Every look and every change. Rows are only ever added; `audit_chain` seals them afterwards, by a job, so that
-- writers don't queue for the chain's last link.
-- No foreign keys: agency, actor and device are those that took the transaction on. A partition a month, by the ids,
-- which are made in the order of time.
create table audit_log (
  id uuid primary key default app.uuid7(),
  -- Null where nobody is known yet, as for a sign-in with an unknown address.
  agency_id uuid default app.agency_id(),
  at timestamptz not null default clock_timestamp(),
  actor_id uuid default app.user_id(),
  device_id uuid default app.device_id(),
  action text not null check (action ~ '^[a-z_]+(\.[a-z_]+)+$'),
  resource text not null,
  resource_id uuid,
  client_id uuid,
  request_id text default app.request_id(),
  source_ip inet default app.source_ip(),
  details jsonb not null default '{}' check (jsonb_typeof(details) = 'object')
) partition by range (id);
-- In the order in which rows come, which fills pages; the newest are read from the end.
create index audit_log_by_client on audit_log (client_id, at) where client_id is not null;
create index audit_log_by_actor on audit_log (actor_id, at);
create index audit_log_by_agency on audit_log (agency_id, at);

create table audit_chain (
  number bigint primary key check (number > 0),
  -- The row, which is forgotten earlier than its link.
  audit_id uuid not null unique,
  agency_id uuid references agencies,
  -- SHA-256 over the previous link's hash and the row's canonical JSON.
  hash bytea not null check (length(hash) = 32),
  sealed_at timestamptz not null default clock_timestamp()
);

-- That the chain was anchored, or computed anew, and how far; what was wrong, where something was. Of all agencies.
create table audit_checks (
  id uuid primary key default app.uuid7(),
  kind text not null check (kind in ('anchored', 'verified')),
  -- The link that was anchored, or the last one that holds.
  number bigint not null check (number >= 0),
  fault text check (length(fault) <= 500),
  checked_at timestamptz not null default clock_timestamp()
);
create index audit_checks_newest on audit_checks (kind, checked_at desc);
