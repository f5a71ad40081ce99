-- Text as people search it: lower case, no accents, and the two ligatures that Unicode does not decompose.
create or replace function app.searchable(value text) returns text language sql immutable parallel safe
  return replace(replace(
    lower(regexp_replace(normalize(value, NFD), '[\u0300-\u036f]', '', 'g')),
    'œ', 'oe'), 'æ', 'ae');

-- Keeps `search_name`.
create or replace function app.set_search_name() returns trigger language plpgsql as $$
begin
  new.search_name := app.searchable(new.first_name || ' ' || new.last_name);
  return new;
end
$$;

create or replace trigger set_search_name before insert or update on clients
  for each row execute function app.set_search_name();

grant execute on function app.searchable to berthcare_app;
