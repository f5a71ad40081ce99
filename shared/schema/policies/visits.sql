-- visits
alter table visits enable row level security, force row level security;
create policy definer_functions on visits to berthcare_migrate using (true);
create policy backup_reads_all on visits for select to berthcare_backup using (true);
create policy reports_read_all on visits for select to berthcare_readonly using (true);
grant select on visits to berthcare_backup, berthcare_readonly;
grant select, insert, update on visits to berthcare_app;
create policy visible on visits for select to berthcare_app using (
  agency_id = (select app.agency_id())
  and ((select app.sees_agency()) or (deleted_at is null and client_id in (select app.my_client_ids()))));
create policy upload_review_sees on visits for select to berthcare_photos
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'upload_review');
create policy coordinators_create on visits for insert to berthcare_app
  with check (agency_id = (select app.agency_id()) and (select app.sees_agency()));
create policy caregivers_create_own on visits for insert to berthcare_app
  with check (agency_id = (select app.agency_id()) and (select app.caller_role()) in ('nurse', 'care_aide')
    and user_id = (select app.user_id()) and client_id in (select app.my_client_ids()));
create policy coordinators_change on visits for update to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.sees_agency()));
create policy caregivers_change_own on visits for update to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) in ('nurse', 'care_aide')
    and user_id = (select app.user_id()) and client_id in (select app.my_client_ids()))
  with check (user_id = (select app.user_id()) and client_id in (select app.my_client_ids()) and deleted_at is null);

-- visit_tasks: seen with their visit, whose client they carry; in subqueries `visits` applies its own policy
alter table visit_tasks enable row level security, force row level security;
create policy definer_functions on visit_tasks to berthcare_migrate using (true);
create policy backup_reads_all on visit_tasks for select to berthcare_backup using (true);
create policy reports_read_all on visit_tasks for select to berthcare_readonly using (true);
grant select on visit_tasks to berthcare_backup, berthcare_readonly;
grant select, insert, update on visit_tasks to berthcare_app;
create policy visible on visit_tasks for select to berthcare_app using (
  agency_id = (select app.agency_id()) and ((select app.sees_agency()) or (
    ((select app.caller_role()) <> 'family' or (completed and deleted_at is null))
    and client_id in (select app.my_client_ids()) and visit_id not in (select app.my_deleted_visit_ids()))));
create policy coordinators_create on visit_tasks for insert to berthcare_app
  with check (agency_id = (select app.agency_id()) and (select app.sees_agency()));
create policy caregivers_create_own on visit_tasks for insert to berthcare_app
  with check (agency_id = (select app.agency_id())
    and ((select app.caller_role()) = 'nurse'
      or ((select app.caller_role()) = 'care_aide' and task_type not in ('vitals', 'medication', 'wound_care')))
    and exists (select from visits v where v.id = visit_tasks.visit_id and v.user_id = (select app.user_id())));
create policy coordinators_change on visit_tasks for update to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.sees_agency()));
create policy caregivers_change_own on visit_tasks for update to berthcare_app
  using (agency_id = (select app.agency_id())
    and ((select app.caller_role()) = 'nurse'
      or ((select app.caller_role()) = 'care_aide' and task_type not in ('vitals', 'medication', 'wound_care')))
    and exists (select from visits v where v.id = visit_tasks.visit_id and v.user_id = (select app.user_id())));

-- chart_revisions: seen by staff with the visit that they are of; written by triggers alone
alter table chart_revisions enable row level security, force row level security;
create policy definer_functions on chart_revisions to berthcare_migrate using (true);
create policy backup_reads_all on chart_revisions for select to berthcare_backup using (true);
create policy reports_read_all on chart_revisions for select to berthcare_readonly using (true);
grant select on chart_revisions to berthcare_backup, berthcare_readonly;
grant select on chart_revisions to berthcare_app;
create policy visible on chart_revisions for select to berthcare_app using (
  agency_id = (select app.agency_id()) and ((select app.sees_agency())
    or ((select app.caller_role()) in ('nurse', 'care_aide') and client_id in (select app.my_client_ids())
      and visit_id not in (select app.my_deleted_visit_ids()))));
