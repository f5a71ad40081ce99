-- privacy_requests: for admins, who write them through `privacy` alone; jobs tell of those that are due
alter table privacy_requests enable row level security, force row level security;
create policy definer_functions on privacy_requests to berthcare_migrate using (true);
create policy backup_reads_all on privacy_requests for select to berthcare_backup using (true);
create policy reports_read_all on privacy_requests for select to berthcare_readonly using (true);
grant select on privacy_requests to berthcare_backup, berthcare_readonly;
grant select on privacy_requests to berthcare_app;
grant insert, update (details, due_at, extension_reason, state, outcome) on privacy_requests to berthcare_privacy;
create policy admins_read on privacy_requests for select to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) in ('admin', 'job'));
create policy admins_record on privacy_requests for insert to berthcare_privacy
  with check (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'admin');
create policy admins_change on privacy_requests for update to berthcare_privacy
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'admin');

-- privacy_incidents: the same
alter table privacy_incidents enable row level security, force row level security;
create policy definer_functions on privacy_incidents to berthcare_migrate using (true);
create policy backup_reads_all on privacy_incidents for select to berthcare_backup using (true);
create policy reports_read_all on privacy_incidents for select to berthcare_readonly using (true);
grant select on privacy_incidents to berthcare_backup, berthcare_readonly;
grant select on privacy_incidents to berthcare_app;
grant insert, update (description, happened_from, happened_until, device_id, user_id, whose, information, risk,
                      assessment, steps_taken, steps_advised, told, due_at, state)
  on privacy_incidents to berthcare_privacy;
create policy admins_read on privacy_incidents for select to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) in ('admin', 'job'));
create policy admins_record on privacy_incidents for insert to berthcare_privacy
  with check (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'admin');
create policy admins_change on privacy_incidents for update to berthcare_privacy
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'admin');

-- legal_holds: admins place and lift them under their own name; jobs remove nothing that is held
alter table legal_holds enable row level security, force row level security;
create policy definer_functions on legal_holds to berthcare_migrate using (true);
create policy backup_reads_all on legal_holds for select to berthcare_backup using (true);
create policy reports_read_all on legal_holds for select to berthcare_readonly using (true);
grant select on legal_holds to berthcare_backup, berthcare_readonly;
grant select on legal_holds to berthcare_app;
grant insert (id, agency_id, client_id, user_id, reason), update (lifted_by, lifted_at, lift_reason)
  on legal_holds to berthcare_privacy;
create policy admins_read on legal_holds for select to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) in ('admin', 'job'));
create policy admins_place on legal_holds for insert to berthcare_privacy
  with check (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'admin'
    and placed_by = (select app.user_id()));
create policy admins_lift on legal_holds for update to berthcare_privacy
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'admin')
  with check (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'admin'
    and lifted_by = (select app.user_id()));

-- client_exports: of whoever asked, as long as they may export; what becomes of one is said by code/client_exports.sql
alter table client_exports enable row level security, force row level security;
create policy definer_functions on client_exports to berthcare_migrate using (true);
create policy backup_reads_all on client_exports for select to berthcare_backup using (true);
create policy reports_read_all on client_exports for select to berthcare_readonly using (true);
grant select on client_exports to berthcare_backup, berthcare_readonly;
grant select, insert (id, agency_id, client_id, format) on client_exports to berthcare_app;
create policy own on client_exports for select to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) in ('admin', 'coordinator')
    and requested_by = (select app.user_id()));
create policy ask on client_exports for insert to berthcare_app
  with check (agency_id = (select app.agency_id()) and (select app.caller_role()) in ('admin', 'coordinator')
    and requested_by = (select app.user_id()));

-- erasures and retention_reports: written by the functions of code/retention.sql alone; admins read them
alter table erasures enable row level security, force row level security;
create policy definer_functions on erasures to berthcare_migrate using (true);
create policy backup_reads_all on erasures for select to berthcare_backup using (true);
create policy reports_read_all on erasures for select to berthcare_readonly using (true);
grant select on erasures to berthcare_backup, berthcare_readonly;
grant select on erasures to berthcare_app;
create policy admins_read on erasures for select to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) in ('admin', 'job'));
alter table retention_reports enable row level security, force row level security;
create policy definer_functions on retention_reports to berthcare_migrate using (true);
create policy backup_reads_all on retention_reports for select to berthcare_backup using (true);
create policy reports_read_all on retention_reports for select to berthcare_readonly using (true);
grant select on retention_reports to berthcare_backup, berthcare_readonly;
grant select on retention_reports to berthcare_app;
create policy admins_read on retention_reports for select to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) in ('admin', 'job'));
