//! A server and phones made of nothing but memory, around the rules of synchronisation.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    identity::Role,
    sync::{
        base::{Pull, WorkBase},
        conflict::Resolution,
        policy::{Actor, Context, VisitFacts},
        reconcile,
        record::{Action, OthersValue, PushedRecord, Row, Stored},
        schema,
    },
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

pub const DEVICES: usize = 3;
pub const VISIT: Uuid = Uuid::from_u128(1);
pub const TASK: Uuid = Uuid::from_u128(2);
pub const NURSE: Uuid = Uuid::from_u128(3);

/// Two columns where the later wins, and a clinical one.
pub const COLUMNS: [&str; 3] = ["title", "outcome", "data"];

#[derive(Clone, Debug)]
pub struct Change {
    pub number: i64,
    /// Who; none for REST.
    pub device: Option<usize>,
    pub column: &'static str,
    pub before: Value,
    pub value: Value,
    /// The stamp of the push that it came with.
    pub stamp: Option<i64>,
}

impl Change {
    /// A column that nobody filled in when the record was created.
    fn is_empty(&self) -> bool {
        self.before.is_null() && self.value.is_null()
    }
}

/// A push that has left the phone and not arrived.
pub struct OnItsWay {
    pub device: usize,
    pub held: i64,
    pub raw: Map<String, Value>,
}

pub struct Server {
    pub row: Row,
    pub number: i64,
    pub log: Vec<Change>,
    pub bases: [WorkBase; DEVICES],
    /// Whether the nurse sees the record, and the number at which that changed last.
    pub visible: bool,
    pub team_changed: i64,
    /// For each device the number up to which tombstones were sent, the cursor they went with, and the number up to
    /// which they have arrived.
    pub tombstones: [(i64, i64, i64); DEVICES],
    /// What each phone sent before: the columns that it edited, and when.
    pub receipts: BTreeSet<(usize, String)>,
    /// Takes every push at its word, as a server would that doesn't remember where work began.
    pub forgetful: bool,
    /// Column, the two values, and which of them stands.
    pub conflicts: Vec<(String, Value, Value, Resolution)>,
}

#[derive(Clone)]
pub struct Phone {
    pub row: Map<String, Value>,
    pub dirty: BTreeSet<&'static str>,
    pub cursor: i64,
    /// Whether the record is on it.
    pub has: bool,
    /// When its row was last written: a phone stamps it then, not when it sends.
    pub stamp: usize,
    /// Whether it created the record and was never told that this was taken.
    pub created: bool,
}

pub struct Answer {
    pub row: Option<Row>,
    pub gone: bool,
    pub cursor: i64,
}

/// A value that says who wrote it and when, so that no two are equal by chance.
pub fn value(column: &str, token: usize) -> Value {
    match column {
        "data" => {
            json!({"heart_rate": {"value": 60 + token % 200, "unit": "bpm"},
                "weight": {"value": 1.0 + f64::from(u16::try_from(token).unwrap()) / 100.0, "unit": "kg"}})
        }
        _ => json!(format!("{column} {token}")),
    }
}

pub fn on_the_wire(column: &str, value: &Value) -> Value {
    if column == "data" && !value.is_null() { json!(value.to_string()) } else { value.clone() }
}

impl Server {
    pub fn new(forgetful: bool) -> Self {
        let row = json!({"id": TASK, "visit_id": VISIT, "task_type": "vitals", "title": "title", "completed": false,
            "completed_at": null, "outcome": null, "data": null, "deleted_at": null});
        let Value::Object(row) = row else { unreachable!() };
        Self {
            row,
            number: 1,
            log: Vec::new(),
            bases: [WorkBase::afresh(1); DEVICES],
            visible: true,
            team_changed: 1,
            tombstones: [(1, 0, 1); DEVICES],
            receipts: BTreeSet::new(),
            forgetful,
            conflicts: Vec::new(),
        }
    }

    pub fn write(&mut self, device: Option<usize>, stamp: Option<i64>, row: Row) {
        for column in COLUMNS {
            if self.row[column] != row[column] {
                self.number += 1;
                let (before, value) = (self.row[column].clone(), row[column].clone());
                self.log.push(Change { number: self.number, device, column, before, value, stamp });
            }
        }
        self.row = row;
    }

    pub fn change_team(&mut self) {
        self.number += 1;
        self.visible = !self.visible;
        self.team_changed = self.number;
    }

    /// As the function `sync` does: a record that was taken away isn't sent any more; its tombstone is, once the
    /// phone's cursor has passed it and nothing waits, and again until that answer's cursor comes back.
    pub fn pull(&mut self, device: usize, presented: i64, pending: usize) -> Answer {
        let (sent, sent_with, received) = self.tombstones[device];
        let received = if sent_with <= presented { received.max(sent) } else { received };
        let withheld = !self.visible && self.team_changed > received;
        let clean = pending == 0;
        let gone = withheld && clean && self.team_changed <= presented;
        self.tombstones[device] =
            if gone { (self.team_changed, self.number.max(presented + 1), received) } else { (received, 0, received) };
        let pull = Pull { presented, answered: self.number, clean, withheld, has_more: false };
        self.bases[device] = self.bases[device].pulled(pull);
        Answer { row: self.visible.then(|| self.row.clone()), gone, cursor: self.number }
    }

    /// Whether the record was not sent to the device for a while.
    fn was_withheld(&self, device: usize) -> bool {
        let lingers = !self.visible && self.team_changed > self.tombstones[device].2;
        lingers || self.bases[device].withheld_from.is_some_and(|from| self.team_changed > from)
    }

    /// Where the work on the record began that a push on the cursor `held` brings.
    pub fn base(&self, device: usize, held: i64) -> i64 {
        let base = self.bases[device];
        if self.was_withheld(device) { base.of_push_for_taken() } else { base.of_push() }.unwrap_or(0).min(held)
    }

    pub fn push(&mut self, device: usize, held: i64, raw: &Map<String, Value>) {
        let base = self.base(device, held);
        let changed = |name: &str| {
            raw["_status"] == "created" || raw["_changed"].as_str().unwrap().split(',').any(|changed| changed == name)
        };
        let edited: BTreeMap<_, _> = raw.iter().filter(|(name, _)| *name == "updated_at" || changed(name)).collect();
        let pushed = PushedRecord { id: TASK, raw: raw.clone(), created: raw["_status"] == "created" };
        let receipt = (device, json!(edited).to_string());
        if self.receipts.contains(&receipt) {
            self.send_again(&reconcile::differing(schema::table("visit_tasks").unwrap(), &pushed, &self.row));
            self.bases[device] = self.bases[device].pushed(Some(held));
            return;
        }
        let mut others = BTreeMap::new();
        for change in
            self.log.iter().filter(|change| change.number > base && change.device != Some(device) && !change.is_empty())
        {
            if self.forgetful {
                break;
            }
            others.insert(change.column.to_owned(), OthersValue { value: change.value.clone(), user_id: None });
        }
        let own_since = self
            .log
            .iter()
            .filter(|change| change.number > held && change.device == Some(device) && !change.is_empty())
            .map(|change| (change.column.to_owned(), change.stamp))
            .collect();
        let (given, sent) = (Some(self.given(device, held)), self.sent(device, held));
        let stored = Stored { hidden: false, row: Some(self.row.clone()), others, own_since, given, sent };
        let actor = Actor { user_id: NURSE, agency_id: Uuid::nil(), role: Role::Nurse };
        let facts = VisitFacts {
            user_id: NURSE,
            client_id: Uuid::nil(),
            cancelled: false,
            completed: false,
            checked_out_at: None,
        };
        let context = Context { visits: [(VISIT, facts)].into(), ..Context::default() };
        let table = schema::table("visit_tasks").unwrap();
        let reconciled = reconcile::upsert(table, &pushed, &stored, &actor, &context, Timestamp::UNIX_EPOCH);
        let kept_back = reconciled.conflicts.iter().filter(|conflict| conflict.resolution != Resolution::Device);
        let kept_back = kept_back.map(|conflict| conflict.column.clone()).chain(reconciled.repeated);
        let kept_back: Vec<_> = kept_back.collect();
        for conflict in reconciled.conflicts {
            self.conflicts.push((conflict.column, conflict.server_value, conflict.device_value, conflict.resolution));
        }
        match reconciled.action {
            Action::Update(row) => {
                self.write(Some(device), pushed.stamp(), row);
                self.send_again(&kept_back);
            }
            Action::Keep => self.send_again(&reconcile::differing(table, &pushed, &self.row)),
            other => panic!("a sound edit was {other:?}"),
        }
        self.receipts.insert(receipt);
        self.bases[device] = self.bases[device].pushed(Some(held));
    }
}

impl Server {
    /// As `app.pushed_state` does.
    fn given(&self, device: usize, held: i64) -> Row {
        if self.forgetful {
            return Row::new();
        }
        let base = self.bases[device];
        let given_since = base.full_sync_cursor.is_some_and(|whole| held >= whole);
        let withheld_from = base.withheld_from.filter(|_| self.was_withheld(device) && !given_since);
        let held = held.min(withheld_from.unwrap_or(held));
        let since = |column: &'static str| {
            self.log.iter().filter(move |change| change.number > held && change.column == column)
        };
        let of = |column: &'static str| {
            let own = since(column).rfind(|change| change.device == Some(device)).map(|change| change.value.clone());
            Some((column.to_owned(), own.or_else(|| Some(since(column).next()?.before.clone()))?))
        };
        COLUMNS.into_iter().filter_map(of).collect()
    }

    /// As `app.pushed_state` does.
    fn sent(&self, device: usize, held: i64) -> Row {
        let clean_at = self.bases[device].clean_at.filter(|clean_at| *clean_at <= held).unwrap_or(0);
        let own = |change: &&Change| change.device == Some(device) && change.number > clean_at;
        if self.forgetful {
            return Row::new();
        }
        self.log.iter().filter(own).map(|change| (change.column.to_owned(), change.value.clone())).collect()
    }

    /// The record as the first phone created it: its push was taken, and its answer lost.
    pub fn created_by_the_first_phone() -> Self {
        let mut server = Self::new(false);
        let created = server.row.clone();
        for column in COLUMNS {
            server.row.insert(column.to_owned(), Value::Null);
        }
        for column in COLUMNS {
            server.number += 1;
            let (number, value) = (server.number, created[column].clone());
            let (device, before, stamp) = (Some(0), Value::Null, Some(0));
            server.log.push(Change { number, device, column, before, value, stamp });
        }
        server.row = created;
        server.bases[0] = server.bases[0].pushed(Some(1));
        server
    }

    /// A phone takes its own values for the server's once they are sent: where they are not, it gets the row again, and
    /// what it writes over them until then is a conflict.
    pub fn send_again(&mut self, columns: &[String]) {
        for column in COLUMNS.into_iter().filter(|known| columns.iter().any(|column| column == known)) {
            if !self.forgetful {
                self.number += 1;
                let value = self.row[column].clone();
                let before = value.clone();
                self.log.push(Change { number: self.number, device: None, column, before, value, stamp: None });
            }
        }
    }
}

impl Phone {
    pub fn new(server: &Server) -> Self {
        Self {
            row: server.row.clone(),
            dirty: BTreeSet::new(),
            cursor: server.number,
            has: true,
            stamp: 0,
            created: false,
        }
    }

    /// The phone that created the record, before it has pulled.
    pub fn that_created(server: &Server) -> Self {
        Self { cursor: 1, created: true, ..Self::new(server) }
    }

    /// Whether it has something to send.
    pub fn is_dirty(&self) -> bool {
        self.created || !self.dirty.is_empty()
    }

    /// As WatermelonDB does: the pulled row under its own dirty columns.
    pub fn apply(&mut self, answer: &Answer) {
        if answer.gone {
            self.has = false;
        }
        if let Some(row) = &answer.row {
            self.has = true;
            for column in COLUMNS {
                if !self.dirty.contains(column) {
                    self.row.insert(column.to_owned(), row[column].clone());
                }
            }
        }
        self.cursor = answer.cursor;
    }

    pub fn write(&mut self, column: &'static str, history: &mut History) {
        if !self.has {
            return;
        }
        let value = history.write(column, &self.row[column]);
        self.row.insert(column.to_owned(), value);
        self.dirty.insert(column);
        self.stamp = history.tokens;
    }

    pub fn raw(&self) -> Map<String, Value> {
        let mut raw: Map<String, Value> =
            self.row.iter().map(|(name, value)| (name.clone(), on_the_wire(name, value))).collect();
        raw.insert("_status".into(), json!(if self.created { "created" } else { "updated" }));
        raw.insert("_changed".into(), json!(self.dirty.iter().copied().collect::<Vec<_>>().join(",")));
        raw.insert("updated_at".into(), json!(self.stamp));
        raw
    }
}

/// Everything that was ever sent, and what became of each value.
#[derive(Default)]
pub struct History {
    pub tokens: usize,
    /// Of each column the value that must stand: what a person wrote that arrived last.
    pub newest: BTreeMap<&'static str, Value>,
    arrived: BTreeSet<String>,
    newest_of_device: BTreeMap<(usize, &'static str), usize>,
    /// Value, and which newer value its author's phone showed when writing: what it overwrote knowingly.
    pub written: Vec<(&'static str, Value)>,
    pub overwritten_knowingly: Vec<(&'static str, Value)>,
}

impl History {
    /// Somebody's value arrives at the server. One that has arrived before is sent again, and nobody means it; of one
    /// phone's the newer counts, whichever comes first.
    pub fn arrives(&mut self, device: Option<usize>, column: &'static str, value: &Value) {
        let Some(token) = self.written.iter().position(|(of, written)| *of == column && written == value) else {
            return;
        };
        if !self.arrived.insert(format!("{column} {value}")) {
            return;
        }
        if let Some(device) = device {
            let newest = self.newest_of_device.entry((device, column)).or_default();
            if token + 1 < *newest {
                return;
            }
            *newest = token + 1;
        }
        self.newest.insert(column, value.clone());
    }

    /// A phone's push arrives.
    pub fn push_arrives(&mut self, device: usize, raw: &Map<String, Value>) {
        for column in COLUMNS.into_iter().filter(|column| *column != "data") {
            let changed = raw["_changed"].as_str().unwrap().split(',').any(|name| name == column);
            if changed {
                self.arrives(Some(device), column, &raw[column]);
            }
        }
    }

    pub fn write(&mut self, column: &'static str, seen: &Value) -> Value {
        self.tokens += 1;
        let value = value(column, self.tokens);
        self.written.push((column, value.clone()));
        self.overwritten_knowingly.push((column, seen.clone()));
        value
    }
}
