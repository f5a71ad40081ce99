-- received -> in_progress, and from both to an end. A request that has ended stays as it is.
create or replace function app.enforce_privacy_request_transitions() returns trigger language plpgsql as $$
begin
  if new.state <> old.state and (old.state, new.state) not in (
    ('received', 'in_progress'), ('received', 'fulfilled'), ('received', 'refused'), ('received', 'withdrawn'),
    ('in_progress', 'fulfilled'), ('in_progress', 'refused'), ('in_progress', 'withdrawn')) then
    raise exception 'a privacy request can''t go from % to %', old.state, new.state
      using errcode = 'check_violation', constraint = 'privacy_requests_state_moves';
  end if;
  new.closed_at := case when new.state not in ('received', 'in_progress') then coalesce(old.closed_at, now()) end;
  return new;
end
$$;

create or replace trigger enforce_transitions before update on privacy_requests
  for each row execute function app.enforce_privacy_request_transitions();

-- open -> contained -> closed; a closed incident that turns out not to be over is open again.
create or replace function app.enforce_privacy_incident_transitions() returns trigger language plpgsql as $$
begin
  if new.state <> old.state and (old.state, new.state) not in (
    ('open', 'contained'), ('open', 'closed'), ('contained', 'open'), ('contained', 'closed'), ('closed', 'open')) then
    raise exception 'an incident can''t go from % to %', old.state, new.state
      using errcode = 'check_violation', constraint = 'privacy_incidents_state_moves';
  end if;
  new.closed_at := case when new.state = 'closed' then coalesce(old.closed_at, now()) end;
  return new;
end
$$;

create or replace trigger enforce_transitions before update on privacy_incidents
  for each row execute function app.enforce_privacy_incident_transitions();

-- The register of breaches is kept for 24 months at least, whoever would remove from it.
create or replace function app.keep_incident() returns trigger language plpgsql as $$
begin
  if old.closed_at is null or old.closed_at > now() - interval '24 months' then
    raise exception 'an incident is kept for 24 months' using errcode = 'insufficient_privilege';
  end if;
  return old;
end
$$;

create or replace trigger keep_incident before delete on privacy_incidents
  for each row execute function app.keep_incident();
create or replace trigger keep_incidents before truncate on privacy_incidents
  for each statement execute function app.refuse_change();

-- A hold is lifted once, and nothing else of it changes.
create or replace function app.keep_hold() returns trigger language plpgsql as $$
begin
  if old.lifted_at is not null
    or (new.id, new.agency_id, new.reason, new.placed_by, new.placed_at)
      is distinct from (old.id, old.agency_id, old.reason, old.placed_by, old.placed_at)
    or (new.client_id, new.user_id) is distinct from (old.client_id, old.user_id) then
    raise exception 'a hold is lifted once and never changed' using errcode = 'insufficient_privilege';
  end if;
  return new;
end
$$;

create or replace trigger keep_hold before update on legal_holds for each row execute function app.keep_hold();
create or replace trigger append_only before delete on legal_holds
  for each row execute function app.refuse_unless_erased();
create or replace trigger append_only_truncate before truncate on legal_holds
  for each statement execute function app.refuse_change();

-- What happened with a client's record, as far as whoever follows them is told: one family member is not shown another,
-- and holds, breaches and searches of the log are the agency's own.
create or replace function app.family_access_log(p_client uuid, p_at timestamptz, p_id uuid, p_limit bigint)
returns table (id uuid, at timestamptz, action text, role text, first_name text, own boolean)
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select a.id, a.at, a.action, u.role::text,
    case when u.role <> 'family' or u.id = app.user_id() then u.first_name end,
    coalesce(a.actor_id = app.user_id(), false)
  from audit_log a left join users u on u.id = a.actor_id and u.agency_id = a.agency_id
  where a.client_id = p_client and a.agency_id = app.agency_id()
    and (app.caller_role() in ('admin', 'coordinator')
      or app.caller_role() = 'family' and p_client = any (app.my_client_array()))
    and app.has_consent(p_client, 'family_sharing')
    and not (a.action like any (array['legal_hold.%', 'privacy_%', 'audit.%', 'access_log.%']))
    and (p_id is null or (a.at, a.id) < (p_at, p_id))
  order by a.at desc, a.id desc limit p_limit;
end;

grant execute on function app.family_access_log to berthcare_privacy;
