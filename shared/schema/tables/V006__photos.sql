create type photo_kind as enum ('photo', 'signature', 'profile', 'document');
create type photo_status as enum ('pending', 'stored', 'rejected');

-- What a photo, signature or document is; its bytes are in S3. It belongs to one client, visit or user.
create table photos (
  id uuid primary key,
  agency_id uuid not null references agencies,
  client_id uuid,
  -- No foreign key: a phone may send the photo before the visit it was taken at.
  visit_id uuid,
  user_id uuid,
  -- Whose care it is of: its client, or its visit's. Null for a picture of a user, while the visit is still to come,
  -- and where that is none of its author's. Kept by app.set_photo_client.
  subject_client_id uuid,
  kind photo_kind not null,
  shared_with_family boolean not null default false,
  -- Where its bytes are. Keys such as a profile's are written again, so a record also names the version of the object
  -- that is its own (S3's version id).
  object_key text check (length(object_key) <= 500),
  object_version text check (length(object_version) <= 1024),
  thumbnail_key text check (length(thumbnail_key) <= 500),
  thumbnail_version text check (length(thumbnail_version) <= 1024),
  content_type text not null check (length(content_type) <= 100),
  bytes bigint not null check (bytes > 0),
  sha256 bytea not null check (length(sha256) = 32),
  -- The clean copy may be of another type and size than what was uploaded.
  stored_type text check (length(stored_type) <= 100),
  stored_bytes bigint check (stored_bytes > 0),
  -- Whether what is stored was drawn anew from its pixels. What was not, a family is never shown.
  redrawn boolean not null default false,
  status photo_status not null default 'pending',
  rejected_because text check (length(rejected_because) <= 500),
  version integer not null default 1 check (version > 0),
  -- The document that this is a newer version of.
  replaces uuid,
  taken_at timestamptz,
  caption text check (length(caption) <= 500),
  change_number bigint not null,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  created_by uuid, updated_by uuid, deleted_at timestamptz,
  constraint photos_agency_id_key unique (agency_id, id),
  constraint photos_one_owner check (num_nonnulls(client_id, visit_id, user_id) = 1),
  constraint photos_stored_has_key check (status <> 'stored' or object_key is not null),
  constraint photos_document_of_client check (kind <> 'document' or client_id is not null),
  constraint photos_signature_of_visit check (kind <> 'signature' or visit_id is not null),
  constraint photos_profile_of_person check (kind <> 'profile' or visit_id is null),
  constraint photos_only_documents_replace check (replaces is null or kind = 'document'),
  constraint photos_replaces_fkey foreign key (agency_id, replaces) references photos (agency_id, id),
  constraint photos_client_fkey foreign key (agency_id, client_id) references clients (agency_id, id),
  constraint photos_user_fkey foreign key (agency_id, user_id) references users (agency_id, id)
);
create index photos_by_visit on photos (visit_id) where deleted_at is null and visit_id is not null;
create index photos_by_client on photos (client_id) where deleted_at is null and client_id is not null;
create index photos_by_user on photos (user_id) where deleted_at is null and user_id is not null;
create unique index photos_one_successor on photos (replaces)
  where replaces is not null and deleted_at is null and status <> 'rejected';
create index photos_by_former on photos (replaces) where replaces is not null;
create index photos_pending on photos (created_at) where status = 'pending';
create unique index photos_agency_id_change_number_idx on photos (agency_id, change_number);
create index photos_changed on photos (subject_client_id, change_number) where subject_client_id is not null;
create index photos_of_no_client on photos (agency_id, change_number) where subject_client_id is null;
