-- A number that codes and alerts go to: a new one counts once its owner has confirmed it.

-- Nobody but `app.confirm_phone` changes the number of an account that somebody has used; that of an invitation may
-- have been mistyped.
create or replace function app.guard_phone() returns trigger language plpgsql as $$
begin
  if old.status <> 'invited' and not pg_has_role(
    current_user, (select relowner from pg_class where oid = tg_relid), 'member')
  then
    raise exception 'a new number has to be confirmed' using errcode = 'insufficient_privilege';
  end if;
  return new;
end
$$;

create or replace trigger guard_phone before update of phone on users for each row
  when (old.phone <> new.phone) execute function app.guard_phone();

-- Makes the number count that a user has just confirmed, and answers the one before; nothing where another was asked
-- for meanwhile. For a day more codes for a new password go to the number from before: `app.find_login`.
create or replace function app.confirm_phone(
  p_user uuid, p_device uuid, p_phone text, p_request_id text, p_source_ip text
) returns table (old_phone text) language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  -- A handler has checked the code; whoever acts as a user doesn't get around it.
  if app.caller_role() is distinct from 'account_service' then
    raise exception 'only the account service may do this' using errcode = 'insufficient_privilege';
  end if;
  select u.phone into old_phone from users u
  where u.id = p_user and u.agency_id = app.agency_id() and u.pending_phone = p_phone for no key update;
  if not found then
    return;
  end if;
  update users u set phone = p_phone, pending_phone = null, phone_changed_at = now(),
    previous_phone = case when u.phone_changed_at > now() - interval '1 day' then u.previous_phone else u.phone end
  where u.id = p_user;
  insert into audit_log (agency_id, actor_id, device_id, action, resource, resource_id, details, request_id, source_ip)
  values (app.agency_id(), p_user, p_device, 'user.phone_confirmed', 'user', p_user,
    jsonb_build_object('phone', jsonb_build_object('from', old_phone, 'to', p_phone)), p_request_id,
    nullif(p_source_ip, '')::inet);
  return next;
end
$$;

grant execute on function app.confirm_phone to berthcare_auth;
