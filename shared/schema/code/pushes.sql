-- Push messages to people about what others did: no content, on each of their phones, and never at night where it can
-- wait. By triggers, so that it holds however the cause arrives: REST, a phone's push, a key pressed in a call.

-- When somebody may be told: now, or at seven in the morning where the agency is, from nine in the evening on. What
-- begins before they could have read it then can't wait.
create or replace function app.time_to_tell(p_begins timestamptz) returns timestamptz language plpgsql stable as $$
declare
  clock constant time := app.local_time(now());
  morning timestamptz;
begin
  if clock >= '07:00' and clock < '21:00' then
    return now();
  end if;
  morning := app.moment_of(app.today() + (clock >= '21:00')::integer, '07:00');
  return case when p_begins < morning + interval '1 hour' then now() else morning end;
end
$$;

-- Queues a push message for each phone of a colleague that takes them, unless they switched that kind off (`p_about`: a
-- key of users.push_preferences), or one of the kind waits there already. Nobody is told of what they did themselves.
create or replace function app.tell_by_push(
  p_user uuid, p_about text, p_template text, p_client uuid, p_key text, p_urgency smallint, p_due timestamptz
) returns void language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  insert into messages (agency_id, channel, recipient_id, recipient, template, locale, dedupe_key, urgency, client_id,
    next_attempt_at, expires_at)
  select u.agency_id, 'push', u.id, d.push_token, p_template, u.locale, p_key || ' ' || d.id, p_urgency, p_client,
    p_due, p_due + interval '12 hours'
  from users u join devices d on d.user_id = u.id
  where u.id = p_user and u.id is distinct from app.user_id() and u.agency_id = app.agency_id()
    and u.role <> 'family' and u.status = 'active' and u.deleted_at is null
    and coalesce((u.push_preferences ->> p_about)::boolean, true)
    and d.push_token is not null and d.session_id is not null and d.revoked_at is null
    and not exists (
      select from messages m
      where m.recipient_id = u.id and m.recipient = d.push_token and m.template = p_template and m.status = 'pending'
        and m.next_attempt_at <= p_due)
  on conflict on constraint messages_dedupe_key do nothing;
end
$$;

-- A visit of today or tomorrow that a coordinator gives, moves, takes away, cancels or removes.
create or replace function app.tell_of_visit() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  begins timestamptz := new.scheduled_start;
  caregivers uuid[] := array[new.user_id];
begin
  if coalesce(app.caller_role(), '') not in ('admin', 'coordinator') or new.status in ('in_progress', 'completed') then
    return null;
  end if;
  if tg_op = 'UPDATE' then
    begins := least(begins, old.scheduled_start);
    caregivers := array[new.user_id, old.user_id];
  end if;
  if greatest(begins, new.scheduled_end) > now() and (
    app.local_date(begins) - app.today() between 0 and 1
    or app.local_date(new.scheduled_start) - app.today() between 0 and 1)
  then
    perform app.tell_by_push(c.id, 'visits', 'visit_push', new.client_id,
      format('visit-push %s %s', new.id, new.change_number), 2::smallint, app.time_to_tell(begins))
    from (select distinct unnest(caregivers)) c (id);
  end if;
  return null;
end
$$;

create or replace trigger tell_of_visit after insert on visits for each row
  when (new.deleted_at is null and new.status = 'scheduled') execute function app.tell_of_visit();
create or replace trigger tell_of_visit_again
  after update of user_id, scheduled_start, scheduled_end, status, deleted_at on visits for each row
  when ((old.user_id, old.scheduled_start, old.scheduled_end, old.deleted_at)
      is distinct from (new.user_id, new.scheduled_start, new.scheduled_end, new.deleted_at)
    or (old.status <> 'cancelled' and new.status = 'cancelled'))
  execute function app.tell_of_visit();

-- Whoever raised an alert knows when somebody takes it. They wait for that, at any hour.
create or replace function app.tell_of_taken_alert() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if new.raised_by is distinct from new.acknowledged_by then
    perform app.tell_by_push(new.raised_by, 'alerts', 'alert_taken_push', new.client_id,
      'alert-taken-push ' || new.id, 0::smallint, now());
  end if;
  return null;
end
$$;

create or replace trigger tell_of_taken_alert after update of acknowledged_by on alerts for each row
  when (old.acknowledged_by is null and new.acknowledged_by is not null and new.raised_by is not null)
  execute function app.tell_of_taken_alert();

-- Whose value a person didn't keep is told, and whoever sent one, where there is a word for them.
create or replace function app.tell_of_settled_conflict() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform app.tell_by_push(c.id, 'decisions', 'decision_push', new.client_id,
    'conflict-push ' || new.id, 2::smallint, app.time_to_tell(null))
  from (
    select new.device_user_id where new.kept <> 'device' or new.word is not null
    union
    select new.server_user_id where new.kept <> 'server') c (id);
  return null;
end
$$;

create or replace trigger tell_of_settled_conflict after update of status on sync_conflicts for each row
  when (old.status <> 'resolved' and new.status = 'resolved') execute function app.tell_of_settled_conflict();

-- The same of what a phone sent in vain.
create or replace function app.tell_of_settled_refusal() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform app.tell_by_push(coalesce(new.written_by, new.user_id), 'decisions', 'decision_push', null,
    'refusal-push ' || new.id, 2::smallint, app.time_to_tell(null));
  return null;
end
$$;

create or replace trigger tell_of_settled_refusal after update of status on sync_quarantine for each row
  when (old.status = 'open' and new.status <> 'open') execute function app.tell_of_settled_refusal();
