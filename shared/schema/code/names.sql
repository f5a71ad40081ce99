-- Names as people type, search and sort them. Everything is spelled out, so that no database's collation or build
-- (with ICU or without) makes another list of them.

-- A name's words, with their accents: without apostrophes of any kind and signs that nobody sees, compatible forms as
-- one, and one blank for whatever stands between two words.
create or replace function app.words(value text) returns text language sql immutable parallel safe
  return btrim(regexp_replace(
    normalize(regexp_replace(value,
      '[''`\u00ad\u00b4\u0241\u0242\u0294\u02b9\u02bb-\u02bd\u02c0\u02c8\u02ca\u02cb\u1fbd\u1fbf\u200b-\u200f'
      '\u2018-\u201b\u202a-\u202e\u2032\u2035\u2060-\u2069\ua78b\ua78c\ufeff\uff07]',
      '', 'g'), NFKD),
    '[ \u0009-\u000d\u0085\u00b7\u1680\u2010-\u2015\u2028\u2029\u2212,./_()\u002d]+', ' ', 'g'));

-- The same as it is compared: small letters without accents, and a plain letter for those that Unicode doesn't
-- decompose (Polish, Danish, Icelandic, Vietnamese, Turkish, German, French, Azeri, West African).
create or replace function app.searchable(value text) returns text language sql immutable parallel safe
  return replace(replace(replace(replace(replace(
    translate(translate(
      regexp_replace(app.words(value), '[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]', '', 'g'),
      'ABCDEFGHIJKLMNOPQRSTUVWXYZØøŁłĐđÐðıĦħŦŧƏəƐɛƆɔƁɓƊɗƘƙẞÆŒÞŊ',
      'abcdefghijklmnopqrstuvwxyzoolldddd' || 'ihhtteeeeoobbddkkßæœþŋ'),
      'ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩςАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЂЄЅІЈЉЊЋЏҐ',
      'αβγδεζηθικλμνξοπρστυφχψωσабвгдежзиклмнопрстуфхцчшщъыьэюяђєѕіјљњћџґ'),
    'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'), 'ŋ', 'ng');

-- Those letters as they are written where a keyboard has none: Mueller, Soerensen, Aagaard.
create or replace function app.spelled_out(value text) returns text language sql immutable parallel safe
  return replace(replace(replace(replace(replace(translate(normalize(value, NFC), 'ÄÖÜØÅ', 'äöüøå'),
    'ä', 'ae'), 'ö', 'oe'), 'ü', 'ue'), 'ø', 'oe'), 'å', 'aa');

-- All in which a name is found: its words, each of the two names in one word, and spelled out.
create or replace function app.search_name(first_name text, last_name text) returns text
language sql immutable parallel safe
  return concat_ws(' ', app.searchable(first_name), app.searchable(last_name),
    replace(app.searchable(first_name), ' ', ''), replace(app.searchable(last_name), ' ', ''),
    app.searchable(app.spelled_out(first_name)), app.searchable(app.spelled_out(last_name)));

-- Orders names as Canadians expect, in either language (CAN/CSA Z243.4.1): by letters alone, the family name first;
-- then by accents, from the end of the word as in French, about which English has no rule. To be compared by bytes.
create or replace function app.sort_name(first_name text, last_name text) returns text
language sql immutable parallel safe
  return (left(replace(app.searchable(last_name), ' ', ''), 120) || chr(1)
    || left(replace(app.searchable(first_name), ' ', ''), 120) || chr(1)
    || left(reverse(replace(app.words(last_name), ' ', '')), 60) || chr(1)
    || left(reverse(replace(app.words(first_name), ' ', '')), 60)) collate "C";

create or replace function app.set_client_names() returns trigger language plpgsql as $$
begin
  new.search_name := app.search_name(new.first_name, new.last_name);
  new.sort_name := app.sort_name(new.first_name, new.last_name);
  return new;
end
$$;

create or replace function app.set_user_names() returns trigger language plpgsql as $$
begin
  new.sort_name := app.sort_name(new.first_name, new.last_name);
  return new;
end
$$;

-- Before app.stamp_change compares rows: triggers run in the order of their names.
create or replace trigger set_names before insert or update on clients
  for each row execute function app.set_client_names();
create or replace trigger set_names before insert or update on users
  for each row execute function app.set_user_names();

grant execute on function app.words, app.searchable, app.spelled_out, app.search_name, app.sort_name to berthcare_app;
