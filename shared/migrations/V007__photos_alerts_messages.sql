create type photo_kind as enum ('photo', 'signature', 'profile', 'document');
create type photo_status as enum ('pending', 'stored', 'rejected');
create type alert_severity as enum ('low', 'medium', 'high', 'critical');
create type alert_status as enum ('open', 'calling', 'acknowledged', 'resolved', 'expired');
create type message_channel as enum ('sms', 'voice', 'push');
create type message_status as enum ('pending', 'sending', 'sent', 'delivered', 'failed', 'cancelled', 'dead');

-- What a photo, signature or document is; its bytes are in S3. It belongs to one client, visit or user.
create table photos (
  id uuid primary key,
  agency_id uuid not null references agencies,
  client_id uuid,
  -- No foreign key: a phone may send the photo before the visit it was taken at.
  visit_id uuid,
  user_id uuid,
  kind photo_kind not null,
  shared_with_family boolean not null default false,
  object_key text check (length(object_key) <= 500),
  content_type text not null check (length(content_type) <= 100),
  bytes bigint not null check (bytes > 0),
  sha256 bytea not null check (length(sha256) = 32),
  status photo_status not null default 'pending',
  rejected_because text check (length(rejected_because) <= 500),
  version integer not null default 1 check (version > 0),
  taken_at timestamptz,
  caption text check (length(caption) <= 500),
  change_number bigint not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid references users,
  updated_by uuid references users,
  deleted_at timestamptz,
  constraint photos_one_owner check (num_nonnulls(client_id, visit_id, user_id) = 1),
  constraint photos_stored_has_key check (status <> 'stored' or object_key is not null),
  constraint photos_client_fkey foreign key (agency_id, client_id) references clients (agency_id, id),
  constraint photos_user_fkey foreign key (agency_id, user_id) references users (agency_id, id)
);
create index photos_by_visit on photos (visit_id) where deleted_at is null and visit_id is not null;
create index photos_by_client on photos (client_id) where deleted_at is null and client_id is not null;
create index photos_by_user on photos (user_id) where deleted_at is null and user_id is not null;
create index photos_pending on photos (created_at) where status = 'pending';
select app.track_changes('photos');

create table alerts (
  id uuid primary key,
  agency_id uuid not null references agencies,
  client_id uuid not null,
  visit_id uuid,
  -- Null where a job raised it.
  raised_by uuid,
  severity alert_severity not null,
  reason text not null check (length(reason) between 1 and 100),
  message text check (length(message) <= 2000),
  status alert_status not null default 'open',
  acknowledged_by uuid,
  acknowledged_at timestamptz,
  escalation_level integer not null default 0 check (escalation_level >= 0),
  change_number bigint not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid references users,
  updated_by uuid references users,
  deleted_at timestamptz,
  unique (agency_id, id),
  constraint alerts_acknowledged check ((acknowledged_by is null) = (acknowledged_at is null)),
  constraint alerts_client_fkey foreign key (agency_id, client_id) references clients (agency_id, id),
  constraint alerts_visit_fkey foreign key (agency_id, visit_id) references visits (agency_id, id),
  constraint alerts_raised_by_fkey foreign key (agency_id, raised_by) references users (agency_id, id),
  constraint alerts_acknowledged_by_fkey foreign key (agency_id, acknowledged_by) references users (agency_id, id)
);
create index alerts_by_client on alerts (client_id, created_at desc) where deleted_at is null;
create index alerts_unanswered on alerts (created_at) where status in ('open', 'calling') and deleted_at is null;
select app.track_changes('alerts');

-- The outbox: a message is written in the transaction of its cause and sent after it.
create table messages (
  id uuid primary key default app.uuid7(),
  agency_id uuid not null references agencies,
  channel message_channel not null,
  recipient_id uuid not null,
  -- A phone number (E.164) or a push token, as it was when the message was written.
  recipient text not null check (length(recipient) between 1 and 255),
  template text not null check (length(template) between 1 and 100),
  template_values jsonb not null default '{}' check (jsonb_typeof(template_values) = 'object'),
  locale text not null check (locale in ('en-CA', 'fr-CA')),
  dedupe_key text not null check (length(dedupe_key) between 1 and 200),
  status message_status not null default 'pending',
  provider_sid text check (length(provider_sid) <= 100),
  attempts integer not null default 0 check (attempts >= 0),
  next_attempt_at timestamptz default now(),
  leased_until timestamptz,
  failure text check (length(failure) <= 500),
  alert_id uuid,
  client_id uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid references users,
  updated_by uuid references users,
  constraint messages_dedupe_key unique (agency_id, dedupe_key),
  constraint messages_recipient_fkey foreign key (agency_id, recipient_id) references users (agency_id, id),
  constraint messages_alert_fkey foreign key (agency_id, alert_id) references alerts (agency_id, id),
  constraint messages_client_fkey foreign key (agency_id, client_id) references clients (agency_id, id)
);
create index messages_due on messages (next_attempt_at) where status in ('pending', 'sending');
create unique index messages_provider_sid on messages (provider_sid) where provider_sid is not null;
create index messages_by_alert on messages (alert_id) where alert_id is not null;
create trigger stamp_times before insert or update on messages for each row execute function app.stamp_times();

create table inbound_messages (
  id uuid primary key default app.uuid7(),
  -- Null where the sender's number belongs to nobody we know.
  agency_id uuid references agencies,
  provider_sid text not null unique check (length(provider_sid) <= 100),
  sender text not null check (length(sender) <= 100),
  recipient text not null check (length(recipient) <= 100),
  body text not null check (length(body) <= 5000),
  intent text not null check (length(intent) between 1 and 50),
  user_id uuid,
  client_id uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid references users,
  updated_by uuid references users,
  constraint inbound_messages_known check (agency_id is not null or (user_id is null and client_id is null)),
  foreign key (agency_id, user_id) references users (agency_id, id),
  foreign key (agency_id, client_id) references clients (agency_id, id)
);
create index inbound_messages_by_agency on inbound_messages (agency_id, created_at desc);
create trigger stamp_times before insert or update on inbound_messages for each row execute function app.stamp_times();
