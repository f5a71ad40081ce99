-- For tables that phones don't hold: who and when, always by the database's clock.
create or replace function app.stamp_times() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    new.created_at := now();
    new.created_by := coalesce(app.user_id(), new.created_by);
  else
    new.created_at := old.created_at;
    new.created_by := old.created_by;
  end if;
  new.updated_at := clock_timestamp();
  new.updated_by := coalesce(app.user_id(), new.updated_by);
  return new;
end
$$;

create or replace trigger stamp_times before insert or update on agencies
  for each row execute function app.stamp_times();
create or replace trigger stamp_times before insert or update on users
  for each row execute function app.stamp_times();
create or replace trigger stamp_times before insert or update on devices
  for each row execute function app.stamp_times();
create or replace trigger stamp_times before insert or update on second_factors
  for each row execute function app.stamp_times();
create or replace trigger stamp_times before insert or update on agency_counters
  for each row execute function app.stamp_times();
create or replace trigger stamp_times before insert or update on care_plan_versions
  for each row execute function app.stamp_times();
create or replace trigger stamp_times before insert or update on messages
  for each row execute function app.stamp_times();
create or replace trigger stamp_times before insert or update on inbound_messages
  for each row execute function app.stamp_times();
create or replace trigger stamp_times before insert or update on escalations
  for each row execute function app.stamp_times();
create or replace trigger stamp_times before insert or update on rate_limits
  for each row execute function app.stamp_times();
create or replace trigger stamp_times before insert or update on agency_turns
  for each row execute function app.stamp_times();
create or replace trigger stamp_times before insert or update on sync_conflicts
  for each row execute function app.stamp_times();
create or replace trigger stamp_times before insert or update on sync_quarantine
  for each row execute function app.stamp_times();
create or replace trigger stamp_times before insert or update on privacy_requests
  for each row execute function app.stamp_times();
create or replace trigger stamp_times before insert or update on privacy_incidents
  for each row execute function app.stamp_times();
create or replace trigger stamp_times before insert or update on legal_holds
  for each row execute function app.stamp_times();
create or replace trigger stamp_times before insert or update on client_exports
  for each row execute function app.stamp_times();

-- Never changed, so without an update.
create or replace trigger stamp_times before insert on consents
  for each row execute function app.stamp_times();
create or replace trigger stamp_times before insert on creations
  for each row execute function app.stamp_times();
