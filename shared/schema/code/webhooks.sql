-- What families write back.

-- Who sent an inbound SMS, and about which client. Where a number belongs to several people, or its owner has several
-- clients, it answers the newest SMS that we sent there; where we sent none, the family member comes before staff, and
-- the first link counts.
create or replace function app.find_sender(p_phone text)
returns table (agency_id uuid, user_id uuid, locale text, client_id uuid)
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select u.agency_id, u.id, u.locale, (
    select t.client_id
    from care_team t
    join clients c on c.id = t.client_id and c.deleted_at is null
    join agencies a on a.id = t.agency_id
    where t.user_id = u.id and t.relation = 'family' and t.deleted_at is null
      and t.starts_on <= (now() at time zone a.time_zone)::date
      and (t.ends_on is null or t.ends_on >= (now() at time zone a.time_zone)::date)
    order by t.client_id is not distinct from last.client_id desc, t.starts_on, t.id limit 1)
  from users u
  left join lateral (
    select m.created_at, m.client_id from messages m
    where m.recipient_id = u.id and m.recipient = p_phone and m.channel = 'sms'
    order by m.created_at desc, m.id desc limit 1) last on true
  where u.phone = p_phone and u.deleted_at is null
  order by last.created_at desc nulls last, u.role = 'family' desc, u.created_at, u.id
  limit 1;
end;

-- Keeps what came from a number that nobody here has.
create or replace function app.record_unknown_sender(
  p_sid text, p_sender text, p_recipient text, p_body text, p_intent text
) returns void language sql volatile security definer set search_path = public, pg_temp
begin atomic
  insert into inbound_messages (provider_sid, sender, recipient, body, intent)
  values (p_sid, p_sender, p_recipient, p_body, p_intent)
  on conflict (provider_sid) do nothing;
end;

-- Opts a number out of SMS, or in again: it holds for each family member with that number and each
-- client of theirs, in every agency, as the network's own block does.
create or replace function app.record_sms_consent(p_phone text, p_granted boolean, p_method text) returns void
language sql volatile security definer set search_path = public, pg_temp
begin atomic
  with links as (
    select distinct t.agency_id, t.client_id, t.user_id
    from care_team t join users u on u.id = t.user_id
    where u.phone = p_phone and u.deleted_at is null and t.relation = 'family' and t.deleted_at is null
      and (t.ends_on is null or t.ends_on >= current_date - 1)
  ), recorded as (
    insert into consents (id, agency_id, client_id, user_id, kind, granted, given_by, method)
    select app.uuid7(), l.agency_id, l.client_id, l.user_id, 'sms', p_granted, 'family_member', p_method from links l
    returning id, agency_id, client_id
  )
  insert into audit_log (agency_id, action, resource, resource_id, client_id, details)
  select r.agency_id, 'consent.create', 'consent', r.id, r.client_id, jsonb_build_object('by', 'sms') from recorded r;
end;

-- The network refused an SMS of ours since its recipient had opted out there: the same as a STOP that reached us, once
-- a message, and on the list of what was written back, so that the coordinator knows.
create or replace function app.record_opt_out(p_message uuid) returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  number text;
begin
  insert into inbound_messages (agency_id, provider_sid, sender, recipient, body, intent, user_id, client_id)
  select m.agency_id, 'opt-out ' || m.id, m.recipient, '', '', 'stop', m.recipient_id, m.client_id
  from messages m where m.id = p_message and m.channel = 'sms' and m.agency_id = app.agency_id()
  on conflict (provider_sid) do nothing
  returning sender into number;
  if number is not null then
    perform app.record_sms_consent(number, false, 'SMS: refused by the network');
  end if;
end
$$;

grant execute on function app.find_sender, app.record_unknown_sender, app.record_sms_consent to berthcare_webhooks;
grant execute on function app.record_opt_out to berthcare_jobs, berthcare_webhooks;
