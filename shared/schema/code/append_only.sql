-- Rows that nobody may change or delete, the tables' owner included.
create or replace function app.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% rows are never changed or removed', tg_table_name using errcode = 'insufficient_privilege';
end
$$;

-- The same of what is on a client, until their records have grown old: it goes with them, in an erasure that has begun
-- and that nothing can begin before its time (app.keep_erasure).
create or replace function app.refuse_unless_erased() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  of_client uuid := (to_jsonb(old) ->> 'client_id')::uuid;
begin
  if tg_op = 'DELETE' then
    if tg_table_name = 'creations' and to_jsonb(old) ->> 'table_name' in ('clients', 'care_team', 'consents', 'visits',
        'visit_tasks', 'photos', 'alerts', 'legal_holds', 'privacy_requests') then
      execute format('select %s from %I where id = $1', case to_jsonb(old) ->> 'table_name' when 'clients' then 'id'
          when 'photos' then 'subject_client_id' else 'client_id' end, to_jsonb(old) ->> 'table_name')
        into of_client using (to_jsonb(old) ->> 'record_id')::uuid;
    end if;
    if exists (select from erasures e where e.client_id = of_client and e.begun_at is not null
        and e.ended_at is null) then
      return old;
    end if;
  end if;
  raise exception '% rows are never changed or removed', tg_table_name using errcode = 'insufficient_privilege';
end
$$;

do $$
declare
  kept text;
begin
  foreach kept in array array['consents', 'creations', 'chart_revisions'] loop
    execute format('create or replace trigger append_only before update or delete on %I
      for each row execute function app.refuse_unless_erased()', kept);
    execute format('create or replace trigger append_only_truncate before truncate on %I
      for each statement execute function app.refuse_change()', kept);
  end loop;
  foreach kept in array array['audit_log', 'audit_chain', 'audit_checks', 'retention_reports'] loop
    execute format('create or replace trigger append_only before update or delete on %I
      for each row execute function app.refuse_change()', kept);
    execute format('create or replace trigger append_only_truncate before truncate on %I
      for each statement execute function app.refuse_change()', kept);
  end loop;
end
$$;
