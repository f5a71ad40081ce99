-- Another role sees other clients and other columns, and no row changes by it: what the user's phones hold is told anew.

-- A cursor before this number isn't served: the phone starts again.
alter table devices add column serves_from bigint not null default 0;

create or replace function app.serves(p_cursor bigint) returns boolean
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select app.cursor_number(p_cursor) is not null and app.tombstones_arrived(p_cursor) >= c.tombstones_from
    and p_cursor >= coalesce(d.pulled_from, 0) and app.cursor_number(p_cursor) >= d.serves_from
  from devices d join agency_counters c on c.agency_id = d.agency_id where d.id = app.device_id();
end;

create function app.begin_role() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  newest bigint;
begin
  -- A number of its own: whoever starts again gets a cursor that is served.
  update agency_counters set number = number + 1 where agency_id = new.agency_id returning number into newest;
  update devices set serves_from = newest where user_id = new.id;
  return null;
end
$$;
create trigger begin_role after update of role on users for each row
  when (old.role <> new.role) execute function app.begin_role();
