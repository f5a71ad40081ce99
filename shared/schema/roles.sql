-- The cluster's roles, made once by an administrator before the first migration; safe to run again.
-- Passwords, where the server asks for one, are set by whoever owns the server.
do $$
declare
  role_name text;
begin
  foreach role_name in array array['berthcare_app', 'berthcare_migrate', 'berthcare_readonly', 'berthcare_backup'] loop
    if not exists (select from pg_roles where rolname = role_name) then
      execute format('create role %I login nosuperuser nocreatedb nocreaterole', role_name);
    end if;
  end loop;
end
$$;

-- The proxy refuses start-up options, so limits are the role's own.
alter role berthcare_app set statement_timeout = '20s';
alter role berthcare_app set idle_in_transaction_session_timeout = '30s';
alter role berthcare_app set lock_timeout = '10s';
alter role berthcare_app set timezone = 'UTC';
-- Policies make plans look expensive; compiling one took a second, for a query of milliseconds.
alter role berthcare_app set jit = off;
alter role berthcare_readonly set statement_timeout = '5min';
alter role berthcare_readonly set default_transaction_read_only = on;
