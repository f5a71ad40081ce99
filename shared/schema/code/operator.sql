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
