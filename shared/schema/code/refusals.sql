-- Refusals on record.

-- What was asked for is named where it exists, and its client where that is the caller's agency's. A 404 for what
-- doesn't exist is a slip of the pen, not an attempt. No more than 20 a minute: whoever tries ids must not fill the
-- log.
create or replace function app.record_refusal(
  p_user uuid, p_status integer, p_route text, p_ids uuid[], p_request_id text, p_source_ip text
) returns boolean language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  asked record;
begin
  if (select count(*) from audit_log l
      where l.id >= app.uuid7_from(clock_timestamp() - interval '1 minute') and l.actor_id = p_user
        and l.at > clock_timestamp() - interval '1 minute' and l.action = 'access.refuse') >= 20
  then
    return false;
  end if;
  select f.* into asked from unnest(p_ids) with ordinality i (id, place)
  cross join lateral (
    select 'client' as resource, c.id, c.id as client_id, c.agency_id from clients c where c.id = i.id
    union all
    select 'visit', v.id, v.client_id, v.agency_id from visits v where v.id = i.id
    union all
    select 'visit_task', t.id, v.client_id, v.agency_id from visit_tasks t join visits v on v.id = t.visit_id
    where t.id = i.id
    union all
    select 'photo', p.id, p.subject_client_id, p.agency_id from photos p where p.id = i.id
    union all
    select 'alert', a.id, a.client_id, a.agency_id from alerts a where a.id = i.id
    union all
    select 'care_team', m.id, m.client_id, m.agency_id from care_team m where m.id = i.id
    union all
    select 'sync_conflict', s.id, s.client_id, s.agency_id from sync_conflicts s where s.id = i.id
    union all
    select 'refusal', q.id, null, q.agency_id from sync_quarantine q where q.id = i.id
    union all
    select 'inbound_message', m.id, m.client_id, m.agency_id from inbound_messages m where m.id = i.id
    union all
    select 'user', u.id, null, u.agency_id from users u where u.id = i.id
    union all
    select 'device', d.id, null, d.agency_id from devices d where d.id = i.id
  ) f
  order by i.place desc limit 1;
  if p_status = 404 and asked.id is null then
    return false;
  end if;
  insert into audit_log (agency_id, actor_id, action, resource, resource_id, client_id, request_id, source_ip, details)
  select u.agency_id, u.id, 'access.refuse', coalesce(asked.resource, 'route'), asked.id,
    case when asked.agency_id = u.agency_id then asked.client_id end, p_request_id, nullif(p_source_ip, '')::inet,
    jsonb_build_object('route', p_route, 'status', p_status)
  from users u where u.id = p_user;
  return found;
end
$$;

grant execute on function app.record_refusal to berthcare_app;
