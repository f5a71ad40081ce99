-- Which clients and colleagues a caller is linked to: what most policies ask.

-- A client that was just taken from the caller, but whose tombstone this device has not been given: what it did before
-- is still taken. Set by app.keep_revoked_clients_readable for one push.
create or replace function app.revoked_readable_client_ids() returns uuid[] language sql stable parallel safe
  return coalesce(nullif(current_setting('app.revoked_readable', true), '')::uuid[], '{}');

-- The clients a caregiver or family member is linked to today, and those whose earlier work is still taken.
create or replace function app.my_client_ids() returns setof uuid
language sql stable security definer rows 30 set search_path = public, pg_temp
begin atomic
  select t.client_id from care_team t join clients c on c.id = t.client_id
  where t.user_id = app.user_id() and t.agency_id = app.agency_id() and t.deleted_at is null and c.deleted_at is null
    and t.starts_on <= app.today() and (t.ends_on is null or t.ends_on >= app.today())
    and (t.relation = 'family') = (app.caller_role() = 'family')
    and (app.caller_role() <> 'family' or app.has_consent(t.client_id, 'family_sharing'))
  union all
  select unnest(app.revoked_readable_client_ids());
end;

-- Everyone on a schedule or team of the caller's clients: whose names the caller may read. One family member is not
-- shown another.
create or replace function app.my_colleague_ids() returns setof uuid
language sql stable security definer rows 30 set search_path = public, pg_temp
begin atomic
  select t.user_id from care_team t
  where t.client_id in (select app.my_client_ids()) and t.deleted_at is null
    and (t.relation <> 'family' or app.caller_role() <> 'family')
  union
  select v.user_id from visits v where v.client_id in (select app.my_client_ids()) and v.deleted_at is null;
end;

grant execute on function app.revoked_readable_client_ids, app.my_client_ids, app.my_colleague_ids
  to berthcare_app;
