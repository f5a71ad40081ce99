//! As whom a transaction runs, for each kind of caller that the domain knows.

use domain::{
    identity::{
        About, AccountService, Caller, JobIdentity, Operator, OwnAccount, Role, Session, UploadReview, Webhook,
    },
    request::RequestInfo,
};
use uuid::Uuid;

use crate::{Connection, DbError, Identity, Param};

/// The first parameters of functions that set their caller's identity themselves: those of `app.act_as`.
pub(crate) fn params(caller: &Caller) -> [&dyn Param; 6] {
    [
        &caller.user_id,
        &caller.device_id,
        &caller.session_id,
        &caller.role,
        &caller.request.id,
        &caller.request.source_ip,
    ]
}

const ACT_AS: &str = "select app.act_as($1, $2, $3, $4, $5, $6)";
const ACT_AS_OWN_ACCOUNT: &str = "select app.act_as_own_account($1, $2, $3, $4, $5, $6)";

impl Identity for Caller {
    async fn set_session_identity(&self, connection: &Connection) -> Result<(), DbError> {
        let session = (self.user_id, self.device_id, self.session_id);
        act_as(ACT_AS, connection, session, Some(self.role), &self.request).await
    }
}

impl Identity for OwnAccount {
    async fn set_session_identity(&self, connection: &Connection) -> Result<(), DbError> {
        let session = (self.user_id, self.device_id, self.session_id);
        act_as(ACT_AS_OWN_ACCOUNT, connection, session, Some(self.role), &self.request).await
    }
}

impl Identity for Session {
    async fn set_session_identity(&self, connection: &Connection) -> Result<(), DbError> {
        let session = (self.user_id, self.device_id, self.session_id);
        act_as(ACT_AS_OWN_ACCOUNT, connection, session, None, &self.request).await
    }
}

async fn act_as(
    sql: &'static str,
    connection: &Connection,
    (user_id, device_id, session_id): (Uuid, Uuid, Uuid),
    role: Option<Role>,
    request: &RequestInfo,
) -> Result<(), DbError> {
    connection.execute(sql, &[&user_id, &device_id, &session_id, &role, &request.id, &request.source_ip]).await
}

impl Identity for JobIdentity {
    async fn set_session_identity(&self, connection: &Connection) -> Result<(), DbError> {
        connection.execute("select app.act_as_job($1)", &[&self.agency_id]).await
    }
}

impl Identity for AccountService {
    async fn set_session_identity(&self, connection: &Connection) -> Result<(), DbError> {
        connection.execute("select app.act_as_account_service($1)", &[&self.agency_id]).await
    }
}

impl Identity for UploadReview {
    async fn set_session_identity(&self, connection: &Connection) -> Result<(), DbError> {
        connection.execute("select app.act_as_upload_review($1)", &[&self.agency_id]).await
    }
}

impl Identity for Operator {
    async fn set_session_identity(&self, connection: &Connection) -> Result<(), DbError> {
        connection.execute("select app.act_as_operator($1, $2)", &[&self.agency_id, &self.request_id]).await
    }
}

impl Identity for Webhook {
    async fn set_session_identity(&self, connection: &Connection) -> Result<(), DbError> {
        let (message, agency) = match self.about {
            About::Message(id) => (Some(id), None),
            About::Agency(id) => (None, Some(id)),
        };
        connection
            .execute(
                "select app.act_as_webhook($1, $2, $3, $4)",
                &[&message, &agency, &self.request.id, &self.request.source_ip],
            )
            .await
    }
}
