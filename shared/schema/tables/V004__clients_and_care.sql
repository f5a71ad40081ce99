create type care_relation as enum ('primary_nurse', 'nurse', 'care_aide', 'coordinator', 'family');
create type grant_source as enum ('assigned', 'scheduled');
create type consent_kind as enum ('data_collection', 'family_sharing', 'sms', 'photos');
create type consent_giver as enum ('client', 'substitute', 'family_member');

create table clients (
  id uuid primary key,
  agency_id uuid not null references agencies,
  first_name text not null check (length(first_name) between 1 and 100),
  last_name text not null check (length(last_name) between 1 and 100),
  -- Both kept by a trigger: a generated column is not there yet when app.stamp_change compares rows.
  search_name text not null default '',
  sort_name text collate "C" not null default '',
  date_of_birth date not null check (date_of_birth between '1880-01-01' and '2200-01-01'),
  phone text check (phone ~ '^\+[1-9][0-9]{6,14}$'),
  preferred_language text not null default 'en-CA' check (length(preferred_language) between 2 and 35),
  address jsonb not null check (jsonb_typeof(address) = 'object'),
  latitude double precision check (latitude between -90 and 90),
  longitude double precision check (longitude between -180 and 180),
  emergency_contacts jsonb not null default '[]' check (jsonb_typeof(emergency_contacts) = 'array'),
  risks text[] not null default '{}',
  care_plan jsonb not null default '{}' check (jsonb_typeof(care_plan) = 'object'),
  care_plan_version integer not null default 0 check (care_plan_version >= 0),
  coordinator_id uuid,
  change_number bigint not null,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  -- Set by app.stamp_change to whoever app.act_as has just read, so that no foreign key needs to look for them.
  created_by uuid, updated_by uuid, deleted_at timestamptz,
  unique (agency_id, id),
  constraint clients_coordinator_fkey foreign key (agency_id, coordinator_id) references users (agency_id, id),
  constraint clients_location_whole check ((latitude is null) = (longitude is null))
);
create index clients_by_name on clients (agency_id, sort_name, id) where deleted_at is null;
create unique index clients_agency_id_change_number_idx on clients (agency_id, change_number);

-- Former care plans. The one in force is on the client.
create table care_plan_versions (
  client_id uuid not null,
  version integer not null check (version > 0),
  agency_id uuid not null references agencies,
  plan jsonb not null check (jsonb_typeof(plan) = 'object'),
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid references users, updated_by uuid references users,
  primary key (client_id, version),
  foreign key (agency_id, client_id) references clients (agency_id, id)
);

create table care_team (
  id uuid primary key,
  agency_id uuid not null,
  client_id uuid not null,
  user_id uuid not null,
  relation care_relation not null,
  -- 'scheduled': follows from visits and ends with them; 'assigned': a coordinator's decision.
  source grant_source not null default 'assigned',
  starts_on date not null,
  ends_on date,
  -- What phones have been told of the dates. Access follows them by itself, at the agency's midnight; the job that
  -- corrects this gives the row a new number, by which the client arrives whole on a phone, or leaves it.
  in_force boolean not null default false,
  change_number bigint not null,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid, updated_by uuid, deleted_at timestamptz,
  constraint care_team_dates check (ends_on >= starts_on),
  constraint care_team_client_fkey foreign key (agency_id, client_id) references clients (agency_id, id),
  constraint care_team_user_fkey foreign key (agency_id, user_id) references users (agency_id, id)
);
create unique index care_team_member_key on care_team (client_id, user_id, source) where deleted_at is null;
create unique index care_team_one_primary_nurse on care_team (client_id)
  where relation = 'primary_nurse' and deleted_at is null;
create index care_team_to_begin on care_team (agency_id, coalesce(ends_on, 'infinity'::date))
  where not in_force and deleted_at is null;
create index care_team_to_end on care_team (agency_id, ends_on) where in_force and deleted_at is null;
-- A caller's clients are read from the index alone.
create index care_team_by_user on care_team (user_id) include (client_id, agency_id, starts_on, ends_on, relation)
  where deleted_at is null;
create index care_team_by_user_and_number on care_team (user_id, change_number);
create unique index care_team_agency_id_change_number_idx on care_team (agency_id, change_number);

-- Consent is never changed: a withdrawal is a new row, and the newest row counts.
create table consents (
  id uuid primary key,
  agency_id uuid not null references agencies,
  client_id uuid not null,
  -- For whom, where it is about one person: the family member who takes the daily SMS.
  user_id uuid,
  kind consent_kind not null,
  granted boolean not null,
  -- What for, and which wording the person was shown: of a consent that was given.
  purpose text check (length(purpose) between 1 and 500),
  text_version text check (length(text_version) between 1 and 50),
  -- Who gave or withdrew it: the client, a substitute decision-maker by name and relation, or the family member whom it
  -- is about.
  given_by consent_giver,
  giver_name text check (length(giver_name) between 1 and 200),
  giver_relation text check (length(giver_relation) between 1 and 100),
  method text not null check (length(method) between 1 and 100),
  recorded_at timestamptz not null default now(),
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid references users, updated_by uuid references users,
  constraint consents_substitute check (
    given_by is distinct from 'substitute' or (giver_name is not null and giver_relation is not null)),
  foreign key (agency_id, client_id) references clients (agency_id, id),
  foreign key (agency_id, user_id) references users (agency_id, id)
);
create index consents_newest on consents (client_id, kind, user_id, recorded_at desc, id desc);
create index consents_withdrawals on consents (agency_id, client_id, kind) where not granted and user_id is null;
