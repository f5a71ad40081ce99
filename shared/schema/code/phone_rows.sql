-- What phones keep of each record: the columns of `domain`'s schema of sync, in its order; a test holds the two
-- together. `written_by` says whose is what the server hasn't taken yet: nothing here. A record travels in PostgreSQL's
-- own binary form: writing it as JSON here takes six times as long.
create or replace view app.phone_clients with (security_invoker = true) as
select r.id, r.agency_id, r.id as client_id, r.change_number, record_send(b) as body
from clients r cross join lateral (
  select r.id, r.first_name, r.last_name,
    case when (select app.caller_role()) <> 'care_aide' then r.date_of_birth::text end as date_of_birth,
    r.phone, r.preferred_language, r.address::text as address, r.latitude, r.longitude,
    r.emergency_contacts::text as emergency_contacts, array_to_json(r.risks)::text as risks,
    case when (select app.caller_role()) <> 'care_aide' then r.care_plan::text end as care_plan,
    case when (select app.caller_role()) <> 'care_aide' then r.care_plan_version end as care_plan_version,
    r.coordinator_id,
    (date_part('epoch', r.created_at) * 1000)::bigint as created_at,
    (date_part('epoch', r.updated_at) * 1000)::bigint as updated_at) b
where r.deleted_at is null;

create or replace view app.phone_visits with (security_invoker = true) as
select r.id, r.agency_id, r.client_id, r.change_number, record_send(b) as body
from visits r cross join lateral (
  select r.id, r.client_id, r.user_id,
    (date_part('epoch', r.scheduled_start) * 1000)::bigint as scheduled_start,
    (date_part('epoch', r.scheduled_end) * 1000)::bigint as scheduled_end,
    (date_part('epoch', r.actual_start) * 1000)::bigint as actual_start,
    r.check_in_latitude, r.check_in_longitude, r.check_in_accuracy_m, r.check_in_distance_m,
    (date_part('epoch', r.actual_end) * 1000)::bigint as actual_end,
    r.check_out_latitude, r.check_out_longitude, r.check_out_accuracy_m, r.check_out_distance_m,
    r.status::text as status, r.cancel_reason, r.notes, r.family_note,
    (date_part('epoch', r.created_at) * 1000)::bigint as created_at,
    (date_part('epoch', r.updated_at) * 1000)::bigint as updated_at, null::uuid as written_by) b
where r.deleted_at is null and r.scheduled_end >= now() - interval '90 days'
  -- The longest visit began a day before it ended: by this the index leaves out what is older.
  and r.scheduled_start >= now() - interval '90 days' - interval '24 hours';

-- With their visits: which of those a phone has is for the query to say.
create or replace view app.phone_visit_tasks with (security_invoker = true) as
select r.id, r.agency_id, r.client_id, r.change_number, r.visit_id, record_send(b) as body
from visit_tasks r cross join lateral (
  select r.id, r.visit_id, r.task_type::text as task_type, r.title, r.completed,
    (date_part('epoch', r.completed_at) * 1000)::bigint as completed_at, r.outcome, r.data::text as data,
    (date_part('epoch', r.created_at) * 1000)::bigint as created_at,
    (date_part('epoch', r.updated_at) * 1000)::bigint as updated_at, null::uuid as written_by) b
where r.deleted_at is null;

-- One's own photos stay visible after their client has gone; the phone must forget them all the same.
create or replace view app.phone_photos with (security_invoker = true) as
select r.id, r.agency_id, r.subject_client_id as client_id, r.change_number, record_send(b) as body
from photos r left join visits v on v.id = r.visit_id cross join lateral (
  select r.id, r.client_id, r.visit_id, r.user_id, r.kind::text as kind, r.shared_with_family, r.content_type, r.bytes,
    encode(r.sha256, 'hex') as sha256, r.status::text as status,
    (date_part('epoch', r.taken_at) * 1000)::bigint as taken_at, r.caption,
    (date_part('epoch', r.created_at) * 1000)::bigint as created_at,
    (date_part('epoch', r.updated_at) * 1000)::bigint as updated_at, null::uuid as written_by) b
where r.deleted_at is null
  and (v.id is null or v.deleted_at is null and v.scheduled_end >= now() - interval '90 days')
  and (r.user_id is not null
    or exists (select from clients c where c.id = r.subject_client_id and c.deleted_at is null));

create or replace view app.phone_alerts with (security_invoker = true) as
select r.id, r.agency_id, r.client_id, r.change_number, record_send(b) as body
from alerts r cross join lateral (
  select r.id, r.client_id, r.visit_id, r.raised_by, r.severity::text as severity, r.reason, r.message,
    r.status::text as status, r.acknowledged_by,
    (date_part('epoch', r.acknowledged_at) * 1000)::bigint as acknowledged_at, r.escalation_level,
    (date_part('epoch', r.created_at) * 1000)::bigint as created_at,
    (date_part('epoch', r.updated_at) * 1000)::bigint as updated_at, null::uuid as written_by) b
where r.deleted_at is null and r.created_at >= now() - interval '90 days';
grant select on app.phone_clients, app.phone_visits, app.phone_visit_tasks, app.phone_photos, app.phone_alerts
  to berthcare_app;
