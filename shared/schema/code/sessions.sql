-- Signing in and out. All are definer functions, of `auth` alone: no function's role can read password hashes, and
-- whoever signs in is nobody yet.

-- What sign-in needs to know of an address, and nothing else. With their agency everybody is suspended. Codes go to the
-- number from before a change for a day.
create or replace function app.find_login(p_email text)
returns table (user_id uuid, agency_id uuid, role text, status text, password_hash text, phone text, locale text,
  second_factor boolean)
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select u.id, u.agency_id, u.role::text, case when a.suspended_at is null then u.status::text else 'suspended' end,
    u.password_hash,
    case when u.phone_changed_at > now() - interval '1 day' then u.previous_phone else u.phone end, u.locale,
    exists (select from second_factors f where f.user_id = u.id and f.confirmed_at is not null)
  from users u join agencies a on a.id = u.agency_id where lower(u.email) = lower(p_email) and u.deleted_at is null;
end;

-- Locks a user's devices, in the order in which everybody does who locks more than one.
create or replace function app.lock_devices_of(p_user uuid) returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  perform from devices where user_id = p_user order by id for no key update;
end
$$;

-- Signs a user in on a device. Answers 'started', or why not: 'revoked' (this device was cut off),
-- 'taken' (the device is someone else's), 'ended' (the user was suspended or deleted meanwhile).
create or replace function app.start_session(
  p_user uuid, p_session uuid, p_device uuid, p_name text, p_platform text, p_app_version text,
  p_second_factor boolean, p_request_id text, p_source_ip text
) returns text language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  owner record;
  agency uuid;
begin
  select u.agency_id into agency from users u join agencies a on a.id = u.agency_id
  where u.id = p_user and u.status = 'active' and u.deleted_at is null and a.suspended_at is null
  for no key update of u;
  if not found then
    return 'ended';
  end if;
  perform set_config('app.user_id', p_user::text, true);
  insert into devices (id, agency_id, user_id, name, platform, app_version, session_id, second_factor)
  values (p_device, agency, p_user, p_name, p_platform::device_platform, p_app_version, p_session, p_second_factor)
  on conflict (id) do nothing;
  if not found then
    select d.user_id, d.revoked_at into owner from devices d where d.id = p_device for no key update;
    if owner.user_id <> p_user then
      return 'taken';
    elsif owner.revoked_at is not null then
      return 'revoked';
    end if;
    update devices set name = p_name, platform = p_platform::device_platform, app_version = p_app_version,
      session_id = p_session, second_factor = p_second_factor, authenticated_at = now(), last_seen_at = now()
    where id = p_device;
  end if;
  update users set last_login_at = now() where id = p_user;
  insert into audit_log (agency_id, actor_id, device_id, action, resource, resource_id, request_id, source_ip)
  values (agency, p_user, p_device, 'auth.login', 'session', p_session, p_request_id, nullif(p_source_ip, '')::inet);
  return 'started';
end
$$;

-- Puts on record what was refused or done before anyone was signed in.
create or replace function app.record_security_event(
  p_action text, p_user uuid, p_details jsonb, p_request_id text, p_source_ip text
) returns void language sql volatile security definer set search_path = public, pg_temp
begin atomic
  insert into audit_log (agency_id, actor_id, action, resource, resource_id, details, request_id, source_ip)
  values ((select u.agency_id from users u where u.id = p_user), p_user, p_action, 'session', null, p_details,
    p_request_id, nullif(p_source_ip, '')::inet);
end;

-- What a new password is judged by: the one in use, and what is known of the user.
create or replace function app.password_context(p_user uuid) returns table (password_hash text, words text[])
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select u.password_hash, array[u.first_name, u.last_name, u.email, u.phone, a.name]
  from users u join agencies a on a.id = u.agency_id where u.id = p_user;
end;

-- Sets a password, activates an invited user, and ends all sessions but the one named. Answers whether the
-- user may have a password at all: a suspended or deleted one may not, nor one of a suspended agency.
create or replace function app.set_password(
  p_user uuid, p_hash text, p_keep_session uuid, p_action text, p_request_id text, p_source_ip text
) returns boolean language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  update users set password_hash = p_hash, status = 'active'
  where id = p_user and status <> 'suspended' and deleted_at is null
    and not exists (select from agencies a where a.id = users.agency_id and a.suspended_at is not null);
  if not found then
    return false;
  end if;
  perform app.lock_devices_of(p_user);
  update devices set session_id = null where user_id = p_user and session_id is distinct from p_keep_session;
  update devices set authenticated_at = now() where user_id = p_user and session_id = p_keep_session;
  insert into audit_log (agency_id, actor_id, action, resource, resource_id, request_id, source_ip)
  select u.agency_id, u.id, p_action, 'user', u.id, p_request_id, nullif(p_source_ip, '')::inet
  from users u where u.id = p_user;
  return true;
end
$$;

-- Ends a session whose refresh token was used twice: one of the two users of it is a thief.
create or replace function app.end_reused_session(p_user uuid, p_session uuid, p_request_id text, p_source_ip text)
returns void language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  update devices set session_id = null where user_id = p_user and session_id = p_session;
  insert into audit_log (agency_id, actor_id, action, resource, resource_id, request_id, source_ip)
  select u.agency_id, u.id, 'auth.refresh_reused', 'session', p_session, p_request_id, nullif(p_source_ip, '')::inet
  from users u where u.id = p_user;
end
$$;

-- A push token is one app's on one phone. Whoever used that app before, under another device id, is told nothing there.
create or replace function app.take_push_token(p_token text) returns void
language sql volatile security definer set search_path = public, pg_temp
begin atomic
  select from devices where push_token = p_token or id = app.device_id() order by id for no key update;
  update devices set push_token = null where push_token = p_token and id <> app.device_id();
  update devices set push_token = p_token where id = app.device_id() and push_token is distinct from p_token;
end;

-- Another role sees other clients and other columns, and no row changes by it: what the user's phones hold is told
-- anew.
create or replace function app.restart_phones_of_role() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  newest bigint;
begin
  -- A number of its own: whoever starts again gets a cursor that is served.
  update agency_counters set number = number + 1 where agency_id = new.agency_id returning number into newest;
  perform app.lock_devices_of(new.id);
  update devices set servable_from = newest where user_id = new.id;
  return null;
end
$$;

create or replace trigger restart_phones_of_role after update of role on users for each row
  when (old.role <> new.role) execute function app.restart_phones_of_role();

grant execute on function app.find_login, app.start_session, app.password_context, app.set_password,
  app.end_reused_session, app.take_push_token to berthcare_auth;
grant execute on function app.record_security_event to berthcare_auth, berthcare_webhooks;
