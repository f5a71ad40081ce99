-- agencies: each its own
alter table agencies enable row level security, force row level security;
create policy definer_functions on agencies to berthcare_migrate using (true);
create policy backup_reads_all on agencies for select to berthcare_backup using (true);
create policy reports_read_all on agencies for select to berthcare_readonly using (true);
grant select on agencies to berthcare_backup, berthcare_readonly;
grant select on agencies to berthcare_app;
create policy own_agency on agencies for select to berthcare_app using (id = (select app.agency_id()));

-- users: password hashes are out of reach of every role but the backup's; `auth` alone writes
alter table users enable row level security, force row level security;
create policy definer_functions on users to berthcare_migrate using (true);
create policy backup_reads_all on users for select to berthcare_backup using (true);
create policy reports_read_all on users for select to berthcare_readonly using (true);
grant select on users to berthcare_backup;
grant select (id, agency_id, email, phone, pending_phone, first_name, last_name, sort_name, role, locale, status,
              push_preferences, last_login_at, created_at, updated_at, created_by, updated_by, deleted_at)
  on users to berthcare_app, berthcare_readonly;
grant insert (id, agency_id, email, phone, first_name, last_name, role, locale, status) on users to berthcare_auth;
grant update (email, phone, pending_phone, first_name, last_name, role, locale, status, push_preferences, deleted_at)
  on users to berthcare_auth;
create policy visible on users for select to berthcare_app using (
  agency_id = (select app.agency_id())
  and ((select app.sees_agency()) or id = (select app.user_id()) or id in (select app.my_colleague_ids())));
create policy account_service_sees on users for select to berthcare_auth
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'account_service');
create policy upload_review_sees on users for select to berthcare_photos
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'upload_review');
create policy admin_creates on users for insert to berthcare_auth
  with check (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'admin');
create policy coordinator_creates_below on users for insert to berthcare_auth
  with check (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'coordinator'
    and role in ('nurse', 'care_aide', 'family'));
create policy admin_changes on users for update to berthcare_auth
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'admin');
create policy coordinator_changes_below on users for update to berthcare_auth
  using (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'coordinator'
    and role in ('nurse', 'care_aide', 'family') and deleted_at is null)
  -- Each check stands alone: PostgreSQL takes a row that any policy's check lets through, whichever policy's `using`
  -- let it be changed. Without the caller here, an aide could make themselves a nurse.
  with check (agency_id = (select app.agency_id()) and (select app.caller_role()) = 'coordinator'
    and id <> (select app.user_id())
    and role in ('nurse', 'care_aide', 'family') and deleted_at is null);
create policy self_changes on users for update to berthcare_auth
  using (id = (select app.user_id()))
  with check (id = (select app.user_id()) and role::text = (select app.caller_role()) and status = 'active'
    and deleted_at is null);

-- devices: made by app.start_session alone. Sessions and push tokens are for those who end them: whoever could write
-- one would be let in by it.
alter table devices enable row level security, force row level security;
create policy definer_functions on devices to berthcare_migrate using (true);
create policy backup_reads_all on devices for select to berthcare_backup using (true);
create policy reports_read_all on devices for select to berthcare_readonly using (true);
grant select on devices to berthcare_backup, berthcare_auth, berthcare_jobs;
grant select (id, agency_id, user_id, name, platform, app_version, authenticated_at, second_factor, last_seen_at,
              last_sync_at, pending_count, schema_version, clock_offset_ms, pulled_from, pulled_to, pulled_clean,
              clean_at, work_base, pushed_at, push_base, push_base_taken, withheld_from, full_sync_cursor,
              tombstones_sent, tombstones_sent_with, tombstones_received, replacing, servable_from, revoked_at,
              created_at, updated_at, created_by, updated_by)
  on devices to berthcare_app, berthcare_readonly;
grant update (last_seen_at, last_sync_at, pending_count, schema_version, clock_offset_ms, pulled_from, pulled_to,
              pulled_clean, clean_at, work_base, pushed_at, push_base, push_base_taken, withheld_from,
              full_sync_cursor, tombstones_sent, tombstones_sent_with, tombstones_received, replacing)
  on devices to berthcare_app;
grant update (session_id, push_token) on devices to berthcare_auth, berthcare_jobs;
grant update (revoked_at) on devices to berthcare_auth;
create policy visible on devices for select to berthcare_app
  using (agency_id = (select app.agency_id()) and ((select app.sees_agency()) or user_id = (select app.user_id())));
create policy own_or_below on devices for update to berthcare_app using (
  agency_id = (select app.agency_id()) and (
    user_id = (select app.user_id()) or (select app.caller_role()) in ('admin', 'job')
    or ((select app.caller_role()) = 'coordinator' and exists (
      select from users u where u.id = devices.user_id and u.role in ('nurse', 'care_aide', 'family')))));

-- second_factors: by the functions of code/second_factors.sql alone; seeds and recovery codes are out of reach of every
-- role but the backup's
alter table second_factors enable row level security, force row level security;
create policy definer_functions on second_factors to berthcare_migrate using (true);
create policy backup_reads_all on second_factors for select to berthcare_backup using (true);
create policy reports_read_all on second_factors for select to berthcare_readonly using (true);
grant select on second_factors to berthcare_backup;
grant select (user_id, agency_id, confirmed_at, created_at, updated_at, created_by, updated_by) on second_factors
  to berthcare_readonly;
