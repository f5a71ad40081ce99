//! Who may write what by sync: the rules of REST, within what phones write at all (docs/decisions/0006).

use super::{
    judge::{Author, Row, Surroundings, VisitFacts, id},
    photos,
    schema::Table,
    tasks,
};

/// Told for rows of others, and of nobody: which of the two is not told.
pub const NOT_YOURS: &str = "this is not yours to change";

/// What planners may write on the visits of others: the rest has rules of its own, which the portal knows.
const OF_PLANNERS: [&str; 2] = ["notes", "family_note"];

/// Whether the device may make this record.
///
/// # Errors
/// Why not.
pub(super) fn may_create(table: &Table, row: &Row, author: &Author, around: &Surroundings) -> Result<(), String> {
    let client = id(row, "client_id");
    let client_seen = client.is_some_and(|client| around.clients.contains(&client));
    match table.name {
        "clients" => refused("clients are changed on the portal"),
        "visits" | "alerts" if !client_seen => refused(NOT_YOURS),
        "visits" if client.is_some_and(|client| around.taken_clients.contains(&client)) => {
            refused("you are not on this client's care team any more, so that no visits can be added")
        }
        "visits" if id(row, "user_id") == Some(author.user_id) && author.role.gives_care() => Ok(()),
        "visits" => refused("visits of others are planned on the portal"),
        "visit_tasks" => may_write_task(row, author, around),
        "alerts" if id(row, "visit_id").is_some_and(|visit| !around.visits.contains_key(&visit)) => {
            refused("its visit is not known")
        }
        "alerts" => Ok(()),
        "photos" => photos::may_create(row, author, around),
        _ => refused(NOT_YOURS),
    }
}

/// Whether the device may make `after` of `before`.
///
/// # Errors
/// Why not.
pub(super) fn may_change(
    table: &Table,
    before: &Row,
    after: &Row,
    author: &Author,
    around: &Surroundings,
) -> Result<(), String> {
    match table.name {
        "visit_tasks" => {
            may_write_task(before, author, around)?;
            may_write_task(after, author, around)
        }
        _ => may_change_by_itself(table, before, after, author, around),
    }
}

/// Whether the device could have made `after` of `before` while that was not deleted.
///
/// # Errors
/// Why not.
pub(super) fn might_have_changed(
    table: &Table,
    before: &Row,
    after: &Row,
    author: &Author,
    around: &Surroundings,
) -> Result<(), String> {
    match table.name {
        "visit_tasks" => [before, after].into_iter().try_for_each(|task| {
            let visit = id(task, "visit_id").ok_or(NOT_YOURS)?;
            let visit = around.visits.get(&visit).or_else(|| around.deleted_visits.get(&visit)).ok_or(NOT_YOURS)?;
            is_for(task, visit, author)
        }),
        _ => may_change_by_itself(table, before, after, author, around),
    }
}

/// Whether the device may delete the record.
///
/// # Errors
/// Why not.
pub(super) fn may_delete(table: &Table, row: &Row, author: &Author, around: &Surroundings) -> Result<(), String> {
    match table.name {
        "visit_tasks" => may_write_task(row, author, around),
        "photos" => photos::may_change(row, author, around),
        "clients" => refused("clients are removed on the portal"),
        // Its tasks, and what it grants, go with it: see `DELETE /visits/{id}`.
        "visits" if author.role.sees_agency() => refused("visits are removed on the portal"),
        _ if author.role.sees_agency() => Ok(()),
        _ => refused(NOT_YOURS),
    }
}

fn refused(reason: &str) -> Result<(), String> {
    Err(reason.to_owned())
}

/// [`may_change`] of what doesn't belong to a visit, and of visits.
fn may_change_by_itself(
    table: &Table,
    before: &Row,
    after: &Row,
    author: &Author,
    around: &Surroundings,
) -> Result<(), String> {
    let planner = author.role.sees_agency();
    match table.name {
        "clients" => refused("clients are changed on the portal"),
        "photos" => photos::may_change(before, author, around),
        "visits" => may_change_visit(before, after, author),
        "alerts" if planner || id(before, "raised_by") == Some(author.user_id) => Ok(()),
        _ => refused(NOT_YOURS),
    }
}

fn may_change_visit(before: &Row, after: &Row, author: &Author) -> Result<(), String> {
    let changed = |name: &str| before.get(name) != after.get(name);
    if id(before, "user_id") != Some(author.user_id) {
        let beyond = after.keys().any(|name| changed(name) && !OF_PLANNERS.contains(&name.as_str()));
        return match author.role.sees_agency() {
            false => refused(NOT_YOURS),
            true if beyond => refused("visits of others are planned on the portal"),
            true => Ok(()),
        };
    }
    if changed("scheduled_start") || changed("scheduled_end") {
        return refused("visits are moved on the portal");
    }
    Ok(())
}

/// As over REST: tasks of one's own visits, of the types that one's role writes.
fn may_write_task(task: &Row, author: &Author, around: &Surroundings) -> Result<(), String> {
    let visit = id(task, "visit_id").and_then(|visit| around.visits.get(&visit)).ok_or("its visit is not known")?;
    if visit.cancelled && (author.role.sees_agency() || visit.user_id == author.user_id) {
        return refused("its visit was called off");
    }
    is_for(task, visit, author)
}

fn is_for(task: &Row, visit: &VisitFacts, author: &Author) -> Result<(), String> {
    if !author.role.sees_agency() && visit.user_id != author.user_id {
        return refused(NOT_YOURS);
    }
    match tasks::task_type(task) {
        Some(kind) if kind.writable_by(author.role) => Ok(()),
        Some(kind) => Err(format!("tasks of the type {} are for nurses", <&str>::from(kind))),
        None => refused("its type is not known"),
    }
}
