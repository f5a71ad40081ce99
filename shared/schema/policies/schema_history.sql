-- refinery_schema_history and applied_code: what `migrate` has applied. A copy must be whole.
alter table refinery_schema_history enable row level security, force row level security;
create policy definer_functions on refinery_schema_history to berthcare_migrate using (true);
create policy backup_reads_all on refinery_schema_history for select to berthcare_backup using (true);
grant select on refinery_schema_history to berthcare_backup;

alter table applied_code enable row level security, force row level security;
create policy definer_functions on applied_code to berthcare_migrate using (true);
create policy backup_reads_all on applied_code for select to berthcare_backup using (true);
grant select on applied_code to berthcare_backup;
