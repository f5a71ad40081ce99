-- Alerts and their escalation chains.

-- Alerts only move forward. One that expired may still be taken by whoever sees it later.
create or replace function app.enforce_alert_transitions() returns trigger language plpgsql as $$
begin
  if new.status <> old.status and (old.status, new.status) not in (
    ('open', 'calling'), ('open', 'acknowledged'), ('open', 'resolved'), ('open', 'expired'),
    ('calling', 'acknowledged'), ('calling', 'resolved'), ('calling', 'expired'),
    ('expired', 'acknowledged'), ('expired', 'resolved'), ('acknowledged', 'resolved'))
    or new.escalation_level < old.escalation_level then
    raise exception 'an alert can''t go from % to %', old.status, new.status
      using errcode = 'check_violation', constraint = 'alerts_status_moves';
  end if;
  return new;
end
$$;

create or replace trigger enforce_alert_transitions before update on alerts
  for each row execute function app.enforce_alert_transitions();

-- However an alert is created (REST, a phone's push, an SMS, a job), it starts one chain; however it is taken, resolved
-- or deleted, the chain stops and what is not yet sent is cancelled.
create or replace function app.start_or_stop_escalation() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  unanswered constant alert_status[] := array['open', 'calling'];
begin
  if tg_op = 'INSERT' then
    if new.status = any (unanswered) and new.deleted_at is null then
      insert into escalations (alert_id, agency_id) values (new.id, new.agency_id);
    end if;
    return null;
  end if;
  if new.status <> all (unanswered) or new.deleted_at is not null then
    update escalations set due_at = null where alert_id = new.id and due_at is not null;
  end if;
  -- Where nobody answered, what is still on its way may yet reach somebody.
  if new.status in ('acknowledged', 'resolved') or new.deleted_at is not null then
    perform app.cancel_messages(new.id, null);
  end if;
  return null;
end
$$;

create or replace trigger start_or_stop_escalation after insert or update on alerts
  for each row execute function app.start_or_stop_escalation();

-- Who answers for a client, and in which order: the client's own coordinator, then coordinators on duty (signed in on a
-- device), who was seen last first, then the others, then admins. An alert asks them in this order, and so is told who
-- is to know of a late visit. For jobs and webhooks alone: it sees numbers and push tokens.
create or replace function app.on_call_contacts(p_client uuid)
returns table (user_id uuid, phone text, locale text, role text, devices jsonb, place bigint)
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select u.id, u.phone, u.locale, u.role::text, s.devices, row_number() over (
    order by u.id is not distinct from c.coordinator_id desc, u.role = 'coordinator' desc,
      s.seen_at desc nulls last, u.id)
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

-- What the next step of an alert's chain needs to know: where it stands, who asks, and who could answer, in the order
-- in which they are asked. For jobs and webhooks alone.
create or replace function app.escalation(p_alert uuid, p_now timestamptz)
returns table (alert_id uuid, client_id uuid, status text, level integer, call_id uuid, due boolean, requester jsonb,
               contacts jsonb)
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
      from app.on_call_contacts(a.client_id) w where w.user_id is distinct from a.raised_by), '[]')
  from alerts a
  join escalations e on e.alert_id = a.id
  where a.id = p_alert and a.deleted_at is null and a.agency_id = app.agency_id()
    and app.caller_role() in ('job', 'webhook');
end;

-- Which chains have a step to take, of all agencies, the longest overdue first: for whoever then acts as each one's
-- identity.
create or replace function app.due_escalations(p_now timestamptz, p_limit integer)
returns table (agency_ids uuid[], alert_ids uuid[])
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select coalesce(array_agg(d.agency_id order by d.due_at, d.alert_id), '{}'),
    coalesce(array_agg(d.alert_id order by d.due_at, d.alert_id), '{}')
  from (
    select e.agency_id, e.alert_id, e.due_at from escalations e left join messages m on m.id = e.call_id
    where e.due_at is not null and (e.due_at <= p_now or m.status in ('failed', 'dead', 'cancelled'))
    order by e.due_at, e.alert_id limit p_limit) d;
end;

-- For how long the oldest alert of all agencies has waited for a person, in seconds; 0 where none does. One that
-- expired counts too, for a day: its calls have ended, but nobody has taken it; after a day operators know.
create or replace function app.oldest_unanswered_alert(p_now timestamptz) returns double precision
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select coalesce(extract(epoch from greatest(p_now - least(
    (select min(a.created_at) from alerts a where a.status in ('open', 'calling') and a.deleted_at is null),
    (select min(a.created_at) from alerts a
     where a.status = 'expired' and a.deleted_at is null
       and a.created_at > p_now - interval '1 day')), '0')), 0)::float8;
end;

grant execute on function app.on_call_contacts, app.escalation, app.due_escalations, app.oldest_unanswered_alert
  to berthcare_app;
