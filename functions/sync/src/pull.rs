//! From the server to the phone.

use std::collections::{BTreeMap, BTreeSet};

use app::App;
use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use domain::{
    error::{Error, Fault},
    identity::{Caller, SyncUse},
    limits::PULLED_ROWS,
    sync::{
        base::{Pull, WorkBase},
        cursor::SyncCursor,
        schema::{AUTHOR, TABLES, VERSION, table, tables_of},
    },
};
use serde::Deserialize;
use serde_json::{Value, json};
use store::reads::sync_pull::{self, DeviceState, Item, Items, NewToPhone, Pulled, Tombstones, Window};
use utoipa::IntoParams;
use web::{Query, Require};

use crate::{
    cursor, measure,
    page::{Page, Room},
};

/// How often a pull begins anew because its device did something else meanwhile.
const ATTEMPTS: usize = 10;

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
        content_type = "application/json", example = json!({"changes": {"clients": {"created": [], "updated": [],
            "deleted": []}},
            "timestamp": 1_099_511_627_776_i64})),
        (status = 404, description = "The address is longer than can be read.")))]
pub(crate) async fn pull(
    State(app): State<App>,
    caller: Require<SyncUse>,
    headers: HeaderMap,
    Query(query): Query<PullQuery>,
) -> web::Result<Response> {
    let version = query.schema_version.unwrap_or(VERSION.into());
    let presented = cursor(query.last_pulled_at.as_deref())?;
    let Some(version) = u32::try_from(version).ok().filter(|version| (1..=VERSION).contains(version)) else {
        return upgrade_required(&app, &caller, presented).await;
    };
    let new_to_it = migration(query.migration.as_deref(), version)?;
    let request = Request { presented, pending: query.pending, version, room: room(&headers) };
    if let Some(answer) = request.answer(&app, &caller, &new_to_it).await? {
        return Ok(answer);
    }
    let clients = sync_pull::mine(&app.db, &*caller).await?;
    let tx = app.db.write(&*caller).await?;
    sync_pull::touch_new(&tx, clients, request.after(), &new_to_it).await?;
    tx.commit().await?;
    let nothing_new = Vec::new();
    let answer = request.answer(&app, &caller, &nothing_new).await?;
    Ok(answer.ok_or_else(|| Error::Internal("a page of a pull exceeds the response limit".into()))?)
}

/// An app that is newer than we are keeps what it has.
async fn upgrade_required(app: &App, caller: &Caller, presented: Option<SyncCursor>) -> web::Result<Response> {
    let epoch = sync_pull::epoch(&app.db, caller).await?;
    let to = presented.unwrap_or(SyncCursor::new(epoch, 0)).as_i64();
    Ok(answer(VERSION, Vec::new(), to, &[("upgrade_required", json!(true))]))
}

/// The tables and columns that a migration brings, as far as we know them.
fn migration(text: Option<&str>, version: u32) -> web::Result<NewToPhone> {
    let Some(text) = text.filter(|text| !matches!(*text, "" | "null" | "undefined")) else { return Ok(Vec::new()) };
    let migration: Migration = serde_json::from_str(text)
        .map_err(|_| vec![Fault::parameter("migration", "must be WatermelonDB's migration as JSON, or null")])?;
    // Each table once, however often it is named: each is a query. No columns are the whole table.
    let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for MigratedColumns { table, columns } in migration.columns {
        wanted.entry(table).or_default().extend(columns);
    }
    wanted.extend(migration.tables.into_iter().map(|table| (table, BTreeSet::new())));
    Ok(wanted
        .iter()
        .filter_map(|(name, columns)| {
            let table = table(name).filter(|table| table.since <= version)?;
            // Whose is what isn't sent yet, the server doesn't say: nothing to bring.
            let known = |column: &String| {
                table.column(column).is_some_and(|column| column.since <= version && column.name != AUTHOR)
            };
            let asked_for_columns = !columns.is_empty();
            let columns: Vec<_> = columns.iter().filter(|column| known(column)).cloned().collect();
            // Columns none of which we know bring nothing; no columns at all is a whole new table.
            (!asked_for_columns || !columns.is_empty()).then_some((table, columns))
        })
        .collect())
}

/// Counts on compression only where nothing that is weighed could prevent it: `gzip;q=0` asks for none.
fn room(headers: &HeaderMap) -> Room {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accepts = |coding: &str| accepted.split(',').any(|one| one.trim().eq_ignore_ascii_case(coding));
    let certain = (accepts("gzip") || accepts("br")) && !accepted.to_ascii_lowercase().contains("identity");
    if certain { Room::COMPRESSED } else { Room::PLAIN }
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
    PushFirst(SyncCursor),
}

struct Request {
    presented: Option<SyncCursor>,
    pending: Option<i32>,
    version: u32,
    room: Room,
}

impl Request {
    fn after(&self) -> i64 {
        self.presented.map_or(0, SyncCursor::number)
    }

    /// Answers in one round trip where nothing is to be remembered of the answer, else in two: what there is, without a
    /// lock, and what is remembered of it. One would do if the database cut the page; but what a page means for the
    /// device's work base is a rule, and tested as one ([`domain::sync::base`]). Where the same device has pushed or
    /// pulled between the two, all begins anew.
    ///
    /// None where what is new to an updated app is more than a page: then it must be given new numbers first.
    async fn answer(&self, app: &App, caller: &Caller, new_to_it: &NewToPhone) -> web::Result<Option<Response>> {
        let mut attempt = 1;
        loop {
            let Some(sent) = self.look(app, caller, new_to_it).await? else { return Ok(None) };
            let (to, pulled) = self.settle(&sent);
            if !pulled.is_remembered(&sent.device) || !sent.device.seen_just_now || !sent.page.rows.is_empty() {
                let records = sent.page.by_client();
                match sync_pull::remember(&app.db, caller, sent.device.as_of, &pulled, &records).await {
                    Err(error) if error.is_stale() && attempt < ATTEMPTS => {
                        attempt += 1;
                        continue;
                    }
                    other => other?,
                }
            }
            return Ok(Some(self.write(sent, to)));
        }
    }

    /// What there is for the phone.
    async fn look(&self, app: &App, caller: &Caller, new_to_it: &NewToPhone) -> web::Result<Option<Sent>> {
        let cursor = self.presented.map(SyncCursor::as_i64);
        let window = Window { cursor, pending: self.pending, version: self.version, limit: PULLED_ROWS };
        let mut items = sync_pull::items(&app.db, caller, window).await?;
        let kind = self.kind(&items.device);
        if !new_to_it.is_empty() && kind == Kind::Since {
            items.add(sync_pull::new_items(&app.db, caller, window, self.after(), new_to_it).await?, PULLED_ROWS);
        }
        let mut page = match kind {
            Kind::PushFirst(_) => Page::whole(Vec::new()),
            // Never paged: a phone loses what the answer omits.
            Kind::Replace => {
                let everything = Window { cursor: None, limit: i64::MAX, ..window };
                let Items { number, rows, .. } = sync_pull::items(&app.db, caller, everything).await?;
                (items.number, items.tombstones) = (number, Vec::new());
                Page::whole(rows)
            }
            Kind::First | Kind::Since => Page::cut(std::mem::take(&mut items.rows), self.room, PULLED_ROWS),
        };
        if !new_to_it.is_empty() && page.is_one_number_over(self.room) {
            return Ok(None);
        }
        if page.rows.is_empty() && page.has_more {
            // One client alone is more than a page: never split.
            let whole = sync_pull::items(&app.db, caller, Window { limit: i64::MAX, ..window }).await?;
            page = Page::first_number(whole.rows);
        }
        let Items { device, number, tombstones, .. } = items;
        Ok(Some(Sent { kind, device, number, page, tombstones }))
    }

    fn kind(&self, device: &DeviceState) -> Kind {
        let Some(cursor) = self.presented else { return Kind::First };
        if device.served {
            return Kind::Since;
        }
        // Replacement destroys what the phone has not sent. So it is asked once to push, and replaced when it has, or
        // says that nothing waits, or doesn't say.
        let asked = device.replacing == Some(cursor.as_i64());
        let has_pushed = device.pushed_at == Some(cursor.as_i64());
        if asked && (has_pushed || self.pending.unwrap_or(0) == 0) { Kind::Replace } else { Kind::PushFirst(cursor) }
    }

    /// The cursor that the phone is answered, and what is remembered of it.
    fn settle(&self, sent: &Sent) -> (SyncCursor, Pulled) {
        let device = &sent.device;
        let version = i32::try_from(self.version).ok();
        if let Kind::PushFirst(cursor) = sent.kind {
            // It got nothing, so that its work still began where it did.
            let (base, tombstones) = (device.base, Tombstones { received: device.arrived, ..device.tombstones });
            let replacing = Some(cursor.as_i64());
            return (cursor, Pulled { base, pending: self.pending, version, replacing, tombstones });
        }
        let number = if sent.page.has_more { sent.page.last } else { sent.number };
        let to = match self.presented {
            // Where nothing concerns it, the cursor may stay: then nothing is to be remembered of all that others do.
            Some(presented) if sent.is_nothing() && device.seen_just_now => presented,
            _ => SyncCursor::new(device.epoch, number),
        };
        let base = if sent.is_afresh() {
            WorkBase::afresh(to.as_i64())
        } else {
            device.base.pulled(Pull {
                presented: self.presented.map_or(0, SyncCursor::as_i64),
                answered: to.as_i64(),
                clean: self.pending == Some(0),
                withheld: device.withheld,
                has_more: sent.page.has_more,
            })
        };
        let tombstones = self.tombstones(sent, to);
        (to, Pulled { base, pending: self.pending, version, replacing: None, tombstones })
    }

    fn write(&self, sent: Sent, to: SyncCursor) -> Response {
        let mut extra = Vec::new();
        match sent.kind {
            // The rest comes when it asks again, which it need not wait for.
            Kind::PushFirst(_) => extra.push(("has_more", json!(true))),
            Kind::Replace => extra.push(("experimentalStrategy", json!("replacement"))),
            Kind::First | Kind::Since if sent.page.has_more => extra.push(("has_more", json!(true))),
            Kind::First | Kind::Since => {}
        }
        let lists = sent.into_lists();
        measure(lists.len(), 0, 0);
        answer(self.version, lists, to.as_i64(), &extra)
    }

    /// Up to where tombstones are sent, the cursor that they go with, and up to where they have arrived.
    fn tombstones(&self, sent: &Sent, to: SyncCursor) -> Tombstones {
        if sent.is_afresh() {
            return Tombstones { sent: sent.number, sent_with: 0, received: sent.number };
        }
        let arrived = sent.device.arrived;
        if let Some(newest) = sent.tombstones.iter().map(|tombstone| tombstone.number).max() {
            // Where the cursor stays, only the next one tells that this answer arrived: until then they come again.
            let sent_with = to.as_i64().max(self.presented.map_or(0, SyncCursor::as_i64) + 1);
            return Tombstones { sent: newest, sent_with, received: arrived };
        }
        // Where none is due, all have arrived.
        let received = if self.pending.unwrap_or(0) == 0 { arrived.max(self.after()) } else { arrived };
        Tombstones { sent: received, sent_with: 0, received }
    }
}

/// What goes into one answer.
struct Sent {
    kind: Kind,
    /// As it was in the snapshot that all of this is of.
    device: DeviceState,
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

    /// Whether there is nothing in it that the phone lacks, and nothing held back that it waits for.
    fn is_nothing(&self) -> bool {
        let empty = self.page.rows.is_empty() && !self.page.has_more && self.tombstones.is_empty();
        self.kind == Kind::Since && empty && self.device.quiet && !self.device.withheld
    }

    /// By table and list, in the answer's order.
    fn into_lists(self) -> Vec<(usize, List, Bytes)> {
        let present = if self.kind == Kind::First { List::Created } else { List::Updated };
        let tombstones = self.tombstones.into_iter();
        let mut lists: Vec<_> = tombstones
            .chain(self.page.rows)
            .map(|item| {
                let table = item.table;
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
