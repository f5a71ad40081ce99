//! What becomes of a push: what is to be written, by table, and what is to be said of it.

use std::collections::{BTreeMap, BTreeSet};

use domain::consent::CHARTING_WITHDRAWN;
use domain::sync::{
    conflict::{ColumnConflict, Resolution},
    policy::{ACCESS_ENDED, Actor, Context, WRITTEN_BY_ANOTHER},
    reconcile,
    record::{Action, PushedRecord, Reconciled, Row, change_number, is_deleted, value_of},
    schema::{Entity, TABLES, Table, Writer},
    visits,
};
use jiff::Timestamp;
use serde_json::json;
use store::{
    AuditEntry,
    reads::sync_push::{Batch, Changes, Pair, Receipt, Refused, Rows, State, Touched},
    tables::sync_conflicts::ConflictAt,
};
use uuid::Uuid;

use crate::{parse::Record, server_state::ServerState};

/// What is to be written, by table, and what is to be told.
#[derive(Default)]
pub(crate) struct Plan {
    /// The number that the phone's cursor has come to.
    held: i64,
    work_base: Option<i64>,
    inserts: BTreeMap<&'static str, Vec<Row>>,
    updates: BTreeMap<&'static str, Vec<Row>>,
    deletes: BTreeMap<&'static str, Vec<Uuid>>,
    /// Rows that the phone must get again.
    touched: Vec<Touched>,
    pub(crate) conflicts: Vec<ConflictAt>,
    pub(crate) refused: Vec<Refused>,
    receipts: Vec<Receipt>,
    audit: Vec<AuditEntry>,
    /// Visits with a new check-in or check-out.
    checked: Vec<Uuid>,
    /// Of visits whose status moved: a cancelled one grants none any more.
    moved: BTreeSet<Pair>,
    /// Visits of which something comes after the caller's access to the client ended.
    after_access_ended: BTreeSet<Uuid>,
    /// Deletions that were refused: the phone must forget them, so that it takes the record again.
    pub(crate) returned: BTreeSet<(&'static str, Uuid)>,
    /// How many records change something.
    pub(crate) applied: usize,
    /// How many the server had already.
    pub(crate) unchanged: usize,
}

impl Plan {
    /// For a phone that has come to `held`. `work_base`: where its work began, for what it can't get rid of.
    pub(crate) fn new(refused: &[Refused], held: i64, work_base: Option<i64>) -> Self {
        let refused = refused.iter().map(|refused| Refused { work_base, ..refused.clone() }).collect();
        Self { held, work_base, refused, ..Self::default() }
    }

    /// Puts a record into quarantine. One that the phone deleted comes back to it.
    pub(crate) fn refuse(&mut self, record: &Record<'_>, server: &ServerState, reason: String) {
        self.refused.push(Refused { work_base: self.work_base, ..record.refused(reason) });
        if record.pushed.is_some() {
            return;
        }
        let (table, id) = (record.table.name, record.id);
        self.returned.insert((table, id));
        let stored = server.of(record.table, id).and_then(|state| state.stored.present());
        // What changed after the phone's cursor comes with its next pull anyway.
        if stored.is_some_and(|row| self.has_passed(row)) {
            self.touched.push(Touched { table, id, columns: Vec::new() });
        }
    }

    /// Reconciles a record with what the server has, and plans what follows.
    pub(crate) fn add(
        &mut self,
        record: &Record<'_>,
        server: &ServerState,
        actor: &Actor,
        context: &mut Context,
        now: Timestamp,
    ) {
        let (table, id) = (record.table, record.id);
        let nothing = State::default();
        let state = server.of(table, id).unwrap_or(&nothing);
        let digest = record.digest.trim_start_matches("\\x");
        if state.receipts.iter().any(|receipt| receipt == digest) {
            self.unchanged += 1;
            self.send_again_where_other(record, state);
            return;
        }
        if server.access_ended(record) {
            self.refuse(record, server, ACCESS_ENDED.to_owned());
            return;
        }
        let (reconciled, notes_withheld) = reconciled(record, state, actor, context, now);
        let Reconciled { action, conflicts, repeated } = reconciled;
        // What the server has already is no news, whoever wrote it.
        let is_known = action == Action::Keep && conflicts.is_empty();
        if !is_known && !matches!(action, Action::Refuse(_)) && record.is_by_another(actor) {
            self.refuse(record, server, WRITTEN_BY_ANOTHER.to_owned());
            return;
        }
        let client_id = state.client_id.or_else(|| reconcile::client_of(table, action.row()?, context));
        let late = client_id.is_some_and(|client| context.taken_clients.contains(&client));
        if late {
            let written = match &action {
                Action::Insert(row) | Action::Update(row) => Some(row),
                Action::Delete => state.stored.row.as_ref(),
                Action::Keep | Action::Refuse(_) => None,
            };
            self.after_access_ended.extend(written.and_then(|row| visit_of(table, id, row)));
        }
        match action {
            Action::Refuse(reason) => {
                self.refuse(record, server, reason);
                return;
            }
            Action::Keep => {
                self.unchanged += 1;
                self.send_again_where_other(record, state);
            }
            Action::Insert(row) => {
                self.note_visit(table, id, &row, None, context);
                if table.entity == Entity::Alert {
                    context.recent_alerts += 1;
                }
                self.apply(Verb::Create, record, client_id, late);
                self.inserts.entry(table.name).or_default().push(row);
            }
            Action::Update(row) => {
                self.note_visit(table, id, &row, state.stored.row.as_ref(), context);
                self.apply(Verb::Update, record, client_id, late);
                self.send_again(record, [kept_back(&conflicts), repeated].concat());
                self.updates.entry(table.name).or_default().push(row);
            }
            Action::Delete => {
                self.apply(Verb::Delete, record, client_id, late);
                self.deletes.entry(table.name).or_default().push(id);
            }
        }
        let at = |conflict| ConflictAt { table_name: table.name, record_id: id, client_id, conflict };
        self.conflicts.extend(conflicts.into_iter().map(at));
        if notes_withheld {
            // What it sent is not all taken, and so not known the next time.
            self.refuse(record, server, CHARTING_WITHDRAWN.to_owned());
            return;
        }
        let row_stamp = record.pushed.as_ref().and_then(PushedRecord::stamp);
        self.receipts.push(Receipt { record_id: id, body_sha256: record.digest.clone(), row_stamp });
    }

    /// After a push a phone takes its own values for the server's; where they are not, it must get the row again, and
    /// of a deleted one its deletion. What changed after its cursor comes with its next pull anyway. But where it wrote
    /// the column itself it must be touched all the same: that is a change of others, so that what the phone writes
    /// before it has seen it is a conflict.
    fn send_again_where_other(&mut self, record: &Record<'_>, state: &State) {
        let (Some(row), Some(pushed)) = (&state.stored.row, &record.pushed) else { return };
        if is_deleted(row) {
            if self.has_passed(row) {
                self.touched.push(Touched { table: record.table.name, id: record.id, columns: Vec::new() });
            }
            return;
        }
        let columns = reconcile::differing(record.table, pushed, row);
        let written = |column: &String| record.table.column(column).is_some_and(|c| c.writer != Writer::Server);
        if self.has_passed(row) || columns.iter().any(|column| written(column) && pushed.edits(column)) {
            self.send_again(record, columns);
        }
    }

    fn has_passed(&self, row: &Row) -> bool {
        change_number(row).is_some_and(|number| number <= self.held)
    }

    fn send_again(&mut self, record: &Record<'_>, columns: Vec<String>) {
        if !columns.is_empty() {
            self.touched.push(Touched { table: record.table.name, id: record.id, columns });
        }
    }

    /// A visit of this push is known to what follows in it; new check-ins are measured.
    fn note_visit(&mut self, table: &Table, id: Uuid, row: &Row, before: Option<&Row>, context: &mut Context) {
        let Some(visit) = visits::written(table, row, before) else { return };
        let pair = Pair { client_id: visit.facts.client_id, user_id: visit.facts.user_id };
        if visit.status_moved {
            self.moved.insert(pair);
        }
        if visit.place_recorded {
            self.checked.push(id);
        }
        context.visits.insert(id, visit.facts);
    }

    fn apply(&mut self, verb: Verb, record: &Record<'_>, client_id: Option<Uuid>, late: bool) {
        self.applied += 1;
        let (action, resource) = verb.action(record.table.entity);
        let entry = AuditEntry::new(action, resource, record.id, client_id);
        let details = if late { json!({"by": "sync", "after_access_ended": true}) } else { json!({"by": "sync"}) };
        self.audit.push(entry.with(details));
    }

    /// The records to be written, parents first.
    pub(crate) fn batches(&self) -> impl Iterator<Item = Batch<'_>> {
        fn of<'a, T>(lists: &'a BTreeMap<&str, Vec<T>>, table: &Table) -> &'a [T] {
            lists.get(table.name).map_or(&[], Vec::as_slice)
        }
        TABLES.iter().flat_map(|table| {
            let rows = [
                Rows::Insert(of(&self.inserts, table)),
                Rows::Update(of(&self.updates, table)),
                Rows::Delete(of(&self.deletes, table)),
            ];
            rows.map(|rows| Batch { table, rows }).into_iter().filter(|batch| !batch.is_empty())
        })
    }

    /// Everything that is written.
    pub(crate) fn changes(&self) -> Changes<'_> {
        Changes {
            batches: self.batches().collect(),
            touched: &self.touched,
            checked: &self.checked,
            moved: &self.moved,
            after_access_ended: &self.after_access_ended,
            conflicts: &self.conflicts,
            refused: &self.refused,
            receipts: &self.receipts,
            audit: &self.audit,
        }
    }

    /// Whether somebody asks for help: not only when the minute job comes round.
    pub(crate) fn raises_alerts(&self) -> bool {
        self.inserts.contains_key(Entity::Alert.table().name)
    }
}

/// What becomes of a record. Where its client has withdrawn the consent to charting, a visit's check-in and check-out
/// are taken all the same; the second says whether its notes were withheld.
fn reconciled(
    record: &Record<'_>,
    state: &State,
    actor: &Actor,
    context: &Context,
    now: Timestamp,
) -> (Reconciled, bool) {
    let table = record.table;
    let Some(pushed) = &record.pushed else {
        return (reconcile::delete(table, &state.stored, actor, context), false);
    };
    let whole = reconcile::upsert(table, pushed, &state.stored, actor, context, now);
    if table.entity == Entity::Visit && whole.action == Action::Refuse(CHARTING_WITHDRAWN.to_owned()) {
        let rest = reconcile::upsert(table, &visits::without_notes(pushed), &state.stored, actor, context, now);
        if rest.action.row().is_some() {
            return (rest, true);
        }
    }
    (whole, false)
}

/// What is done to a record.
#[derive(Clone, Copy)]
pub(crate) enum Verb {
    Create,
    Update,
    Delete,
}

impl Verb {
    /// The name in the audit log for doing it to an entity, and the entity's own.
    pub(crate) fn action(self, entity: Entity) -> (&'static str, &'static str) {
        match (entity, self) {
            (Entity::Client, _) => ("client.update", "client"),
            (Entity::Visit, Self::Create) => ("visit.create", "visit"),
            (Entity::Visit, Self::Update) => ("visit.update", "visit"),
            (Entity::Visit, Self::Delete) => ("visit.delete", "visit"),
            (Entity::VisitTask, Self::Create) => ("visit_task.create", "visit_task"),
            (Entity::VisitTask, Self::Update) => ("visit_task.update", "visit_task"),
            (Entity::VisitTask, Self::Delete) => ("visit_task.delete", "visit_task"),
            (Entity::Photo, Self::Create) => ("photo.create", "photo"),
            (Entity::Photo, Self::Update) => ("photo.update", "photo"),
            (Entity::Photo, Self::Delete) => ("photo.delete", "photo"),
            (Entity::Alert, Self::Create) => ("alert.create", "alert"),
            (Entity::Alert, Self::Update | Self::Delete) => ("alert.update", "alert"),
        }
    }
}

/// The visit that a record is, or belongs to.
fn visit_of(table: &Table, id: Uuid, row: &Row) -> Option<Uuid> {
    match table.entity {
        Entity::Visit => Some(id),
        _ => value_of(row, "visit_id").as_str().and_then(|visit| visit.parse().ok()),
    }
}

/// The columns for which the phone takes its own value for the server's, wrongly.
fn kept_back(conflicts: &[ColumnConflict]) -> Vec<String> {
    let kept_back = conflicts.iter().filter(|conflict| conflict.resolution != Resolution::Device);
    kept_back.map(|conflict| conflict.column.clone()).collect()
}
