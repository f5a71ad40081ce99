//! Alerts, what was sent about the client, and what was written back.

use domain::transitions::AlertStatus;
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Exported, page_of};
use crate::tables::{
    alerts::Severity,
    inbound_messages::{Intent, ReplyStatus},
};

/// An alert.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000a9", "visit_id": null,
    "raised_by": "0193a5b0-0000-7000-8000-000000000003", "severity": "high", "reason": "fall", "message": null,
    "status": "acknowledged", "acknowledged_by": "0193a5b0-0000-7000-8000-000000000002",
    "acknowledged_at": "2026-11-20T14:21:00Z", "escalation_level": 0, "created_at": "2026-11-20T14:20:00Z",
    "created_by": "0193a5b0-0000-7000-8000-000000000003", "updated_at": "2026-11-20T14:21:00Z",
    "updated_by": null, "deleted_at": null}))]
pub struct ExportedAlert {
    /// The alert's id.
    pub id: Uuid,
    /// The visit during which it was raised.
    pub visit_id: Option<Uuid>,
    /// Who raised it; null where a job did.
    pub raised_by: Option<Uuid>,
    /// How bad.
    pub severity: Severity,
    /// Why, in a word.
    pub reason: String,
    /// Why, in the caregiver's words.
    pub message: Option<String>,
    /// What became of it.
    pub status: AlertStatus,
    /// Who took it.
    pub acknowledged_by: Option<Uuid>,
    /// When.
    pub acknowledged_at: Option<Timestamp>,
    /// How far it was passed on.
    pub escalation_level: i32,
    /// When it was raised.
    pub created_at: Timestamp,
    /// Under whose name.
    pub created_by: Option<Uuid>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// By whom.
    pub updated_by: Option<Uuid>,
    /// When it was removed.
    pub deleted_at: Option<Timestamp>,
}

impl Exported for ExportedAlert {
    const SQL: &'static str = page_of!(
        "select a.id, a.visit_id, a.raised_by, a.severity::text as severity, a.reason, a.message,
           a.status::text as status, a.acknowledged_by, a.acknowledged_at, a.escalation_level, a.created_at,
           a.created_by, a.updated_at, a.updated_by, a.deleted_at, a.created_at as place_at, a.id::text as place_key
         from alerts a where a.client_id = $1"
    );
}

/// A message about the client: an SMS, a call or a push.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000aa", "channel": "sms",
    "recipient_id": "0193a5b0-0000-7000-8000-000000000005", "template": "daily_summary",
    "template_values": {"first_name": "Marguerite"}, "locale": "fr-CA", "status": "delivered", "attempts": 1,
    "attempted_at": "2026-11-20T23:00:04Z", "failure": null, "alert_id": null, "visit_id": null,
    "created_at": "2026-11-20T23:00:00Z", "updated_at": "2026-11-20T23:00:09Z"}))]
pub struct ExportedMessage {
    /// The message's id.
    pub id: Uuid,
    /// `sms`, `voice` or `push`.
    pub channel: String,
    /// To whom.
    pub recipient_id: Uuid,
    /// Which text.
    pub template: String,
    /// What stands in its gaps.
    #[schema(value_type = Object)]
    pub template_values: Value,
    /// In which language.
    pub locale: String,
    /// What became of it.
    pub status: String,
    /// How often it was tried.
    pub attempts: i32,
    /// When last.
    pub attempted_at: Option<Timestamp>,
    /// Why it failed.
    pub failure: Option<String>,
    /// The alert that it is about.
    pub alert_id: Option<Uuid>,
    /// The visit that it is about.
    pub visit_id: Option<Uuid>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Exported for ExportedMessage {
    const SQL: &'static str = page_of!(
        "select m.id, m.channel, m.recipient_id, m.template, m.template_values, m.locale, m.status, m.attempts,
           m.attempted_at, m.failure, m.alert_id, m.visit_id, m.created_at, m.updated_at, m.created_at as place_at,
           m.id::text as place_key
         from app.messages_of_client($1) m"
    );
}

/// What a family member wrote back.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000ab",
    "user_id": "0193a5b0-0000-7000-8000-000000000005", "sender": "+14165550171", "recipient": "+14165550100",
    "body": "Thank you!", "intent": "note", "status": "closed", "answer": "You are welcome.",
    "answered_by": "0193a5b0-0000-7000-8000-000000000002", "answered_at": "2026-11-20T23:20:00Z",
    "closed_by": "0193a5b0-0000-7000-8000-000000000002", "closed_at": "2026-11-20T23:20:00Z",
    "created_at": "2026-11-20T23:05:00Z"}))]
pub struct ExportedReply {
    /// The reply's id.
    pub id: Uuid,
    /// Who wrote it.
    pub user_id: Option<Uuid>,
    /// From which number.
    pub sender: String,
    /// To which of ours.
    pub recipient: String,
    /// What it says.
    pub body: String,
    /// What it was understood as.
    pub intent: Intent,
    /// `open` until a coordinator closes it.
    pub status: ReplyStatus,
    /// What a coordinator answered by SMS.
    pub answer: Option<String>,
    /// Who answered.
    pub answered_by: Option<Uuid>,
    /// When the answer was given.
    pub answered_at: Option<Timestamp>,
    /// Who closed it.
    pub closed_by: Option<Uuid>,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// When it arrived.
    pub created_at: Timestamp,
}

impl Exported for ExportedReply {
    const SQL: &'static str = page_of!(
        "select i.id, i.user_id, i.sender, i.recipient, i.body, i.intent, i.status, i.answer, i.answered_by,
           i.answered_at, i.closed_by, i.closed_at, i.created_at, i.created_at as place_at, i.id::text as place_key
         from inbound_messages i where i.client_id = $1"
    );
}
