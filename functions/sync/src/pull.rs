//! From the server to the phone.

use app::App;
use axum::{body::{Body, Bytes}, extract::State, http::{HeaderMap, HeaderValue, header}, response::{IntoResponse, Response}};
use domain::{error::{Error, Fault}, identity::{Caller, SyncUse}, sync::{base::{Pull, WorkBase}, cursor::Cursor, schema::{TABLES, Table, VERSION, table, tables_of}}};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{AuditEntry, Tx, reads::sync_pull::{self, DeviceState, Item, Items, Pulled, Window}};
use utoipa::IntoParams;
use web::{May, Query};

use crate::{measure, page::{Page, Room}};

/// Rows read at once: what fills a page of the shortest rows.
const PAGE_ROWS: i64 = 25_000;

/// From where to pull.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PullQuery {
    /// The `timestamp` of the last answer; absent, empty, `0` or `null` at a first sync.
    #[param(max_length = 20)]
    last_pulled_at: Option<String>,
    /// The app's schema version; the newest where absent.
    #[param(minimum = 0, maximum = 1_000_000)]
    schema_version: Option<i64>,
    /// `WatermelonDB`'s migration, as JSON; `null` or absent where there is none.
    #[param(max_length = 10_000)]
    migration: Option<String>,
    /// How many changes the phone has not sent yet.
    #[param(minimum = 0, maximum = 1_000_000)]
    pending: Option<i32>,
}

/// What an app that was updated is missing.
#[derive(Debug, Default, Deserialize)]
struct Migration {
    #[serde(default)]
    tables: Vec<String>,
    #[serde(default)]
    columns: Vec<MigratedColumns>,
}

#[derive(Debug, Deserialize)]
struct MigratedColumns {
    table: String,
    columns: Vec<String>,
}

/// Pull what changed.
#[utoipa::path(get, path = "/sync", tag = "sync", operation_id = "pull", params(PullQuery),
    responses((status = 200, description = "The changes, and the cursor for the next pull.", body = Object,
        content_type = "application/json", example = json!({"changes": {"clients": {"created": [], "updated": [], "deleted": []}},
            "timestamp": 1_099_511_627_776_i64}))))]
pub(crate) async fn pull(
    State(app): State<App>,
    caller: May<SyncUse>,
    headers: HeaderMap,
    Query(query): Query<PullQuery>,
) -> web::Result<Response> {
    let version = query.schema_version.unwrap_or(VERSION.into());
    let presented = Cursor::parse(query.last_pulled_at.as_deref());
    let Some(version) = u32::try_from(version).ok().filter(|version| (1..=VERSION).contains(version)) else {
        return upgrade_required(&app, &caller, presented).await;
    };
    let new_to_it = migration(query.migration.as_deref(), version)?;
    let request = Request { presented, pending: query.pending, version, room: room(&headers) };
    if let Some(answer) = request.answer(&app, &caller, &new_to_it).await? {
        return Ok(answer);
    }
    // In a transaction of its own: the agency's counter comes before any other lock.
    let tx = app.db.write(&*caller, 1).await?;
    sync_pull::touch_new(&tx, request.after(), &new_to_it).await?;
    tx.commit().await?;
    Ok(request
        .answer(&app, &caller, &[])
        .await?
        .ok_or_else(|| Error::Internal("a pull in pages was too large".into()))?)
}

/// An app that is newer than we are keeps what it has.
async fn upgrade_required(app: &App, caller: &Caller, presented: Option<Cursor>) -> web::Result<Response> {
    let tx = app.db.write(caller, 0).await?;
    let device = sync_pull::device(&tx, presented.map(Cursor::as_i64)).await?;
    tx.commit().await?;
    let to = presented.unwrap_or(Cursor::new(device.epoch, 0)).as_i64();
    Ok(answer(VERSION, Vec::new(), to, &[("upgrade_required", json!(true))]))
}

/// The tables and columns that a migration brings, as far as we know them.
fn migration(text: Option<&str>, version: u32) -> web::Result<Vec<(&'static Table, Vec<String>)>> {
    let Some(text) = text.filter(|text| !matches!(*text, "" | "null" | "undefined")) else { return Ok(Vec::new()) };
    let migration: Migration = serde_json::from_str(text)
        .map_err(|_| vec![Fault::parameter("migration", "must be WatermelonDB's migration as JSON, or null")])?;
    let tables = migration.tables.iter().map(|name| (name, Vec::new()));
    let columns = migration.columns.iter().map(|migrated| (&migrated.table, migrated.columns.clone()));
    Ok(tables
        .chain(columns)
        .filter_map(|(name, columns)| {
            let table = table(name).filter(|table| table.since <= version)?;
            let known = |column: &String| table.column(column).is_some_and(|column| column.since <= version);
            let asked_for_columns = !columns.is_empty();
            let columns: Vec<_> = columns.into_iter().filter(known).collect();
            // Columns none of which we know bring nothing; no columns at all is a whole new table.
            (!asked_for_columns || !columns.is_empty()).then_some((table, columns))
        })
        .collect())
}

fn room(headers: &HeaderMap) -> Room {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepted.contains("gzip") || accepted.contains("br") { Room::COMPRESSED } else { Room::PLAIN }
}

/// What kind of answer a pull gets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Everything: the phone has nothing.
    First,
    /// What changed after its cursor.
    Since,
    /// Everything, in place of what the phone has.
    Replace,
    /// Nothing yet: a cursor that can't be served, from a phone that may hold unsent work.
    PushFirst(Cursor),
}

struct Request {
    presented: Option<Cursor>,
    pending: Option<i32>,
    version: u32,
    room: Room,
}

impl Request {
    fn after(&self) -> i64 {
        self.presented.map_or(0, Cursor::number)
    }

    /// Answers in two flights: what there is, and what is remembered of the answer with COMMIT. One would do if the
    /// database cut the page; but what a page means for the device's work base is a rule, and tested as one
    /// ([`domain::sync::base`]).
    ///
    /// None where what is new to an updated app is more than a page: then it must be given new numbers first.
    async fn answer(
        &self,
        app: &App,
        caller: &Caller,
        new_to_it: &[(&'static Table, Vec<String>)],
    ) -> web::Result<Option<Response>> {
        let tx = app.db.write(caller, 0).await?;
        let cursor = self.presented.map(Cursor::as_i64);
        let (pending, version) = (self.pending, self.version);
        let window = Window { cursor, after: self.after(), pending, version, new_to_it, limit: PAGE_ROWS };
        let (device, mut items, withheld) = futures_util::try_join!(
            sync_pull::device(&tx, cursor),
            sync_pull::items(&tx, window),
            sync_pull::withholds(&tx, cursor)
        )?;
        let kind = self.kind(&device, &items);
        let rows = match kind {
            Kind::PushFirst(cursor) => return self.ask_to_push(tx, &device, cursor).await.map(Some),
            Kind::First | Kind::Since => std::mem::take(&mut items.rows),
            Kind::Replace => {
                let everything = Window { cursor: None, after: 0, new_to_it: &[], limit: i64::MAX, ..window };
                items = sync_pull::items(&tx, everything).await?;
                std::mem::take(&mut items.rows)
            }
        };
        let mut page = match kind {
            // Never paged: a phone loses what the answer omits.
            Kind::Replace => Page::whole(rows),
            _ => Page::cut(rows, self.room, PAGE_ROWS),
        };
        if !new_to_it.is_empty() && page.is_one_number_over(self.room) {
            return Ok(None);
        }
        if page.rows.is_empty() && page.has_more {
            // One client alone is more than a page: never split.
            let whole = sync_pull::items(&tx, Window { limit: i64::MAX, ..window }).await?;
            page = Page::first_number(whole.rows);
        }
        let sent = Sent { kind, number: items.number.unwrap_or_default(), page, tombstones: items.tombstones };
        self.serve(tx, &device, sent, withheld).await.map(Some)
    }

    fn kind(&self, device: &DeviceState, items: &Items) -> Kind {
        let Some(cursor) = self.presented else { return Kind::First };
        if items.number.is_some() {
            return Kind::Since;
        }
        // Replacement destroys what the phone has not sent. So it is asked once to push, and replaced when it has, or
        // says that nothing waits, or doesn't say.
        let asked = device.replacing == Some(cursor.as_i64());
        let has_pushed = device.pushed_at == Some(cursor.as_i64());
        if asked && (has_pushed || self.pending.unwrap_or(0) == 0) { Kind::Replace } else { Kind::PushFirst(cursor) }
    }

    async fn ask_to_push(&self, tx: Tx<Caller>, device: &DeviceState, cursor: Cursor) -> web::Result<Response> {
        let pulled = Pulled {
            // It got nothing, so that its work still began where it did.
            base: device.base,
            pending: self.pending,
            version: i32::try_from(self.version).ok(),
            replacing: Some(cursor.as_i64()),
            tombstones: (device.tombstones_sent, device.tombstones_sent_with, device.tombstones_received),
        };
        sync_pull::remember(tx, &pulled).await?;
        // The rest comes when it asks again, which it need not wait for.
        Ok(answer(self.version, Vec::new(), cursor.as_i64(), &[("has_more", json!(true))]))
    }

    async fn serve(
        &self,
        mut tx: Tx<Caller>,
        device: &DeviceState,
        sent: Sent,
        withheld: bool,
    ) -> web::Result<Response> {
        let presented = self.presented.map_or(0, Cursor::as_i64);
        let has_more = sent.page.has_more;
        let to = Cursor::new(device.epoch, if has_more { sent.page.last } else { sent.number });
        let base = if sent.is_afresh() {
            WorkBase::afresh(to.as_i64())
        } else {
            let clean = self.pending == Some(0);
            device.base.pulled(Pull { presented, answered: to.as_i64(), clean, withheld, has_more })
        };
        let pulled = Pulled {
            base,
            pending: self.pending,
            version: i32::try_from(self.version).ok(),
            replacing: None,
            tombstones: self.tombstones(device, &sent, to),
        };
        for (client_id, records) in sent.page.by_client() {
            let entry = AuditEntry::new("sync.pull", "client", client_id, Some(client_id));
            tx.audit(entry.with(json!({"records": records})));
        }
        sync_pull::remember(tx, &pulled).await?;

        let mut extra = Vec::new();
        if has_more {
            extra.push(("has_more", json!(true)));
        }
        if sent.kind == Kind::Replace {
            extra.push(("experimentalStrategy", json!("replacement")));
        }
        let lists = sent.into_lists();
        measure(lists.len(), 0, 0);
        Ok(answer(self.version, lists, to.as_i64(), &extra))
    }

    /// Up to where tombstones are sent, the cursor that they go with, and up to where they have arrived.
    fn tombstones(&self, device: &DeviceState, sent: &Sent, to: Cursor) -> (i64, i64, i64) {
        if sent.is_afresh() {
            return (sent.number, 0, sent.number);
        }
        let received = device.tombstones_received;
        if let Some(newest) = sent.tombstones.iter().map(|tombstone| tombstone.number).max() {
            // Where the cursor stays, only the next one tells that this answer arrived: until then they come again.
            return (newest, to.as_i64().max(self.presented.map_or(0, Cursor::as_i64) + 1), received);
        }
        // Where none is due, all have arrived.
        let arrived = if self.pending.unwrap_or(0) == 0 { received.max(self.after()) } else { received };
        (arrived, 0, arrived)
    }
}

/// What goes into one answer.
struct Sent {
    kind: Kind,
    /// The agency's newest number.
    number: i64,
    page: Page,
    tombstones: Vec<Item>,
}

impl Sent {
    /// Whether the phone has nothing beyond it.
    fn is_afresh(&self) -> bool {
        matches!(self.kind, Kind::First | Kind::Replace)
    }

    /// By table and list, in the answer's order.
    fn into_lists(self) -> Vec<(usize, List, Bytes)> {
        let present = if self.kind == Kind::First { List::Created } else { List::Updated };
        let tombstones = self.tombstones.into_iter();
        let mut lists: Vec<_> = tombstones
            .chain(self.page.rows)
            .map(|item| {
                let table = item.table();
                match item.body {
                    Some(body) => (table, present, Bytes::from(body)),
                    None => (table, List::Deleted, Bytes::from(format!("\"{}\"", item.id))),
                }
            })
            .collect();
        lists.sort_by_key(|(table, list, _)| (*table, *list));
        lists
    }
}

/// The three lists of a table's changes, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum List {
    Created,
    Updated,
    Deleted,
}

/// The answer, as a stream of the rows themselves: none is copied into a larger text.
fn answer(version: u32, items: Vec<(usize, List, Bytes)>, timestamp: i64, extra: &[(&str, Value)]) -> Response {
    let mut chunks: Vec<Bytes> = vec![Bytes::from_static(b"{\"changes\":{")];
    let mut items = items.into_iter().peekable();
    let mut seen = 0;
    for (place, table) in TABLES.iter().enumerate() {
        if !tables_of(version).any(|known| known.name == table.name) {
            continue;
        }
        let comma = if seen > 0 { "," } else { "" };
        seen += 1;
        chunks.push(Bytes::from(format!("{comma}\"{}\":{{", table.name)));
        for (list, name) in
            [(List::Created, "\"created\":["), (List::Updated, ",\"updated\":["), (List::Deleted, ",\"deleted\":[")]
        {
            chunks.push(Bytes::from_static(name.as_bytes()));
            let mut first = true;
            while let Some((_, _, body)) = items.next_if(|(at, of, _)| (*at, *of) == (place, list)) {
                if !first {
                    chunks.push(Bytes::from_static(b","));
                }
                first = false;
                chunks.push(body);
            }
            chunks.push(Bytes::from_static(b"]"));
        }
        chunks.push(Bytes::from_static(b"}"));
    }
    chunks.push(Bytes::from(format!("}},\"timestamp\":{timestamp}")));
    chunks.extend(extra.iter().map(|(name, value)| Bytes::from(format!(",\"{name}\":{value}"))));
    chunks.push(Bytes::from_static(b"}"));
    let body = Body::from_stream(futures_util::stream::iter(chunks.into_iter().map(Ok::<_, std::convert::Infallible>)));
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}
