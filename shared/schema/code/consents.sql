-- Whether a client's own consent is in force: the newest row that is about nobody in particular. Of whatever agency,
-- for other definer functions alone.
create or replace function app.consent_in_force(p_client uuid, p_kind consent_kind) returns boolean
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select coalesce((
    select c.granted from consents c
    where c.client_id = p_client and c.kind = p_kind and c.user_id is null
    order by c.recorded_at desc, c.id desc limit 1), false);
end;

-- The same for the caller's agency.
create or replace function app.has_consent(p_client uuid, p_kind consent_kind) returns boolean
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select app.consent_in_force(p_client, p_kind)
    and exists (select from clients c where c.id = p_client and c.agency_id = app.agency_id());
end;

-- Whether somebody's own consent is in force: the newest row about them and this client.
create or replace function app.has_consent_of(p_client uuid, p_kind consent_kind, p_user uuid) returns boolean
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select coalesce((
    select c.granted from consents c
    where c.client_id = p_client and c.kind = p_kind and c.user_id = p_user and c.agency_id = app.agency_id()
    order by c.recorded_at desc, c.id desc limit 1), false);
end;

grant execute on function app.has_consent, app.has_consent_of to berthcare_app;
