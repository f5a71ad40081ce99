-- The change counter: one row an agency, locked by every transaction that writes what phones hold, before it
-- touches any other row, so that number order is commit order.
create type change_operation as enum ('create', 'update', 'delete');

create table agency_counters (
  agency_id uuid primary key references agencies,
  -- Raised by a restore from backup, so that every phone starts again.
  epoch integer not null default 1 check (epoch between 1 and 8191),
  -- 40 bits: a cursor is epoch x 2^40 + number, and stays below JavaScript's 2^53.
  number bigint not null default 0 check (number between 0 and 1099511627775),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid references users,
  updated_by uuid references users
);

create trigger stamp_times before insert or update on agency_counters for each row execute function app.stamp_times();

create function app.open_counter() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into agency_counters (agency_id) values (new.id);
  return null;
end
$$;
create trigger open_counter after insert on agencies for each row execute function app.open_counter();

-- Takes `p_count` numbers for this transaction, and with them the agency's write lock.
create function app.take_numbers(p_count integer) returns void
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

-- The columns of a row that is to be sent again as it is (app.touch, migration V010).
create function app.touched_columns() returns text[] language sql stable parallel safe
  return string_to_array(nullif(current_setting('app.touching', true), ''), ',');

-- Before each row of a synced table: times, author, and a number of its own. A row written unchanged keeps its number,
-- unless it is to be sent again (app.touch, migration V010).
create function app.stamp_change() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  next bigint := nullif(current_setting('app.next_number', true), '')::bigint;
begin
  if next is null then
    raise exception 'a write to % must take a change number first', tg_table_name using errcode = 'BC500';
  end if;
  if new.agency_id is distinct from app.agency_id() then
    raise exception 'a row of another agency' using errcode = 'insufficient_privilege';
  end if;
  if tg_op = 'UPDATE' then
    if new is not distinct from old and app.touched_columns() is null then
      return old;
    end if;
    new.created_at := old.created_at;
    new.created_by := old.created_by;
  else
    new.created_at := now();
    new.created_by := app.user_id();
  end if;
  if app.touched_columns() is null then
    new.updated_at := clock_timestamp();
    new.updated_by := app.user_id();
  end if;
  -- The lock is ours already, so a range too short is simply extended.
  if next > current_setting('app.last_number')::bigint then
    update agency_counters set number = number + 1 where agency_id = app.agency_id() returning number into next;
    perform set_config('app.last_number', next::text, true);
  end if;
  new.change_number := next;
  perform set_config('app.next_number', (next + 1)::text, true);
  return new;
end
$$;

-- What changed, by whom, before and after: the merge base of sync, the evidence of a conflict, a device's receipt.
create table sync_log (
  agency_id uuid not null references agencies,
  number bigint not null,
  user_id uuid,
  device_id uuid,
  table_name text not null,
  record_id uuid not null,
  client_id uuid,
  operation change_operation not null,
  changed_columns text[] not null,
  before jsonb,
  after jsonb not null,
  synced_at timestamptz not null default now(),
  primary key (agency_id, number),
  foreign key (agency_id, user_id) references users (agency_id, id),
  foreign key (agency_id, device_id) references devices (agency_id, id)
);
create index sync_log_by_record on sync_log (record_id, number);
create index sync_log_by_device on sync_log (device_id, number) where device_id is not null;

create function app.log_change() returns trigger
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
    case when app.touched_columns() is null then app.user_id() else new.updated_by end,
    case when app.touched_columns() is null then app.device_id() end,
    tg_table_name, new.id, client, operation,
    coalesce(app.touched_columns(), array(select n.key from jsonb_each(after) n
          where n.key <> all (bookkeeping) and n.value is distinct from coalesce(before -> n.key, 'null')
          order by n.key)),
    before, after);
  return null;
end
$$;

-- Makes a table one that phones hold: numbered, logged, and never written without the counter.
create function app.track_changes(p_table regclass) returns void language plpgsql as $$
begin
  execute format('create trigger stamp_change before insert or update on %s for each row execute function app.stamp_change()', p_table);
  execute format('create trigger log_change after insert or update on %s for each row execute function app.log_change()', p_table);
  execute format('create unique index on %s (agency_id, change_number)', p_table);
end
$$;
