-- Before the policies are made anew: what a file no longer has must be gone. All tables first, so that nobody is served
-- by half of the policies, and nobody who holds one of them waits for another.
do $$
declare
  tables constant text := (
    select string_agg(format('%I', tablename), ', ' order by tablename) from pg_tables where schemaname = 'public');
  policy record;
begin
  execute format('lock table %s in access exclusive mode', tables);
  for policy in select policyname, tablename from pg_policies where schemaname = 'public' loop
    execute format('drop policy %I on %I', policy.policyname, policy.tablename);
  end loop;
end
$$;
revoke all on all tables in schema public from berthcare_app, berthcare_auth, berthcare_health, berthcare_jobs,
  berthcare_photos, berthcare_privacy, berthcare_webhooks, berthcare_readonly, berthcare_backup;
