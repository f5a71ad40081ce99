create type alert_severity as enum ('low', 'medium', 'high', 'critical');
create type alert_status as enum ('open', 'calling', 'acknowledged', 'resolved', 'expired');
create type message_channel as enum ('sms', 'voice', 'push');
create type message_status as enum ('pending', 'sending', 'sent', 'delivered', 'failed', 'cancelled', 'dead');

create table alerts (
  id uuid primary key,
  agency_id uuid not null,
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
  -- The chain of calls about it, which it may have joined: the database's to set.
  escalation_id uuid,
  change_number bigint not null,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid, updated_by uuid, deleted_at timestamptz,
  unique (agency_id, id),
  constraint alerts_acknowledged check ((acknowledged_by is null) = (acknowledged_at is null)),
  constraint alerts_client_fkey foreign key (agency_id, client_id) references clients (agency_id, id),
  constraint alerts_visit_fkey foreign key (agency_id, visit_id) references visits (agency_id, id),
  constraint alerts_raised_by_fkey foreign key (agency_id, raised_by) references users (agency_id, id),
  constraint alerts_acknowledged_by_fkey foreign key (agency_id, acknowledged_by) references users (agency_id, id)
);
create index alerts_by_client on alerts (client_id, created_at desc) where deleted_at is null;
-- What a visit's removal asks for.
create index alerts_by_visit on alerts (visit_id) where visit_id is not null;
create index alerts_by_escalation on alerts (escalation_id);
create index alerts_by_raiser on alerts (raised_by, created_at);
create index alerts_expired on alerts (created_at) where status = 'expired' and deleted_at is null;
create index alerts_unanswered on alerts (created_at) where status in ('open', 'calling') and deleted_at is null;
create unique index alerts_agency_id_change_number_idx on alerts (agency_id, change_number);
create index alerts_changed on alerts (client_id, change_number);

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
  -- Whether the values are forgotten once it is sent, as a one-time code's: who reads the outbox later must not find
  -- them.
  secret boolean not null default false,
  locale text not null check (locale in ('en-CA', 'fr-CA')),
  dedupe_key text not null check (length(dedupe_key) between 1 and 200),
  status message_status not null default 'pending',
  -- 0 a caregiver's alert, 1 a family's call, 2 somebody waits for it, 3 the rest; the lowest goes first.
  urgency smallint not null default 3 check (urgency between 0 and 3),
  -- How bad what it is about is, as far as is known at present; null of what is about no alert.
  severity alert_severity,
  -- Nobody is helped by it after this.
  expires_at timestamptz not null default now() + interval '24 hours',
  provider_sid text check (length(provider_sid) <= 100),
  -- Provider's ids of attempts that are known to have failed; what is still reported of them counts no more.
  previous_provider_ids text[] not null default '{}',
  attempts integer not null default 0 check (attempts >= 0),
  next_attempt_at timestamptz default now(),
  -- When it was last handed to the provider, whatever came of that.
  attempted_at timestamptz,
  leased_until timestamptz,
  -- How often it was sent again without a word of what became of the time before.
  resends smallint not null default 0,
  -- When to ask for a push message's receipt.
  receipt_at timestamptz,
  -- From when on the provider is to be asked to end this call; null where it isn't.
  hang_up_at timestamptz,
  failure text check (length(failure) <= 500),
  alert_id uuid,
  client_id uuid,
  -- The visit that it is about; a check-in cancels what is not yet sent.
  visit_id uuid,
  -- For when and for whom the visit was planned as the message tells it.
  visit_start timestamptz,
  caregiver_id uuid,
  -- The day that a daily summary is of, where the agency is.
  local_date date,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid references users, updated_by uuid references users,
  unique (agency_id, id),
  constraint messages_dedupe_key unique (agency_id, dedupe_key),
  constraint messages_recipient_fkey foreign key (agency_id, recipient_id) references users (agency_id, id),
  constraint messages_alert_fkey foreign key (agency_id, alert_id) references alerts (agency_id, id),
  constraint messages_client_fkey foreign key (agency_id, client_id) references clients (agency_id, id),
  constraint messages_caregiver_fkey foreign key (agency_id, caregiver_id) references users (agency_id, id),
  constraint messages_visit_fkey foreign key (agency_id, visit_id) references visits (agency_id, id)
);
create index messages_due on messages (channel, urgency, next_attempt_at) where status in ('pending', 'sending');
create index messages_owed_receipts on messages (receipt_at) where receipt_at is not null;
create index messages_to_hang_up on messages (hang_up_at) where hang_up_at is not null;
create unique index messages_provider_sid on messages (provider_sid) where provider_sid is not null;
create index messages_by_alert on messages (alert_id) where alert_id is not null;
create index messages_by_visit on messages (visit_id) where visit_id is not null;
-- What an export of a client reads.
create index messages_by_client on messages (client_id, created_at) where client_id is not null;
create index messages_by_recipient on messages (recipient_id, created_at desc);

-- A chain of calls, and what it waits for. One runs for a client at a time: alerts that are raised meanwhile join it.
-- Beside `alerts`, since phones hold those and need none of this.
create table escalations (
  id uuid primary key default app.uuid7(),
  agency_id uuid not null references agencies,
  client_id uuid not null,
  -- The highest of the alerts that wait for it.
  severity alert_severity not null,
  -- Whether all of those are families' calls.
  for_family boolean not null,
  level integer not null default 0 check (level >= 0),
  -- Whoever was called before this is called again: what joined since is worse than what was told then.
  calls_since timestamptz not null default now(),
  -- When the next step is due; null once the chain has stopped. A new chain is due at once, whatever anybody's clock
  -- says.
  due_at timestamptz default '-infinity',
  -- The call that is out, as the outbox has it.
  call_id uuid,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid references users, updated_by uuid references users,
  unique (agency_id, id),
  constraint escalations_client_fkey foreign key (agency_id, client_id) references clients (agency_id, id),
  constraint escalations_call_fkey foreign key (agency_id, call_id) references messages (agency_id, id)
);
create index escalations_due on escalations (due_at) where due_at is not null;
create unique index escalations_one_at_a_time on escalations (client_id) where due_at is not null;
alter table alerts add constraint alerts_escalation_fkey
  foreign key (agency_id, escalation_id) references escalations (agency_id, id);

-- When each of our sending numbers, and the push service, may be used next. They are every agency's, so that no agency
-- owns a row.
create table rate_limits (
  -- The channel, and the number where there is one: `sms +14165550100`.
  lane text primary key check (length(lane) between 1 and 100),
  next_slot_at timestamptz not null default '-infinity',
  -- How many turns were taken.
  turns bigint not null default 0,
  -- Of the lane `dispatcher`: until when one counts as at work, and whether it was asked to look again.
  at_work_until timestamptz not null default '-infinity',
  asked boolean not null default false,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid references users, updated_by uuid references users
);

-- Which turn of a lane was an agency's last: of what is as urgent, the agency goes first that has waited longest.
create table agency_turns (
  lane text not null check (length(lane) between 1 and 100),
  agency_id uuid not null references agencies,
  turn bigint not null,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid references users, updated_by uuid references users,
  primary key (lane, agency_id)
);

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
  -- Open: a coordinator is to see to it. A keyword is seen to at once.
  status text not null default 'open' check (status in ('open', 'closed')),
  -- What a coordinator wrote back, by SMS.
  answer text check (length(answer) between 1 and 300),
  answered_by uuid,
  answered_at timestamptz,
  -- Null where a machine closed it.
  closed_by uuid,
  closed_at timestamptz,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid references users, updated_by uuid references users,
  constraint inbound_messages_closed check ((status = 'closed') = (closed_at is not null)),
  constraint inbound_messages_answered check ((answer is null) = (answered_at is null)),
  foreign key (agency_id, answered_by) references users (agency_id, id),
  foreign key (agency_id, closed_by) references users (agency_id, id),
  constraint inbound_messages_known check (agency_id is not null or (user_id is null and client_id is null)),
  foreign key (agency_id, user_id) references users (agency_id, id),
  foreign key (agency_id, client_id) references clients (agency_id, id)
);
create index inbound_messages_by_agency on inbound_messages (agency_id, status, created_at desc, id desc);
