-- Nothing charted is ever erased: what a change or deletion takes away is kept first (`chart_revisions`). Only changes
-- of what was charted come here; what is new costs nothing.

-- How the caller may write a visit's notes and tasks, by the rule of `domain::chart`: `open`, as a `correction` with a
-- reason, or as an `addendum` with a reason that changes nothing. From its definer it sees the visit alone. Jobs bring
-- charts over from elsewhere.
create or replace function app.charting(p_visit uuid) returns text
language plpgsql stable security definer
set search_path = public, pg_temp set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  caller constant text := coalesce(app.caller_role(), '');
  caregiver uuid;
  checked_out timestamptz;
begin
  select v.user_id, coalesce(v.check_out_received_at, v.actual_end) into caregiver, checked_out
  from visits v where v.id = p_visit and v.status = 'completed';
  return case
    when checked_out is null or caller not in ('admin', 'coordinator', 'nurse', 'care_aide') then 'open'
    when caregiver is not distinct from app.user_id() and now() < checked_out + interval '24 hours' then 'open'
    when caller in ('admin', 'coordinator') then 'correction'
    else 'addendum' end;
end
$$;

-- Says why this transaction corrects a chart or adds to it.
create or replace function app.give_chart_reason(p_reason text) returns void language plpgsql volatile as $$
begin
  perform set_config('app.chart_reason', p_reason, true);
end
$$;

-- The reason that a person gave, or else, where one is needed, what app.write_pushed_rows says of a phone's work.
create or replace function app.chart_reason(p_charting text) returns text language sql stable
  return coalesce(nullif(current_setting('app.chart_reason', true), ''),
    case when p_charting <> 'open' then nullif(current_setting('app.chart_reason_of_push', true), '') end);

-- Refuses a change of a chart that may not be made; `p_adds`: whether nothing that stands there is changed.
create or replace function app.enforce_charting(p_visit uuid, p_adds boolean) returns void
language plpgsql stable security definer set search_path = public, pg_temp as $$
declare
  charting constant text := app.charting(p_visit);
begin
  if charting <> 'open' and (app.chart_reason(charting) is null or charting = 'addendum' and not p_adds) then
    raise exception 'what was charted of a completed visit is only added to or corrected, with a reason'
      using errcode = 'check_violation', constraint = 'chart_is_closed';
  end if;
end
$$;

create or replace function app.enforce_charting_of_notes() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform app.enforce_charting(old.id, starts_with(coalesce(new.notes, ''), coalesce(old.notes, ''))
    and starts_with(coalesce(new.family_note, ''), coalesce(old.family_note, '')));
  return new;
end
$$;

create or replace trigger enforce_charting before update on visits
  for each row when (old.status = 'completed'
    and (old.notes, old.family_note) is distinct from (new.notes, new.family_note))
  execute function app.enforce_charting_of_notes();

create or replace function app.enforce_charting_of_task() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform app.enforce_charting(old.visit_id, (new.task_type, new.title) = (old.task_type, old.title)
    and new.deleted_at is null and (new.completed or not old.completed)
    and (old.completed_at is null or new.completed_at is not distinct from old.completed_at)
    and (old.data is null or new.data is not distinct from old.data)
    and starts_with(coalesce(new.outcome, ''), coalesce(old.outcome, '')));
  return new;
end
$$;

create or replace trigger enforce_charting before update on visit_tasks
  for each row when ((old.task_type, old.title, old.completed, old.completed_at, old.outcome, old.data, old.deleted_at)
    is distinct from (new.task_type, new.title, new.completed, new.completed_at, new.outcome, new.data, new.deleted_at))
  execute function app.enforce_charting_of_task();

-- Keeps a record's values as its next version. The agency's write lock makes the number the record's next.
create or replace function app.add_chart_revision(
  p_record chart_record, p_record_id uuid, p_agency uuid, p_client uuid, p_visit uuid, p_before jsonb
) returns void
language plpgsql volatile security definer
set search_path = public, pg_temp set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
begin
  insert into chart_revisions (record, record_id, version, agency_id, client_id, visit_id, before, reason)
  values (p_record, p_record_id, coalesce((
      select r.version from chart_revisions r where r.record_id = p_record_id and r.record = p_record
      order by r.version desc limit 1), 0) + 1,
    p_agency, p_client, p_visit, p_before, app.chart_reason(app.charting(p_visit)));
end
$$;

-- A visit's deletion takes away the notes that it has.
create or replace function app.revise_visit_notes() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  deleted constant boolean := old.deleted_at is distinct from new.deleted_at;
begin
  if old.notes is distinct from new.notes or deleted and old.notes is not null then
    perform app.add_chart_revision('visit_note', old.id, old.agency_id, old.client_id, old.id,
      jsonb_build_object('text', old.notes));
  end if;
  if old.family_note is distinct from new.family_note or deleted and old.family_note is not null then
    perform app.add_chart_revision('family_note', old.id, old.agency_id, old.client_id, old.id,
      jsonb_build_object('text', old.family_note));
  end if;
  return null;
end
$$;

create or replace trigger revise_notes after update on visits
  for each row when ((old.notes, old.family_note, old.deleted_at)
    is distinct from (new.notes, new.family_note, new.deleted_at))
  execute function app.revise_visit_notes();

create or replace function app.revise_task() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform app.add_chart_revision('task', old.id, old.agency_id, old.client_id, old.visit_id,
    jsonb_build_object('task_type', old.task_type, 'title', old.title, 'completed', old.completed,
      'completed_at', old.completed_at, 'outcome', old.outcome, 'data', old.data));
  return null;
end
$$;

create or replace trigger revise_task after update on visit_tasks
  for each row when ((old.task_type, old.title, old.completed, old.completed_at, old.outcome, old.data, old.deleted_at)
    is distinct from (new.task_type, new.title, new.completed, new.completed_at, new.outcome, new.data, new.deleted_at))
  execute function app.revise_task();

grant execute on function app.give_chart_reason to berthcare_app;
