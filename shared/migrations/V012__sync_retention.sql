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

-- Forgets changes of 180 days ago and older, at most `p_limit`, in their order, and answers how many there were. For jobs.
-- Old by the database's clock, too. The counter's lock comes first, as for all who write it.
create function app.forget_changes(p_now timestamptz, p_limit integer) returns bigint
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

grant execute on function app.serves(bigint), app.forget_changes(timestamptz, integer) to berthcare_app;
