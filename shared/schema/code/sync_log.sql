-- After each row of a synced table: what changed, by whom. Times, authors and numbers are not changes.
create or replace function app.log_change() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  bookkeeping constant text[] := array['created_at', 'created_by', 'updated_at', 'updated_by', 'change_number'];
  before jsonb;
  after jsonb := to_jsonb(new) - 'search_name';
  operation change_operation := 'create';
  client uuid;
begin
  if tg_op = 'UPDATE' then
    if new.change_number = old.change_number then
      return null;
    end if;
    before := to_jsonb(old) - 'search_name';
    operation := case when before ->> 'deleted_at' is null and after ->> 'deleted_at' is not null
      then 'delete' else 'update' end;
  end if;
  client := case tg_table_name
    when 'clients' then new.id
    when 'visit_tasks' then (select v.client_id from visits v where v.id = (after ->> 'visit_id')::uuid)
    when 'photos' then coalesce((after ->> 'client_id')::uuid,
      (select v.client_id from visits v where v.id = (after ->> 'visit_id')::uuid))
    else (after ->> 'client_id')::uuid end;
  insert into sync_log (agency_id, number, user_id, device_id, table_name, record_id, client_id, operation,
    changed_columns, before, after)
  values (new.agency_id, new.change_number,
    case when app.bumped_columns() is null then app.user_id() else new.updated_by end,
    case when app.bumped_columns() is null then app.device_id() end,
    tg_table_name, new.id, client, operation,
    coalesce(app.bumped_columns(), array(select n.key from jsonb_each(after) n
          where n.key <> all (bookkeeping) and n.value is distinct from coalesce(before -> n.key, 'null')
          order by n.key)),
    before, after);
  return null;
end
$$;

create or replace trigger log_change after insert or update on clients
  for each row execute function app.log_change();
create or replace trigger log_change after insert or update on care_team
  for each row execute function app.log_change();
create or replace trigger log_change after insert or update on visits
  for each row execute function app.log_change();
create or replace trigger log_change after insert or update on visit_tasks
  for each row execute function app.log_change();
create or replace trigger log_change after insert or update on photos
  for each row execute function app.log_change();
create or replace trigger log_change after insert or update on alerts
  for each row execute function app.log_change();

-- Forgets changes of 180 days ago and older, at most `p_limit`, in their order, and answers how many there were. For
-- jobs. Old by the database's clock, too. The counter's lock comes first, as for all who write it.
create or replace function app.delete_old_changes(p_now timestamptz, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  kept_from constant timestamptz := least(p_now, now()) - interval '180 days';
  newest bigint;
  forgotten bigint;
begin
  if app.caller_role() is distinct from 'job' then
    raise exception 'only a job may do this' using errcode = 'insufficient_privilege';
  end if;
  perform from agency_counters where agency_id = app.agency_id() for no key update;
  with oldest as materialized (
    select l.number, l.synced_at from sync_log l where l.agency_id = app.agency_id() order by l.number limit p_limit
  ), gone as (
    -- Up to the first that stays: where writers race, times are not in the order of the numbers.
    delete from sync_log l using oldest o
    where l.agency_id = app.agency_id() and l.number = o.number
      and l.number < coalesce((select min(k.number) from oldest k where k.synced_at >= kept_from), 9223372036854775807)
    returning l.number
  )
  select max(g.number), count(*) into newest, forgotten from gone g;
  if forgotten > 0 then
    update agency_counters set tombstones_from = newest where agency_id = app.agency_id();
  end if;
  return forgotten;
end
$$;

grant execute on function app.delete_old_changes to berthcare_app;
