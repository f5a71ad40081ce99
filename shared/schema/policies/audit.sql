-- audit_log: everyone adds under their own name, and only what they did: when, from where and on what are defaults.
-- Coordinators and admins read it.
alter table audit_log enable row level security, force row level security;
create policy definer_functions on audit_log to berthcare_migrate using (true);
create policy backup_reads_all on audit_log for select to berthcare_backup using (true);
create policy reports_read_all on audit_log for select to berthcare_readonly using (true);
grant select on audit_log to berthcare_backup, berthcare_readonly;
grant select, insert (action, resource, resource_id, client_id, details) on audit_log to berthcare_app;
create policy own_name on audit_log for insert to berthcare_app
  with check (agency_id = (select app.agency_id()) and actor_id is not distinct from (select app.user_id()));
create policy coordinators_read on audit_log for select to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) in ('admin', 'coordinator'));

-- audit_chain
alter table audit_chain enable row level security, force row level security;
create policy definer_functions on audit_chain to berthcare_migrate using (true);
create policy backup_reads_all on audit_chain for select to berthcare_backup using (true);
create policy reports_read_all on audit_chain for select to berthcare_readonly using (true);
grant select on audit_chain to berthcare_backup, berthcare_readonly;
grant select, insert on audit_chain to berthcare_jobs;
create policy jobs_read on audit_chain for select to berthcare_jobs
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'job');
create policy jobs_seal on audit_chain for insert to berthcare_jobs
  with check (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'job');

-- audit_checks: by the functions of code/audit_chain.sql alone
alter table audit_checks enable row level security, force row level security;
create policy definer_functions on audit_checks to berthcare_migrate using (true);
create policy backup_reads_all on audit_checks for select to berthcare_backup using (true);
create policy reports_read_all on audit_checks for select to berthcare_readonly using (true);
grant select on audit_checks to berthcare_backup, berthcare_readonly;
