-- A row of the audit log as text, the same whatever the session's settings: what its link is a digest of.
create or replace function app.audit_text(entry audit_log) returns text language sql stable parallel safe
  return jsonb_build_array(entry.id, entry.agency_id,
    to_char(entry.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), entry.actor_id, entry.device_id,
    entry.action, entry.resource, entry.resource_id, entry.client_id, entry.request_id,
    host(entry.source_ip), entry.details)::text;

-- SHA-256 over the previous link's hash (nothing before the first) and the row's text in UTF-8.
create or replace function app.audit_hash(previous bytea, entry_text text) returns bytea
language sql immutable parallel safe
  return sha256(coalesce(previous, '') || convert_to(entry_text, 'UTF8'));

-- Seals up to `p_limit` rows that no link holds yet, and answers how many. A transaction may commit its rows after
-- later ones were sealed, but never an hour after: no function runs that long.
create or replace function app.seal_audit(p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  link record;
  entry record;
  sealed bigint := 0;
begin
  perform pg_advisory_xact_lock(hashtext('audit chain'));
  select c.number, c.hash, coalesce(a.at, c.sealed_at) as at into link
  from audit_chain c left join audit_log a on a.id = c.audit_id order by c.number desc limit 1;
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
create or replace function app.last_audit_link() returns table (number bigint, hash bytea)
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select c.number, c.hash from audit_chain c order by c.number desc limit 1;
end;

-- The hashes of some links, in the order of the numbers; null where there is no such link.
create or replace function app.audit_hashes(p_numbers bigint[]) returns table (hashes text[])
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select coalesce(array_agg(encode(c.hash, 'hex') order by n.place), '{}')
  from unnest(p_numbers) with ordinality n (number, place) left join audit_chain c on c.number = n.number;
end;

-- Computes up to `p_limit` links anew after number `p_after`. Answers the last one that holds, and the first that
-- doesn't: its row was altered or is gone, or a link is missing. Of a row that was forgotten in its time the link is
-- left, and proven by the one after it and by the anchors.
create or replace function app.verify_audit(p_after bigint, p_limit integer) returns table (upto bigint, broken bigint)
language plpgsql stable security definer set search_path = public, pg_temp as $$
declare
  link record;
  previous bytea := (select c.hash from audit_chain c where c.number = p_after);
  forgotten constant uuid := app.uuid7_from(app.forgotten_until('audit_log'));
begin
  upto := p_after;
  for link in
    select c.number, c.hash, a.id is not null as there, a.id is null and c.audit_id < forgotten as gone_in_time,
      app.audit_text(a) as content
    from audit_chain c left join audit_log a on a.id = c.audit_id
    where c.number > p_after order by c.number limit p_limit
  loop
    if link.number <> upto + 1 or not (link.gone_in_time
        or link.there and link.hash = app.audit_hash(previous, link.content)) then
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
create or replace function app.unsealed_audit() returns bigint
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select count(*) from audit_log a
  where a.at < now() - interval '1 day' and not exists (select from audit_chain c where c.audit_id = a.id);
end;

-- Notes that the chain was anchored or verified, up to which link, and what was wrong.
create or replace function app.record_audit_check(p_kind text, p_number bigint, p_fault text) returns void
language sql volatile security definer set search_path = public, pg_temp
begin atomic
  insert into audit_checks (kind, number, fault) values (p_kind, p_number, p_fault);
end;

-- Since when links wait to be anchored: those after link `p_number`. Null where none does.
create or replace function app.unanchored_since(p_number bigint) returns timestamptz
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select c.sealed_at from audit_chain c where c.number > p_number order by c.number limit 1;
end;

-- The links that were anchored, by what the database remembers.
create or replace function app.anchored_numbers() returns table (numbers bigint[])
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select coalesce(array_agg(distinct k.number), '{}') from audit_checks k where k.kind = 'anchored';
end;

-- How far the log is proven: sealed, anchored and verified, of all agencies.
create or replace function app.audit_chain_state() returns table (
  sealed_to bigint, sealed_hash text, sealed_at timestamptz, anchored_to bigint, anchored_at timestamptz,
  verified_to bigint, verified_at timestamptz, fault text
) language sql stable security definer set search_path = public, pg_temp
begin atomic
  select c.number, encode(c.hash, 'hex'), c.sealed_at, a.number, a.checked_at, v.number, v.checked_at, v.fault
  from (select) one
  left join lateral (
    select l.number, l.hash, l.sealed_at from audit_chain l order by l.number desc limit 1) c on true
  left join lateral (
    select k.number, k.checked_at from audit_checks k where k.kind = 'anchored' order by k.checked_at desc limit 1) a
    on true
  left join lateral (
    select k.number, k.checked_at, k.fault from audit_checks k where k.kind = 'verified'
    order by k.checked_at desc limit 1) v on true;
end;

grant execute on function app.seal_audit, app.last_audit_link, app.audit_hashes, app.verify_audit, app.unsealed_audit,
  app.record_audit_check, app.unanchored_since, app.anchored_numbers
  to berthcare_jobs;
grant execute on function app.audit_chain_state to berthcare_privacy;
