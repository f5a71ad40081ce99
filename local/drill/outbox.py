"""Messages that don't go out: a run died with one in its hands, and nobody sent the others meanwhile."""

from __future__ import annotations

import json
import urllib.request

import api
from api import ADDRESS, need

WAITING = "status in ('pending', 'sending')"


def run() -> None:
    # As a run leaves it that was killed ten minutes ago between taking and sending, and the clock that stood still
    # since.
    message = api.sql(
        "insert into messages (agency_id, channel, recipient_id, recipient, locale, template, template_values, "
        "dedupe_key, urgency, status, attempts, attempted_at, leased_until, next_attempt_at) "
        "select u.agency_id, 'sms', u.id, u.phone, u.locale, 'alert_unanswered', '{}', 'drill:' || now(), 0, "
        "'sending', 1, now() - interval '10 minutes', now() - interval '5 minutes', now() - interval '5 minutes' "
        "from users u where u.email = 'coordinator@demo.berthcare.ca' returning id"
    )
    need(_overdue() > 120, "the message is not overdue, so that the alarm would not have sounded")

    answer = _invoke({"job": "dispatch"})
    print(f"    dispatch answers {json.dumps(answer)}", flush=True)
    api.until(
        "the message is sent", lambda: api.sql(f"select {WAITING} from messages where id = '{message}'") == "f", 60
    )
    sent = api.sql(f"select status from messages where id = '{message}'")
    need(sent in ("sent", "delivered"), f"the message is {sent}")
    need(_overdue() < 120, "something is still overdue")

    before = api.sql("select count(*) from messages where provider_sid is not null")
    _invoke({"job": "dispatch"})
    need(api.sql("select count(*) from messages where provider_sid is not null") == before, "a second run sent again")


def _overdue() -> float:
    """Seconds since the oldest waiting message was due: what the metric OutboxAge tells."""
    oldest = f"select coalesce(extract(epoch from now() - min(next_attempt_at)), 0) from messages where {WAITING}"
    return float(api.sql(oldest))


def _invoke(event: object) -> object:
    """As `aws lambda invoke` does in AWS."""
    url = f"{ADDRESS}/2015-03-31/functions/jobs/invocations"
    request = urllib.request.Request(url, json.dumps(event).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.loads(answer.read())
