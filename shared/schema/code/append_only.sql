-- Rows that nobody may change or delete, the tables' owner included.
create or replace function app.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% rows are never changed or removed', tg_table_name using errcode = 'insufficient_privilege';
end
$$;

do $$
declare
  kept text;
begin
  foreach kept in array array['audit_log', 'audit_chain', 'audit_checks', 'consents', 'creations',
      'chart_revisions'] loop
    execute format('create or replace trigger append_only before update or delete on %I
      for each row execute function app.refuse_change()', kept);
    execute format('create or replace trigger append_only_truncate before truncate on %I
      for each statement execute function app.refuse_change()', kept);
  end loop;
end
$$;
