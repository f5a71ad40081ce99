//! From the server to the phone.

use std::collections::BTreeMap;

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{
    app::App,
    db::{AuditEntry, Tx},
    error::{Error, Fault},
    http::Query,
    identity::{Caller, May, SyncUse},
    models::sync_pull::{self, DeviceState, Item, Pulled, Window},
    sync::{
        base::WorkBase,
        cursor::Cursor,
        schema::{TABLES, Table, VERSION, table, tables_of},
    },
};
use utoipa::IntoParams;
use uuid::Uuid;

/// An answer's size before compression, in bytes, beyond which another page follows. Our rows compress about eightfold,
/// and Lambda takes 6 MB.
const PAGE_BYTES_COMPRESSED: usize = 24 << 20;
/// The same for a phone that takes no compression.
const PAGE_BYTES_PLAIN: usize = 4 << 20;
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
) -> Result<Response, Error> {
    let version = query.schema_version.unwrap_or(VERSION.into());
    let presented = Cursor::parse(query.last_pulled_at.as_deref());
    let mut tx = app.db.write(&*caller, 0).await?;
    let device = sync_pull::device(&mut tx).await?;
    let Some(version) = u32::try_from(version).ok().filter(|version| (1..=VERSION).contains(version)) else {
        let to = presented.unwrap_or(Cursor::new(device.epoch, 0)).as_i64();
        tx.commit().await?;
        return Ok(answer(VERSION, Vec::new(), to, &[("upgrade_required", json!(true))]));
    };
    let new_to_it = migration(query.migration.as_deref(), version)?;
    let request = Request { presented, pending: query.pending, version, page_bytes: page_bytes(&headers) };
    match request.kind(&device) {
        Kind::First => request.serve(tx, &device, 0, false, &[]).await,
        Kind::Since(number) => request.serve(tx, &device, number, false, &new_to_it).await,
        Kind::Replace => request.serve(tx, &device, 0, true, &[]).await,
        Kind::PushFirst(cursor) => request.ask_to_push(tx, &device, cursor).await,
    }
}

/// The tables and columns that a migration brings, as far as we know them.
fn migration(text: Option<&str>, version: u32) -> Result<Vec<(&'static Table, Vec<String>)>, Error> {
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

fn page_bytes(headers: &HeaderMap) -> usize {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepted.contains("gzip") || accepted.contains("br") { PAGE_BYTES_COMPRESSED } else { PAGE_BYTES_PLAIN }
}

/// What kind of answer a pull gets.
enum Kind {
    /// Everything: the phone has nothing.
    First,
    /// What changed after this number.
    Since(i64),
    /// Everything, in place of what the phone has.
    Replace,
    /// Nothing yet: a cursor that can't be served, from a phone that may hold unsent work.
    PushFirst(Cursor),
}

struct Request {
    presented: Option<Cursor>,
    pending: Option<i32>,
    version: u32,
    page_bytes: usize,
}

impl Request {
    fn kind(&self, device: &DeviceState) -> Kind {
        let Some(cursor) = self.presented else { return Kind::First };
        if let Some(number) = cursor.number_in(device.epoch).filter(|number| *number <= device.number) {
            return Kind::Since(number);
        }
        // Replacement destroys what the phone has not sent. So it is asked once to push, and replaced when it has, or
        // says that nothing waits, or doesn't say.
        let asked = device.replacing == Some(cursor.as_i64());
        let has_pushed = device.pushed_at == Some(cursor.as_i64());
        if asked && (has_pushed || self.pending.unwrap_or(0) == 0) { Kind::Replace } else { Kind::PushFirst(cursor) }
    }

    async fn ask_to_push(self, tx: Tx<Caller>, device: &DeviceState, cursor: Cursor) -> Result<Response, Error> {
        let pulled = Pulled {
            // It got nothing, so that its work still began where it did.
            base: device.base(),
            pending: self.pending,
            version: i32::try_from(self.version).ok(),
            replacing: Some(cursor.as_i64()),
            tombstones: (device.tombstones_sent, device.tombstones_sent_with, device.tombstones_received),
        };
        sync_pull::remember(tx, &pulled).await?;
        Ok(answer(self.version, Vec::new(), cursor.as_i64(), &[]))
    }

    async fn serve(
        self,
        mut tx: Tx<Caller>,
        device: &DeviceState,
        after: i64,
        replace: bool,
        new_to_it: &[(&'static Table, Vec<String>)],
    ) -> Result<Response, Error> {
        let afresh = after == 0;
        let presented = self.presented.map_or(0, Cursor::as_i64);
        // What was sent has arrived once the phone presents the cursor that it went with.
        let received = if device.tombstones_sent_with <= presented {
            device.tombstones_received.max(device.tombstones_sent)
        } else {
            device.tombstones_received
        };
        let window = Window {
            after,
            pending: self.pending,
            tombstones_after: if afresh { i64::MAX } else { received },
            version: self.version,
            new_to_it,
            limit: if replace { i64::MAX } else { PAGE_ROWS },
        };
        let mut items = sync_pull::items(&mut tx, window).await?;
        let counted = items.len();
        let number = items.remove(0).number;
        let full = i64::try_from(counted).is_ok_and(|count| count >= window.limit);
        let mut page = Page::cut(items, if replace { usize::MAX } else { self.page_bytes }, full);
        if page.items.is_empty() && page.has_more {
            // One client alone is more than a page: never split.
            let mut items = sync_pull::items(&mut tx, Window { limit: i64::MAX, ..window }).await?;
            items.remove(0);
            page = Page::cut(items, 1, false);
        }
        let to = Cursor::new(device.epoch, if page.has_more { page.last } else { number.max(after) });

        let sent = page.items.iter().filter(|item| item.body.is_none()).map(|item| item.number).max();
        let tombstones = if afresh {
            (number, 0, number)
        } else {
            match sent {
                // Where the cursor stays, only the next one tells that this answer arrived.
                Some(sent) => (sent, to.as_i64().max(presented + 1), received),
                // Nothing is on its way.
                None => (received, 0, received),
            }
        };
        let base = if afresh {
            WorkBase::afresh(to.as_i64())
        } else {
            device.base().pulled(presented, to.as_i64(), self.pending == Some(0))
        };
        let pulled = Pulled {
            base,
            pending: self.pending,
            version: i32::try_from(self.version).ok(),
            replacing: None,
            tombstones,
        };
        for (client_id, records) in page.by_client() {
            let entry = AuditEntry::new("sync.pull", "client", client_id, Some(client_id));
            tx.audit(entry.with(json!({"records": records})));
        }
        sync_pull::remember(tx, &pulled).await?;

        let mut extra = Vec::new();
        if page.has_more {
            extra.push(("has_more", json!(true)));
        }
        if replace {
            extra.push(("experimentalStrategy", json!("replacement")));
        }
        Ok(answer(self.version, page.into_lists(afresh && !replace), to.as_i64(), &extra))
    }
}

/// As many items as go into one answer.
struct Page {
    items: Vec<Item>,
    /// The number at which the next page begins.
    last: i64,
    has_more: bool,
}

impl Page {
    /// Cuts between two numbers: what goes by one number is never split. `full`: the items were cut off by their
    /// count already, so that the last number may be incomplete.
    fn cut(mut items: Vec<Item>, bytes: usize, full: bool) -> Self {
        let mut has_more = false;
        if full {
            let last = items.last().map_or(0, |item| item.number);
            items.truncate(items.partition_point(|item| item.number < last));
            has_more = true;
        }
        let mut sum = 0;
        let mut last = None;
        let fits = |item: &Item| {
            if sum >= bytes && last.is_some_and(|last| last != item.number) {
                return false;
            }
            sum += item.body.as_ref().map_or(40, String::len);
            last = Some(item.number);
            true
        };
        let count = items.iter().map_while({
            let mut fits = fits;
            move |item| fits(item).then_some(())
        });
        let count = count.count();
        if count < items.len() {
            items.truncate(count);
            has_more = true;
        }
        let last = items.last().map_or(0, |item| item.number);
        Self { items, last, has_more }
    }

    /// How many records of each client are in it.
    fn by_client(&self) -> BTreeMap<Uuid, usize> {
        let mut clients = BTreeMap::new();
        for client_id in self.items.iter().filter_map(|item| item.client_id) {
            *clients.entry(client_id).or_default() += 1;
        }
        clients
    }

    fn into_lists(self, first: bool) -> Vec<(usize, List, Bytes)> {
        let present = if first { List::Created } else { List::Updated };
        let mut lists: Vec<_> = self
            .items
            .into_iter()
            .filter_map(|item| {
                let place = usize::try_from(item.place).ok()?;
                Some(match item.body {
                    Some(body) => (place, present, Bytes::from(body)),
                    None => (place, List::Deleted, Bytes::from(format!("\"{}\"", item.id))),
                })
            })
            .collect();
        lists.sort_by_key(|(place, list, _)| (*place, *list));
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
