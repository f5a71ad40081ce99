-- Rows that nobody may change or delete, the tables' owner included.
create or replace function app.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% rows are never changed or removed', tg_table_name using errcode = 'insufficient_privilege';
end
$$;

create or replace trigger append_only before update or delete on audit_log
  for each row execute function app.refuse_change();
create or replace trigger append_only_truncate before truncate on audit_log
  for each statement execute function app.refuse_change();

create or replace trigger append_only before update or delete on audit_chain
  for each row execute function app.refuse_change();
create or replace trigger append_only_truncate before truncate on audit_chain
  for each statement execute function app.refuse_change();

create or replace trigger append_only before update or delete on audit_checks
  for each row execute function app.refuse_change();
create or replace trigger append_only_truncate before truncate on audit_checks
  for each statement execute function app.refuse_change();

create or replace trigger append_only before update or delete on consents
  for each row execute function app.refuse_change();
create or replace trigger append_only_truncate before truncate on consents
  for each statement execute function app.refuse_change();

create or replace trigger append_only before update or delete on creations
  for each row execute function app.refuse_change();
create or replace trigger append_only_truncate before truncate on creations
  for each statement execute function app.refuse_change();

create or replace trigger append_only before update or delete on chart_revisions
  for each row execute function app.refuse_change();
create or replace trigger append_only_truncate before truncate on chart_revisions
  for each statement execute function app.refuse_change();
