//! The open WebSockets, in DynamoDB: by agency, to tell them something, and each by its own id, since that is all that
//! API Gateway says of one. Deletion by time-to-live lags, so `expires_at` is compared.

use domain::{
    error::Error,
    identity::{Caller, Role},
    request::RequestInfo,
};
use jiff::Timestamp;
use runtime::{
    ephemeral::{
        Ephemeral,
        table::{Item, condition_failed, now, number, number_of, text, text_of, unavailable},
    },
    request,
};
use uuid::Uuid;

/// API Gateway closes a WebSocket after two hours.
const LIFETIME_SECONDS: i64 = 2 * 60 * 60;
/// Who pings every 20 seconds and wasn't heard of for so long has left.
const SILENCE_SECONDS: i64 = 40;

/// A socket isn't open before its `$connect` was answered: what is sent to it until then finds nobody.
const OPENING_SECONDS: i64 = 5;

const CONNECTION: &str = "CONNECTION";

/// Who listens, and what they have been told.
#[derive(Clone, Debug)]
pub struct Listener {
    /// The session, as it signed in.
    pub caller: Caller,
    /// The newest change that was told, as a cursor.
    pub number: i64,
}

impl Listener {
    /// A listener who has been told everything up to `number`.
    #[must_use]
    pub fn of(caller: &Caller, number: i64) -> Self {
        Self { caller: caller.clone(), number }
    }

    /// What is kept of one.
    #[must_use]
    pub fn attributes(&self) -> Item {
        let Caller { user_id, agency_id, role, device_id, session_id, authenticated_at, .. } = &self.caller;
        [
            ("user_id", text(user_id.to_string())),
            ("agency_id", text(agency_id.to_string())),
            ("role", text(<&str>::from(*role))),
            ("device_id", text(device_id.to_string())),
            ("session_id", text(session_id.to_string())),
            ("authenticated_at", number(authenticated_at.as_second())),
            ("told", number(self.number)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// The listener that an item keeps.
    #[must_use]
    pub fn read(item: &Item) -> Option<Self> {
        let id = |name| text_of(item, name)?.parse::<Uuid>().ok();
        let caller = Caller {
            user_id: id("user_id")?,
            agency_id: id("agency_id")?,
            role: text_of(item, "role")?.parse::<Role>().ok()?,
            device_id: id("device_id")?,
            session_id: id("session_id")?,
            authenticated_at: Timestamp::from_second(number_of(item, "authenticated_at")?).ok()?,
            request: request::current().unwrap_or_else(|| RequestInfo::new("realtime", String::new(), ("EVENT", ""))),
        };
        Some(Self { caller, number: number_of(item, "told")? })
    }
}

/// One open socket.
#[derive(Clone, Debug)]
pub struct Connection {
    /// API Gateway's name for it.
    pub id: String,
    /// Who listens there.
    pub listener: Listener,
    /// When it was opened, in seconds since the epoch.
    pub since: i64,
    heard_at: i64,
}

impl Connection {
    fn read(item: &Item) -> Option<Self> {
        let current = number_of(item, "expires_at").is_some_and(|at| at > now());
        current.then_some(())?;
        Some(Self {
            id: text_of(item, "sk")?.to_owned(),
            listener: Listener::read(item)?,
            since: number_of(item, "since")?,
            heard_at: number_of(item, "heard_at")?,
        })
    }

    /// Whether it may not be open yet.
    #[must_use]
    pub fn may_be_opening(&self) -> bool {
        self.since > now() - OPENING_SECONDS
    }

    /// Whether whoever opened it is there still, as far as is known.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.heard_at > now() - SILENCE_SECONDS
    }
}

/// The connections of all agencies.
#[derive(Clone)]
pub struct Connections(pub Ephemeral);

fn key_of_agency(agency: Uuid) -> String {
    format!("LISTENERS#{agency}")
}

fn key_of_connection(id: &str) -> String {
    format!("CONNECTION#{id}")
}

impl Connections {
    /// Keeps a new one.
    ///
    /// # Errors
    /// When the table doesn't answer.
    pub async fn add(&self, id: &str, listener: &Listener) -> Result<(), Error> {
        let Self(ephemeral) = self;
        let agency = listener.caller.agency_id;
        let expires_at = number(now() + LIFETIME_SECONDS);
        let by_id = ephemeral
            .client
            .put_item()
            .table_name(&*ephemeral.table)
            .item("pk", text(key_of_connection(id)))
            .item("sk", text(CONNECTION))
            .item("agency_id", text(agency.to_string()))
            .item("expires_at", expires_at.clone());
        by_id.send().await.map_err(unavailable)?;
        ephemeral
            .client
            .put_item()
            .table_name(&*ephemeral.table)
            .set_item(Some(listener.attributes()))
            .item("pk", text(key_of_agency(agency)))
            .item("sk", text(id))
            .item("since", number(now()))
            .item("heard_at", number(now()))
            .item("expires_at", expires_at)
            .send()
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    /// The agency whose connection that is.
    ///
    /// # Errors
    /// When the table doesn't answer.
    pub async fn agency_of(&self, id: &str) -> Result<Option<Uuid>, Error> {
        let item = self.0.get(&key_of_connection(id), CONNECTION).await?;
        Ok(item.and_then(|item| text_of(&item, "agency_id")?.parse().ok()))
    }

    /// One connection, of which somebody was heard just now.
    ///
    /// # Errors
    /// When the table doesn't answer.
    pub async fn heard(&self, agency: Uuid, id: &str) -> Result<(), Error> {
        self.set(agency, id, "heard_at", now()).await
    }

    /// Notes that a connection was told everything up to a change.
    ///
    /// # Errors
    /// When the table doesn't answer.
    pub async fn told(&self, agency: Uuid, id: &str, newest: i64) -> Result<(), Error> {
        self.set(agency, id, "told", newest).await
    }

    /// Never makes anew what was removed meanwhile.
    async fn set(&self, agency: Uuid, id: &str, name: &str, value: i64) -> Result<(), Error> {
        let Self(ephemeral) = self;
        let set = ephemeral
            .client
            .update_item()
            .table_name(&*ephemeral.table)
            .key("pk", text(key_of_agency(agency)))
            .key("sk", text(id))
            .update_expression("SET #name = :value")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#name", name)
            .expression_attribute_values(":value", number(value))
            .send()
            .await;
        match set {
            Ok(_) => Ok(()),
            Err(error) => condition_failed(error),
        }
    }

    /// Forgets one.
    ///
    /// # Errors
    /// When the table doesn't answer.
    pub async fn remove(&self, agency: Uuid, id: &str) -> Result<(), Error> {
        self.0.delete(&key_of_agency(agency), id).await?;
        self.0.delete(&key_of_connection(id), CONNECTION).await
    }

    /// All of an agency.
    ///
    /// # Errors
    /// When the table doesn't answer.
    pub async fn of_agency(&self, agency: Uuid) -> Result<Vec<Connection>, Error> {
        let Self(ephemeral) = self;
        let mut connections = Vec::new();
        let mut from = None;
        loop {
            let page = ephemeral
                .client
                .query()
                .table_name(&*ephemeral.table)
                .consistent_read(true)
                .key_condition_expression("pk = :agency")
                .expression_attribute_values(":agency", text(key_of_agency(agency)))
                .set_exclusive_start_key(from.take())
                .send()
                .await
                .map_err(unavailable)?;
            connections.extend(page.items().iter().filter_map(Connection::read));
            match page.last_evaluated_key {
                Some(last) if !last.is_empty() => from = Some(last),
                _ => return Ok(connections),
            }
        }
    }
}
