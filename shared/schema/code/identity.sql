-- The identities of a transaction. The functions that set one are definer functions: no function's role can read
-- anything at all before one of these has said who is calling.

-- Who is calling, beside what columns' defaults need to know: null where no identity was set.
create or replace function app.caller_role() returns text language sql stable parallel safe
  return nullif(current_setting('app.caller_role', true), '');

-- Where the agency's days begin and end. The rules of time zones change by law, and each copy of them at another time:
-- all local dates and times come from here, and the program knows none (docs/decisions/0026).
create or replace function app.time_zone() returns text language sql stable parallel safe
  return coalesce(nullif(current_setting('app.time_zone', true), ''), 'UTC');

-- Today where the agency is: a grant that ends on the 5th ends at its own midnight.
create or replace function app.today() returns date language sql stable parallel safe
  return (now() at time zone coalesce(nullif(current_setting('app.time_zone', true), ''), 'UTC'))::date;

-- The day that a moment is in where the agency is.
create or replace function app.local_date(p_at timestamptz) returns date language sql stable parallel safe
  return (p_at at time zone app.time_zone())::date;

-- What clocks show there.
create or replace function app.local_time(p_at timestamptz) returns time language sql stable parallel safe
  return (p_at at time zone app.time_zone())::time;

-- When it is `p_time` of a day there.
create or replace function app.moment_of(p_date date, p_time time) returns timestamptz
language sql stable parallel safe
  return (p_date + p_time) at time zone app.time_zone();

-- Who sees the whole agency; everybody else sees the clients they are linked to.
create or replace function app.sees_agency() returns boolean language sql stable parallel safe
  return coalesce(app.caller_role() in ('admin', 'coordinator', 'job'), false);

-- Sets a signed-in user's identity. A session that has ended anywhere (signed out, device revoked, user or agency
-- suspended, user deleted, role changed since the token was issued, 30 days since the password was given) is refused
-- with BC401, whatever the token says. A role that needs a second factor is refused with BC403 where the session wasn't
-- proven by one; with `p_own_account` it is let in as `enrolling`, who sees themselves and nothing else.
create or replace function app.set_caller(
  p_user uuid, p_device uuid, p_session uuid, p_role text, p_request_id text, p_source_ip text, p_own_account boolean
) returns void language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  caller record;
begin
  select u.agency_id, a.time_zone, coalesce(a.listened_until > now(), false) as listened,
    case when u.role = 'admin' and not d.second_factor then 'enrolling' else u.role::text end as role into caller
  from devices d
  join users u on u.id = d.user_id
  join agencies a on a.id = u.agency_id
  where d.id = p_device and d.user_id = p_user and d.session_id = p_session and d.revoked_at is null
    and d.authenticated_at > now() - interval '30 days'
    and u.status = 'active' and u.deleted_at is null and u.role::text = coalesce(p_role, u.role::text)
    and a.suspended_at is null;
  if not found then
    raise exception 'this session has ended' using errcode = 'BC401';
  end if;
  if caller.role = 'enrolling' and not p_own_account then
    raise exception 'this session lacks a second factor' using errcode = 'BC403';
  end if;
  perform
    set_config('app.agency_id', caller.agency_id::text, true),
    set_config('app.user_id', p_user::text, true),
    set_config('app.device_id', p_device::text, true),
    set_config('app.caller_role', caller.role, true),
    set_config('app.time_zone', caller.time_zone, true),
    set_config('app.listened', case when caller.listened then 'yes' else 'no' end, true),
    set_config('app.request_id', coalesce(p_request_id, ''), true),
    set_config('app.source_ip', coalesce(p_source_ip, ''), true),
    -- Another caller has other clients.
    set_config('app.revoked_readable', '', true),
    set_config('app.my_clients', '', true);
end
$$;

create or replace function app.act_as(
  p_user uuid, p_device uuid, p_session uuid, p_role text, p_request_id text, p_source_ip text
) returns void language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  perform app.set_caller(p_user, p_device, p_session, p_role, p_request_id, p_source_ip, false);
end
$$;

-- The same for who reaches their own account only, also without the second factor that the role needs.
create or replace function app.act_as_own_account(
  p_user uuid, p_device uuid, p_session uuid, p_role text, p_request_id text, p_source_ip text
) returns void language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  perform app.set_caller(p_user, p_device, p_session, p_role, p_request_id, p_source_ip, true);
end
$$;

-- The identity of work that is nobody's: one agency, no person.
create or replace function app.set_service(p_agency uuid, p_role text) returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  agency record;
begin
  select a.time_zone, coalesce(a.listened_until > now(), false) as listened into strict agency
  from agencies a where a.id = p_agency;
  perform
    set_config('app.agency_id', p_agency::text, true),
    set_config('app.caller_role', p_role, true),
    set_config('app.time_zone', agency.time_zone, true),
    set_config('app.listened', case when agency.listened then 'yes' else 'no' end, true),
    set_config('app.revoked_readable', '', true),
    set_config('app.my_clients', '', true);
end
$$;

-- Of scheduled jobs and local tools.
create or replace function app.act_as_job(p_agency uuid) returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  perform app.set_service(p_agency, 'job');
end
$$;

-- Of `auth`, for somebody who isn't signed in, or whom no policy lets do it: sends codes, and makes a number count.
create or replace function app.act_as_account_service(p_agency uuid) returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  perform app.set_service(p_agency, 'account_service');
end
$$;

-- Of `photos`, which says what became of an upload.
create or replace function app.act_as_upload_review(p_agency uuid) returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  perform app.set_service(p_agency, 'upload_review');
end
$$;

-- The identity of a provider's webhook: one agency, no person, and no more than a chain of calls and an inbound message
-- need. Named by the message that it is about, or by the agency that an inbound number was found in.
create or replace function app.act_as_webhook(p_message uuid, p_agency uuid, p_request_id text, p_source_ip text)
returns void language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  agency record;
begin
  select a.id, a.time_zone, coalesce(a.listened_until > now(), false) as listened into agency from agencies a
  where a.id = coalesce(p_agency, (select m.agency_id from messages m where m.id = p_message));
  if not found then
    raise exception 'no such message' using errcode = 'BC404';
  end if;
  perform
    set_config('app.agency_id', agency.id::text, true),
    set_config('app.caller_role', 'webhook', true),
    set_config('app.time_zone', agency.time_zone, true),
    set_config('app.listened', case when agency.listened then 'yes' else 'no' end, true),
    set_config('app.request_id', coalesce(p_request_id, ''), true),
    set_config('app.source_ip', coalesce(p_source_ip, ''), true),
    -- Another caller has other clients.
    set_config('app.revoked_readable', '', true),
    set_config('app.my_clients', '', true);
end
$$;

grant execute on function app.caller_role, app.time_zone, app.today, app.local_date, app.local_time, app.moment_of,
  app.sees_agency, app.act_as to berthcare_app;
grant execute on function app.act_as_own_account, app.act_as_account_service to berthcare_auth;
grant execute on function app.act_as_job to berthcare_jobs;
grant execute on function app.act_as_upload_review to berthcare_photos;
grant execute on function app.act_as_webhook to berthcare_webhooks;
