-- What scheduled jobs need beyond the identity of app.act_as_job.

-- Which agencies there are: all that a job knows before it acts for one of them.
create or replace function app.list_agencies() returns table (ids uuid[])
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select coalesce(array_agg(a.id order by a.id), '{}') from agencies a;
end;

-- Refuses whoever is not a job, and holds back another run of the same work for this agency until the transaction ends.
create or replace function app.lock_job(p_work text) returns void language plpgsql volatile as $$
begin
  if app.caller_role() is distinct from 'job' then
    raise exception 'only a job may do this' using errcode = 'insufficient_privilege';
  end if;
  perform pg_advisory_xact_lock(hashtext(p_work), hashtext(app.agency_id()::text));
end
$$;

-- Removes at most `p_limit` rows that have outlived their time, the oldest first, and answers how many: none of a user
-- whose records are held, and none that nobody has looked at, or only of late. Old by the database's clock, too: a job
-- that is replayed with a time to come removes nothing early.
create or replace function app.delete_expired_rows(p_table text, p_now timestamptz, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  kept constant interval := case p_table
    when 'sync_quarantine' then interval '90 days'
  end;
  removed bigint;
begin
  perform app.lock_job('forget ' || p_table);
  if kept is null then
    raise exception 'rows of % are not forgotten by age', p_table;
  end if;
  execute format(
    'delete from %1$I where ctid = any (array(
       select o.ctid from %1$I o where o.agency_id = app.agency_id() and o.created_at < $1 and o.seen_at < $1
         and not exists (select from legal_holds h where h.user_id = o.user_id and h.lifted_at is null)
       order by o.created_at limit $2))',
    p_table) using least(p_now, now()) - kept, p_limit;
  get diagnostics removed = row_count;
  return removed;
end
$$;

grant execute on function app.list_agencies, app.lock_job, app.delete_expired_rows to berthcare_jobs;
