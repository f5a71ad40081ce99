-- A one-time code is in the outbox until it is sent, and no longer: who reads the outbox later must not find it.
alter table messages add column secret boolean not null default false;
update messages set secret = true where template = 'one_time_code';

create function app.forget_sent_secret() returns trigger language plpgsql as $$
begin
  new.template_values := '{}';
  return new;
end
$$;
create trigger forget_sent_secret before update of status on messages for each row
  when (new.secret and new.status not in ('pending', 'sending'))
  execute function app.forget_sent_secret();
update messages set status = status where secret and status not in ('pending', 'sending');
