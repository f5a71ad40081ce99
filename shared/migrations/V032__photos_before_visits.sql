-- A phone may send a photo before its visit. Nobody else sees it until then, and by then their cursors have passed its
-- number: it gets another.
create function app.show_photos() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  rows jsonb;
begin
  select jsonb_agg(jsonb_build_object('table', 'photos', 'id', p.id, 'columns', '{}'::text[])) into rows
  from photos p join added v on v.id = p.visit_id and v.agency_id = p.agency_id where p.deleted_at is null;
  if rows is not null then
    perform app.touch(rows);
  end if;
  return null;
end
$$;
create trigger show_photos after insert on visits referencing new table as added
  for each statement execute function app.show_photos();
