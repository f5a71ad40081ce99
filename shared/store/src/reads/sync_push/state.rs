use std::collections::{BTreeMap, BTreeSet};

use domain::{
    care_team::Grants,
    consent::ConsentKind,
    error::Error,
    identity::Caller,
    sync::{
        base::WorkBase,
        record::{OthersValue, Stored},
        schema::TABLES,
    },
};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Db, DbError, Identity, Tx, identity};

/// What the server has of a record that a device names.
#[derive(Debug, FromRow)]
struct StateRow {
    id: Uuid,
    visible: Option<bool>,
    taken: Option<bool>,
    ended: Option<bool>,
    stored: Option<Value>,
    client_id: Option<Uuid>,
    others: Option<Value>,
    own_since: Option<Value>,
    given: Option<Value>,
    sent: Option<Value>,
    receipts: Option<Vec<String>>,
}

/// A record's state, and what is needed beside its reconciliation.
#[derive(Debug, Default)]
pub struct State {
    /// For the reconciliation.
    pub stored: Stored,
    /// Whose care it concerns.
    pub client_id: Option<Uuid>,
    /// Whether that client was taken from the caller, so that only what was done before counts.
    pub taken: bool,
    /// Whether that was too long ago, or the device was told.
    pub ended: bool,
    /// Digests of what this device sent for it before, in hexadecimal.
    pub receipts: Vec<String>,
}

/// A device in the middle of a push.
#[derive(Clone, Debug, Deserialize)]
pub struct PushingDevice {
    /// The agency's epoch.
    pub epoch: i32,
    /// The agency's newest change when this was read: what changed since has a higher number.
    pub number: i64,
    /// When its row was last written.
    pub as_of: Timestamp,
    /// Where its unsent work began.
    pub base: WorkBase,
    /// The grants of its user.
    pub own_grants: Grants,
    /// How many alerts its user raised of late; counted where the push names any.
    pub recent_alerts: usize,
}

/// What a push is decided on.
#[derive(Debug)]
pub struct PushState {
    /// The device that pushes, as the server knows it.
    pub device: PushingDevice,
    /// What there is of the records, by table.
    pub records: BTreeMap<&'static str, BTreeMap<Uuid, State>>,
    /// What the caller's clients have withdrawn their consent to.
    pub withdrawn: Vec<(Uuid, ConsentKind)>,
}

/// The row of [`load`] that is the device.
const DEVICES: &str = "devices";
/// The rows of [`load`] that are what clients have withdrawn.
const CONSENTS: &str = "consents";

#[derive(FromRow)]
struct LoadedRow {
    table_name: String,
    #[from_row(flatten)]
    state: StateRow,
}

/// What the server has of `ids`, by table, of the visits that the tasks and photos among them belong to, and of the
/// device. `held` is the cursor that the device has come to. Nothing is locked.
pub async fn load(
    db: &Db,
    caller: &Caller,
    ids: &BTreeMap<&'static str, BTreeSet<Uuid>>,
    held: Option<i64>,
) -> Result<PushState, Error> {
    let [user, device, session, role, request, source_ip] = identity::params(caller);
    let rows: Vec<LoadedRow> = db
        .call_read(
            "select s.table_name, s.id, s.visible, s.taken, s.ended, s.stored, s.client_id, s.others, s.own_since,
               s.given, s.sent, s.receipts
             from app.push_state($1, $2, $3, $4, $5, $6, $7, $8) s",
            &[user, device, session, role, request, source_ip, &json!(ids), &held],
        )
        .await?;
    let (mut device, mut records) = (None, BTreeMap::<_, BTreeMap<_, _>>::new());
    let mut withdrawn = Vec::new();
    for LoadedRow { table_name, state } in rows {
        if table_name == DEVICES {
            device =
                state.stored.map(serde_json::from_value).transpose().map_err(|error| Error::Internal(error.into()))?;
        } else if table_name == CONSENTS {
            let kinds: Vec<ConsentKind> = serde_json::from_value(state.stored.unwrap_or_default())
                .map_err(|error| Error::Internal(error.into()))?;
            withdrawn.extend(kinds.into_iter().map(|kind| (state.id, kind)));
        } else if let Some(table) = TABLES.iter().find(|table| table.name == table_name) {
            records.entry(table.name).or_default().insert(state.id, State::from(state));
        }
    }
    Ok(PushState { device: device.ok_or(Error::SessionEnded)?, records, withdrawn })
}

/// What the server has of one record, whatever device it was changed by: for a transaction that has locked the counter.
pub async fn state_of<I: Identity>(tx: &Tx<I>, table: &str, id: Uuid) -> Result<Option<State>, DbError> {
    let row = tx
        .query_opt::<StateRow>(
            "select s.id, s.visible, s.taken, s.ended, s.stored, s.client_id, s.others, s.own_since, s.given, s.sent,
               s.receipts
             from app.pushed_state($1, array[$2], null) s",
            &[&table, &id],
        )
        .await?;
    Ok(row.map(State::from))
}

/// Lets what the device did for clients that were taken from the caller count, until the transaction ends.
pub async fn keep_revoked_clients_readable<I: Identity>(tx: &Tx<I>) -> Result<(), DbError> {
    tx.execute("select app.keep_revoked_clients_readable()", &[]).await
}

impl From<StateRow> for State {
    fn from(row: StateRow) -> Self {
        let others = match row.others {
            Some(Value::Object(columns)) => columns
                .into_iter()
                .map(|(column, mut other)| {
                    let user_id = other["user_id"].as_str().and_then(|id| id.parse().ok());
                    (column, OthersValue { value: other["value"].take(), user_id })
                })
                .collect(),
            _ => BTreeMap::new(),
        };
        let own_since = match row.own_since {
            Some(Value::Object(columns)) => {
                columns.into_iter().map(|(column, stamp)| (column, stamp.as_i64())).collect()
            }
            _ => BTreeMap::new(),
        };
        let object = |value| match value {
            Some(Value::Object(columns)) => Some(columns),
            _ => None,
        };
        Self {
            stored: Stored {
                hidden: row.visible == Some(false),
                row: object(row.stored),
                others,
                own_since,
                given: object(row.given),
                sent: object(row.sent).unwrap_or_default(),
            },
            client_id: row.client_id,
            taken: row.taken == Some(true),
            ended: row.ended == Some(true),
            receipts: row.receipts.unwrap_or_default(),
        }
    }
}
