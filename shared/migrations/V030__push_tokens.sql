-- A push token is one app's on one phone. Whoever used that app before, under another device id, is told nothing there.
create index devices_by_push_token on devices (push_token) where push_token is not null;

create function app.take_push_token(p_token text) returns void
language sql volatile security definer set search_path = public, pg_temp
begin atomic
  update devices set push_token = null where push_token = p_token and id <> app.device_id();
  update devices set push_token = p_token where id = app.device_id() and push_token is distinct from p_token;
end;
grant execute on function app.take_push_token(text) to berthcare_app;
