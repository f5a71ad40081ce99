-- A check-in or check-out is two statements, each a transaction of its own: what there is, without a lock, and what is
-- written if it still is so. The rule between them is `domain`'s.

-- A visit, how far from its client's home a place is, and what time it is.
create or replace function app.visit_and_distance(
  p_user uuid, p_device uuid, p_session uuid, p_role text, p_request_id text, p_source_ip text,
  p_id uuid, p_latitude double precision, p_longitude double precision
) returns table (id uuid, client_id uuid, user_id uuid, client jsonb, caregiver jsonb, scheduled_start timestamptz,
  scheduled_end timestamptz, status text, actual_start timestamptz, actual_end timestamptz, check_in jsonb,
  check_out jsonb, cancel_reason text, notes text, family_note text, tasks jsonb, created_at timestamptz,
  updated_at timestamptz, change_number bigint, version bigint,
  after_access_ended boolean, distance_m double precision, received_at timestamptz)
language plpgsql volatile rows 1
set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
#variable_conflict use_column
begin
  perform app.act_as(p_user, p_device, p_session, p_role, p_request_id, p_source_ip);
  return query
    select v.*, app.metres((v.client ->> 'latitude')::double precision, (v.client ->> 'longitude')::double precision,
      p_latitude, p_longitude), now()
    from app.visit_answers v where v.id = p_id;
end
$$;

-- Records that the caregiver came or left ('visit.check_in', 'visit.check_out', as on the audit log), if the visit has
-- the change number that it was read with. `v.*` is the view's row type, which is what it answers.
create or replace function app.record_attendance(
  p_user uuid, p_device uuid, p_session uuid, p_role text, p_request_id text, p_source_ip text, p_action text,
  p_id uuid, p_seen bigint, p_at timestamptz, p_latitude double precision, p_longitude double precision,
  p_accuracy_m double precision, p_distance_m double precision, p_received_at timestamptz, p_details jsonb
) returns setof app.visit_answers language plpgsql volatile rows 1
set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  client uuid;
begin
  perform app.act_as(p_user, p_device, p_session, p_role, p_request_id, p_source_ip);
  perform app.reserve_change_numbers(1);
  case p_action
    when 'visit.check_in' then
      update visits v set status = 'in_progress', actual_start = p_at, check_in_latitude = p_latitude,
        check_in_longitude = p_longitude, check_in_accuracy_m = p_accuracy_m, check_in_distance_m = p_distance_m,
        check_in_received_at = p_received_at
      where v.id = p_id and v.change_number = p_seen returning v.client_id into client;
    when 'visit.check_out' then
      update visits v set status = 'completed', actual_end = p_at, check_out_latitude = p_latitude,
        check_out_longitude = p_longitude, check_out_accuracy_m = p_accuracy_m, check_out_distance_m = p_distance_m,
        check_out_received_at = p_received_at
      where v.id = p_id and v.change_number = p_seen returning v.client_id into client;
  end case;
  perform app.assert_unchanged(found);
  insert into audit_log (action, resource, resource_id, client_id, details)
  values (p_action, 'visit', p_id, client, p_details);
  return query select v.* from app.visit_answers v where v.id = p_id;
end
$$;

grant execute on function app.visit_and_distance, app.record_attendance to berthcare_app;
