-- As in V015, but when to come back is looked for only where nothing is taken: each turn of an evening with thousands
-- of messages read them all.
-- Takes the lane's next turn and what is most urgent among the messages that are due on its channel, of all agencies,
-- under a lease. Two dispatchers never get the same message, nor two turns closer together than `p_spacing_ms`.
--
-- Where the lane isn't free (`busy`), or nothing is due, answers when to come back (null: nothing is waiting). A message
-- whose status was `sending` already comes with `in_doubt`: whoever took it last never said what came of it.
create or replace function app.take_messages(
  p_channel text, p_lane text, p_now timestamptz, p_spacing_ms integer, p_lease_seconds integer, p_limit integer
) returns table (busy boolean, come_back_at timestamptz, taken jsonb)
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  free timestamptz;
begin
  insert into sending_lanes as l (lane) values (p_lane) on conflict do nothing;
  select l.free_at into strict free from sending_lanes l where l.lane = p_lane for no key update;
  if free > p_now then
    return query select true, free, '[]'::jsonb;
    return;
  end if;
  return query
    with due as (
      select m.id, m.status, m.attempted_at from messages m
      where m.channel = p_channel::message_channel and m.status in ('pending', 'sending') and m.next_attempt_at <= p_now
      order by m.urgency, m.next_attempt_at, m.id
      limit p_limit
      for no key update skip locked
    ), leased as (
      update messages m
      set status = 'sending', attempts = m.attempts + 1, leased_until = p_now + make_interval(secs => p_lease_seconds),
        next_attempt_at = p_now + make_interval(secs => p_lease_seconds),
        attempted_at = case when due.status = 'sending' then m.attempted_at else p_now end
      from due where m.id = due.id
      returning m.*, due.status = 'sending' as in_doubt
    ), turn as (
      update sending_lanes l set free_at = p_now + make_interval(secs => p_spacing_ms / 1000.0)
      where l.lane = p_lane and exists (select from leased)
    )
    select false,
      case when not exists (select from leased) then (
        select min(m.next_attempt_at) from messages m
        where m.channel = p_channel::message_channel and m.status in ('pending', 'sending') and m.next_attempt_at > p_now)
      end,
      coalesce((
        select jsonb_agg(jsonb_build_object(
          'id', m.id, 'agency_id', m.agency_id, 'recipient_id', m.recipient_id, 'address', m.recipient,
          'locale', m.locale, 'template', m.template, 'values', m.template_values, 'alert_id', m.alert_id,
          'attempts', m.attempts, 'created_at', m.created_at, 'attempted_at', m.attempted_at,
          'expires_at', m.expires_at, 'in_doubt', m.in_doubt,
          -- Whether the daily SMS is still wanted: by whom it is for, and by the client.
          'consented', coalesce((
              select c.granted from consents c
              where c.client_id = m.client_id and c.kind = 'sms' and c.user_id = m.recipient_id
              order by c.recorded_at desc, c.id desc limit 1), false)
            and app.consented(m.client_id, 'family_sharing'))
          order by m.urgency, m.created_at, m.id)
        from leased m), '[]');
end
$$;
