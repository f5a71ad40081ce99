-- Nothing charted is ever erased: what a change or deletion takes away is kept first (`chart_revisions`). Only changes of
-- what was charted come here; what is new costs nothing.

-- Keeps a record's values as its next version. The agency's write lock makes the number the record's next.
create or replace function app.add_chart_revision(
  p_record chart_record, p_record_id uuid, p_agency uuid, p_client uuid, p_visit uuid, p_before jsonb
) returns void
language plpgsql volatile security definer
set search_path = public, pg_temp set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
begin
  insert into chart_revisions (record, record_id, version, agency_id, client_id, visit_id, before)
  values (p_record, p_record_id, coalesce((
      select r.version from chart_revisions r where r.record_id = p_record_id and r.record = p_record
      order by r.version desc limit 1), 0) + 1,
    p_agency, p_client, p_visit, p_before);
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
