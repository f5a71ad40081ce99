-- Whether the caller may write a photo of this owner, by section 4 of the product. Coordinators: of anything in their
-- agency, but pictures only of users whom they manage. Caregivers: of themselves, of clients of theirs, and of visits.
-- Documents are not for care aides.
--
-- Of a visit that the caller doesn't see nothing is told: not whether it is there, since a phone may send the photo
-- first. app.set_photo_client doesn't attach it. Refused is what tells nothing new: a signature on a visit in sight
-- that is another's, and a visit that was in sight until the caller was taken off its client's team.
create or replace function app.may_write_photo(p_kind photo_kind, p_client uuid, p_visit uuid, p_user uuid)
returns boolean language sql stable security definer set search_path = public, pg_temp
begin atomic
  select coalesce(case
    when p_user is not null then p_user = app.user_id() or app.caller_role() in ('admin', 'job')
      or (app.caller_role() = 'coordinator' and exists (
        select from users u
        where u.id = p_user and u.agency_id = app.agency_id() and u.role in ('nurse', 'care_aide', 'family')))
    when p_kind = 'document' and app.caller_role() = 'care_aide' then false
    when p_visit is not null then app.sees_agency() or not exists (
      select from visits v where v.id = p_visit and v.agency_id = app.agency_id() and case
        when v.client_id in (select app.my_client_ids())
        then p_kind = 'signature' and v.user_id is distinct from app.user_id()
        else v.created_at <= app.access_ended_at(v.client_id) end)
    else app.sees_agency() or p_client in (select app.my_client_ids()) end
    and app.caller_role() in ('admin', 'coordinator', 'job', 'nurse', 'care_aide'), false);
end;

-- What arrived is reviewed by the function, in its own name, whoever asked, and given up by a job: nobody calls their
-- own upload stored. And a signature on a visit that has ended stays as it is.
create or replace function app.protect_uploads() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if app.caller_role() not in ('job', 'upload_review') is not false then
    if tg_op = 'INSERT' and (new.status <> 'pending' or new.object_key is not null or new.redrawn) then
      raise exception 'what is uploaded begins as pending' using errcode = 'insufficient_privilege';
    end if;
    if tg_op = 'UPDATE' and (new.status, new.object_key, new.object_version, new.thumbnail_key, new.thumbnail_version,
        new.redrawn, new.sha256, new.bytes, new.content_type, new.kind, new.client_id, new.visit_id, new.user_id,
        new.version, new.replaces)
      is distinct from (old.status, old.object_key, old.object_version, old.thumbnail_key, old.thumbnail_version,
        old.redrawn, old.sha256, old.bytes, old.content_type, old.kind, old.client_id, old.visit_id, old.user_id,
        old.version, old.replaces) then
      raise exception 'what was uploaded stays what it is' using errcode = 'insufficient_privilege';
    end if;
  end if;
  if tg_op = 'UPDATE' and old.kind = 'signature' and old.status = 'stored' and new is distinct from old
    and old.subject_client_id is not null
    and exists (select from visits v where v.id = old.visit_id and v.status = 'completed') then
    raise exception 'the visit is signed and completed' using errcode = 'check_violation',
      constraint = 'photos_signature_final';
  end if;
  return new;
end
$$;

-- Before `stamp_change`, which numbers the row.
create or replace trigger protect_uploads before insert or update on photos
  for each row execute function app.protect_uploads();

-- Whether a visit's photo is its author's to take: coordinators' in their agency; caregivers' of clients of theirs, a
-- signature at a visit of their own.
create or replace function app.is_attachable(p_author uuid, p_kind photo_kind, p_client uuid, p_visits_user uuid)
returns boolean language sql stable security definer set search_path = public, pg_temp
begin atomic
  select case
    when p_author is not distinct from app.user_id() then app.sees_agency()
      or (p_client in (select app.my_client_ids()) and (p_kind <> 'signature' or p_visits_user = p_author))
    else exists (
      select from users u
      where u.id = p_author and u.agency_id = app.agency_id() and (u.role in ('admin', 'coordinator')
        or ((p_kind <> 'signature' or p_visits_user = p_author) and exists (
          select from care_team t
          where t.client_id = p_client and t.user_id = p_author and t.relation <> 'family' and t.in_force)))) end;
end;

-- Whose care a photo is of: what policies, pulls and reads ask. A photo of a visit is attached to it by this, as soon
-- as the visit is there and if it is its author's to take: when it is made, or when the visit comes
-- (app.renumber_early_photos writes it again). Until then, or for good, it is nobody's but its author's.
create or replace function app.set_photo_client() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if tg_op = 'INSERT' then
    new.subject_client_id := coalesce(new.client_id, (
      select v.client_id from visits v
      where v.id = new.visit_id and v.agency_id = new.agency_id
        and app.is_attachable(app.user_id(), new.kind, v.client_id, v.user_id)));
  elsif old.subject_client_id is not null or app.bumped_columns() is null then
    new.subject_client_id := old.subject_client_id;
  else
    new.subject_client_id := (
      select v.client_id from visits v
      where v.id = new.visit_id and v.agency_id = new.agency_id
        and app.is_attachable(old.created_by, new.kind, v.client_id, v.user_id));
  end if;
  return new;
end
$$;

-- Before `stamp_change`, too.
create or replace trigger set_client before insert or update on photos
  for each row execute function app.set_photo_client();

-- Whose an upload is, for the S3 event that brings nothing but its key.
create or replace function app.agency_of_upload(p_photo uuid) returns uuid
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select p.agency_id from photos p where p.id = p_photo;
end;

-- A phone may send a photo before its visit. Nobody else sees it until then, and by then their cursors have passed its
-- number: it gets another, and is attached if the visit is its author's to photograph.
create or replace function app.renumber_early_photos() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  rows jsonb;
begin
  select jsonb_agg(jsonb_build_object('table', 'photos', 'id', p.id, 'columns', '{}'::text[])) into rows
  from photos p join added v on v.id = p.visit_id and v.agency_id = p.agency_id where p.deleted_at is null;
  if rows is not null then
    perform app.bump_change_number(rows);
  end if;
  return null;
end
$$;

create or replace trigger renumber_early_photos after insert on visits referencing new table as added
  for each statement execute function app.renumber_early_photos();

grant execute on function app.may_write_photo to berthcare_app;
grant execute on function app.agency_of_upload to berthcare_photos;
