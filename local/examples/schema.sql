-- The schema as a page, for `make schema`: of each table its columns, what else it holds, who is let near, and what
-- runs on it.
with sections (name, place, title, lines) as (
  select c.relname, 1, '',
    string_agg(format('%-24s %s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
      case when a.attnotnull then ' not null' else '' end,
      case when d.oid is not null then ' default ' || pg_get_expr(d.adbin, d.adrelid) else '' end),
      e'\n' order by a.attnum)
  from pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') group by 1
  union all
  select conrelid::regclass::name, 2, 'Constraints',
    string_agg(format('%s: %s', conname, pg_get_constraintdef(oid)), e'\n'
      order by array_position('{p,u,c,f}', contype), conname)
  from pg_constraint where connamespace = 'public'::regnamespace and contype in ('p', 'u', 'c', 'f') group by 1
  union all
  select i.indrelid::regclass::name, 3, 'Indexes',
    string_agg(
      regexp_replace(pg_get_indexdef(i.indexrelid), 'CREATE (UNIQUE )?INDEX (\S+) ON (ONLY )?\S+ USING btree ',
        '\2: \1'), e'\n'
      order by i.indexrelid::regclass::text)
  from pg_index i join pg_class c on c.oid = i.indexrelid and c.relnamespace = 'public'::regnamespace
  where not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u')) group by 1
  union all
  select p.tablename, 4, 'Policies',
    string_agg(format('%s: %s to %s%s%s', p.policyname, lower(p.cmd), array_to_string(p.roles, ', '),
      e'\n  using ' || regexp_replace(p.qual, '\s+', ' ', 'g'),
      e'\n  check ' || regexp_replace(p.with_check, '\s+', ' ', 'g')), e'\n'
      order by p.roles::text <> '{berthcare_app}', p.cmd, p.policyname)
  from pg_policies p where p.schemaname = 'public' group by 1
  union all
  select g.name, 5, 'Grants', string_agg(format('%s: %s', g.role, g.privileges), e'\n' order by g.role)
  from (
    select x.name, x.role, string_agg(x.privilege, ', ' order by x.privilege) as privileges
    from (
      select c.relname as name, pg_get_userbyid(acl.grantee) as role, lower(acl.privilege_type) as privilege
      from pg_class c cross join aclexplode(c.relacl) acl
      where c.relnamespace = 'public'::regnamespace and acl.grantee <> c.relowner
      union all
      select c.relname, pg_get_userbyid(acl.grantee), format('%s (%s)', lower(acl.privilege_type),
        string_agg(a.attname, ', ' order by a.attnum))
      from pg_class c join pg_attribute a on a.attrelid = c.oid cross join aclexplode(a.attacl) acl
      where c.relnamespace = 'public'::regnamespace group by 1, 2, acl.privilege_type) x
    group by 1, 2) g
  group by 1
  union all
  select t.tgrelid::regclass::name, 6, 'Triggers',
    string_agg(regexp_replace(pg_get_triggerdef(t.oid),
      'CREATE TRIGGER (\S+) (.*) ON \S+ (.*)EXECUTE FUNCTION (.*)\(\)', '\1: \2 \3\4'),
      e'\n' order by t.tgtype & 2 desc, t.tgname)
  from pg_trigger t join pg_class c on c.oid = t.tgrelid and c.relnamespace = 'public'::regnamespace
  where not t.tgisinternal group by 1
)
select string_agg(case when title = '' then format(e'## %s\n\n', name) else format(e'\n%s\n', title) end
  || regexp_replace(lines, '^', '    ', 'gn'), e'\n' order by place)
from sections group by name order by name
