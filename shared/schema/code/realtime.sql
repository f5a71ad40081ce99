-- What is told over WebSockets: that something changed, to whom, and which sessions have ended.

-- Tells whoever wrote that somebody of the agency may be listening: by a notice, which arrives with the answer to a
-- statement that is sent anyway, so that neither listening nor not listening costs a writer a statement. `store::Db`
-- hands it on after the commit. Once a transaction; `app.listened` is set with the caller, and looked up where there
-- is none.
create or replace function app.announce(p_agency uuid) returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  listened constant text := coalesce(current_setting('app.listened', true), '');
begin
  if listened in ('no', 'told') then
    return;
  end if;
  if listened = '' and not exists (select from agencies a where a.id = p_agency and a.listened_until > now()) then
    return;
  end if;
  perform set_config('app.listened', 'told', true);
  raise notice using errcode = 'BC200', message = p_agency::text;
end
$$;

-- Whether a session still stands is asked whenever listeners are told something: so they are, where one has ended.
create or replace function app.announce_ended_sessions() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform app.announce(case tg_table_name when 'agencies' then (to_jsonb(new) ->> 'id')::uuid
    else (to_jsonb(new) ->> 'agency_id')::uuid end);
  return null;
end
$$;

create or replace trigger announce_ended_sessions after update of session_id, revoked_at on devices for each row
  when (old.session_id is not null
    and (old.session_id is distinct from new.session_id or old.revoked_at is distinct from new.revoked_at))
  execute function app.announce_ended_sessions();
create or replace trigger announce_ended_sessions after update of status, role, deleted_at on users for each row
  when (old.status <> new.status or old.role <> new.role or old.deleted_at is distinct from new.deleted_at)
  execute function app.announce_ended_sessions();
create or replace trigger announce_ended_sessions after update of suspended_at on agencies for each row
  when (old.suspended_at is distinct from new.suspended_at)
  execute function app.announce_ended_sessions();

-- The next change number of this transaction, with the agency's write lock where the transaction has none yet.
create or replace function app.take_change_number(p_agency uuid) returns bigint
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  taken bigint := nullif(current_setting('app.next_number', true), '')::bigint;
begin
  if taken is null or taken > current_setting('app.last_number')::bigint then
    update agency_counters set number = number + 1 where agency_id = p_agency returning number into taken;
    perform set_config('app.last_number', taken::text, true);
  end if;
  perform set_config('app.next_number', (taken + 1)::text, true);
  return taken;
end
$$;

-- An entry on the log of changes for what phones don't hold: who listens is told of it by its number too. Whose client
-- it is of decides who is told; of a message, also whose it is.
create or replace function app.log_event() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  entry constant jsonb := to_jsonb(new);
begin
  if new.agency_id is null then
    return null;
  end if;
  insert into sync_log (agency_id, number, user_id, table_name, record_id, client_id, operation, changed_columns, after)
  values (new.agency_id, app.take_change_number(new.agency_id), app.user_id(), tg_table_name, new.id, new.client_id,
    case tg_op when 'INSERT' then 'create' else 'update' end::change_operation, '{}',
    case tg_table_name when 'messages' then jsonb_build_object('recipient_id', entry -> 'recipient_id')
      when 'sync_conflicts' then jsonb_build_object('status', entry -> 'status',
        'device_user_id', entry -> 'device_user_id') else '{}' end);
  perform app.announce(new.agency_id);
  return null;
end
$$;

create or replace trigger log_event after insert on sync_conflicts for each row execute function app.log_event();
create or replace trigger log_changed_event after update of status on sync_conflicts for each row
  when (old.status <> new.status) execute function app.log_event();
create or replace trigger log_event after insert on inbound_messages for each row execute function app.log_event();
create or replace trigger log_changed_event after update on inbound_messages for each row
  when (old.* is distinct from new.*) execute function app.log_event();
-- Those that tell a family of its client; codes are about nobody.
create or replace trigger log_event after insert on messages for each row
  when (new.channel = 'sms' and new.client_id is not null and new.alert_id is null and new.recipient_id is not null)
  execute function app.log_event();

-- What an entry of the log is called to those who listen.
create or replace function app.event_type(
  p_table text, p_operation change_operation, p_changed text[], p_after jsonb
) returns text language sql immutable parallel safe
  return case p_table
    when 'alerts' then case
      when p_operation = 'create' then 'alert.raised'
      when p_operation = 'update' and 'status' = any (p_changed)
        and p_after ->> 'status' in ('acknowledged', 'resolved')
        then 'alert.' || (p_after ->> 'status')
      when p_operation = 'delete' then 'alert.deleted' else 'alert.updated' end
    when 'visits' then 'visit.' || p_operation::text || 'd'
    when 'sync_conflicts' then case when p_operation = 'create' then 'conflict.found' else 'conflict.resolved' end
    when 'inbound_messages' then case when p_operation = 'create' then 'reply.received' else 'reply.updated' end
    when 'messages' then 'message.created'
    else 'sync.changed' end;

-- What changed after `p_after`, a cursor of the caller's agency, that the caller may see now: of their clients, and of
-- no client their own. Replies are coordinators'; a family is told of visits and of messages to it, of nothing else.
-- Ids and numbers alone leave this function: nobody's right to read the log itself follows from it.
create or replace function app.events(p_after bigint, p_limit integer)
returns table (type text, id uuid, client_id uuid, number bigint)
language plpgsql stable security definer rows 50
set search_path = public, pg_temp set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  agency constant uuid := app.agency_id();
  me constant uuid := app.user_id();
  family constant boolean := app.caller_role() is not distinct from 'family';
  first bigint;
  mine uuid[];
begin
  select c.epoch::bigint << 40 into first from agency_counters c where c.agency_id = agency;
  if app.sees_agency() then
    return query
      select app.event_type(l.table_name, l.operation, l.changed_columns, l.after), l.record_id, l.client_id,
        first + l.number
      from sync_log l where l.agency_id = agency and l.number > p_after - first order by l.number limit p_limit;
  elsif app.caller_role() in ('nurse', 'care_aide', 'family') then
    mine := app.my_client_array();
    return query
      select app.event_type(l.table_name, l.operation, l.changed_columns, l.after), l.record_id, l.client_id,
        first + l.number
      from sync_log l
      where l.agency_id = agency and l.number > p_after - first and case
        when family then l.client_id = any (mine)
          and (l.table_name = 'visits' or l.table_name = 'messages' and (l.after ->> 'recipient_id')::uuid = me)
        when l.table_name in ('inbound_messages', 'messages') then false
        when l.client_id is not null then l.client_id = any (mine)
        when l.table_name = 'sync_conflicts' then (l.after ->> 'device_user_id')::uuid = me
        else l.user_id = me end
      order by l.number limit p_limit;
  end if;
end
$$;

-- Notes that somebody of the caller's agency listens: a WebSocket lasts two hours at most.
create or replace function app.begin_listening() returns void
language sql volatile security definer set search_path = public, pg_temp
begin atomic
  update agencies set listened_until = now() + interval '2 hours 5 minutes' where id = app.agency_id();
end;

-- Until when somebody may be listening, as it was noted last.
create or replace function app.listened_until(p_agency uuid) returns timestamptz
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select a.listened_until from agencies a where a.id = p_agency;
end;

-- Notes that nobody listens, unless somebody has begun to since `p_seen` was read.
create or replace function app.end_listening(p_agency uuid, p_seen timestamptz) returns void
language sql volatile security definer set search_path = public, pg_temp
begin atomic
  update agencies set listened_until = null where id = p_agency and listened_until = p_seen;
end;

grant execute on function app.events, app.begin_listening, app.listened_until, app.end_listening to berthcare_app;
