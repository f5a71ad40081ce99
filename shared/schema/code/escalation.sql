-- Alerts and their chains of calls.

-- Alerts only move forward. One that expired may still be taken by whoever sees it later.
create or replace function app.enforce_alert_transitions() returns trigger language plpgsql as $$
begin
  if new.status <> old.status and (old.status, new.status) not in (
    ('open', 'calling'), ('open', 'acknowledged'), ('open', 'resolved'), ('open', 'expired'),
    ('calling', 'acknowledged'), ('calling', 'resolved'), ('calling', 'expired'),
    ('expired', 'acknowledged'), ('expired', 'resolved'), ('acknowledged', 'resolved'))
    or new.escalation_level < old.escalation_level
    or new.escalation_id is distinct from old.escalation_id then
    raise exception 'an alert can''t go from % to %', old.status, new.status
      using errcode = 'check_violation', constraint = 'alerts_status_moves';
  end if;
  return new;
end
$$;

create or replace trigger enforce_alert_transitions before update on alerts
  for each row execute function app.enforce_alert_transitions();

-- However an alert is created (REST, a phone's push, an SMS, a job), it starts a chain of calls, or joins the one that
-- runs for its client, and then stands where that stands. Whoever raises it holds the agency's counter, so that no two
-- start one at once.
create or replace function app.join_escalation() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  chain escalations;
begin
  new.escalation_id := null;
  if new.status not in ('open', 'calling') or new.deleted_at is not null then
    return new;
  end if;
  select e.* into chain from escalations e
  where e.client_id = new.client_id and e.agency_id = new.agency_id and e.due_at is not null for no key update;
  if not found then
    insert into escalations (agency_id, client_id, severity, for_family)
    values (new.agency_id, new.client_id, new.severity, app.is_family(new.raised_by))
    returning * into chain;
  end if;
  new.escalation_id := chain.id;
  if chain.level > 0 then
    new.status := 'calling';
    new.escalation_level := chain.level;
  end if;
  return new;
end
$$;

create or replace trigger join_escalation before insert on alerts
  for each row execute function app.join_escalation();

-- Whether it is a family that asks.
create or replace function app.is_family(p_user uuid) returns boolean
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select exists (select from users u where u.id = p_user and u.role = 'family');
end;

-- Has a chain go by the alerts that wait for it at present: as urgent as the most severe, and no further where none
-- does. Where everybody was told already and something worse joins, or a caregiver's alert a family's call, calls begin
-- anew. One that is out goes on. For the triggers of `alerts` alone.
create or replace function app.rank_escalation(p_escalation uuid) returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  chain escalations;
  worst alert_severity;
  families boolean;
  anew boolean;
begin
  select e.* into chain from escalations e where e.id = p_escalation for no key update;
  if chain.due_at is null then
    return;
  end if;
  select max(a.severity), bool_and(app.is_family(a.raised_by)) into worst, families
  from alerts a where a.escalation_id = p_escalation and a.status in ('open', 'calling') and a.deleted_at is null;
  if worst is null then
    update escalations set due_at = null where id = p_escalation;
  elsif (worst, families) is distinct from (chain.severity, chain.for_family) then
    anew := chain.level > 0 and chain.call_id is null
      and (worst > chain.severity or (chain.for_family and not families));
    update escalations e set severity = worst, for_family = families,
      level = case when anew then 0 else e.level end,
      due_at = case when anew then '-infinity' else e.due_at end,
      calls_since = case when anew then now() else e.calls_since end
    where e.id = p_escalation;
    update messages m set severity = worst, urgency = case when families then 1 else 0 end
    from alerts a where a.escalation_id = p_escalation and m.alert_id = a.id and m.status in ('pending', 'sending');
  end if;
end
$$;

-- A message about an alert is as urgent as the chain that it is of.
create or replace function app.rank_message() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  chain record;
begin
  select e.severity, e.for_family into chain
  from alerts a join escalations e on e.id = a.escalation_id where a.id = new.alert_id;
  if found then
    new.severity := chain.severity;
    new.urgency := case when chain.for_family then greatest(new.urgency, 1) else new.urgency end;
  end if;
  return new;
end
$$;

create or replace trigger rank_message before insert on messages for each row
  when (new.alert_id is not null) execute function app.rank_message();

-- However an alert is raised, taken, resolved or deleted, its chain goes by what waits then. Once nothing does, it
-- stops, and what is not yet sent is cancelled.
create or replace function app.start_or_stop_escalation() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if tg_op = 'UPDATE' and (new.status, new.severity, new.raised_by, new.deleted_at)
    is not distinct from (old.status, old.severity, old.raised_by, old.deleted_at) then
    return null;
  end if;
  perform app.rank_escalation(new.escalation_id);
  -- Where nobody answered, what is still on its way may yet reach somebody.
  if not exists (
    select from alerts a where a.escalation_id = new.escalation_id and a.deleted_at is null
      and a.status in ('open', 'calling', 'expired')) then
    perform app.cancel_messages(a.id, null) from alerts a where a.escalation_id = new.escalation_id;
  end if;
  return null;
end
$$;

create or replace trigger start_or_stop_escalation after insert or update on alerts
  for each row execute function app.start_or_stop_escalation();

-- When the caller raised alerts in the past hour (`domain::limits::ALERT_WINDOW`), newest first.
create or replace function app.own_recent_alerts() returns timestamptz[]
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select coalesce(array_agg(a.created_at order by a.created_at desc), '{}') from alerts a
  where a.raised_by = app.user_id() and a.created_at > now() - interval '1 hour';
end;

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

-- Whose alerts nobody has taken in a chain: each with who raised it (null where a job did), caregivers before families
-- and the most severe first. For jobs and webhooks alone: it sees numbers.
create or replace function app.waiting_alerts(p_escalation uuid)
returns table (alert_id uuid, raised_by uuid, requester jsonb, place bigint)
language sql stable security definer rows 2 set search_path = public, pg_temp
begin atomic
  select a.id, a.raised_by,
    case when r.id is not null then jsonb_build_object('user_id', r.id, 'first_name', r.first_name, 'phone', r.phone,
      'locale', r.locale, 'role', r.role) end,
    row_number() over (order by coalesce(r.role = 'family', false), a.severity desc, a.created_at, a.id)
  from alerts a left join users r on r.id = a.raised_by
  where a.escalation_id = p_escalation and a.status in ('open', 'calling', 'expired') and a.deleted_at is null
    and a.agency_id = app.agency_id() and app.caller_role() in ('job', 'webhook');
end;

-- What the next step of the chain that calls about an alert needs to know: where it stands, the alert that is most
-- urgent of those that wait, who asks, and who could answer, in the order in which they are asked. None where nothing
-- waits any more. For jobs and webhooks alone.
create or replace function app.escalation(p_alert uuid, p_now timestamptz)
returns table (id uuid, alert_id uuid, client_id uuid, level integer, call_id uuid, due boolean,
               calls_since timestamptz, requesters jsonb, contacts jsonb)
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select e.id, w.alert_id, e.client_id, e.level, e.call_id,
    e.due_at <= p_now or exists (
      select from messages m where m.id = e.call_id and m.status in ('failed', 'dead', 'cancelled')),
    e.calls_since, w.requesters,
    coalesce((
      select jsonb_agg(jsonb_build_object('user_id', c.user_id, 'phone', c.phone, 'locale', c.locale, 'role', c.role,
          'called', exists (
            select from messages m join alerts of_chain on of_chain.id = m.alert_id
            where of_chain.escalation_id = e.id and m.recipient_id = c.user_id and m.channel = 'voice'
              and m.created_at >= e.calls_since),
          'devices', c.devices)
        order by c.place)
      from app.on_call_contacts(e.client_id) c
      -- Nobody is asked to answer what nobody but they themselves has raised.
      where exists (
        select from app.waiting_alerts(e.id) o where o.raised_by is distinct from c.user_id)), '[]')
  from alerts a
  join escalations e on e.id = a.escalation_id
  cross join lateral (
    select (array_agg(w.alert_id order by w.place))[1] as alert_id,
      jsonb_agg(w.requester order by w.place) as requesters
    from app.waiting_alerts(e.id) w) w
  where a.id = p_alert and e.due_at is not null and w.alert_id is not null and a.agency_id = app.agency_id()
    and app.caller_role() in ('job', 'webhook');
end;

-- Which chains have a step to take, of all agencies, each by an alert that waits for it: caregivers' before families',
-- the most severe first, then by turns of the agencies. For whoever then acts as each one's identity.
create or replace function app.due_escalations(p_now timestamptz, p_limit integer)
returns table (agency_ids uuid[], alert_ids uuid[])
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select coalesce(array_agg(d.agency_id order by d.place), '{}'),
    coalesce(array_agg(d.alert_id order by d.place), '{}')
  from (
    select e.agency_id, a.alert_id,
      row_number() over (order by e.for_family, e.severity desc, e.turn, e.due_at, e.id) as place
    from (
      select e.id, e.agency_id, e.for_family, e.severity, e.due_at, row_number() over (
        partition by e.for_family, e.severity, e.agency_id order by e.due_at, e.id) as turn
      from escalations e left join messages m on m.id = e.call_id
      where e.due_at is not null and (e.due_at <= p_now or m.status in ('failed', 'dead', 'cancelled'))) e
    cross join lateral (
      select a.id as alert_id from alerts a
      where a.escalation_id = e.id and a.status in ('open', 'calling') and a.deleted_at is null limit 1) a
    order by place limit p_limit) d;
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

grant execute on function app.own_recent_alerts to berthcare_app;
grant execute on function app.on_call_contacts, app.due_escalations, app.oldest_unanswered_alert to berthcare_jobs;
grant execute on function app.waiting_alerts, app.escalation to berthcare_jobs, berthcare_webhooks;
