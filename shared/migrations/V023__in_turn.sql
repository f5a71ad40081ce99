-- When the last of those messages is due that wait for their first turn: what is queued in thousands lines up behind it.
-- What can't go out any sooner is not late.
create function app.planned_until(p_channel text, p_urgency smallint) returns timestamptz
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select coalesce(max(m.next_attempt_at), '-infinity') from messages m
  where m.channel = p_channel::message_channel and m.urgency = p_urgency and m.status in ('pending', 'sending')
    and m.attempts = 0;
end;
grant execute on function app.planned_until(text, smallint) to berthcare_app;
