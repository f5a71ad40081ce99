-- Before app.stamp_change, which compares rows: triggers fire by name.
create or replace function app.set_in_force() returns trigger language plpgsql as $$
begin
  new.in_force := new.deleted_at is null and new.starts_on <= app.today()
    and coalesce(new.ends_on >= app.today(), true);
  return new;
end
$$;

create or replace trigger set_in_force before insert or update of starts_on, ends_on, deleted_at on care_team
  for each row execute function app.set_in_force();

-- The last day on which visits to a client put a caregiver on the care team; null where no visits do. What caregivers
-- planned for themselves does not.
create or replace function app.last_scheduled_day(p_client uuid, p_user uuid) returns date
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select max((v.scheduled_end at time zone a.time_zone)::date) + 14
  from visits v join agencies a on a.id = v.agency_id
  where v.client_id = p_client and v.user_id = p_user and v.agency_id = app.agency_id()
    and v.deleted_at is null and v.status <> 'cancelled' and not v.self_planned;
end;

-- After a visit was taken away: what the caregiver's visits grant ends with the last that is left. It never begins and
-- never lasts longer by this, so that whoever was taken off a care team stays off it, whatever their phone still sends.
create or replace function app.shorten_scheduled_grant(p_client uuid, p_user uuid) returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  last_day constant date := app.last_scheduled_day(p_client, p_user);
begin
  update care_team
  set deleted_at = case when last_day is null then now() end,
    ends_on = case when last_day is null then ends_on else greatest(last_day, starts_on) end
  where client_id = p_client and user_id = p_user and agency_id = app.agency_id()
    and source = 'scheduled' and deleted_at is null
    and (last_day is null or ends_on is null or ends_on > greatest(last_day, starts_on));
end
$$;

-- A visit that a coordinator schedules puts its caregiver on the client's care team until 14 days after their last
-- visit there. Called after each write that gives somebody a visit or moves it; the row changes only when its dates do.
-- Of a client who was taken from the caller, and whom only work done before still reaches, nothing is granted.
create or replace function app.refresh_scheduled_grant(p_client uuid, p_user uuid) returns void
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  last_day constant date := app.last_scheduled_day(p_client, p_user);
begin
  if last_day is null or p_client = any (app.revoked_readable_client_ids()) then
    perform app.shorten_scheduled_grant(p_client, p_user);
    return;
  end if;
  update care_team set ends_on = greatest(last_day, starts_on)
  where client_id = p_client and user_id = p_user and agency_id = app.agency_id()
    and source = 'scheduled' and deleted_at is null;
  if not found then
    insert into care_team (id, agency_id, client_id, user_id, relation, source, starts_on, ends_on)
    select app.uuid7(), u.agency_id, p_client, u.id,
      (case u.role when 'care_aide' then 'care_aide' when 'nurse' then 'nurse' else 'coordinator' end)::care_relation,
      'scheduled', least(app.today(), last_day), last_day
    from users u where u.id = p_user and u.agency_id = app.agency_id();
  end if;
end
$$;

-- After a visit that was cancelled has turned out to have taken place: a grant that is left lasts as long as visits
-- make it. None begins: whoever was taken off a care team stays off it.
create or replace function app.extend_scheduled_grant(p_client uuid, p_user uuid) returns void
language sql volatile security definer set search_path = public, pg_temp
begin atomic
  update care_team set ends_on = greatest(ends_on, app.last_scheduled_day(p_client, p_user))
  where client_id = p_client and user_id = p_user and agency_id = app.agency_id()
    and source = 'scheduled' and deleted_at is null;
end;

-- The caller's grants, past and future, of `p_client` or of all clients, from the midnight at which each begins to the
-- one at which it ends: what `domain::care_team` judges visits by that caregivers plan for themselves. No visit is
-- later than the year 2200, so that a day beyond what the program can read is as good as none.
create or replace function app.own_grants(p_client uuid default null) returns jsonb
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select coalesce(jsonb_agg(jsonb_build_object('client_id', t.client_id,
    'begins_at', app.moment_of(greatest(t.starts_on, '1900-01-01'), '00:00'),
    'ends_at', app.moment_of(case when t.ends_on < '2300-01-01' then t.ends_on + 1 end, '00:00'))), '[]')
  from care_team t
  where t.user_id = app.user_id() and t.agency_id = app.agency_id() and t.deleted_at is null
    and t.relation <> 'family' and (p_client is null or t.client_id = p_client);
end;

grant execute on function app.extend_scheduled_grant, app.own_grants, app.shorten_scheduled_grant,
  app.refresh_scheduled_grant to berthcare_app;
