-- clients
alter table clients enable row level security, force row level security;
create policy definer_functions on clients to berthcare_migrate using (true);
create policy backup_reads_all on clients for select to berthcare_backup using (true);
create policy reports_read_all on clients for select to berthcare_readonly using (true);
grant select on clients to berthcare_backup, berthcare_readonly;
grant select, insert, update on clients to berthcare_app;
create policy visible on clients for select to berthcare_app using (
  agency_id = (select app.agency_id())
  and ((select app.sees_agency()) or (deleted_at is null and id in (select app.my_client_ids()))));
create policy coordinators_create on clients for insert to berthcare_app
  with check (agency_id = (select app.agency_id()) and (select app.sees_agency()));
create policy coordinators_change on clients for update to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.sees_agency()));

-- care_plan_versions: for coordinators, admins and nurses
alter table care_plan_versions enable row level security, force row level security;
create policy definer_functions on care_plan_versions to berthcare_migrate using (true);
create policy backup_reads_all on care_plan_versions for select to berthcare_backup using (true);
create policy reports_read_all on care_plan_versions for select to berthcare_readonly using (true);
grant select on care_plan_versions to berthcare_backup, berthcare_readonly;
grant select, insert on care_plan_versions to berthcare_app;
create policy visible on care_plan_versions for select to berthcare_app using (
  agency_id = (select app.agency_id()) and ((select app.sees_agency())
    or ((select app.caller_role()) = 'nurse' and client_id in (select app.my_client_ids()))));
create policy coordinators_create on care_plan_versions for insert to berthcare_app
  with check (agency_id = (select app.agency_id()) and (select app.sees_agency()));

-- care_team
alter table care_team enable row level security, force row level security;
create policy definer_functions on care_team to berthcare_migrate using (true);
create policy backup_reads_all on care_team for select to berthcare_backup using (true);
create policy reports_read_all on care_team for select to berthcare_readonly using (true);
grant select on care_team to berthcare_backup, berthcare_readonly;
grant select, insert, update on care_team to berthcare_app;
create policy visible on care_team for select to berthcare_app using (
  agency_id = (select app.agency_id()) and ((select app.sees_agency()) or user_id = (select app.user_id())
    or ((select app.caller_role()) in ('nurse', 'care_aide') and client_id in (select app.my_client_ids()))));
create policy upload_review_sees on care_team for select to berthcare_photos
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'upload_review');
create policy coordinators_create on care_team for insert to berthcare_app
  with check (agency_id = (select app.agency_id()) and (select app.sees_agency()));
create policy coordinators_change on care_team for update to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.sees_agency()));

-- consents
alter table consents enable row level security, force row level security;
create policy definer_functions on consents to berthcare_migrate using (true);
create policy backup_reads_all on consents for select to berthcare_backup using (true);
create policy reports_read_all on consents for select to berthcare_readonly using (true);
grant select on consents to berthcare_backup, berthcare_readonly;
grant select, insert on consents to berthcare_app;
create policy visible on consents for select to berthcare_app using (
  agency_id = (select app.agency_id()) and ((select app.sees_agency()) or user_id = (select app.user_id())
    or ((select app.caller_role()) in ('nurse', 'care_aide') and client_id in (select app.my_client_ids()))));
create policy coordinators_record on consents for insert to berthcare_app
  with check (agency_id = (select app.agency_id()) and (select app.sees_agency()));
