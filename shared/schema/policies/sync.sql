-- agency_counters: moved by app.reserve_change_numbers alone
alter table agency_counters enable row level security, force row level security;
create policy definer_functions on agency_counters to berthcare_migrate using (true);
create policy backup_reads_all on agency_counters for select to berthcare_backup using (true);
create policy reports_read_all on agency_counters for select to berthcare_readonly using (true);
grant select on agency_counters to berthcare_backup, berthcare_readonly;
grant select on agency_counters to berthcare_app;
create policy own_counter on agency_counters for select to berthcare_app using (agency_id = (select app.agency_id()));

-- client_marks: written by the log's triggers alone
alter table client_marks enable row level security, force row level security;
create policy definer_functions on client_marks to berthcare_migrate using (true);
create policy backup_reads_all on client_marks for select to berthcare_backup using (true);
create policy reports_read_all on client_marks for select to berthcare_readonly using (true);
grant select on client_marks to berthcare_backup, berthcare_readonly;
grant select on client_marks to berthcare_app;
create policy visible on client_marks for select to berthcare_app using (
  agency_id = (select app.agency_id())
  and ((select app.sees_agency()) or client_id in (select app.my_client_ids())));

-- sync_log
alter table sync_log enable row level security, force row level security;
create policy definer_functions on sync_log to berthcare_migrate using (true);
create policy backup_reads_all on sync_log for select to berthcare_backup using (true);
create policy reports_read_all on sync_log for select to berthcare_readonly using (true);
grant select on sync_log to berthcare_backup, berthcare_readonly;
grant select on sync_log to berthcare_app;
create policy visible on sync_log for select to berthcare_app using (
  agency_id = (select app.agency_id()) and ((select app.sees_agency()) or user_id = (select app.user_id())
    or ((select app.caller_role()) in ('nurse', 'care_aide') and client_id in (select app.my_client_ids()))));

-- sync_conflicts
alter table sync_conflicts enable row level security, force row level security;
create policy definer_functions on sync_conflicts to berthcare_migrate using (true);
create policy backup_reads_all on sync_conflicts for select to berthcare_backup using (true);
create policy reports_read_all on sync_conflicts for select to berthcare_readonly using (true);
grant select on sync_conflicts to berthcare_backup, berthcare_readonly;
grant select, insert, update on sync_conflicts to berthcare_app;
create policy visible on sync_conflicts for select to berthcare_app using (
  agency_id = (select app.agency_id()) and ((select app.sees_agency()) or device_user_id = (select app.user_id())
    or ((select app.caller_role()) in ('nurse', 'care_aide') and client_id in (select app.my_client_ids()))));
create policy caregivers_record on sync_conflicts for insert to berthcare_app
  with check (agency_id = (select app.agency_id())
    and ((select app.sees_agency()) or (select app.caller_role()) in ('nurse', 'care_aide')));
create policy coordinators_resolve on sync_conflicts for update to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.sees_agency()));

-- sync_quarantine
alter table sync_quarantine enable row level security, force row level security;
create policy definer_functions on sync_quarantine to berthcare_migrate using (true);
create policy backup_reads_all on sync_quarantine for select to berthcare_backup using (true);
create policy reports_read_all on sync_quarantine for select to berthcare_readonly using (true);
grant select on sync_quarantine to berthcare_backup, berthcare_readonly;
grant select, insert on sync_quarantine to berthcare_app;
grant update (status, seen_by, seen_at, accepted_as, word, settled_by, settled_at) on sync_quarantine to berthcare_app;
create policy visible on sync_quarantine for select to berthcare_app
  using (agency_id = (select app.agency_id()) and ((select app.sees_agency())
    or user_id = (select app.user_id()) or written_by = (select app.user_id())));
create policy own_device on sync_quarantine for insert to berthcare_app
  with check (agency_id = (select app.agency_id()) and (select app.caller_role()) <> 'family'
    and user_id = (select app.user_id()) and device_id = (select app.device_id()));
create policy coordinators_settle on sync_quarantine for update to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.sees_agency()));

-- sync_receipts: a device's own, and only added to; when, is a default
alter table sync_receipts enable row level security, force row level security;
create policy definer_functions on sync_receipts to berthcare_migrate using (true);
create policy backup_reads_all on sync_receipts for select to berthcare_backup using (true);
create policy reports_read_all on sync_receipts for select to berthcare_readonly using (true);
grant select on sync_receipts to berthcare_backup, berthcare_readonly;
grant select, insert (device_id, record_id, agency_id, body_sha256, row_stamp) on sync_receipts to berthcare_app;
create policy own_device on sync_receipts for select to berthcare_app
  using (agency_id = (select app.agency_id()) and device_id = (select app.device_id()));
create policy own_device_remembers on sync_receipts for insert to berthcare_app
  with check (agency_id = (select app.agency_id()) and device_id = (select app.device_id())
    and (select app.caller_role()) <> 'family');

-- creations
alter table creations enable row level security, force row level security;
create policy definer_functions on creations to berthcare_migrate using (true);
create policy backup_reads_all on creations for select to berthcare_backup using (true);
create policy reports_read_all on creations for select to berthcare_readonly using (true);
grant select on creations to berthcare_backup, berthcare_readonly;
grant select, insert on creations to berthcare_app;
create policy own_agency on creations for select to berthcare_app using (agency_id = (select app.agency_id()));
create policy own_creation on creations for insert to berthcare_app
  with check (agency_id = (select app.agency_id()) and (select app.caller_role()) <> 'family'
    and created_by is not distinct from (select app.user_id()));
