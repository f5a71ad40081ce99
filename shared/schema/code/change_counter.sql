-- The agency's change counter: taken first by each transaction that writes what phones hold.

-- Each agency has a counter from its first moment.
create or replace function app.create_change_counter() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into agency_counters (agency_id) values (new.id);
  return null;
end
$$;

create or replace trigger create_change_counter after insert on agencies
  for each row execute function app.create_change_counter();

-- Takes `p_count` numbers for this transaction, and with them the agency's write lock.
create or replace function app.reserve_change_numbers(p_count integer) returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  last bigint;
begin
  update agency_counters set number = number + p_count where agency_id = app.agency_id() returning number into last;
  if not found then
    raise exception 'no caller is set for this transaction' using errcode = 'insufficient_privilege';
  end if;
  perform set_config('app.next_number', (last - p_count + 1)::text, true),
          set_config('app.last_number', last::text, true);
end
$$;

-- The columns of a row that is to be sent again as it is (app.bump_change_number). Of a touch without columns the list
-- is empty.
create or replace function app.bumped_columns() returns text[] language sql stable parallel safe
  return nullif(current_setting('app.bumped_columns', true), '')::text[];

-- Before each row of a synced table: times, author, and a number of its own. A row written unchanged keeps its number,
-- unless it is to be sent again (app.bump_change_number). Settings are read here without the functions that name them:
-- this runs for each row.
create or replace function app.stamp_change() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  next bigint := nullif(current_setting('app.next_number', true), '')::bigint;
  me constant uuid := nullif(current_setting('app.user_id', true), '')::uuid;
  bumping constant boolean := coalesce(current_setting('app.bumped_columns', true), '') <> '';
begin
  if next is null then
    raise exception 'a write to % must take a change number first', tg_table_name using errcode = 'BC500';
  end if;
  if new.agency_id is distinct from nullif(current_setting('app.agency_id', true), '')::uuid then
    raise exception 'a row of another agency' using errcode = 'insufficient_privilege';
  end if;
  if tg_op = 'UPDATE' then
    if not bumping and new is not distinct from old then
      return old;
    end if;
    new.created_at := old.created_at;
    new.created_by := old.created_by;
  else
    new.created_at := now();
    new.created_by := me;
  end if;
  if not bumping then
    new.updated_at := clock_timestamp();
    new.updated_by := me;
  end if;
  -- The lock is ours already, so a range too short is simply extended.
  if next > current_setting('app.last_number')::bigint then
    update agency_counters set number = number + 1 where agency_id = new.agency_id returning number into next;
    perform set_config('app.last_number', next::text, true);
  end if;
  new.change_number := next;
  perform set_config('app.next_number', (next + 1)::text, true);
  return new;
end
$$;

create or replace trigger stamp_change before insert or update on clients
  for each row execute function app.stamp_change();
create or replace trigger stamp_change before insert or update on care_team
  for each row execute function app.stamp_change();
create or replace trigger stamp_change before insert or update on visits
  for each row execute function app.stamp_change();
create or replace trigger stamp_change before insert or update on visit_tasks
  for each row execute function app.stamp_change();
create or replace trigger stamp_change before insert or update on photos
  for each row execute function app.stamp_change();
create or replace trigger stamp_change before insert or update on alerts
  for each row execute function app.stamp_change();

-- Numbers a row anew, unchanged as it is: a phone takes its own values for the server's after a push, so that where the
-- server kept another one it must send the row again. Logged as a change of those columns by nobody's device, so that
-- what the phone writes over them before it has seen them is a conflict.
create or replace function app.bump_change_number(p_rows jsonb) returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  touched record;
begin
  for touched in
    select r."table", r.columns, array_agg(r.id) as ids
    from jsonb_to_recordset(p_rows) r ("table" text, id uuid, columns text[]) group by 1, 2
  loop
    if touched."table" not in ('clients', 'visits', 'visit_tasks', 'photos', 'alerts') then
      raise exception 'no such synced table';
    end if;
    perform set_config('app.bumped_columns', touched.columns::text, true);
    execute format('update %I set id = id where id = any ($1) and agency_id = app.agency_id()', touched."table")
      using touched.ids;
  end loop;
  perform set_config('app.bumped_columns', '', true);
end
$$;

-- Fails where a write reached fewer rows than it was meant for: row-level security hides a row from an update without a
-- word, and what was not written must not be confirmed.
create or replace function app.assert_row_count(p_reached bigint, p_meant bigint) returns void
language plpgsql immutable as $$
begin
  if p_reached <> p_meant then
    raise exception 'a row is out of reach' using errcode = 'insufficient_privilege', constraint = 'out_of_reach';
  end if;
end
$$;

-- Fails where what a decision was made on has changed since: whoever decided looks again.
create or replace function app.assert_unchanged(p_unchanged boolean) returns void language plpgsql immutable as $$
begin
  if not p_unchanged then
    raise exception 'decided on what has changed since' using errcode = 'BC409';
  end if;
end
$$;

grant execute on function app.reserve_change_numbers, app.bumped_columns, app.bump_change_number,
  app.assert_row_count, app.assert_unchanged to berthcare_app;
