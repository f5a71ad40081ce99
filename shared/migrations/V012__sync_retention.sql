-- What the log of changes no longer tells: a phone that needs older tombstones than are kept starts again.

-- Whether a pull can go on from a cursor: it is of this epoch, every tombstone since the last that has arrived is kept, and
-- the phone was not put back to an older state of its own, of which it isn't known what has been deleted there.
create function app.serves(p_cursor bigint) returns boolean
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select app.cursor_number(p_cursor) is not null and app.tombstones_arrived(p_cursor) >= c.tombstones_from
    and p_cursor >= coalesce(d.pulled_from, 0)
  from devices d join agency_counters c on c.agency_id = d.agency_id where d.id = app.device_id();
end;

create index sync_receipts_by_age on sync_receipts (agency_id, created_at);

-- Forgets changes, and what devices sent, from before `p_before`: at most `p_limit` of each, oldest first. Answers how many
-- there were. For jobs. The counter's lock comes first, as for all who write it.
create function app.forget_changes(p_before timestamptz, p_limit integer) returns integer
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  newest bigint;
  changes integer;
  receipts integer;
begin
  if app.caller_role() is distinct from 'job' then
    raise exception 'changes are forgotten by jobs' using errcode = 'insufficient_privilege';
  end if;
  perform from agency_counters where agency_id = app.agency_id() for no key update;
  with oldest as materialized (
    select l.number, l.synced_at from sync_log l where l.agency_id = app.agency_id() order by l.number limit p_limit
  ), forgotten as (
    -- Up to the first that stays: times and numbers are not in the same order where writers race.
    delete from sync_log l using oldest o
    where l.agency_id = app.agency_id() and l.number = o.number
      and l.number < coalesce((select min(k.number) from oldest k where k.synced_at >= p_before), 9223372036854775807)
    returning l.number
  )
  select max(f.number), count(*) into newest, changes from forgotten f;
  update agency_counters set tombstones_from = greatest(tombstones_from, newest)
  where agency_id = app.agency_id() and newest is not null;
  delete from sync_receipts r
  where (r.device_id, r.record_id, r.body_sha256) in (
    select o.device_id, o.record_id, o.body_sha256 from sync_receipts o
    where o.agency_id = app.agency_id() and o.created_at < p_before order by o.created_at limit p_limit);
  get diagnostics receipts = row_count;
  return changes + receipts;
end
$$;

grant execute on function app.serves(bigint), app.forget_changes(timestamptz, integer) to berthcare_app;
