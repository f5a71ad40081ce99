-- Tables that grow for ever have a partition a month, in schema `partitions`: what is old is forgotten by dropping one.
-- Made ahead, here and by the daily job; what falls into no month stands in the default partition, so that no write is
-- lost. All tables of `public` that are partitioned by time are kept so: by a time, or by ids of version 7.

-- How long a table's rows are kept at least; null is for ever.
create or replace function app.kept_for(p_table text) returns interval language sql immutable parallel safe
  return case p_table
    when 'sync_log' then interval '180 days'
    -- As long as `sync_log`, whose replays they know.
    when 'sync_receipts' then interval '180 days'
    when 'audit_log' then interval '10 years'
  end;

-- The tables that are partitioned by time, and by which column.
create or replace function app.partitioned_tables() returns table (table_name text, key text, by_id boolean)
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select c.relname, a.attname, a.atttypid = 'uuid'::regtype
  from pg_partitioned_table p
  join pg_class c on c.oid = p.partrelid and c.relnamespace = 'public'::regnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum = p.partattrs[0]
  where p.partstrat = 'r' and p.partnatts = 1 and a.atttypid in ('uuid'::regtype, 'timestamptz'::regtype)
  order by c.relname;
end;

-- A table's partitions but the default one.
create or replace function app.partitions_of(p_table text)
returns table (name text, starts timestamptz, ends timestamptz)
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select c.relname,
    case when t.by_id then app.time_of_uuid7(b.bounds[1]::uuid) else b.bounds[1]::timestamptz end,
    case when t.by_id then app.time_of_uuid7(b.bounds[2]::uuid) else b.bounds[2]::timestamptz end
  from app.partitioned_tables() t
  join pg_inherits i on i.inhparent = format('public.%I', t.table_name)::regclass
  join pg_class c on c.oid = i.inhrelid
  cross join regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''([^'']+)''\) TO \(''([^'']+)''\)') b (bounds)
  where t.table_name = p_table and b.bounds is not null
  order by 2;
end;

-- Attaches a table of the right shape as a table's partition; without a beginning as the default one.
create or replace function app.attach_partition(
  p_table text, p_by_id boolean, p_name text, p_starts timestamptz, p_ends timestamptz
) returns void language plpgsql volatile security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
  bounds constant text := case
    when p_starts is null then 'default'
    when p_by_id then format('for values from (%L) to (%L)', app.uuid7_from(p_starts), app.uuid7_from(p_ends))
    else format('for values from (%L) to (%L)', p_starts, p_ends) end;
begin
  execute format('alter table public.%I attach partition partitions.%I %s', p_table, p_name, bounds);
end
$$;

-- Makes a partition, apart from its table at first: attaching waits for nobody who reads or writes the others. It is
-- read through the table, whose policies and grants count; by itself by backups alone.
create or replace function app.make_partition(
  p_table text, p_by_id boolean, p_name text, p_starts timestamptz, p_ends timestamptz
) returns void language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  execute format('create table partitions.%I (like public.%I including all)', p_name, p_table);
  execute format('alter table partitions.%I enable row level security, force row level security', p_name);
  execute format('create policy definer_functions on partitions.%I to berthcare_migrate using (true)', p_name);
  execute format(
    'create policy backup_reads_all on partitions.%I for select to berthcare_backup using (true)', p_name);
  execute format('grant select on partitions.%I to berthcare_backup', p_name);
  -- Triggers on rows come with the table, those on statements don't.
  if exists (select from pg_trigger t
      where t.tgrelid = format('public.%I', p_table)::regclass and t.tgname = 'append_only_truncate') then
    execute format('create trigger append_only_truncate before truncate on partitions.%I
      for each statement execute function app.refuse_change()', p_name);
  end if;
  perform app.attach_partition(p_table, p_by_id, p_name, p_starts, p_ends);
end
$$;

-- What stands in a table's default partition gets a partition of its own, without moving a row: that partition becomes
-- the one of these months, and another the default. Rows between other partitions' stay where they are.
create or replace function app.place_strays(p_table text, p_key text, p_by_id boolean) returns bigint
language plpgsql volatile security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
  strays constant text := p_table || '_default';
  lowest text;
  highest text;
  from_month timestamptz;
  to_month timestamptz;
  named text;
begin
  if to_regclass(format('partitions.%I', strays)) is null then
    perform app.make_partition(p_table, p_by_id, strays, null, null);
    return 0;
  end if;
  execute format('select k.%2$I::text from partitions.%1$I k limit 1', strays, p_key) into lowest;
  if lowest is null then
    return 0;
  end if;
  execute format('lock table public.%I in access exclusive mode', p_table);
  execute format('select (select %2$I::text from partitions.%1$I order by %2$I limit 1),
    (select %2$I::text from partitions.%1$I order by %2$I desc limit 1)', strays, p_key) into lowest, highest;
  from_month := date_trunc('month',
    case when p_by_id then app.time_of_uuid7(lowest::uuid) else lowest::timestamptz end);
  to_month := date_trunc('month',
    case when p_by_id then app.time_of_uuid7(highest::uuid) else highest::timestamptz end) + interval '1 month';
  if exists (select from app.partitions_of(p_table) p where p.starts < to_month and p.ends > from_month) then
    raise warning 'rows of % stand in its default partition, between months that have their own', p_table;
    return 0;
  end if;
  named := format('%s_%s_to_%s', p_table, to_char(from_month, 'YYYY_MM'),
    to_char(to_month - interval '1 day', 'YYYY_MM'));
  execute format('alter table public.%I detach partition partitions.%I', p_table, strays);
  execute format('alter table partitions.%I rename to %I', strays, named);
  perform app.attach_partition(p_table, p_by_id, named, from_month, to_month);
  perform app.make_partition(p_table, p_by_id, strays, null, null);
  return 1;
end
$$;

-- Makes the partitions of this month and the two to come, where they are missing, and answers how many. Whoever holds a
-- table for long is not waited for: those behind would wait too.
create or replace function app.make_partitions(p_now timestamptz) returns bigint
language plpgsql volatile security definer
set search_path = public, pg_temp set timezone = 'UTC' set lock_timeout = '1s' as $$
declare
  this_month constant timestamptz := date_trunc('month', least(p_now, now()));
  kept record;
  month timestamptz;
  made bigint := 0;
begin
  perform pg_advisory_xact_lock(hashtext('partitions'));
  for kept in select t.table_name, t.key, t.by_id from app.partitioned_tables() t loop
    made := made + app.place_strays(kept.table_name, kept.key, kept.by_id);
    for month in select generate_series(this_month, this_month + interval '2 months', interval '1 month') loop
      if not exists (select from app.partitions_of(kept.table_name) p where p.starts <= month and p.ends > month) then
        perform app.make_partition(kept.table_name, kept.by_id, kept.table_name || to_char(month, '_YYYY_MM'), month,
          month + interval '1 month');
        made := made + 1;
      end if;
    end loop;
  end loop;
  return made;
end
$$;

-- The first time from which on every change above this number was logged, so that older partitions aren't asked. A
-- transaction may have begun before the reading and taken its number after it, but no function runs for an hour.
create or replace function app.logged_since(p_number bigint) returns timestamptz
language plpgsql stable security definer
set search_path = public, pg_temp set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  since timestamptz;
begin
  select r.at - interval '1 hour' into since from partitions.counter_readings r
  where r.agency_id = app.agency_id() and r.number <= p_number order by r.number desc limit 1;
  return coalesce(since, '-infinity');
end
$$;

-- Notes where the agencies' counters stand, for app.logged_since.
create or replace function app.read_counters() returns bigint
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  noted bigint;
begin
  delete from partitions.counter_readings where at < now() - interval '1 year';
  insert into partitions.counter_readings (agency_id, number) select c.agency_id, c.number from agency_counters c
  on conflict (agency_id, number) do update set at = excluded.at;
  get diagnostics noted = row_count;
  return noted;
end
$$;

-- Up to when a table's rows were forgotten, as they had grown old enough; nothing younger counts.
create or replace function app.forgotten_until(p_table text) returns timestamptz
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select coalesce(max(f.ends), '1970-01-01') from partitions.forgotten f
  where f.table_name = p_table and f.dropped_at is not null and f.ends <= now() - app.kept_for(p_table);
end;

-- Raises what the agencies' counters say of the log above the changes of a time that is to be forgotten: phones that
-- need an older tombstone start again. Answers of how many.
create or replace function app.raise_tombstones(p_starts timestamptz, p_ends timestamptz) returns bigint
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  raised bigint;
begin
  update agency_counters c set tombstones_from = n.newest
  from (
    select a.agency_id, (
      select max(l.number) from sync_log l
      where l.agency_id = a.agency_id and l.synced_at >= p_starts and l.synced_at < p_ends) as newest
    from agency_counters a) n
  where c.agency_id = n.agency_id and n.newest > c.tombstones_from;
  get diagnostics raised = row_count;
  return raised;
end
$$;

-- Drops the oldest partition that nobody needs any more, and answers how many: none or one. Old by the database's
-- clock, too. First it is announced, and an hour later dropped: a statement that began before doesn't see what the
-- counters say now, but would miss the rows.
create or replace function app.forget_partition(p_now timestamptz) returns bigint
language plpgsql volatile security definer
set search_path = public, pg_temp set timezone = 'UTC' set lock_timeout = '1s' as $$
declare
  old record;
  raised bigint;
  due boolean;
begin
  perform pg_advisory_xact_lock(hashtext('partitions'));
  for old in
    select t.table_name, p.name, p.starts, p.ends
    from app.partitioned_tables() t cross join lateral app.partitions_of(t.table_name) p
    where p.ends <= least(p_now, now()) - app.kept_for(t.table_name)
      -- Nor before the records that it tells of: as long as any agency keeps its own.
      and not (t.table_name = 'audit_log' and p.ends > least(p_now, now())
        - make_interval(years => (select coalesce(max(a.retention_years), 0) from agencies a)))
      -- A month of the audit log is everybody's: while anything is held, none goes.
      and not (t.table_name = 'audit_log' and exists (select from legal_holds h where h.lifted_at is null))
    order by t.table_name = 'audit_log', p.ends
  loop
    raised := case when old.table_name = 'sync_log' then app.raise_tombstones(old.starts, old.ends) else 0 end;
    insert into partitions.forgotten as f (table_name, starts, ends) values (old.table_name, old.starts, old.ends)
    on conflict (table_name, starts) do update
      set announced_at = case when raised > 0 then clock_timestamp() else f.announced_at end
    returning f.announced_at < now() - interval '1 hour' into due;
    continue when not due;
    -- What is on no link yet can't be proven to have been. Last, as it keeps no other table from its turn.
    if old.table_name = 'audit_log' and exists (
        select from audit_log a where a.id >= app.uuid7_from(old.starts) and a.id < app.uuid7_from(old.ends)
          and not exists (select from audit_chain c where c.audit_id = a.id)) then
      raise exception 'rows of % are not sealed', old.name;
    end if;
    execute format('alter table public.%I detach partition partitions.%I', old.table_name, old.name);
    execute format('drop table partitions.%I', old.name);
    update partitions.forgotten f set dropped_at = clock_timestamp()
    where f.table_name = old.table_name and f.starts = old.starts;
    return 1;
  end loop;
  return 0;
end
$$;

grant execute on function app.make_partitions, app.read_counters, app.forget_partition to berthcare_jobs;

select app.make_partitions(now());
