-- photos: a family sees what was shared on purpose, while the consents stand
alter table photos enable row level security, force row level security;
create policy definer_functions on photos to berthcare_migrate using (true);
create policy backup_reads_all on photos for select to berthcare_backup using (true);
create policy reports_read_all on photos for select to berthcare_readonly using (true);
grant select on photos to berthcare_backup, berthcare_readonly;
grant select, insert, update on photos to berthcare_app;
create policy visible on photos for select to berthcare_app using (
  agency_id = (select app.agency_id()) and (
    -- What isn't attached to its visit is its author's alone, and for jobs to clear away.
    ((select app.sees_agency()) and (visit_id is null or subject_client_id is not null
      or created_by = (select app.user_id()) or (select app.caller_role()) = 'job'))
    or ((select app.caller_role()) in ('nurse', 'care_aide')
      and (kind <> 'document' or (select app.caller_role()) = 'nurse')
      and (
        case
          when subject_client_id is not null then subject_client_id in (select app.my_client_ids())
            and (visit_id is null or visit_id not in (select app.my_deleted_visit_ids()))
          when user_id is not null then user_id = (select app.user_id())
            or user_id in (select app.my_colleague_ids())
          else false end
        -- One's own that isn't attached, or whose bytes are still to come: a phone sends them even after its client has
        -- gone.
        or (created_by = (select app.user_id()) and (status = 'pending' or subject_client_id is null))))
    or ((select app.caller_role()) = 'family' and kind = 'photo' and shared_with_family and redrawn
      and status = 'stored' and deleted_at is null and subject_client_id in (select app.my_client_ids())
      and (visit_id is null or visit_id not in (select app.my_deleted_visit_ids()))
      and app.has_consent(subject_client_id, 'photos'))));
create policy staff_create on photos for insert to berthcare_app
  with check (agency_id = (select app.agency_id()) and app.may_write_photo(kind, client_id, visit_id, user_id));
create policy coordinators_change on photos for update to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.sees_agency()))
  with check (agency_id = (select app.agency_id()) and (select app.sees_agency())
    and app.may_write_photo(kind, client_id, visit_id, user_id));
create policy caregivers_change_own on photos for update to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) in ('nurse', 'care_aide')
    and created_by = (select app.user_id()))
  with check (agency_id = (select app.agency_id()) and (select app.caller_role()) in ('nurse', 'care_aide')
    and created_by = (select app.user_id())
    and app.may_write_photo(kind, client_id, visit_id, user_id));
create policy upload_review_sees on photos for select to berthcare_photos
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'upload_review');
create policy upload_review_tells on photos for update to berthcare_photos
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'upload_review');
