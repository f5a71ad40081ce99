-- What an export of everything held on a client reads beyond what its caller sees.

-- The messages about a client. Only jobs read the outbox, as codes go through it too: those are about no client. A
-- recipient's number is theirs and not the client's.
create or replace function app.messages_of_client(p_client uuid)
returns table (
  id uuid, channel text, recipient_id uuid, template text, template_values jsonb, locale text, status text,
  attempts integer, attempted_at timestamptz, failure text, alert_id uuid, visit_id uuid, created_at timestamptz,
  updated_at timestamptz
)
language sql stable security definer set search_path = public, pg_temp as $$
  select m.id, m.channel::text, m.recipient_id, m.template,
    case when m.secret then '{}' else m.template_values end, m.locale, m.status::text, m.attempts, m.attempted_at,
    m.failure, m.alert_id, m.visit_id, m.created_at, m.updated_at
  from messages m
  where m.agency_id = app.agency_id() and app.caller_role() in ('admin', 'coordinator') and m.client_id = p_client
$$;

grant execute on function app.messages_of_client to berthcare_privacy;
