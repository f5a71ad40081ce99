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
create policy webhooks_see on alerts for select to berthcare_webhooks
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'webhook');
create policy webhooks_raise on alerts for insert to berthcare_webhooks
  with check (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'webhook');
create policy webhooks_answer on alerts for update to berthcare_webhooks
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'webhook');

-- messages: whichever staff causes one writes it; only the jobs read and send them. What goes into a message, which may
-- be a one-time code, is nobody else's.
alter table messages enable row level security, force row level security;
create policy definer_functions on messages to berthcare_migrate using (true);
create policy backup_reads_all on messages for select to berthcare_backup using (true);
create policy reports_read_all on messages for select to berthcare_readonly using (true);
grant select on messages to berthcare_backup, berthcare_jobs;
grant select (id, agency_id, channel, recipient_id, recipient, template, secret, locale, dedupe_key, status, urgency,
              expires_at, provider_sid, previous_provider_ids, attempts, next_attempt_at, attempted_at, leased_until,
              resends, receipt_at, hang_up_at, failure, alert_id, client_id, visit_id, visit_start, caregiver_id,
              local_date, severity, created_at, updated_at, created_by, updated_by)
  on messages to berthcare_webhooks, berthcare_readonly;
grant insert on messages to berthcare_app;
grant update on messages to berthcare_jobs;
grant update (status, provider_sid, previous_provider_ids, failure, next_attempt_at, leased_until)
  on messages to berthcare_webhooks;
create policy staff_cause on messages for insert to berthcare_app
  with check (agency_id = (select app.agency_id()) and (select app.caller_role()) <> 'family');
create policy jobs_read on messages for select to berthcare_jobs
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'job');
create policy jobs_send on messages for update to berthcare_jobs
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'job');
create policy webhooks_read on messages for select to berthcare_webhooks
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'webhook');
create policy webhooks_tell on messages for update to berthcare_webhooks
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'webhook');

-- escalations: for the chain of calls alone
alter table escalations enable row level security, force row level security;
create policy definer_functions on escalations to berthcare_migrate using (true);
create policy backup_reads_all on escalations for select to berthcare_backup using (true);
create policy reports_read_all on escalations for select to berthcare_readonly using (true);
grant select on escalations to berthcare_backup, berthcare_readonly;
grant select, update (due_at, call_id, level) on escalations to berthcare_jobs, berthcare_webhooks;
create policy chain_reads on escalations for select to berthcare_jobs, berthcare_webhooks
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) in ('job', 'webhook'));
create policy chain_moves on escalations for update to berthcare_jobs, berthcare_webhooks
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) in ('job', 'webhook'));

-- inbound_messages
alter table inbound_messages enable row level security, force row level security;
create policy definer_functions on inbound_messages to berthcare_migrate using (true);
create policy backup_reads_all on inbound_messages for select to berthcare_backup using (true);
create policy reports_read_all on inbound_messages for select to berthcare_readonly using (true);
grant select on inbound_messages to berthcare_backup, berthcare_readonly;
grant select, insert on inbound_messages to berthcare_app;
grant update (status, answer, answered_by, answered_at, closed_by, closed_at) on inbound_messages to berthcare_app;
create policy coordinators_read on inbound_messages for select to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.sees_agency()));
create policy coordinators_answer on inbound_messages for update to berthcare_app
  using (agency_id = (select app.agency_id()) and (select app.sees_agency()));
create policy jobs_record on inbound_messages for insert to berthcare_jobs
  with check (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'job');
create policy webhooks_read on inbound_messages for select to berthcare_webhooks
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'webhook');
create policy webhooks_record on inbound_messages for insert to berthcare_webhooks
  with check (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'webhook');

-- rate_limits: moved by the functions of code/outbox.sql alone
alter table rate_limits enable row level security, force row level security;
create policy definer_functions on rate_limits to berthcare_migrate using (true);
create policy backup_reads_all on rate_limits for select to berthcare_backup using (true);
create policy reports_read_all on rate_limits for select to berthcare_readonly using (true);
grant select on rate_limits to berthcare_backup, berthcare_readonly;

-- agency_turns: the same
alter table agency_turns enable row level security, force row level security;
create policy definer_functions on agency_turns to berthcare_migrate using (true);
create policy backup_reads_all on agency_turns for select to berthcare_backup using (true);
create policy reports_read_all on agency_turns for select to berthcare_readonly using (true);
grant select on agency_turns to berthcare_backup, berthcare_readonly;
