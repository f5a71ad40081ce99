-- An alert on its way to somebody who answers.

-- Alerts only move forward. Nobody answered is not the end: who sees it later may still take it.
create function app.guard_alert_moves() returns trigger language plpgsql as $$
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
create trigger guard_alert_moves before update on alerts for each row execute function app.guard_alert_moves();

alter table messages add unique (agency_id, id);

-- What an alert's chain of calls waits for. Beside `alerts`, since phones hold those and need none of this.
create table escalations (
  alert_id uuid primary key,
  agency_id uuid not null references agencies,
  -- When the next step is due; null once the chain has stopped. A new chain is due at once, whatever anybody's clock says.
  due_at timestamptz default '-infinity',
  -- The call that is out, as the outbox has it.
  call_id uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid references users,
  updated_by uuid references users,
  constraint escalations_alert_fkey foreign key (agency_id, alert_id) references alerts (agency_id, id),
  constraint escalations_call_fkey foreign key (agency_id, call_id) references messages (agency_id, id)
);
create index escalations_due on escalations (due_at) where due_at is not null;
create trigger stamp_times before insert or update on escalations for each row execute function app.stamp_times();

alter table escalations enable row level security;
create policy backup_reads_all on escalations for select to berthcare_backup using (true);
create policy reports_read_all on escalations for select to berthcare_readonly using (true);
grant select on escalations to berthcare_backup, berthcare_readonly;
grant select, update (due_at, call_id) on escalations to berthcare_app;
create policy chain_reads on escalations for select to berthcare_app
  using (agency_id = app.agency_id() and app.caller_role() in ('job', 'webhook'));
create policy chain_moves on escalations for update to berthcare_app
  using (agency_id = app.agency_id() and app.caller_role() in ('job', 'webhook'));

-- Whichever way an alert comes (REST, a phone's push, an SMS, a job) it starts one chain, and whichever way somebody takes
-- it or takes it back, the chain stops and what is not yet sent never is.
create function app.follow_alert() returns trigger
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
create trigger follow_alert after insert or update on alerts for each row execute function app.follow_alert();

-- What the next step of an alert's chain needs to know: where it stands, who asks, and who could answer, in the order in
-- which they are asked: the client's own coordinator, then coordinators on duty (signed in on a device), who was seen
-- last first, then the others, then admins. For the chain alone: it sees numbers and push tokens.
create function app.escalation(p_alert uuid, p_now timestamptz)
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
      select jsonb_agg(jsonb_build_object('user_id', u.id, 'phone', u.phone, 'locale', u.locale, 'role', u.role,
          'called', exists (
            select from messages m where m.alert_id = a.id and m.recipient_id = u.id and m.channel = 'voice'),
          'devices', s.devices)
        order by u.id is not distinct from c.coordinator_id desc, u.role = 'coordinator' desc, s.seen_at desc nulls last, u.id)
      from users u
      cross join lateral (
        select max(d.last_seen_at) as seen_at,
          coalesce(jsonb_agg(jsonb_build_object('id', d.id, 'push_token', d.push_token))
            filter (where d.push_token is not null), '[]') as devices
        from devices d where d.user_id = u.id and d.session_id is not null and d.revoked_at is null) s
      where u.agency_id = a.agency_id and u.role in ('coordinator', 'admin') and u.status = 'active'
        and u.deleted_at is null and u.id is distinct from a.raised_by), '[]')
  from alerts a
  join escalations e on e.alert_id = a.id
  join clients c on c.id = a.client_id
  where a.id = p_alert and a.deleted_at is null and a.agency_id = app.agency_id()
    and app.caller_role() in ('job', 'webhook');
end;

-- Which chains have a step to take, of all agencies, the longest overdue first: for whoever then takes on each one's
-- identity.
create function app.due_escalations(p_now timestamptz, p_limit integer)
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

-- The identity of a provider's webhook: one agency, no person, and no more than a chain of calls and an inbound message
-- need. Named by the message that it is about, or by the agency that an inbound number was found in.
create function app.act_as_webhook(p_message uuid, p_agency uuid, p_request_id text, p_source_ip text) returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  agency record;
begin
  select a.id, a.time_zone into agency from agencies a
  where a.id = coalesce(p_agency, (select m.agency_id from messages m where m.id = p_message));
  if not found then
    raise exception 'no such message' using errcode = 'BC404';
  end if;
  perform
    set_config('app.agency_id', agency.id::text, true),
    set_config('app.caller_role', 'webhook', true),
    set_config('app.time_zone', agency.time_zone, true),
    set_config('app.request_id', coalesce(p_request_id, ''), true),
    set_config('app.source_ip', coalesce(p_source_ip, ''), true);
end
$$;

create policy webhooks_see on alerts for select to berthcare_app
  using (agency_id = app.agency_id() and app.caller_role() = 'webhook');
create policy webhooks_raise on alerts for insert to berthcare_app
  with check (agency_id = app.agency_id() and app.caller_role() = 'webhook');
create policy webhooks_answer on alerts for update to berthcare_app
  using (agency_id = app.agency_id() and app.caller_role() = 'webhook');
create policy webhooks_read on messages for select to berthcare_app
  using (agency_id = app.agency_id() and app.caller_role() = 'webhook');
create policy webhooks_tell on messages for update to berthcare_app
  using (agency_id = app.agency_id() and app.caller_role() = 'webhook');

revoke execute on all functions in schema app from public;
grant execute on function app.escalation(uuid, timestamptz), app.due_escalations(timestamptz, integer),
  app.act_as_webhook(uuid, uuid, text, text) to berthcare_app;
