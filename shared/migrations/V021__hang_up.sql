-- A phone stops ringing once somebody else has taken the alert.

-- From when on the provider is to be asked to end this call; null where it isn't.
alter table messages add column hang_up_at timestamptz;
create index messages_to_hang_up on messages (hang_up_at) where hang_up_at is not null;

-- As in V015, and a call that the provider has already is to be ended, at once, whatever anybody's clock says.
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
create function app.hang_up_late_call() returns trigger language plpgsql as $$
begin
  new.hang_up_at := '-infinity';
  return new;
end
$$;
create trigger hang_up_late_call before update of provider_sid on messages for each row
  when (new.channel = 'voice' and new.status = 'cancelled' and old.provider_sid is null and new.provider_sid is not null)
  execute function app.hang_up_late_call();

-- Calls to be ended, of all agencies, each asked about by one dispatcher at a time, and again until two minutes after it
-- was placed: none rings longer.
create function app.take_hang_ups(p_now timestamptz, p_again_at timestamptz, p_limit integer) returns jsonb
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
grant execute on function app.take_hang_ups(timestamptz, timestamptz, integer) to berthcare_app;
