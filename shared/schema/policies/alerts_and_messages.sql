-- alerts
alter table alerts enable row level security, force row level security;
create policy definer_functions on alerts to berthcare_migrate using (true);
create policy backup_reads_all on alerts for select to berthcare_backup using (true);
create policy reports_read_all on alerts for select to berthcare_readonly using (true);
grant select on alerts to berthcare_backup, berthcare_readonly;
grant select, insert, update on alerts to berthcare_app;
create policy visible on alerts for select to berthcare_app using (
  agency_id = (select app.agency_id()) and ((select app.sees_agency())
    or ((select app.caller_role()) in ('nurse', 'care_aide') and client_id in (select app.my_client_ids()))));
create policy staff_raise on alerts for insert to berthcare_app
  with check (agency_id = (select app.agency_id()) and ((select app.sees_agency())
    or ((select app.caller_role()) in ('nurse', 'care_aide')
    and raised_by = (select app.user_id())
      and client_id in (select app.my_client_ids()))));
create policy coordinators_change on alerts for update to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.sees_agency()));
create policy raiser_changes on alerts for update to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) in ('nurse', 'care_aide')
    and raised_by = (select app.user_id())
    and client_id in (select app.my_client_ids()));
create policy webhooks_see on alerts for select to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'webhook');
create policy webhooks_raise on alerts for insert to berthcare_app
  with check (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'webhook');
create policy webhooks_answer on alerts for update to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'webhook');

-- messages: whichever staff causes one writes it; only the jobs read and send them
alter table messages enable row level security, force row level security;
create policy definer_functions on messages to berthcare_migrate using (true);
create policy backup_reads_all on messages for select to berthcare_backup using (true);
create policy reports_read_all on messages for select to berthcare_readonly using (true);
grant select on messages to berthcare_backup, berthcare_readonly;
grant select, insert, update on messages to berthcare_app;
create policy staff_cause on messages for insert to berthcare_app
  with check (agency_id = (select app.agency_id()) and (select app.caller_role()) <> 'family');
create policy jobs_read on messages for select to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'job');
create policy jobs_send on messages for update to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'job');
create policy webhooks_read on messages for select to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'webhook');
create policy webhooks_tell on messages for update to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'webhook');

-- escalations: for the chain of calls alone
alter table escalations enable row level security, force row level security;
create policy definer_functions on escalations to berthcare_migrate using (true);
create policy backup_reads_all on escalations for select to berthcare_backup using (true);
create policy reports_read_all on escalations for select to berthcare_readonly using (true);
grant select on escalations to berthcare_backup, berthcare_readonly;
grant select, update (due_at, call_id, level) on escalations to berthcare_app;
create policy chain_reads on escalations for select to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) in ('job', 'webhook'));
create policy chain_moves on escalations for update to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) in ('job', 'webhook'));

-- inbound_messages
alter table inbound_messages enable row level security, force row level security;
create policy definer_functions on inbound_messages to berthcare_migrate using (true);
create policy backup_reads_all on inbound_messages for select to berthcare_backup using (true);
create policy reports_read_all on inbound_messages for select to berthcare_readonly using (true);
grant select on inbound_messages to berthcare_backup, berthcare_readonly;
grant select, insert on inbound_messages to berthcare_app;
create policy coordinators_read on inbound_messages for select to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.sees_agency()));
create policy jobs_record on inbound_messages for insert to berthcare_app
  with check (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'job');
create policy webhooks_read on inbound_messages for select to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'webhook');
create policy webhooks_record on inbound_messages for insert to berthcare_app
  with check (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'webhook');

-- rate_limits: without a policy of the application's own, nothing is shown to it
alter table rate_limits enable row level security, force row level security;
create policy definer_functions on rate_limits to berthcare_migrate using (true);
create policy backup_reads_all on rate_limits for select to berthcare_backup using (true);
create policy reports_read_all on rate_limits for select to berthcare_readonly using (true);
grant select on rate_limits to berthcare_backup, berthcare_readonly;
grant select on rate_limits to berthcare_app;

-- agency_turns: the same
alter table agency_turns enable row level security, force row level security;
create policy definer_functions on agency_turns to berthcare_migrate using (true);
create policy backup_reads_all on agency_turns for select to berthcare_backup using (true);
create policy reports_read_all on agency_turns for select to berthcare_readonly using (true);
grant select on agency_turns to berthcare_backup, berthcare_readonly;
grant select on agency_turns to berthcare_app;
