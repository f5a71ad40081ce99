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
  for each row execute function app.refuse_change();
create or replace trigger append_only_truncate before truncate on legal_holds
  for each statement execute function app.refuse_change();
