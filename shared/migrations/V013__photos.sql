-- What became of an upload. Keys such as a profile's are written again, so a record also names the version of the object
-- that is its own (S3's version id).
alter table photos
  add column object_version text check (length(object_version) <= 1024),
  add column thumbnail_key text check (length(thumbnail_key) <= 500),
  add column thumbnail_version text check (length(thumbnail_version) <= 1024),
  -- The clean copy may be of another type and size than what was uploaded.
  add column stored_type text check (length(stored_type) <= 100),
  add column stored_bytes bigint check (stored_bytes > 0),
  -- Whether what is stored was drawn anew from its pixels. What was not, a family is never shown.
  add column redrawn boolean not null default false,
  -- The document that this is a newer version of.
  add column replaces uuid,
  add constraint photos_agency_id_key unique (agency_id, id),
  add constraint photos_replaces_fkey foreign key (agency_id, replaces) references photos (agency_id, id),
  add constraint photos_document_of_client check (kind <> 'document' or client_id is not null),
  add constraint photos_signature_of_visit check (kind <> 'signature' or visit_id is not null),
  add constraint photos_profile_of_person check (kind <> 'profile' or visit_id is null),
  add constraint photos_only_documents_replace check (replaces is null or kind = 'document');
create unique index photos_one_successor on photos (replaces)
  where replaces is not null and deleted_at is null and status <> 'rejected';

-- Whether nobody has heard of a visit yet: a phone may send the photo first.
create function app.is_unheard_of(p_visit uuid) returns boolean
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select p_visit is not null and not exists (select from visits v where v.id = p_visit);
end;

-- Whether the caller may write a photo of this owner, by section 4 of the product. Planners: of anything in their agency, but
-- pictures only of users whom they manage. Caregivers: of themselves, of clients of theirs, and of visits to those (a
-- signature: of their own visits). Documents are not for care aides.
create function app.may_write_photo(p_kind photo_kind, p_client uuid, p_visit uuid, p_user uuid) returns boolean
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select coalesce(case
    when p_user is not null then p_user = app.user_id() or app.caller_role() in ('admin', 'job')
      or (app.caller_role() = 'coordinator' and exists (
        select from users u where u.id = p_user and u.role in ('nurse', 'care_aide', 'family')))
    when p_kind = 'document' and app.caller_role() = 'care_aide' then false
    when p_visit is not null then app.is_unheard_of(p_visit) or exists (
      select from visits v where v.id = p_visit and v.agency_id = app.agency_id() and (app.sees_agency() or (
        v.client_id in (select app.my_client_ids()) and (p_kind <> 'signature' or v.user_id = app.user_id()))))
    else app.sees_agency() or p_client in (select app.my_client_ids()) end
    and app.caller_role() in ('admin', 'coordinator', 'job', 'nurse', 'care_aide'), false);
end;

drop policy visible on photos;
drop policy planners_create on photos;
drop policy caregivers_create on photos;
drop policy planners_change on photos;
drop policy caregivers_change_own on photos;

create policy visible on photos for select to berthcare_app using (
  agency_id = app.agency_id() and (app.sees_agency()
    or (app.caller_role() in ('nurse', 'care_aide') and (kind <> 'document' or app.caller_role() = 'nurse') and (
      user_id = app.user_id() or user_id in (select app.my_colleague_ids())
      or client_id in (select app.my_client_ids())
      or exists (select from visits v where v.id = photos.visit_id)
      -- One's own whose visit is still to come, or whose bytes are: a phone sends them even after its client has gone.
      or (created_by = app.user_id() and (status = 'pending' or app.is_unheard_of(visit_id)))))
    or (app.caller_role() = 'family' and kind = 'photo' and shared_with_family and redrawn and status = 'stored'
      and deleted_at is null and (
        (client_id in (select app.my_client_ids()) and app.consented(client_id, 'photos'))
        or exists (select from visits v where v.id = photos.visit_id and app.consented(v.client_id, 'photos'))))));
create policy staff_create on photos for insert to berthcare_app
  with check (agency_id = app.agency_id() and app.may_write_photo(kind, client_id, visit_id, user_id));
create policy planners_change on photos for update to berthcare_app
  using (agency_id = app.agency_id() and app.sees_agency())
  with check (agency_id = app.agency_id() and app.sees_agency()
    and app.may_write_photo(kind, client_id, visit_id, user_id));
create policy caregivers_change_own on photos for update to berthcare_app
  using (agency_id = app.agency_id() and app.caller_role() in ('nurse', 'care_aide') and created_by = app.user_id())
  with check (agency_id = app.agency_id() and app.caller_role() in ('nurse', 'care_aide') and created_by = app.user_id()
    and app.may_write_photo(kind, client_id, visit_id, user_id));

-- What arrived is judged by the function, as a job, whoever asked: nobody calls their own upload stored. And a signature
-- on a visit that has ended stays as it is.
create function app.guard_photos() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if app.caller_role() is distinct from 'job' then
    if tg_op = 'INSERT' and (new.status <> 'pending' or new.object_key is not null or new.redrawn) then
      raise exception 'what is uploaded begins as pending' using errcode = 'insufficient_privilege';
    end if;
    if tg_op = 'UPDATE' and (new.status, new.object_key, new.object_version, new.thumbnail_key, new.thumbnail_version,
        new.redrawn, new.sha256, new.bytes, new.content_type, new.kind, new.client_id, new.visit_id, new.user_id, new.version,
        new.replaces)
      is distinct from (old.status, old.object_key, old.object_version, old.thumbnail_key, old.thumbnail_version,
        old.redrawn, old.sha256, old.bytes, old.content_type, old.kind, old.client_id, old.visit_id, old.user_id, old.version,
        old.replaces) then
      raise exception 'what was uploaded stays what it is' using errcode = 'insufficient_privilege';
    end if;
  end if;
  if tg_op = 'UPDATE' and old.kind = 'signature' and old.status = 'stored' and new is distinct from old
    and exists (select from visits v where v.id = old.visit_id and v.status = 'completed') then
    raise exception 'the visit is signed and completed' using errcode = 'check_violation',
      constraint = 'photos_signature_final';
  end if;
  return new;
end
$$;
-- Before `stamp_change`, which numbers the row.
create trigger guard_photos before insert or update on photos for each row execute function app.guard_photos();

-- Whose an upload is, for the S3 event that brings nothing but its key.
create function app.agency_of_upload(p_photo uuid) returns uuid
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select p.agency_id from photos p where p.id = p_photo;
end;

revoke execute on all functions in schema app from public;
grant execute on function app.is_unheard_of(uuid),
  app.may_write_photo(photo_kind, uuid, uuid, uuid), app.agency_of_upload(uuid) to berthcare_app;
