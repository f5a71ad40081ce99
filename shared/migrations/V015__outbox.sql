-- What sending a message needs to know beyond V007: what it is about, how urgent it is, until when it is of use, and
-- what was tried.

alter table messages
  -- The visit that it is about; a check-in cancels what is not yet sent.
  add column visit_id uuid,
  -- 0 an alert, 1 somebody waits for it, 2 the rest; the lowest goes first.
  add column urgency smallint not null default 2 check (urgency between 0 and 2),
  -- Nobody is helped by it after this.
  add column expires_at timestamptz not null default now() + interval '24 hours',
  -- When it was last handed to the provider, whatever came of that.
  add column attempted_at timestamptz,
  -- Provider's ids of attempts that are known to have failed; what is still reported of them counts no more.
  add column former_sids text[] not null default '{}',
  -- When to ask for a push message's receipt.
  add column receipt_at timestamptz,
  add constraint messages_visit_fkey foreign key (agency_id, visit_id) references visits (agency_id, id);

drop index messages_due;
create index messages_due on messages (channel, urgency, next_attempt_at) where status in ('pending', 'sending');
create index messages_owed_receipts on messages (receipt_at) where receipt_at is not null;
create index messages_by_visit on messages (visit_id) where visit_id is not null;

-- When each of our sending numbers, and the push service, may be used next. They are every agency's, so that no agency
-- owns a row.
create table sending_lanes (
  -- The channel, and the number where there is one: `sms +14165550100`.
  lane text primary key check (length(lane) between 1 and 100),
  free_at timestamptz not null default '-infinity',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid references users,
  updated_by uuid references users
);
create trigger stamp_times before insert or update on sending_lanes for each row execute function app.stamp_times();
alter table sending_lanes enable row level security;
create policy backup_reads_all on sending_lanes for select to berthcare_backup using (true);
create policy reports_read_all on sending_lanes for select to berthcare_readonly using (true);
grant select on sending_lanes to berthcare_backup, berthcare_readonly;
-- Without a policy of its own: nothing is shown to it.
grant select on sending_lanes to berthcare_app;

-- Takes the lane's next turn and what is most urgent among the messages that are due on its channel, of all agencies,
-- under a lease. Two dispatchers never get the same message, nor two turns closer together than `p_spacing_ms`.
--
-- Where the lane isn't free (`busy`), or nothing is due, answers when to come back (null: nothing is waiting). A message
-- whose status was `sending` already comes with `in_doubt`: whoever took it last never said what came of it.
create function app.take_messages(
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
      (select min(m.next_attempt_at) from messages m
       where m.channel = p_channel::message_channel and m.status in ('pending', 'sending') and m.next_attempt_at > p_now),
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

-- Of these provider's ids, those that no message has, of any agency: one call or SMS settles one message only.
create function app.unclaimed_sids(p_sids text[]) returns setof text
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select s.sid from unnest(p_sids) s (sid)
  where not exists (select from messages m where m.provider_sid = s.sid or s.sid = any (m.former_sids));
end;

-- How much waits to be sent, and for how long the oldest of what is due has waited, of all agencies.
create function app.outbox_backlog(p_now timestamptz)
returns table (depth bigint, age_seconds double precision)
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select count(*),
    coalesce(extract(epoch from p_now - min(m.next_attempt_at) filter (where m.next_attempt_at <= p_now)), 0)::float8
  from messages m where m.status in ('pending', 'sending');
end;

-- Push messages whose receipts are due, of all agencies, each asked for by one dispatcher at a time.
create function app.take_receipts(p_now timestamptz, p_again_at timestamptz, p_limit integer) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  taken jsonb;
begin
  with due as (
    select m.id from messages m where m.receipt_at <= p_now order by m.receipt_at limit p_limit
    for no key update skip locked
  ), asked as (
    update messages m set receipt_at = p_again_at from due where m.id = due.id
    returning m.id, m.agency_id, m.recipient_id, m.recipient, m.provider_sid, m.attempted_at
  )
  select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'agency_id', a.agency_id, 'recipient_id', a.recipient_id,
    'address', a.recipient, 'ticket', a.provider_sid, 'attempted_at', a.attempted_at)), '[]') into taken
  from asked a;
  return taken;
end
$$;

-- Cancels what is not yet sent of what an alert or a visit caused: whoever ends the cause may be a nurse, who can't see
-- the outbox. Answers how many.
create function app.cancel_messages(p_alert uuid, p_visit uuid) returns integer
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  cancelled integer;
begin
  update messages m set status = 'cancelled', next_attempt_at = null, leased_until = null
  where m.agency_id = app.agency_id() and m.status in ('pending', 'sending')
    and (m.alert_id = p_alert or m.visit_id = p_visit);
  get diagnostics cancelled = row_count;
  return cancelled;
end
$$;

grant execute on function
  app.take_messages(text, text, timestamptz, integer, integer, integer), app.unclaimed_sids(text[]),
  app.outbox_backlog(timestamptz), app.take_receipts(timestamptz, timestamptz, integer),
  app.cancel_messages(uuid, uuid)
to berthcare_app;
