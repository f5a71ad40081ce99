-- Who answers for a client, and in which order: the client's own coordinator, then coordinators on duty (signed in on a
-- device), who was seen last first, then the others, then admins. An alert asks them in this order, and so is told who is
-- to know of a late visit. For jobs and webhooks alone: it sees numbers and push tokens.
create function app.answerers(p_client uuid)
returns table (user_id uuid, phone text, locale text, role text, devices jsonb, place bigint)
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select u.id, u.phone, u.locale, u.role::text, s.devices, row_number() over (
    order by u.id is not distinct from c.coordinator_id desc, u.role = 'coordinator' desc, s.seen_at desc nulls last, u.id)
  from clients c
  join users u on u.agency_id = c.agency_id and u.role in ('coordinator', 'admin') and u.status = 'active'
    and u.deleted_at is null
  cross join lateral (
    select max(d.last_seen_at) as seen_at,
      coalesce(jsonb_agg(jsonb_build_object('id', d.id, 'push_token', d.push_token))
        filter (where d.push_token is not null), '[]') as devices
    from devices d where d.user_id = u.id and d.session_id is not null and d.revoked_at is null) s
  where c.id = p_client and c.agency_id = app.agency_id() and app.caller_role() in ('job', 'webhook');
end;
grant execute on function app.answerers(uuid) to berthcare_app;

-- As in V017: what the next step of an alert's chain needs to know: where it stands, who asks, and who could answer.
create or replace function app.escalation(p_alert uuid, p_now timestamptz)
returns table (alert_id uuid, client_id uuid, status text, level integer, call_id uuid, due boolean, asker jsonb,
               answerers jsonb)
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select a.id, a.client_id, a.status::text, a.escalation_level, e.call_id,
    coalesce(e.due_at <= p_now, false)
      or (e.due_at is not null and exists (
        select from messages m where m.id = e.call_id and m.status in ('failed', 'dead', 'cancelled'))),
    (select jsonb_build_object('user_id', r.id, 'first_name', r.first_name, 'phone', r.phone, 'locale', r.locale,
       'role', r.role)
     from users r where r.id = a.raised_by),
    coalesce((
      select jsonb_agg(jsonb_build_object('user_id', w.user_id, 'phone', w.phone, 'locale', w.locale, 'role', w.role,
          'called', exists (
            select from messages m where m.alert_id = a.id and m.recipient_id = w.user_id and m.channel = 'voice'),
          'devices', w.devices)
        order by w.place)
      from app.answerers(a.client_id) w where w.user_id is distinct from a.raised_by), '[]')
  from alerts a
  join escalations e on e.alert_id = a.id
  where a.id = p_alert and a.deleted_at is null and a.agency_id = app.agency_id()
    and app.caller_role() in ('job', 'webhook');
end;
