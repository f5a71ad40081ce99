//! A visit's own rules: the moves of its status, and what is recorded together.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    judge::{Conflict, Row, Standing, id, moment, present, text},
    schema::Table,
};

/// When and where somebody came, and left: one record each. A time with another one's place would be neither's.
const RECORDED_TOGETHER: [&[&str]; 2] = [
    &["actual_start", "check_in_latitude", "check_in_longitude", "check_in_accuracy_m"],
    &["actual_end", "check_out_latitude", "check_out_longitude", "check_out_accuracy_m"],
];

/// The columns that were recorded at once with this one, itself included.
pub(super) fn recorded_with(table: &Table, column: &'static str) -> impl Iterator<Item = &'static str> {
    let together = RECORDED_TOGETHER.iter().filter(|_| table.name == "visits").find(|all| all.contains(&column));
    together.into_iter().copied().flatten().copied().chain(together.is_none().then_some(column))
}

/// The moves that a visit's status may make (`app.enforce_visit_transitions`).
fn may_move(from: &str, to: &str) -> bool {
    from == to
        || matches!(
            (from, to),
            ("scheduled", "in_progress" | "completed" | "cancelled" | "missed")
                | ("missed", "in_progress" | "completed")
                | ("in_progress", "completed")
        )
}

/// What a move of the status brings with it.
const OF_THE_MOVE: [&str; 10] = [
    "status",
    "cancel_reason",
    "actual_start",
    "actual_end",
    "check_in_latitude",
    "check_in_longitude",
    "check_in_accuracy_m",
    "check_out_latitude",
    "check_out_longitude",
    "check_out_accuracy_m",
];

/// A move that a visit can't make any more is not lost: it waits for a person, and the rest of the record is merged.
pub(super) fn keep_to_the_way(before: &Row, after: &mut Row) -> Vec<Conflict> {
    let from = text(before, "status").unwrap_or_default().to_owned();
    let to = text(after, "status").unwrap_or_default().to_owned();
    // Facts outrank the word for them: who checked in was there, whatever the phone calls it.
    let told = match (present(after, "actual_start"), present(after, "actual_end")) {
        (true, true) => "completed".to_owned(),
        (true, false) => "in_progress".to_owned(),
        (false, _) => to,
    };
    // The server's check-in, kept until a person decides, may contradict the check-out of this phone.
    let contradicted = present(before, "actual_start") && ends_before_it_began(after);
    if may_move(&from, &told) && !contradicted {
        after.insert("status".into(), json!(told));
        return Vec::new();
    }
    let mut conflicts = Vec::new();
    for column in OF_THE_MOVE {
        let server = before.get(column).cloned().unwrap_or(Value::Null);
        let device = after.insert(column.to_owned(), server.clone()).unwrap_or(Value::Null);
        if server != device {
            conflicts.push(Conflict {
                column: column.to_owned(),
                server_value: server,
                device_value: device,
                server_user_id: id(before, "updated_by"),
                standing: Standing::Server,
            });
        }
    }
    conflicts
}

/// Brings a visit's status in line with its times.
///
/// # Errors
/// Says which rule it breaks.
pub(super) fn settle(row: &mut Row, before: Option<&Row>, now: Timestamp) -> Result<(), String> {
    let (came, left) = (present(row, "actual_start"), present(row, "actual_end"));
    let status = match (came, left) {
        (true, true) => "completed",
        (true, false) => "in_progress",
        (false, true) => return Err("a visit can't end before it began".into()),
        (false, false) => text(row, "status").unwrap_or("scheduled"),
    };
    if !came && matches!(status, "in_progress" | "completed") {
        return Err("a visit under way needs its actual_start".into());
    }
    let status = status.to_owned();
    if status == "cancelled" && !present(row, "cancel_reason") {
        return Err("a visit called off needs its cancel_reason".into());
    }
    if status != "cancelled" {
        row.insert("cancel_reason".into(), Value::Null);
    }
    row.insert("status".into(), json!(status));
    if moment(row, "scheduled_end") <= moment(row, "scheduled_start") {
        return Err("scheduled_end must be later than scheduled_start".into());
    }
    if ends_before_it_began(row) {
        return Err("actual_end must not be before actual_start".into());
    }
    for (fact, received) in [("actual_start", "check_in_received_at"), ("actual_end", "check_out_received_at")] {
        let known = before.is_some_and(|before| before.get(fact) == row.get(fact));
        if present(row, fact) && !known {
            row.insert(received.into(), json!(now));
        }
    }
    Ok(())
}

fn ends_before_it_began(visit: &Row) -> bool {
    let (began, ended) = (moment(visit, "actual_start"), moment(visit, "actual_end"));
    began.is_some() && ended.is_some() && ended < began
}
