-- Everything that the schema consists of, a line each; a column's position in its table is left out.
with things (line) as (
  select format('function %s %s returns %s %s%s%s%s rows %s %s: %s', p.oid::regprocedure, p.proacl,
    pg_get_function_result(p.oid), p.provolatile, p.proparallel, p.prosecdef, p.proisstrict, p.prorows, p.proconfig,
    coalesce(pg_get_function_sqlbody(p.oid), p.prosrc))
  from pg_proc p where p.pronamespace in ('app'::regnamespace, 'public'::regnamespace)
  union all
  select format('policy %s on %s %s for %s to %s using %s check %s', policyname, tablename, permissive, cmd, roles,
    qual,
    with_check)
  from pg_policies where schemaname = 'public'
  union all
  select format('trigger %s %s', pg_get_triggerdef(t.oid), t.tgenabled)
  from pg_trigger t join pg_class c on c.oid = t.tgrelid and c.relnamespace = 'public'::regnamespace
  where not t.tgisinternal
  union all
  select format('table %s %s %s secured %s forced %s', c.relname, pg_get_userbyid(c.relowner),
    array(select acl::text from unnest(c.relacl) acl order by 1), c.relrowsecurity, c.relforcerowsecurity)
  from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
  union all
  select format('column %s.%s %s not null %s default %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
    a.attnotnull, pg_get_expr(d.adbin, d.adrelid), array(select acl::text from unnest(a.attacl) acl order by 1))
  from pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
  union all
  select format('constraint %s on %s %s', conname, conrelid::regclass, pg_get_constraintdef(oid))
  from pg_constraint where connamespace = 'public'::regnamespace
  union all
  select format('index %s', indexdef) from pg_indexes where schemaname = 'public'
  union all
  select format('type %s %s', t.oid::regtype, array_agg(e.enumlabel order by e.enumsortorder))
  from pg_type t join pg_enum e on e.enumtypid = t.oid group by t.oid
  union all
  select format('comment on %s %s: %s', pg_describe_object(classoid, objoid, objsubid), classoid::regclass, description)
  from pg_description
  where classoid in ('pg_class'::regclass, 'pg_proc'::regclass)
    and (objoid in (select oid from pg_class where relnamespace = 'public'::regnamespace)
      or objoid in (select oid from pg_proc where pronamespace = 'app'::regnamespace))
  union all
  select format('default privileges %s %s', defaclobjtype, defaclacl) from pg_default_acl
  union all
  select format('schema %s %s', nspname, nspacl) from pg_namespace where nspname = 'app'
)
select line from things order by line
