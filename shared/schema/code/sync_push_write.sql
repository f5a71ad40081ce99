-- What a push writes. The counter comes first, after everything was decided, so that one agency's pushes wait for each
-- other's writes alone.

-- Writes rows of one table under the caller's policies: `insert`, `update` or `delete`, rows as JSON (of a deletion
-- their ids). The columns are those that phones write, and those that the server sets with them: the schema of
-- `domain::sync::schema`, which a test compares.
create or replace function app.write_pushed_rows(p_table text, p_operation text, p_rows jsonb) returns void
language plpgsql volatile set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  agency constant uuid := app.agency_id();
  reached bigint;
begin
  -- For the revisions of what is charted late (app.chart_reason).
  perform set_config('app.chart_reason_of_push', case
    when current_setting('app.resolving_conflict', true) = 'on' then 'A conflict was settled.'
    else 'A phone sent it after the visit was completed.' end, true);
  case p_table || ' ' || p_operation
    when 'clients insert' then
      insert into clients (
        id, agency_id, first_name, last_name, date_of_birth, phone, preferred_language, address, latitude, longitude,
        emergency_contacts, risks)
      select
        r.id, agency, r.first_name, r.last_name, r.date_of_birth, r.phone, r.preferred_language, r.address, r.latitude,
        r.longitude, r.emergency_contacts, r.risks
      from jsonb_populate_recordset(null::clients, p_rows) r;
    when 'visits insert' then
      insert into visits (
        id, agency_id, client_id, user_id, scheduled_start, scheduled_end, actual_start, check_in_latitude,
        check_in_longitude, check_in_accuracy_m, actual_end, check_out_latitude, check_out_longitude,
        check_out_accuracy_m, status, cancel_reason, notes, family_note, check_in_received_at, check_out_received_at)
      select
        r.id, agency, r.client_id, r.user_id, r.scheduled_start, r.scheduled_end, r.actual_start, r.check_in_latitude,
        r.check_in_longitude, r.check_in_accuracy_m, r.actual_end, r.check_out_latitude, r.check_out_longitude,
        r.check_out_accuracy_m, r.status, r.cancel_reason, r.notes, r.family_note, r.check_in_received_at,
        r.check_out_received_at
      from jsonb_populate_recordset(null::visits, p_rows) r;
    when 'visit_tasks insert' then
      insert into visit_tasks (
        id, agency_id, visit_id, task_type, title, completed, completed_at, outcome, data)
      select
        r.id, agency, r.visit_id, r.task_type, r.title, r.completed, r.completed_at, r.outcome, r.data
      from jsonb_populate_recordset(null::visit_tasks, p_rows) r;
    when 'photos insert' then
      insert into photos (
        id, agency_id, client_id, visit_id, user_id, kind, shared_with_family, content_type, bytes, sha256, taken_at,
        caption, status, version)
      select
        r.id, agency, r.client_id, r.visit_id, r.user_id, r.kind, r.shared_with_family, r.content_type, r.bytes,
        r.sha256, r.taken_at, r.caption, r.status, r.version
      from jsonb_populate_recordset(null::photos, p_rows) r;
    when 'alerts insert' then
      insert into alerts (
        id, agency_id, client_id, visit_id, severity, reason, message, raised_by, status, escalation_level)
      select
        r.id, agency, r.client_id, r.visit_id, r.severity, r.reason, r.message, r.raised_by, r.status,
        r.escalation_level
      from jsonb_populate_recordset(null::alerts, p_rows) r;
    when 'clients update' then
      update clients t set
        first_name = r.first_name, last_name = r.last_name, date_of_birth = r.date_of_birth, phone = r.phone,
        preferred_language = r.preferred_language, address = r.address, latitude = r.latitude, longitude = r.longitude,
        emergency_contacts = r.emergency_contacts, risks = r.risks
      from jsonb_populate_recordset(null::clients, p_rows) r where t.id = r.id;
    when 'visits update' then
      update visits t set
        scheduled_start = r.scheduled_start, scheduled_end = r.scheduled_end, actual_start = r.actual_start,
        check_in_latitude = r.check_in_latitude, check_in_longitude = r.check_in_longitude, check_in_accuracy_m =
        r.check_in_accuracy_m, actual_end = r.actual_end, check_out_latitude = r.check_out_latitude, check_out_longitude
        = r.check_out_longitude, check_out_accuracy_m = r.check_out_accuracy_m, status = r.status, cancel_reason =
        r.cancel_reason, notes = r.notes, family_note = r.family_note, check_in_received_at = r.check_in_received_at,
        check_out_received_at = r.check_out_received_at
      from jsonb_populate_recordset(null::visits, p_rows) r where t.id = r.id;
    when 'visit_tasks update' then
      update visit_tasks t set
        task_type = r.task_type, title = r.title, completed = r.completed, completed_at = r.completed_at, outcome =
        r.outcome, data = r.data
      from jsonb_populate_recordset(null::visit_tasks, p_rows) r where t.id = r.id;
    when 'photos update' then
      update photos t set
        shared_with_family = r.shared_with_family, taken_at = r.taken_at, caption = r.caption
      from jsonb_populate_recordset(null::photos, p_rows) r where t.id = r.id;
    when 'alerts update' then
      update alerts t set
        message = r.message
      from jsonb_populate_recordset(null::alerts, p_rows) r where t.id = r.id;
    when 'clients delete' then
      update clients set deleted_at = now()
      where id in (select i::uuid from jsonb_array_elements_text(p_rows) i) and deleted_at is null;
    when 'visits delete' then
      update visits set deleted_at = now()
      where id in (select i::uuid from jsonb_array_elements_text(p_rows) i) and deleted_at is null;
    when 'visit_tasks delete' then
      update visit_tasks set deleted_at = now()
      where id in (select i::uuid from jsonb_array_elements_text(p_rows) i) and deleted_at is null;
    when 'photos delete' then
      update photos set deleted_at = now()
      where id in (select i::uuid from jsonb_array_elements_text(p_rows) i) and deleted_at is null;
    when 'alerts delete' then
      update alerts set deleted_at = now()
      where id in (select i::uuid from jsonb_array_elements_text(p_rows) i) and deleted_at is null;
    else raise exception 'phones don''t write this: % %', p_operation, p_table;
  end case;
  get diagnostics reached = row_count;
  perform app.assert_row_count(reached, jsonb_array_length(p_rows));
end
$$;

-- Whether what a push was decided on has changed since `p_seen`: one of `p_records` (records, and the visits and
-- clients that they belong to), or a grant of the caller's.
create or replace function app.changed_since(p_seen bigint, p_records uuid[]) returns boolean
language plpgsql stable security definer
set search_path = public, pg_temp set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  me constant uuid := app.user_id();
  agency constant uuid := app.agency_id();
begin
  return exists (
      select from care_team t where t.user_id = me and t.agency_id = agency and t.change_number > p_seen)
    or exists (select from clients r where r.id = any (p_records) and r.agency_id = agency and r.change_number > p_seen)
    or exists (select from visits r where r.id = any (p_records) and r.agency_id = agency and r.change_number > p_seen)
    or exists (
      select from visit_tasks r where r.id = any (p_records) and r.agency_id = agency and r.change_number > p_seen)
    or exists (select from photos r where r.id = any (p_records) and r.agency_id = agency and r.change_number > p_seen)
    or exists (select from alerts r where r.id = any (p_records) and r.agency_id = agency and r.change_number > p_seen);
end
$$;

-- How many more records of the caller's device quarantine takes, whoever signed in on it: 10,000 at most, and none any
-- more beyond 64 MB.
create or replace function app.quarantine_room() returns bigint
language sql stable security definer set search_path = public, pg_temp as $$
  select case when coalesce(sum(pg_column_size(q.body)), 0) < 64 * 1024 * 1024
    then greatest(10000 - count(*), 0) else 0 end
  from sync_quarantine q where q.device_id = app.device_id() and q.agency_id = app.agency_id()
$$;

-- Writes what a push came to, if what it was decided on still is so: the device as it was at `p_as_of`, nothing of
-- `p_records` changed since the number `p_seen`. Else it fails with BC409, and whoever decided looks again.
-- `p_changes`: {"batches": [{"table", "operation", "rows"}], and where there are any "touched", "checked", "moved",
-- "after_access_ended", "conflicts", "refused", "receipts", "audit"}; `p_next`: what is remembered of the device.
create or replace function app.write_push(
  p_user uuid, p_device uuid, p_session uuid, p_role text, p_request_id text, p_source_ip text,
  p_seen bigint, p_as_of timestamptz, p_records uuid[], p_numbers integer, p_changes jsonb, p_next jsonb
) returns void language plpgsql volatile
set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  agency uuid;
  batch jsonb;
begin
  perform app.act_as(p_user, p_device, p_session, p_role, p_request_id, p_source_ip);
  agency := app.agency_id();
  perform app.reserve_change_numbers(p_numbers);
  -- Then the device, then rows: one order of locks everywhere.
  update devices d set pushed_at = case when n.has_more then d.pushed_at else n.pushed_at end,
    work_base = n.work_base, pulled_clean = n.pulled_clean, push_base = n.push_base,
    push_base_taken = n.push_base_taken, pending_count = case when n.has_more then d.pending_count else 0 end,
    clock_offset_ms = coalesce(n.clock_offset_ms, d.clock_offset_ms), last_sync_at = now(), last_seen_at = now()
  from jsonb_to_record(p_next) n (has_more boolean, pushed_at bigint, work_base bigint, pulled_clean boolean,
    push_base bigint, push_base_taken bigint, clock_offset_ms bigint)
  where d.id = p_device and d.updated_at = p_as_of;
  perform app.assert_unchanged(found);
  if current_setting('app.next_number')::bigint <> p_seen + 1 then
    perform app.assert_unchanged(not app.changed_since(p_seen, p_records));
  end if;
  perform app.keep_revoked_clients_readable();
  for batch in select b from jsonb_array_elements(p_changes -> 'batches') b loop
    perform app.write_pushed_rows(batch ->> 'table', batch ->> 'operation', batch -> 'rows');
  end loop;
  if p_changes ? 'touched' then
    perform app.bump_change_number(p_changes -> 'touched');
  end if;
  if p_changes ? 'checked' then
    -- How far from home new check-ins and check-outs were, as over REST.
    update visits v set
      check_in_distance_m = app.metres(c.latitude, c.longitude, v.check_in_latitude, v.check_in_longitude),
      check_out_distance_m = app.metres(c.latitude, c.longitude, v.check_out_latitude, v.check_out_longitude)
    from clients c
    where c.id = v.client_id and v.id in (select i::uuid from jsonb_array_elements_text(p_changes -> 'checked') i);
  end if;
  if p_changes ? 'moved' then
    perform app.shorten_scheduled_grant(p.client_id, p.user_id)
    from jsonb_to_recordset(p_changes -> 'moved') p (client_id uuid, user_id uuid);
  end if;
  if p_changes ? 'after_access_ended' then
    update visits v set after_access_ended = true
    where not v.after_access_ended
      and v.id in (select i::uuid from jsonb_array_elements_text(p_changes -> 'after_access_ended') i);
  end if;
  if p_changes ? 'conflicts' then
    insert into sync_conflicts (agency_id, client_id, table_name, record_id, column_name, server_value, device_value,
      server_user_id, device_user_id, device_id, stored_side, status)
    select agency, c.client_id, c.table_name, c.record_id, c."column", c.server_value, c.device_value,
      c.server_user_id, p_user, p_device, c.stored_side, c.status::conflict_status
    from jsonb_to_recordset(p_changes -> 'conflicts') c (table_name text, record_id uuid, client_id uuid,
      "column" text, server_value jsonb, device_value jsonb, server_user_id uuid, stored_side text, status text)
    -- What a phone sends again, with other edits, is kept already.
    where not exists (
      select from sync_conflicts k
      where k.record_id = c.record_id and k.column_name = c."column" and k.device_id = p_device
        and k.device_value is not distinct from c.device_value and k.server_value is not distinct from c.server_value
        and k.status <> 'resolved');
  end if;
  if p_changes ? 'refused' then
    -- Each once, with the cursor on which it was written. A device that is out of order must not fill the database:
    -- what goes beyond its share is refused all the same, and stays on the phone.
    insert into sync_quarantine
      (agency_id, device_id, user_id, written_by, table_name, record_id, body, body_sha256, reason, work_base)
    select agency, p_device, p_user, nullif(q.written_by, p_user), q.table_name, q.record_id,
      coalesce(q.body, 'null'), q.body_sha256, left(q.reason, 500), q.work_base
    from jsonb_to_recordset(p_changes -> 'refused') q
      (written_by uuid, table_name text, record_id text, body jsonb, body_sha256 bytea, reason text, work_base bigint)
    limit app.quarantine_room()
    on conflict on constraint sync_quarantine_once do nothing;
  end if;
  if p_changes ? 'receipts' then
    insert into sync_receipts (device_id, record_id, agency_id, body_sha256, row_stamp)
    select p_device, r.record_id, agency, r.body_sha256, r.row_stamp
    from jsonb_to_recordset(p_changes -> 'receipts') r (record_id uuid, body_sha256 bytea, row_stamp bigint)
    on conflict do nothing;
  end if;
  if p_changes ? 'audit' then
    insert into audit_log (action, resource, resource_id, client_id, details)
    select e.action, e.resource, e.resource_id, e.client_id, e.details
    from jsonb_to_recordset(p_changes -> 'audit')
      e (action text, resource text, resource_id uuid, client_id uuid, details jsonb);
  end if;
end
$$;

-- Lets a coordinator move a visit as only the settling of a conflict may, until the transaction ends.
create or replace function app.begin_conflict_resolution() returns void language plpgsql volatile as $$
begin
  if coalesce(app.caller_role(), '') not in ('admin', 'coordinator') then
    raise exception 'conflicts are settled by coordinators' using errcode = 'insufficient_privilege';
  end if;
  perform set_config('app.resolving_conflict', 'on', true);
end
$$;

grant execute on function app.write_pushed_rows, app.changed_since, app.quarantine_room, app.write_push,
  app.begin_conflict_resolution to berthcare_app;
