-- For how long the oldest alert of all agencies has waited for a person, in seconds; 0 where none does. One that nobody
-- answered counts too, for a day: that its calls have ended helps nobody, and after a day whoever watches over us knows.
create index alerts_expired on alerts (created_at) where status = 'expired' and deleted_at is null;
create function app.oldest_unanswered_alert(p_now timestamptz) returns double precision
language sql stable security definer set search_path = public, pg_temp
begin atomic
  select coalesce(extract(epoch from greatest(p_now - least(
    (select min(a.created_at) from alerts a where a.status in ('open', 'calling') and a.deleted_at is null),
    (select min(a.created_at) from alerts a
     where a.status = 'expired' and a.deleted_at is null and a.created_at > p_now - interval '1 day')), '0')), 0)::float8;
end;
grant execute on function app.oldest_unanswered_alert(timestamptz) to berthcare_app;
