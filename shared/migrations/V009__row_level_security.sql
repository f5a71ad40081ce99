-- The rules of section 4, on rows, a second time: a query that forgot its filter still shows nothing.
-- No policy for a command means that the application's role can't do it at all.

grant usage on schema app to berthcare_app;
revoke execute on all functions in schema app from public;
grant execute on all functions in schema app to berthcare_app;
revoke execute on function app.track_changes(regclass), app.only_append(regclass) from berthcare_app;
-- For the functions of later migrations. Not `in schema app`: what is granted everywhere can't be revoked in one schema.
alter default privileges revoke execute on functions from public;

do $$
declare
  t text;
begin
  for t in select tablename from pg_tables where schemaname = 'public' and tablename <> 'refinery_schema_history' loop
    execute format('alter table %I enable row level security', t);
    execute format('create policy backup_reads_all on %I for select to berthcare_backup using (true)', t);
    execute format('create policy reports_read_all on %I for select to berthcare_readonly using (true)', t);
    execute format('grant select on %I to berthcare_backup', t);
    if t <> 'users' then
      execute format('grant select on %I to berthcare_readonly', t);
    end if;
  end loop;
end
$$;

-- A copy must be whole.
grant select on refinery_schema_history to berthcare_backup;

-- agencies
grant select on agencies to berthcare_app;
create policy own_agency on agencies for select to berthcare_app using (id = app.agency_id());

-- agency_counters: moved by app.take_numbers alone
grant select on agency_counters to berthcare_app;
create policy own_counter on agency_counters for select to berthcare_app using (agency_id = app.agency_id());

-- users: hashes and seeds are out of reach of every role but the backup's
grant select (id, agency_id, email, phone, first_name, last_name, role, locale, status, last_login_at,
              created_at, updated_at, created_by, updated_by, deleted_at) on users to berthcare_app, berthcare_readonly;
grant insert (id, agency_id, email, phone, first_name, last_name, role, locale, status) on users to berthcare_app;
grant update (email, phone, first_name, last_name, role, locale, status, deleted_at) on users to berthcare_app;
create policy visible on users for select to berthcare_app using (
  agency_id = app.agency_id()
  and (app.sees_agency() or id = app.user_id() or id in (select app.my_colleague_ids())));
create policy admin_creates on users for insert to berthcare_app
  with check (agency_id = app.agency_id() and app.caller_role() in ('admin', 'job'));
create policy coordinator_creates_below on users for insert to berthcare_app
  with check (agency_id = app.agency_id() and app.caller_role() = 'coordinator'
    and role in ('nurse', 'care_aide', 'family'));
create policy admin_changes on users for update to berthcare_app
  using (agency_id = app.agency_id() and app.caller_role() = 'admin');
create policy coordinator_changes_below on users for update to berthcare_app
  using (agency_id = app.agency_id() and app.caller_role() = 'coordinator'
    and role in ('nurse', 'care_aide', 'family') and deleted_at is null)
  -- Each check stands alone: PostgreSQL takes a row that any policy's check lets through, whichever policy's `using`
  -- let it be changed. Without the caller here, an aide could make themselves a nurse.
  with check (agency_id = app.agency_id() and app.caller_role() = 'coordinator' and id <> app.user_id()
    and role in ('nurse', 'care_aide', 'family') and deleted_at is null);
create policy self_changes on users for update to berthcare_app
  using (id = app.user_id())
  with check (id = app.user_id() and role::text = app.caller_role() and status = 'active' and deleted_at is null);

-- devices: made by app.start_session alone
grant select on devices to berthcare_app;
grant update (session_id, push_token, last_seen_at, last_sync_at, pending_count, schema_version, clock_offset_ms,
              pulled_from, pulled_to, work_base, revoked_at) on devices to berthcare_app;
create policy visible on devices for select to berthcare_app
  using (agency_id = app.agency_id() and (app.sees_agency() or user_id = app.user_id()));
create policy own_or_below on devices for update to berthcare_app using (
  agency_id = app.agency_id() and (
    user_id = app.user_id() or app.caller_role() in ('admin', 'job')
    or (app.caller_role() = 'coordinator' and exists (
      select from users u where u.id = devices.user_id and u.role in ('nurse', 'care_aide', 'family')))));

-- clients
grant select, insert, update on clients to berthcare_app;
create policy visible on clients for select to berthcare_app using (
  agency_id = app.agency_id()
  and (app.sees_agency() or (deleted_at is null and id in (select app.my_client_ids()))));
create policy planners_create on clients for insert to berthcare_app
  with check (agency_id = app.agency_id() and app.sees_agency());
create policy planners_change on clients for update to berthcare_app
  using (agency_id = app.agency_id() and app.sees_agency());

grant select, insert on care_plan_versions to berthcare_app;
create policy visible on care_plan_versions for select to berthcare_app using (
  agency_id = app.agency_id() and (app.sees_agency()
    or (app.caller_role() = 'nurse' and client_id in (select app.my_client_ids()))));
create policy planners_create on care_plan_versions for insert to berthcare_app
  with check (agency_id = app.agency_id() and app.sees_agency());

grant select, insert, update on care_team to berthcare_app;
create policy visible on care_team for select to berthcare_app using (
  agency_id = app.agency_id() and (app.sees_agency() or user_id = app.user_id()
    or (app.caller_role() in ('nurse', 'care_aide') and client_id in (select app.my_client_ids()))));
create policy planners_create on care_team for insert to berthcare_app
  with check (agency_id = app.agency_id() and app.sees_agency());
create policy planners_change on care_team for update to berthcare_app
  using (agency_id = app.agency_id() and app.sees_agency());

grant select, insert on consents to berthcare_app;
create policy visible on consents for select to berthcare_app using (
  agency_id = app.agency_id() and (app.sees_agency() or user_id = app.user_id()
    or (app.caller_role() in ('nurse', 'care_aide') and client_id in (select app.my_client_ids()))));
create policy planners_record on consents for insert to berthcare_app
  with check (agency_id = app.agency_id() and app.sees_agency());

-- visits
grant select, insert, update on visits to berthcare_app;
create policy visible on visits for select to berthcare_app using (
  agency_id = app.agency_id()
  and (app.sees_agency() or (deleted_at is null and client_id in (select app.my_client_ids()))));
create policy planners_create on visits for insert to berthcare_app
  with check (agency_id = app.agency_id() and app.sees_agency());
create policy caregivers_create_own on visits for insert to berthcare_app
  with check (agency_id = app.agency_id() and app.caller_role() in ('nurse', 'care_aide')
    and user_id = app.user_id() and client_id in (select app.my_client_ids()));
create policy planners_change on visits for update to berthcare_app
  using (agency_id = app.agency_id() and app.sees_agency());
create policy caregivers_change_own on visits for update to berthcare_app
  using (agency_id = app.agency_id() and app.caller_role() in ('nurse', 'care_aide')
    and user_id = app.user_id() and client_id in (select app.my_client_ids()))
  with check (user_id = app.user_id() and client_id in (select app.my_client_ids()) and deleted_at is null);

-- visit_tasks: seen with their visit; `visits` applies its own policy inside these subqueries
grant select, insert, update on visit_tasks to berthcare_app;
create policy visible on visit_tasks for select to berthcare_app using (
  agency_id = app.agency_id() and (app.sees_agency() or (
    (app.caller_role() <> 'family' or (completed and deleted_at is null))
    and exists (select from visits v where v.id = visit_tasks.visit_id))));
create policy planners_create on visit_tasks for insert to berthcare_app
  with check (agency_id = app.agency_id() and app.sees_agency());
create policy caregivers_create_own on visit_tasks for insert to berthcare_app
  with check (agency_id = app.agency_id()
    and (app.caller_role() = 'nurse'
      or (app.caller_role() = 'care_aide' and task_type not in ('vitals', 'medication', 'wound_care')))
    and exists (select from visits v where v.id = visit_tasks.visit_id and v.user_id = app.user_id()));
create policy planners_change on visit_tasks for update to berthcare_app
  using (agency_id = app.agency_id() and app.sees_agency());
create policy caregivers_change_own on visit_tasks for update to berthcare_app
  using (agency_id = app.agency_id()
    and (app.caller_role() = 'nurse'
      or (app.caller_role() = 'care_aide' and task_type not in ('vitals', 'medication', 'wound_care')))
    and exists (select from visits v where v.id = visit_tasks.visit_id and v.user_id = app.user_id()));

-- photos: a family sees what was shared on purpose, while the consents stand
grant select, insert, update on photos to berthcare_app;
create policy visible on photos for select to berthcare_app using (
  agency_id = app.agency_id() and (app.sees_agency()
    or (app.caller_role() in ('nurse', 'care_aide') and (
      created_by = app.user_id() or user_id = app.user_id() or user_id in (select app.my_colleague_ids())
      or client_id in (select app.my_client_ids())
      or exists (select from visits v where v.id = photos.visit_id)))
    or (app.caller_role() = 'family' and shared_with_family and status = 'stored' and deleted_at is null and (
      (client_id in (select app.my_client_ids()) and app.consented(client_id, 'photos'))
      or exists (select from visits v where v.id = photos.visit_id and app.consented(v.client_id, 'photos'))))));
create policy planners_create on photos for insert to berthcare_app
  with check (agency_id = app.agency_id() and app.sees_agency());
create policy caregivers_create on photos for insert to berthcare_app
  with check (agency_id = app.agency_id() and app.caller_role() in ('nurse', 'care_aide')
    and (user_id = app.user_id() or client_id in (select app.my_client_ids()) or visit_id is not null));
create policy planners_change on photos for update to berthcare_app
  using (agency_id = app.agency_id() and app.sees_agency());
create policy caregivers_change_own on photos for update to berthcare_app
  using (agency_id = app.agency_id() and app.caller_role() in ('nurse', 'care_aide') and created_by = app.user_id())
  with check (agency_id = app.agency_id() and app.caller_role() in ('nurse', 'care_aide') and created_by = app.user_id()
    and (user_id = app.user_id() or client_id in (select app.my_client_ids()) or visit_id is not null));

-- alerts
grant select, insert, update on alerts to berthcare_app;
create policy visible on alerts for select to berthcare_app using (
  agency_id = app.agency_id() and (app.sees_agency()
    or (app.caller_role() in ('nurse', 'care_aide') and client_id in (select app.my_client_ids()))));
create policy staff_raise on alerts for insert to berthcare_app
  with check (agency_id = app.agency_id() and (app.sees_agency()
    or (app.caller_role() in ('nurse', 'care_aide') and raised_by = app.user_id()
      and client_id in (select app.my_client_ids()))));
create policy planners_change on alerts for update to berthcare_app
  using (agency_id = app.agency_id() and app.sees_agency());
create policy raiser_changes on alerts for update to berthcare_app
  using (agency_id = app.agency_id() and app.caller_role() in ('nurse', 'care_aide') and raised_by = app.user_id()
    and client_id in (select app.my_client_ids()));

-- messages: whichever staff causes one writes it; only the jobs read and send them
grant select, insert, update on messages to berthcare_app;
create policy staff_cause on messages for insert to berthcare_app
  with check (agency_id = app.agency_id() and app.caller_role() <> 'family');
create policy jobs_read on messages for select to berthcare_app
  using (agency_id = app.agency_id() and app.caller_role() = 'job');
create policy jobs_send on messages for update to berthcare_app
  using (agency_id = app.agency_id() and app.caller_role() = 'job');

grant select, insert on inbound_messages to berthcare_app;
create policy planners_read on inbound_messages for select to berthcare_app
  using (agency_id = app.agency_id() and app.sees_agency());
create policy jobs_record on inbound_messages for insert to berthcare_app
  with check (agency_id = app.agency_id() and app.caller_role() = 'job');

-- sync
grant select on sync_log to berthcare_app;
create policy visible on sync_log for select to berthcare_app using (
  agency_id = app.agency_id() and (app.sees_agency() or user_id = app.user_id()
    or (app.caller_role() in ('nurse', 'care_aide') and client_id in (select app.my_client_ids()))));

grant select, insert, update on sync_conflicts to berthcare_app;
create policy visible on sync_conflicts for select to berthcare_app using (
  agency_id = app.agency_id() and (app.sees_agency() or device_user_id = app.user_id()
    or (app.caller_role() in ('nurse', 'care_aide') and client_id in (select app.my_client_ids()))));
create policy caregivers_record on sync_conflicts for insert to berthcare_app
  with check (agency_id = app.agency_id() and (app.sees_agency() or app.caller_role() in ('nurse', 'care_aide')));
create policy planners_resolve on sync_conflicts for update to berthcare_app
  using (agency_id = app.agency_id() and app.sees_agency());

grant select, insert on sync_quarantine to berthcare_app;
create policy visible on sync_quarantine for select to berthcare_app
  using (agency_id = app.agency_id() and (app.sees_agency() or user_id = app.user_id()));
create policy own_device on sync_quarantine for insert to berthcare_app
  with check (agency_id = app.agency_id() and app.caller_role() <> 'family'
    and user_id = app.user_id() and device_id = app.device_id());

grant select, insert on creations to berthcare_app;
create policy own_agency on creations for select to berthcare_app using (agency_id = app.agency_id());
create policy own_creation on creations for insert to berthcare_app
  with check (agency_id = app.agency_id() and app.caller_role() <> 'family'
    and created_by is not distinct from app.user_id());

-- audit: everyone adds under their own name, and only what they did: when, from where and on what are defaults.
-- Planners read.
grant select, insert (action, resource, resource_id, client_id, details) on audit_log to berthcare_app;
create policy own_name on audit_log for insert to berthcare_app
  with check (agency_id = app.agency_id() and actor_id is not distinct from app.user_id());
create policy planners_read on audit_log for select to berthcare_app
  using (agency_id = app.agency_id() and app.caller_role() in ('admin', 'coordinator'));
grant select, insert on audit_chain to berthcare_app;
create policy jobs_read on audit_chain for select to berthcare_app
  using (agency_id = app.agency_id() and app.caller_role() in ('admin', 'job'));
create policy jobs_seal on audit_chain for insert to berthcare_app
  with check (agency_id = app.agency_id() and app.caller_role() = 'job');
