-- The cluster's roles, made once by an administrator before the first migration; safe to run again.
-- Passwords, where the server asks for one, are set by whoever owns the server.
do $$
declare
  role_name text;
  -- As whom functions sign in, one for each trust: what one may, another may not.
  functions constant text[] := array['berthcare_app', 'berthcare_auth', 'berthcare_health', 'berthcare_jobs',
    'berthcare_photos', 'berthcare_privacy', 'berthcare_webhooks'];
  -- Those that may what `berthcare_app` may, and something of their own.
  trusted constant text[] := array['berthcare_auth', 'berthcare_jobs', 'berthcare_photos', 'berthcare_privacy',
    'berthcare_webhooks'];
begin
  foreach role_name in array functions || array['berthcare_migrate', 'berthcare_readonly', 'berthcare_backup'] loop
    if not exists (select from pg_roles where rolname = role_name) then
      execute format('create role %I login nosuperuser nocreatedb nocreaterole', role_name);
    end if;
  end loop;
  foreach role_name in array trusted loop
    if not exists (
      select from pg_auth_members m where m.roleid = 'berthcare_app'::regrole and m.member = role_name::regrole)
    then
      execute format('grant berthcare_app to %I', role_name);
    end if;
  end loop;
  foreach role_name in array functions loop
    -- The proxy refuses start-up options, so limits are the role's own; they are not inherited.
    execute format('alter role %I set statement_timeout = %L', role_name, '20s');
    execute format('alter role %I set idle_in_transaction_session_timeout = %L', role_name, '30s');
    execute format('alter role %I set lock_timeout = %L', role_name, '10s');
    execute format('alter role %I set timezone = %L', role_name, 'UTC');
    -- Policies make plans look expensive; compiling one took a second, for a query of milliseconds.
    execute format('alter role %I set jit = off', role_name);
  end loop;
end
$$;

alter role berthcare_readonly set statement_timeout = '5min';
alter role berthcare_readonly set default_transaction_read_only = on;
