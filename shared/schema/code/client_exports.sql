-- Exports that are made after the request: who makes one has it by a lease, acts as whoever asked, and says what came
-- of it. The function `exports` alone calls these, as berthcare_privacy.

-- The identity of whoever asked for an export that is being made: as long as they work here, may export, and nobody
-- else has begun it anew. Refused with BC401 otherwise.
create or replace function app.act_as_exporter(p_export uuid, p_attempt integer, p_request_id text) returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  asked record;
begin
  select x.agency_id, x.requested_by, x.requested_on, u.role::text as role, a.time_zone into asked
  from client_exports x
  join users u on u.id = x.requested_by
  join agencies a on a.id = x.agency_id
  where x.id = p_export and x.state = 'running' and x.attempts = p_attempt and x.expires_at > now()
    and u.status = 'active' and u.deleted_at is null and u.role in ('admin', 'coordinator')
    and a.suspended_at is null;
  if not found then
    raise exception 'this export is nobody''s any more' using errcode = 'BC401';
  end if;
  perform
    set_config('app.agency_id', asked.agency_id::text, true),
    set_config('app.user_id', asked.requested_by::text, true),
    set_config('app.device_id', coalesce(asked.requested_on::text, ''), true),
    set_config('app.caller_role', asked.role, true),
    set_config('app.time_zone', asked.time_zone, true),
    set_config('app.request_id', coalesce(p_request_id, ''), true),
    set_config('app.source_ip', '', true),
    set_config('app.revoked_readable', '', true),
    set_config('app.my_clients', '', true);
end
$$;

-- The export that was tried least and has waited for longest, or whose maker has not been heard of: it is the caller's
-- for 16 minutes, which is longer than Lambda lets a function run. What failed three times is given up.
create or replace function app.claim_export() returns table (id uuid, client_id uuid, format text, attempt integer)
language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  update client_exports x set state = 'failed', leased_until = null
  where x.state = 'running' and x.leased_until < now() and x.attempts >= 3;
  return query
    update client_exports x
    set state = 'running', attempts = x.attempts + 1, leased_until = now() + interval '16 minutes'
    where x.id = (
      select w.id from client_exports w
      where (w.state = 'waiting' or w.state = 'running' and w.leased_until < now()) and w.attempts < 3
        and w.expires_at > now()
      order by w.attempts, w.created_at limit 1 for update skip locked)
    returning x.id, x.client_id, x.format::text, x.attempts;
end
$$;

-- Says that this attempt came to nothing: another one follows, unless it was the third, or none could be better.
create or replace function app.give_up_export(p_export uuid, p_attempt integer, p_for_good boolean) returns void
language sql volatile security definer set search_path = public, pg_temp
begin atomic
  update client_exports x set leased_until = null,
    state = case when p_for_good or x.attempts >= 3 then 'failed' else 'waiting' end::client_export_state
  where x.id = p_export and x.state = 'running' and x.attempts = p_attempt;
end;

-- Says where the file is. The caller acts as whoever asked. No row where somebody else has begun it anew.
create or replace function app.finish_export(
  p_export uuid, p_attempt integer, p_key text, p_version text, p_bytes bigint, p_sha256 bytea, p_counts jsonb
) returns table (id uuid)
language sql volatile security definer set search_path = public, pg_temp
begin atomic
  update client_exports x
  set state = 'ready', leased_until = null, object_key = p_key, object_version = p_version, bytes = p_bytes,
    sha256 = p_sha256, counts = p_counts, ready_at = now(), expires_at = now() + interval '72 hours'
  where x.id = p_export and x.state = 'running' and x.attempts = p_attempt and x.requested_by = app.user_id()
  returning x.id;
end;

-- Removes the rows of exports that are over, and says where their files are. A file that isn't removed then goes by
-- the bucket's own rule.
create or replace function app.remove_expired_exports(p_limit integer)
returns table (id uuid, object_key text, object_version text)
language sql volatile security definer set search_path = public, pg_temp
begin atomic
  delete from client_exports x
  where x.id in (
    select o.id from client_exports o
    where o.expires_at <= now() and (o.leased_until is null or o.leased_until < now())
    order by o.expires_at limit p_limit for update skip locked)
  returning x.id, x.object_key, x.object_version;
end;

grant execute on function app.act_as_exporter, app.claim_export, app.give_up_export, app.finish_export,
  app.remove_expired_exports to berthcare_privacy;
