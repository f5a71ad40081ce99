-- Messages on their way: taken under a lease, cancelled, ended, and counted.

-- Takes the lane's next turn and what is most urgent among the messages that are due on its channel, of all agencies,
-- under a lease. Two dispatchers never get the same message, nor two turns closer together than `p_spacing_ms`. Of what
-- is as urgent the most severe goes first, then what is of the agency whose turn is longest ago, so that nobody waits
-- for another agency's flood, then what has waited longest. `p_urgent`: alerts and families' calls alone.
--
-- Where the lane isn't free (`busy`), or nothing is due, answers when to come back (null: nothing is waiting). That is
-- looked for only where nothing is taken: it reads every message that waits. A message whose status was `sending`
-- already comes with
-- `is_uncertain`: whoever took it last never said what came of it.
create or replace function app.lease_messages(
  p_channel text, p_lane text, p_now timestamptz, p_spacing_ms integer, p_lease_seconds integer, p_limit integer,
  p_urgent boolean
) returns table (busy boolean, come_back_at timestamptz, taken jsonb)
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  free timestamptz;
begin
  insert into rate_limits as l (lane) values (p_lane) on conflict do nothing;
  select l.next_slot_at into strict free from rate_limits l where l.lane = p_lane for no key update;
  if free > p_now then
    return query select true, free, '[]'::jsonb;
    return;
  end if;
  return query
    with due as (
      select m.id, m.status, m.attempted_at
      from messages m left join agency_turns t on t.lane = p_lane and t.agency_id = m.agency_id
      where m.channel = p_channel::message_channel and m.status in ('pending', 'sending') and m.next_attempt_at <= p_now
        and (m.urgency <= 1 or not p_urgent)
      order by m.urgency, m.severity desc nulls last, coalesce(t.turn, 0), m.next_attempt_at, m.id
      limit p_limit
      for no key update of m skip locked
    ), leased as (
      update messages m
      set status = 'sending', attempts = m.attempts + 1, leased_until = p_now + make_interval(secs => p_lease_seconds),
        next_attempt_at = p_now + make_interval(secs => p_lease_seconds),
        attempted_at = case when due.status = 'sending' then m.attempted_at else p_now end
      from due where m.id = due.id
      returning m.*, due.status = 'sending' as is_uncertain
    ), turn as (
      update rate_limits l
      set next_slot_at = p_now + make_interval(secs => p_spacing_ms / 1000.0), turns = l.turns + 1
      where l.lane = p_lane and exists (select from leased)
      returning l.turns
    ), of_agencies as (
      insert into agency_turns as a (lane, agency_id, turn)
      select distinct p_lane, m.agency_id, turn.turns from leased m cross join turn
      on conflict (lane, agency_id) do update set turn = excluded.turn
    )
    select false,
      case when not exists (select from leased) then (
        select min(m.next_attempt_at) from messages m
        where m.channel = p_channel::message_channel and m.status in ('pending', 'sending')
          and m.next_attempt_at > p_now and (m.urgency <= 1 or not p_urgent))
      end,
      coalesce((
        select jsonb_agg(jsonb_build_object(
          'id', m.id, 'agency_id', m.agency_id, 'recipient_id', m.recipient_id, 'address', m.recipient,
          'locale', m.locale, 'template', m.template, 'values', m.template_values, 'alert_id', m.alert_id,
          'attempts', m.attempts, 'created_at', m.created_at, 'attempted_at', m.attempted_at,
          'expires_at', m.expires_at, 'is_uncertain', m.is_uncertain,
          -- Whether the phone is still the recipient's, and signed in: what was queued before goes to nobody else.
          'reachable', m.channel <> 'push' or exists (
            select from devices d join users u on u.id = d.user_id
            where d.push_token = m.recipient and d.user_id = m.recipient_id and d.session_id is not null
              and d.revoked_at is null and u.status = 'active' and u.deleted_at is null),
          -- Whether the daily SMS is still wanted: by whom it is for, and by the client.
          'consented', coalesce((
              select c.granted from consents c
              where c.client_id = m.client_id and c.kind = 'sms' and c.user_id = m.recipient_id
              order by c.recorded_at desc, c.id desc limit 1), false)
            and not app.consent_withdrawn(m.client_id, 'sms')
            and app.consent_in_force(m.client_id, 'family_sharing'))
          order by m.urgency, m.severity desc nulls last, m.created_at, m.id)
        from leased m), '[]');
end
$$;

-- A dispatcher that sends everything says that it is at work. Who queues something and finds one at work asks it to
-- look again, and invokes no other: hundreds of invitations don't stand in line before what comes after them.
create or replace function app.dispatcher_works(p_seconds integer) returns void
language sql volatile security definer set search_path = public, pg_temp
begin atomic
  insert into rate_limits as l (lane, at_work_until) values ('dispatcher', now() + make_interval(secs => p_seconds))
  on conflict (lane) do update set at_work_until = excluded.at_work_until;
end;

create or replace function app.dispatcher_ends() returns boolean
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  asked boolean;
begin
  select l.asked into asked from rate_limits l where l.lane = 'dispatcher' for no key update;
  update rate_limits l set asked = false, at_work_until = case when l.asked then l.at_work_until else '-infinity' end
  where l.lane = 'dispatcher';
  return coalesce(asked, false);
end
$$;

create or replace function app.no_dispatcher_works() returns boolean
language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  update rate_limits l set asked = true where l.lane = 'dispatcher' and l.at_work_until > now();
  return not found;
end
$$;

-- When the last of those messages is due that wait for their first turn: what is queued in thousands lines up behind
-- it. What can't go out any sooner is not late.
create or replace function app.queue_ends_at(p_channel text, p_urgency smallint) returns timestamptz
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select coalesce(max(m.next_attempt_at), '-infinity') from messages m
  where m.channel = p_channel::message_channel and m.urgency = p_urgency and m.status in ('pending', 'sending')
    and m.attempts = 0;
end;

-- Push messages whose receipts are due, of all agencies, each asked for by one dispatcher at a time.
create or replace function app.lease_receipts(p_now timestamptz, p_again_at timestamptz, p_limit integer) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  taken jsonb;
begin
  with due as (
    select m.id from messages m where m.receipt_at <= p_now order by m.receipt_at limit p_limit
    for no key update skip locked
  ), asked as (
    update messages m set receipt_at = p_again_at from due where m.id = due.id
    returning m.id, m.agency_id, m.recipient_id, m.recipient, m.provider_sid, m.attempted_at, m.template,
      m.template_values, m.expires_at
  )
  select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'agency_id', a.agency_id, 'recipient_id', a.recipient_id,
    'address', a.recipient, 'ticket', a.provider_sid, 'attempted_at', a.attempted_at, 'template', a.template,
    'values', a.template_values, 'expires_at', a.expires_at)), '[]') into taken
  from asked a;
  return taken;
end
$$;

-- Calls to be ended, of all agencies, each asked about by one dispatcher at a time, and again until two minutes after
-- it was placed: none rings longer.
create or replace function app.lease_hang_ups(p_now timestamptz, p_again_at timestamptz, p_limit integer) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  taken jsonb;
begin
  with due as (
    select m.id from messages m where m.hang_up_at <= p_now order by m.hang_up_at limit p_limit
    for no key update skip locked
  ), asked as (
    update messages m
    set hang_up_at = case when m.attempted_at > p_now - interval '2 minutes' then p_again_at end
    from due where m.id = due.id
    returning m.id, m.agency_id, m.provider_sid
  )
  select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'agency_id', a.agency_id, 'sid', a.provider_sid)), '[]')
  into taken
  from asked a where a.provider_sid is not null;
  return taken;
end
$$;

-- Cancels what is not yet sent of what an alert or a visit caused: whoever ends the cause may be a nurse, who can't see
-- the outbox. A call that the provider has already is to be ended, at once, whatever anybody's clock says. Answers how
-- many were cancelled.
create or replace function app.cancel_messages(p_alert uuid, p_visit uuid) returns integer
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  cancelled integer;
begin
  update messages m set status = 'cancelled', next_attempt_at = null, leased_until = null
  where m.agency_id = app.agency_id() and m.status in ('pending', 'sending')
    and (m.alert_id = p_alert or m.visit_id = p_visit);
  get diagnostics cancelled = row_count;
  update messages m set hang_up_at = '-infinity'
  where m.agency_id = app.agency_id() and m.status = 'sent' and m.channel = 'voice' and m.alert_id = p_alert;
  return cancelled;
end
$$;

-- A call that was cancelled while it was on its way to the provider, and went out all the same.
create or replace function app.hang_up_late_call() returns trigger language plpgsql as $$
begin
  new.hang_up_at := '-infinity';
  return new;
end
$$;

create or replace trigger hang_up_late_call before update of provider_sid on messages for each row
  when (new.channel = 'voice' and new.status = 'cancelled'
    and old.provider_sid is null and new.provider_sid is not null)
  execute function app.hang_up_late_call();

-- A one-time code is in the outbox until it is sent, and no longer.
create or replace function app.erase_sent_secret() returns trigger language plpgsql as $$
begin
  new.template_values := '{}';
  return new;
end
$$;

create or replace trigger erase_sent_secret before update of status on messages for each row
  when (new.secret and new.status not in ('pending', 'sending'))
  execute function app.erase_sent_secret();

-- Of these provider's ids, which stand in the order of looking, the first that no message has, of any agency; and
-- whether it may well be that of another message to the same number, whose answer is awaited at this moment.
create or replace function app.claimable_sid(p_message uuid, p_sids text[], p_now timestamptz, p_lease_seconds integer)
returns table (sid text, is_awaited boolean)
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select s.sid, exists (
    select from messages o join messages m on m.id = p_message
    where o.id <> m.id and o.recipient = m.recipient and o.channel = m.channel and o.status = 'sending'
      and o.leased_until > p_now and o.attempted_at >= o.leased_until - make_interval(secs => p_lease_seconds))
  from unnest(p_sids) with ordinality s (sid, place)
  where not exists (select from messages m where m.provider_sid = s.sid or s.sid = any (m.previous_provider_ids))
  order by s.place limit 1;
end;

-- Takes a provider's id for the message that it truly belongs to from another, of whatever agency, that took it for its
-- own while it was uncertain, and is uncertain again.
create or replace function app.take_back_sid(p_message uuid, p_sid text) returns void
language sql volatile security definer set search_path = public, pg_temp
begin atomic
  update messages o
  set provider_sid = null, receipt_at = null, failure = 'what was taken for it was another message',
    status = case when o.status in ('cancelled', 'dead') then o.status else 'sending' end,
    next_attempt_at = case when o.status not in ('cancelled', 'dead') then now() end,
    leased_until = null
  from messages m
  where o.provider_sid = p_sid and o.id <> p_message
    and m.id = p_message and m.provider_sid is null and not p_sid = any (m.previous_provider_ids);
end;

-- How much waits to be sent, and for how long the oldest of what is due has waited, of all agencies.
create or replace function app.outbox_backlog(p_now timestamptz)
returns table (depth bigint, age_seconds double precision)
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select count(*),
    coalesce(extract(epoch from p_now - min(m.next_attempt_at) filter (where m.next_attempt_at <= p_now)), 0)::float8
  from messages m where m.status in ('pending', 'sending');
end;

grant execute on function app.queue_ends_at, app.cancel_messages to berthcare_app;
grant execute on function app.no_dispatcher_works to berthcare_auth;
grant execute on function app.lease_messages, app.dispatcher_works, app.dispatcher_ends, app.lease_receipts,
  app.lease_hang_ups, app.claimable_sid, app.outbox_backlog to berthcare_jobs;
grant execute on function app.take_back_sid to berthcare_jobs, berthcare_webhooks;
