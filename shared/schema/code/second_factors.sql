-- Second factors. All are definer functions, of `auth` alone: no function's role reads any of the table. Seeds are
-- sealed by `auth`, which alone has the key, before they come here.

create or replace function app.find_second_factor(p_user uuid)
returns table (key_id text, sealed_seed bytea, confirmed boolean)
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select f.key_id, f.sealed_seed, f.confirmed_at is not null from second_factors f where f.user_id = p_user;
end;

-- Uses up the code of a time step: each is good once, and none before the newest one used. Of two at once the second
-- waits for the row, and finds it used.
create or replace function app.use_totp_step(p_user uuid, p_step bigint) returns boolean
language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  update second_factors set last_step = p_step
  where user_id = p_user and confirmed_at is not null and last_step < p_step;
  return found;
end
$$;

-- Uses up a recovery code.
create or replace function app.use_recovery_code(p_user uuid, p_digest bytea) returns boolean
language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  update second_factors set recovery_digests = array_remove(recovery_digests, p_digest)
  where user_id = p_user and confirmed_at is not null and p_digest = any (recovery_digests);
  if not found then
    return false;
  end if;
  insert into audit_log (agency_id, actor_id, action, resource, resource_id)
  select f.agency_id, f.user_id, 'auth.recovery_code_used', 'user', f.user_id from second_factors f
  where f.user_id = p_user;
  return true;
end
$$;

-- Keeps a new seed of the caller's, unless one counts already.
create or replace function app.enrol_second_factor(p_key_id text, p_sealed_seed bytea) returns boolean
language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  insert into second_factors (user_id, agency_id, key_id, sealed_seed)
  values (app.user_id(), app.agency_id(), p_key_id, p_sealed_seed)
  on conflict (user_id) do update set key_id = excluded.key_id, sealed_seed = excluded.sealed_seed, last_step = 0
    where second_factors.confirmed_at is null;
  return found;
end
$$;

-- Makes the caller's second factor count, and their session one that was proven by it.
create or replace function app.confirm_second_factor(p_step bigint, p_recovery_digests bytea[]) returns boolean
language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  update second_factors set confirmed_at = now(), last_step = p_step, recovery_digests = p_recovery_digests
  where user_id = app.user_id() and confirmed_at is null;
  if not found then
    return false;
  end if;
  update devices set second_factor = true where id = app.device_id();
  return true;
end
$$;

-- Removes a second factor: one's own, or an admin's of the agency anybody's. No session is proven by it any more.
create or replace function app.remove_second_factor(p_user uuid) returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  if p_user is distinct from app.user_id() and app.caller_role() is distinct from 'admin' then
    raise exception 'only an admin removes a second factor of somebody else' using errcode = 'insufficient_privilege';
  end if;
  delete from second_factors where user_id = p_user and agency_id = app.agency_id();
  perform app.lock_devices_of(p_user);
  update devices set second_factor = false where user_id = p_user and agency_id = app.agency_id();
end
$$;

-- Notes that the caller has given the password again in this session, and the second factor where there is one.
create or replace function app.renew_authentication(p_second_factor boolean) returns void
language sql volatile security definer set search_path = public, pg_temp
begin atomic
  update devices set authenticated_at = now(), second_factor = p_second_factor where id = app.device_id();
end;

grant execute on function app.find_second_factor, app.use_totp_step, app.use_recovery_code, app.enrol_second_factor,
  app.confirm_second_factor, app.remove_second_factor, app.renew_authentication to berthcare_auth;
