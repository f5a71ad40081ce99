-- What each scheduled job works on.

-- Visits that nobody came to ---------------------------------------------------------------------------------------

-- Whichever way a check-in comes (REST, a phone's push, a conflict settled), and whatever else ends the matter, what is
-- not yet sent of a visit being late or missed never is.
create function app.follow_visit() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform app.cancel_messages(null, new.id);
  return null;
end
$$;
create trigger follow_visit after update of status, scheduled_start, user_id, deleted_at on visits
  for each row when (old.status in ('scheduled', 'missed') and (old.status, old.scheduled_start, old.user_id, old.deleted_at)
    is distinct from (new.status, new.scheduled_start, new.user_id, new.deleted_at))
  execute function app.follow_visit();

-- Care-team grants that begin or end by their dates ------------------------------------------------------------------

-- Access follows the dates by itself, at the agency's midnight. This is what phones have been told of it: the job that
-- corrects it gives the row a new number, by which the client arrives whole on a phone, or leaves it.
alter table care_team add column in_force boolean not null default false;
alter table care_team disable trigger user;
update care_team t
set in_force = t.deleted_at is null and t.starts_on <= d.today and coalesce(t.ends_on >= d.today, true)
from (select a.id, (now() at time zone a.time_zone)::date as today from agencies a) d
where d.id = t.agency_id;
alter table care_team enable trigger user;

-- Before app.stamp_change, which compares rows: triggers fire by name.
create function app.set_in_force() returns trigger language plpgsql as $$
begin
  new.in_force := new.deleted_at is null and new.starts_on <= app.today() and coalesce(new.ends_on >= app.today(), true);
  return new;
end
$$;
create trigger set_in_force before insert or update of starts_on, ends_on, deleted_at on care_team
  for each row execute function app.set_in_force();

create index care_team_to_begin on care_team (agency_id, coalesce(ends_on, 'infinity'::date))
  where not in_force and deleted_at is null;
create index care_team_to_end on care_team (agency_id, ends_on) where in_force and deleted_at is null;

-- Clients that became the caller's since `p_after` and were not before, and the number from which they are.
create or replace function app.granted_since(p_after bigint)
returns table (client_id uuid, number bigint)
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select t.client_id, max(t.change_number)
  from care_team t
  where p_after > 0 and not app.sees_agency()
    and t.user_id = app.user_id() and t.agency_id = app.agency_id() and t.change_number > p_after
    and t.client_id in (select app.my_client_ids())
    -- Not a client that was the caller's all along, by this grant as it was then or by another: by its dates on the day of
    -- the last synchronisation, and as phones had been told. A phone may ask between midnight and the job.
    and not exists (
      select from care_team o
      left join lateral (
        select l.before from sync_log l where l.record_id = o.id and l.number > p_after order by l.number limit 1) l on true
      cross join lateral (
        select coalesce((d.last_sync_at at time zone a.time_zone)::date, app.today()) as day
        from devices d join agencies a on a.id = d.agency_id where d.id = app.device_id()) then_
      where o.user_id = t.user_id and o.client_id = t.client_id
        and case when o.change_number <= p_after
          then o.in_force and o.deleted_at is null
            and o.starts_on <= then_.day and (o.ends_on is null or o.ends_on >= then_.day)
          else l.before is not null and l.before ->> 'deleted_at' is null
            and coalesce((l.before ->> 'in_force')::boolean, true)
            and (l.before ->> 'starts_on')::date <= then_.day
            and (l.before ->> 'ends_on' is null or (l.before ->> 'ends_on')::date >= then_.day) end)
  group by t.client_id;
end;

-- The family's SMS ---------------------------------------------------------------------------------------------------

-- Whether somebody's own consent is in force: the newest row about them and this client.
create function app.consented_for(p_client uuid, p_kind consent_kind, p_user uuid) returns boolean
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select coalesce((
    select c.granted from consents c
    where c.client_id = p_client and c.kind = p_kind and c.user_id = p_user
    order by c.recorded_at desc, c.id desc limit 1), false);
end;
grant execute on function app.consented_for(uuid, consent_kind, uuid) to berthcare_app;

-- The audit log's chain ----------------------------------------------------------------------------------------------

-- A row of the audit log as text, the same whatever the session's settings: what its link is a digest of.
create function app.audit_text(entry audit_log) returns text language sql stable parallel safe
  return jsonb_build_array(entry.id, entry.agency_id,
    to_char(entry.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), entry.actor_id, entry.device_id, entry.action,
    entry.resource, entry.resource_id, entry.client_id, entry.request_id, host(entry.source_ip), entry.details)::text;

-- SHA-256 over the previous link's hash (nothing before the first) and the row's text in UTF-8.
create function app.audit_hash(previous bytea, entry_text text) returns bytea language sql immutable parallel safe
  return sha256(coalesce(previous, '') || convert_to(entry_text, 'UTF8'));

-- The lowest UUIDv7 of a millisecond: ids of the audit log are made in the order of time.
create function app.uuid7_from(p_time timestamptz) returns uuid language sql immutable parallel safe
  return (lpad(to_hex(greatest((extract(epoch from p_time) * 1000)::bigint, 0)), 12, '0') || repeat('0', 20))::uuid;

-- Seals up to `p_limit` rows that no link holds yet, and answers how many. A transaction may commit its rows after later
-- ones were sealed, but never an hour after: no function runs that long.
create function app.seal_audit(p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  link record;
  entry record;
  sealed bigint := 0;
begin
  perform pg_advisory_xact_lock(hashtext('audit chain'));
  select c.number, c.hash, a.at into link
  from audit_chain c join audit_log a on a.id = c.audit_id order by c.number desc limit 1;
  for entry in
    select a.id, a.agency_id, app.audit_text(a) as content
    from audit_log a
    where a.id >= coalesce(app.uuid7_from(link.at - interval '1 hour'), '00000000-0000-0000-0000-000000000000')
      and not exists (select from audit_chain c where c.audit_id = a.id)
    order by a.id limit p_limit
  loop
    insert into audit_chain (number, audit_id, agency_id, hash)
    values (coalesce(link.number, 0) + 1, entry.id, entry.agency_id, app.audit_hash(link.hash, entry.content))
    returning number, hash, sealed_at into link;
    sealed := sealed + 1;
  end loop;
  return sealed;
end
$$;

-- The newest link.
create function app.last_audit_link() returns table (number bigint, hash bytea)
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select c.number, c.hash from audit_chain c order by c.number desc limit 1;
end;

-- The hashes of some links, in the order of the numbers; null where there is no such link.
create function app.audit_hashes(p_numbers bigint[]) returns table (hashes text[])
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select coalesce(array_agg(encode(c.hash, 'hex') order by n.place), '{}')
  from unnest(p_numbers) with ordinality n (number, place) left join audit_chain c on c.number = n.number;
end;

-- Computes up to `p_limit` links anew after number `p_after`. Answers the last one that holds, and the first that doesn't:
-- its row was altered or is gone, or a link is missing.
create function app.verify_audit(p_after bigint, p_limit integer) returns table (upto bigint, broken bigint)
language plpgsql stable security definer set search_path = public, pg_temp as $$
declare
  link record;
  previous bytea := (select c.hash from audit_chain c where c.number = p_after);
begin
  upto := p_after;
  for link in
    select c.number, c.hash, a.id is not null as there, app.audit_text(a) as content
    from audit_chain c left join audit_log a on a.id = c.audit_id
    where c.number > p_after order by c.number limit p_limit
  loop
    if link.number <> upto + 1 or not link.there
      or link.hash is distinct from app.audit_hash(previous, link.content) then
      broken := upto + 1;
      exit;
    end if;
    upto := link.number;
    previous := link.hash;
  end loop;
  return next;
end
$$;

-- How many rows are older than a day and still not sealed: somebody put them in afterwards, or sealing has stopped.
create function app.unsealed_audit() returns bigint
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select count(*) from audit_log a
  where a.at < now() - interval '1 day' and not exists (select from audit_chain c where c.audit_id = a.id);
end;

grant execute on function app.seal_audit(integer), app.last_audit_link(), app.audit_hashes(bigint[]),
  app.verify_audit(bigint, integer), app.unsealed_audit() to berthcare_app;
