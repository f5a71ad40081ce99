-- What phones sent and the server couldn't take, as people settle it.

-- The id that a text from a phone is, or null.
create or replace function app.uuid_of(p_text text) returns uuid
language sql immutable
  return case when p_text ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then p_text::uuid end;

-- Whose care a refused record concerns, as far as the caller may know: by the record that the server has under its id,
-- or the client or visit that it names.
create or replace function app.refused_client(p_table text, p_record_id text, p_body jsonb) returns uuid
language plpgsql stable as $$
declare
  record constant uuid := app.uuid_of(p_record_id);
  named constant jsonb := case when jsonb_typeof(p_body) = 'object' then p_body else '{}' end;
  stored uuid;
begin
  case p_table
    when 'clients' then select r.id into stored from clients r where r.id = record;
    when 'visits' then select r.client_id into stored from visits r where r.id = record;
    when 'visit_tasks' then select r.client_id into stored from visit_tasks r where r.id = record;
    when 'photos' then select r.subject_client_id into stored from photos r where r.id = record;
    when 'alerts' then select r.client_id into stored from alerts r where r.id = record;
    else null;
  end case;
  return coalesce(stored,
    (select c.id from clients c where c.id = app.uuid_of(named ->> 'client_id')),
    (select v.client_id from visits v where v.id = app.uuid_of(named ->> 'visit_id')));
end
$$;

-- Once a person has settled a refusal, its phone need not send the same again: it is a replay from then on, and what
-- the server has is what the phone gets.
create or replace function app.receive_refused(p_refusal uuid) returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  if not coalesce(app.sees_agency(), false) then
    raise exception 'refusals are settled by coordinators' using errcode = 'insufficient_privilege';
  end if;
  insert into sync_receipts (device_id, record_id, agency_id, body_sha256)
  select q.device_id, app.uuid_of(q.record_id), q.agency_id, q.body_sha256 from sync_quarantine q
  where q.id = p_refusal and q.agency_id = app.agency_id() and app.uuid_of(q.record_id) is not null;
end
$$;

grant execute on function app.uuid_of, app.refused_client, app.receive_refused to berthcare_app;
