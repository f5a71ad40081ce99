-- A visit as it is answered: with what a caregiver needs of its client, and its tasks. Its version is that of its
-- newest part.
create or replace view app.visit_answers with (security_invoker = true) as
select v.id, v.client_id, v.user_id,
  jsonb_build_object('first_name', c.first_name, 'last_name', c.last_name, 'address', c.address,
    'latitude', c.latitude, 'longitude', c.longitude) as client,
  (select jsonb_build_object('first_name', u.first_name, 'last_name', u.last_name) from users u where u.id = v.user_id)
    as caregiver,
  v.scheduled_start, v.scheduled_end, v.status::text as status, v.actual_start, v.actual_end,
  case when v.check_in_received_at is not null then jsonb_build_object(
    'latitude', v.check_in_latitude, 'longitude', v.check_in_longitude, 'accuracy_m', v.check_in_accuracy_m,
    'distance_m', v.check_in_distance_m, 'received_at', v.check_in_received_at) end as check_in,
  case when v.check_out_received_at is not null then jsonb_build_object(
    'latitude', v.check_out_latitude, 'longitude', v.check_out_longitude, 'accuracy_m', v.check_out_accuracy_m,
    'distance_m', v.check_out_distance_m, 'received_at', v.check_out_received_at) end as check_out,
  v.cancel_reason, v.notes, v.family_note, coalesce(t.tasks, '[]') as tasks, v.created_at, v.updated_at,
  v.change_number,
  greatest(v.change_number, t.newest, c.change_number) as version,
  v.after_access_ended
from visits v
join clients c on c.id = v.client_id
left join lateral (
  select max(t.change_number) as newest,
    jsonb_agg(jsonb_build_object('id', t.id, 'visit_id', t.visit_id, 'task_type', t.task_type, 'title', t.title,
      'completed', t.completed, 'completed_at', t.completed_at, 'outcome', t.outcome, 'data', t.data,
      'created_at', t.created_at, 'updated_at', t.updated_at, 'change_number', t.change_number) order by t.id)
      filter (where t.deleted_at is null) as tasks
  from visit_tasks t where t.visit_id = v.id) t on true
where v.deleted_at is null;
grant select on app.visit_answers to berthcare_app;

-- Reads of one statement each: who asks, the rows, and that they were read, which is on record or nothing is answered.
-- `v.*` is the view's row type, which is what they answer.
create or replace function app.nurses_day(
  p_user uuid, p_device uuid, p_session uuid, p_role text, p_request_id text, p_source_ip text,
  p_of uuid, p_from timestamptz, p_to timestamptz, p_limit bigint
) returns setof app.visit_answers language plpgsql volatile
set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
begin
  perform app.act_as(p_user, p_device, p_session, p_role, p_request_id, p_source_ip);
  return query
    with found as (
      select v.* from app.visit_answers v
      where v.user_id = p_of and v.scheduled_start >= p_from and v.scheduled_start < p_to
      order by v.scheduled_start, v.id limit p_limit
    ), audited as (
      insert into audit_log (action, resource, resource_id, client_id)
      -- One row more is read than is shown, to know whether another page follows.
      select 'visit.list', 'visit', f.id, f.client_id from (
        select n.id, n.client_id from found n limit p_limit - 1) f
    )
    table found;
end
$$;

create or replace function app.visit_by_id(
  p_user uuid, p_device uuid, p_session uuid, p_role text, p_request_id text, p_source_ip text, p_id uuid
) returns setof app.visit_answers language plpgsql volatile
set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
begin
  perform app.act_as(p_user, p_device, p_session, p_role, p_request_id, p_source_ip);
  return query
    with found as (
      select v.* from app.visit_answers v where v.id = p_id
    ), audited as (
      insert into audit_log (action, resource, resource_id, client_id)
      select 'visit.read', 'visit', f.id, f.client_id from found f
    )
    table found;
end
$$;

grant execute on function app.nurses_day, app.visit_by_id to berthcare_app;
