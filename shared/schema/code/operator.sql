-- The identity of whoever runs the installation: by commands of the function `migrate`, as the schema's owner, whom no
-- policy holds back. Granted to nobody else. The agency may be about to be made.
create or replace function app.act_as_operator(p_agency uuid, p_request_id text) returns void
language plpgsql volatile as $$
begin
  perform
    set_config('app.agency_id', p_agency::text, true),
    set_config('app.caller_role', 'operator', true),
    set_config('app.request_id', coalesce(p_request_id, ''), true),
    set_config('app.revoked_readable', '', true),
    set_config('app.my_clients', '', true);
end
$$;

-- Whether the database knows a time zone by this name of the IANA database: a place, or UTC. Abbreviations and rules of
-- one's own (`EST5`), which it would take too, have digits or no place. pg_timezone_names reads a thousand files.
create or replace function app.knows_time_zone(p_name text) returns boolean language plpgsql stable as $$
begin
  perform now() at time zone p_name;
  return p_name = 'UTC' or p_name ~ '^[A-Za-z_-]+(/[A-Za-z_-]+)+$';
exception when invalid_parameter_value then
  return false;
end
$$;
