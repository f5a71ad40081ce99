-- Messages in doubt: nobody here knows whether the provider took them.

-- How often it was sent again without a word of what became of the time before.
alter table messages add column resends smallint not null default 0;

-- Of these provider's ids, which stand in the order of looking, the first that no message has, of any agency; and whether it
-- may well be that of another message to the same number, whose answer is awaited at this moment.
create function app.claimable_sid(p_message uuid, p_sids text[], p_now timestamptz, p_lease_seconds integer)
returns table (sid text, is_awaited boolean)
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select s.sid, exists (
    select from messages o join messages m on m.id = p_message
    where o.id <> m.id and o.recipient = m.recipient and o.channel = m.channel and o.status = 'sending'
      and o.leased_until > p_now and o.attempted_at >= o.leased_until - make_interval(secs => p_lease_seconds))
  from unnest(p_sids) with ordinality s (sid, place)
  where not exists (select from messages m where m.provider_sid = s.sid or s.sid = any (m.former_sids))
  order by s.place limit 1;
end;

-- Takes a provider's id for the message that it truly belongs to from another, of whatever agency, that took it for its
-- own while it was in doubt, and is in doubt again.
create function app.take_back_sid(p_message uuid, p_sid text) returns void
language sql volatile security definer set search_path = public, pg_temp
begin atomic
  update messages o
  set provider_sid = null, receipt_at = null, failure = 'what was taken for it was another message',
    status = case when o.status in ('cancelled', 'dead') then o.status else 'sending' end,
    next_attempt_at = case when o.status not in ('cancelled', 'dead') then now() end,
    leased_until = null
  from messages m
  where o.provider_sid = p_sid and o.id <> p_message
    and m.id = p_message and m.provider_sid is null and not p_sid = any (m.former_sids);
end;

grant execute on function app.claimable_sid(uuid, text[], timestamptz, integer), app.take_back_sid(uuid, text)
  to berthcare_app;
