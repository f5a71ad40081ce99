-- Whose records have grown old enough to go, and how they go: planned, looked at, removed whole. An erasure can't be
-- begun before its time, whoever would begin it, and what is append-only goes in one alone (app.refuse_unless_erased).

-- At which age a person comes of age; the higher one where the province is unknown.
create or replace function app.age_of_majority(p_province text) returns integer language sql immutable parallel safe
  return case when p_province in ('AB', 'MB', 'ON', 'PE', 'QC', 'SK') then 18 else 19 end;

-- How long a plan stands before what it names may go, so that a person can look and place a hold.
create or replace function app.erasure_notice() returns interval language sql immutable parallel safe
  return interval '30 days';

-- Whether a user's records are held who has to do with a client's: who cared, wrote, was told or decided.
create or replace function app.user_of_client_is_held(p_client uuid) returns boolean
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select exists (
    select from legal_holds h
    where h.user_id is not null and h.lifted_at is null and h.agency_id = app.agency_id() and (
      exists (select from clients c where c.id = p_client and h.user_id in (c.coordinator_id, c.created_by))
      or exists (select from care_team t where t.client_id = p_client and t.user_id = h.user_id)
      or exists (select from visits v where v.client_id = p_client and h.user_id in (v.user_id, v.created_by))
      or exists (select from visit_tasks k where k.client_id = p_client and h.user_id in (k.created_by, k.updated_by))
      or exists (select from chart_revisions r where r.client_id = p_client and r.author_id = h.user_id)
      or exists (select from photos p where p.subject_client_id = p_client and p.created_by = h.user_id)
      or exists (select from alerts a where a.client_id = p_client and h.user_id in (a.raised_by, a.acknowledged_by))
      or exists (select from consents s where s.client_id = p_client and h.user_id in (s.user_id, s.created_by))
      or exists (select from messages m where m.client_id = p_client and h.user_id in (m.recipient_id, m.caregiver_id))
      or exists (select from inbound_messages i where i.client_id = p_client and i.user_id = h.user_id)
      or exists (select from sync_conflicts x where x.client_id = p_client
        and h.user_id in (x.server_user_id, x.device_user_id, x.resolved_by))));
end;

-- Whether something that a phone sent of a client waits in quarantine: it is looked at first, and then goes by its own
-- time.
create or replace function app.client_in_quarantine(p_client uuid) returns boolean
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select exists (
    select from sync_quarantine q
    where q.agency_id = app.agency_id() and (
      q.record_id = p_client::text or q.body ->> 'client_id' = p_client::text
      or q.body ->> 'visit_id' in (select v.id::text from visits v where v.client_id = p_client)
      or q.record_id in (
        select v.id::text from visits v where v.client_id = p_client
        union all select k.id::text from visit_tasks k where k.client_id = p_client
        union all select p.id::text from photos p where p.subject_client_id = p_client
        union all select a.id::text from alerts a where a.client_id = p_client)));
end;

-- Clients of the agency whose records are due to go by `p_now` and by the database's own clock, by which rule, since
-- when, and what holds them: a hold on them or on a user of their records, an open request, or what waits in
-- quarantine. A client counts as in care while a caregiver is on their team, and until the last visit that was planned.
create or replace function app.due_clients(p_now timestamptz, p_client uuid)
returns table (client_id uuid, rule text, due_on date, held_by text)
language sql stable security definer set search_path = public, pg_temp
begin atomic
  with cared as (
    select c.id, g.retention_years,
      (c.date_of_birth + make_interval(years => app.age_of_majority(c.address ->> 'province')))::date as of_age,
      app.local_date(greatest(
        c.created_at,
        (select max(greatest(v.scheduled_end, v.actual_end)) from visits v where v.client_id = c.id),
        (select max(a.created_at) from alerts a where a.client_id = c.id),
        (select max(p.created_at) from photos p where p.subject_client_id = c.id),
        (select max(r.at) from chart_revisions r where r.client_id = c.id),
        (select max(least(app.moment_of(coalesce(t.ends_on, 'infinity'), '00:00'), coalesce(t.deleted_at, 'infinity'),
          coalesce(c.deleted_at, 'infinity')))
         from care_team t where t.client_id = c.id and t.relation in ('primary_nurse', 'nurse', 'care_aide'))))
        as last_care
    from clients c join agencies g on g.id = c.agency_id
    where c.agency_id = app.agency_id() and app.caller_role() in ('admin', 'job')
      and (p_client is null or c.id = p_client)
  ), due as (
    select c.id, case when c.of_age > c.last_care then 'majority' else 'last_care' end as rule,
      (greatest(c.last_care, c.of_age) + make_interval(years => c.retention_years))::date as due_on
    from cared c
  )
  select d.id, d.rule, d.due_on, case
    when exists (select from legal_holds h where h.client_id = d.id and h.lifted_at is null) then 'client'
    when app.user_of_client_is_held(d.id) then 'user'
    when exists (select from privacy_requests q where q.client_id = d.id and q.state in ('received', 'in_progress'))
      then 'request'
    when app.client_in_quarantine(d.id) then 'quarantine' end
  from due d where d.due_on <= app.local_date(least(p_now, now()));
end;

-- An erasure is planned of who is due and not held, begun when the plan has stood, ended once, and never taken back.
create or replace function app.keep_erasure() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  case tg_op
    when 'INSERT' then
      if new.begun_at is null and exists (
          select from app.due_clients(now(), new.client_id) d where d.due_on = new.due_on and d.held_by is null) then
        return new;
      end if;
    when 'UPDATE' then
      if (new.client_id, new.agency_id, new.rule, new.due_on, new.planned_at)
          = (old.client_id, old.agency_id, old.rule, old.due_on, old.planned_at) and old.ended_at is null
        and (old.begun_at is not null and new.begun_at = old.begun_at
          or old.begun_at is null and new.ended_at is null and old.planned_at <= now() - app.erasure_notice()
            and exists (select from app.due_clients(now(), new.client_id) d where d.held_by is null)) then
        return new;
      end if;
    else
      if old.begun_at is null then
        return old;
      end if;
  end case;
  raise exception 'an erasure has its time, and is never taken back' using errcode = 'insufficient_privilege';
end
$$;

create or replace trigger keep_erasure before insert or update or delete on erasures
  for each row execute function app.keep_erasure();
create or replace trigger append_only_truncate before truncate on erasures
  for each statement execute function app.refuse_change();

-- Plans whoever has become due and isn't held, and withdraws the plan of who is no longer. Answers how many of each,
-- and how many of those due are held.
create or replace function app.plan_erasures(p_now timestamptz)
returns table (planned bigint, withdrawn bigint, held bigint)
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  named uuid[];
begin
  perform app.lock_job('retention');
  select coalesce(array_agg(d.client_id) filter (where d.held_by is null), '{}'),
    count(*) filter (where d.held_by is not null) into named, held
  from app.due_clients(p_now, null) d;
  delete from erasures e where e.agency_id = app.agency_id() and e.begun_at is null and (e.client_id <> all (named)
    or not exists (select from app.due_clients(p_now, e.client_id) d where d.due_on = e.due_on));
  get diagnostics withdrawn = row_count;
  insert into erasures (client_id, agency_id, rule, due_on)
  select d.client_id, app.agency_id(), d.rule, d.due_on
  from unnest(named) n (id) cross join lateral app.due_clients(p_now, n.id) d
  on conflict (client_id) do nothing;
  get diagnostics planned = row_count;
  return next;
end
$$;

-- Begins the next erasure whose plan has stood, or goes on with one that was begun: its client, photos and alerts are
-- deleted first, as people would, so that phones learn of it. Answers where the objects are; nothing where none is due.
-- Whoever places a hold waits for the client's row, or is seen.
create or replace function app.begin_erasure(p_now timestamptz)
returns table (client_id uuid, visit_ids uuid[], photo_ids uuid[])
language plpgsql volatile security definer set search_path = public, pg_temp as $$
#variable_conflict use_column
declare
  next record;
begin
  perform app.lock_job('retention');
  for next in
    select e.client_id as id from erasures e
    where e.agency_id = app.agency_id() and e.ended_at is null and e.planned_at <= now() - app.erasure_notice()
    order by e.begun_at nulls last, e.due_on, e.client_id
  loop
    perform from clients c where c.id = next.id for update;
    if exists (select from app.due_clients(p_now, next.id) d where d.held_by is null) then
      update erasures e set begun_at = clock_timestamp() where e.client_id = next.id and e.begun_at is null;
      update alerts a set deleted_at = now() where a.client_id = next.id and a.deleted_at is null;
      update photos p set deleted_at = now() where p.subject_client_id = next.id and p.deleted_at is null;
      update clients c set deleted_at = now() where c.id = next.id and c.deleted_at is null;
      return query select next.id, array(select v.id from visits v where v.client_id = next.id),
        array(select p.id from photos p where p.subject_client_id = next.id);
      return;
    end if;
  end loop;
end
$$;

-- The tables that a client's records are in, in the order in which they go, and which rows of each: of the client $1,
-- by the ids of all their records $2, their visits $3 and messages $4.
create or replace function app.erasure_steps() returns table (place integer, name text, which text)
language sql immutable
begin atomic
  values (1, 'creations', 'record_id = any ($2)'), (2, 'sync_conflicts', 'client_id = $1'),
    (3, 'sync_log', 'record_id = any ($2) and operation <> ''delete'''),
    (4, 'chart_revisions', 'client_id = $1'), (5, 'consents', 'client_id = $1'),
    (6, 'care_plan_versions', 'client_id = $1'), (7, 'care_team', 'client_id = $1'),
    (8, 'visit_tasks', 'visit_id = any ($3)'), (9, 'photos', 'subject_client_id = $1'),
    (10, 'messages', 'id = any ($4)'), (11, 'inbound_messages', 'client_id = $1'), (12, 'alerts', 'client_id = $1'),
    (13, 'escalations', 'client_id = $1'), (14, 'visits', 'client_id = $1'),
    (15, 'privacy_requests', 'client_id = $1'), (16, 'legal_holds', 'client_id = $1'),
    -- Their files end by the bucket's own rule, days later.
    (17, 'client_exports', 'client_id = $1'), (18, 'client_marks', 'client_id = $1'), (19, 'clients', 'id = $1');
end;

-- The ids of all that is on a client: records, visits, messages.
create or replace function app.records_of_client(
  p_client uuid, out record_ids uuid[], out visit_ids uuid[], out message_ids uuid[]
) language sql stable security definer set search_path = public, pg_temp
begin atomic
  select array(
      select c.id from clients c where c.id = p_client
      union all select t.id from care_team t where t.client_id = p_client
      union all select s.id from consents s where s.client_id = p_client
      union all select v.id from visits v where v.client_id = p_client
      union all select k.id from visit_tasks k where k.client_id = p_client
      union all select p.id from photos p where p.subject_client_id = p_client
      union all select a.id from alerts a where a.client_id = p_client
      union all select q.id from privacy_requests q where q.client_id = p_client
      union all select h.id from legal_holds h where h.client_id = p_client),
    array(select v.id from visits v where v.client_id = p_client),
    array(
      select m.id from messages m where m.client_id = p_client
      union select m.id from messages m join alerts a on a.id = m.alert_id where a.client_id = p_client
      union select m.id from messages m join visits v on v.id = m.visit_id where v.client_id = p_client);
end;

-- How many rows of each table would go with a client of the caller's agency.
create or replace function app.count_erasure(p_client uuid) returns jsonb
language plpgsql stable security definer set search_path = public, pg_temp as $$
declare
  found record;
  step record;
  counted bigint;
  counts jsonb := '{}';
begin
  if app.caller_role() not in ('admin', 'job') or not exists (
      select from clients c where c.id = p_client and c.agency_id = app.agency_id()) then
    return counts;
  end if;
  select * into found from app.records_of_client(p_client);
  for step in select s.name, s.which from app.erasure_steps() s order by s.place loop
    execute format('select count(*) from %I where %s', step.name, step.which) into counted
      using p_client, found.record_ids, found.visit_ids, found.message_ids;
    counts := counts || jsonb_build_object(step.name, counted);
  end loop;
  return counts;
end
$$;

-- Removes the rows of a client whose erasure was begun and whose objects are gone, and answers how many; null where
-- something holds them by now.
create or replace function app.end_erasure(p_client uuid) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  found record;
  step record;
  counted bigint;
  counts jsonb := '{}';
begin
  perform app.lock_job('retention');
  perform from clients c where c.id = p_client and c.agency_id = app.agency_id() for update;
  if not exists (select from erasures e where e.client_id = p_client and e.agency_id = app.agency_id()
        and e.begun_at is not null and e.ended_at is null)
      or not exists (select from app.due_clients(now(), p_client) d where d.held_by is null) then
    return null;
  end if;
  select * into found from app.records_of_client(p_client);
  update escalations s set call_id = null where s.call_id = any (found.message_ids);
  for step in select s.name, s.which from app.erasure_steps() s order by s.place loop
    execute format('delete from %I where %s', step.name, step.which)
      using p_client, found.record_ids, found.visit_ids, found.message_ids;
    get diagnostics counted = row_count;
    counts := counts || jsonb_build_object(step.name, counted);
  end loop;
  update erasures e set ended_at = clock_timestamp(), removed = counts where e.client_id = p_client;
  return counts;
end
$$;

-- Keeps what a run did for the agency.
create or replace function app.report_retention(
  p_planned bigint, p_withdrawn bigint, p_held bigint, p_erased uuid[], p_rows bigint, p_objects bigint
) returns void language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  perform app.lock_job('retention');
  insert into retention_reports (agency_id, planned, withdrawn, held, erased, removed_rows, removed_objects)
  values (app.agency_id(), p_planned, p_withdrawn, p_held, p_erased, p_rows, p_objects);
end
$$;

grant execute on function app.due_clients, app.count_erasure, app.erasure_notice
  to berthcare_jobs, berthcare_privacy;
grant execute on function app.plan_erasures, app.begin_erasure, app.end_erasure, app.report_retention
  to berthcare_jobs;
