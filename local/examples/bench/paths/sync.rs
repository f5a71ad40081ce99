//! Pulls and pushes.

use crate::{
    bare,
    budget::Budget,
    function::{Answer, Function},
    internals::Fatal,
    measure::{Path, measure},
    report::Report,
    requests::{Phone, creating, new_tasks, pull, pull_all, push},
    sets::{self, Nurse},
    stack::{Distance, Stack},
};
use tokio_postgres::Client;

use super::visits::VISITS_A_DAY;

/// The path that flat ones are compared with.
pub const NOTHING: &str = "pull of nothing";
/// As [`NOTHING`].
pub const FIRST_SYNC: &str = "first sync of 10,000 records";

/// Visits of the nurse's own that somebody changed, each with two of its tasks, before a busy pull.
const BUSY_VISITS: usize = 20;

/// First sync and pull of nothing in an agency; `of` is what it is called and how they are judged, where it isn't the
/// usual one.
pub async fn flat(
    stack: &Stack,
    report: &mut Report,
    (phone, nurse): (&Phone, &Nurse),
    of: Option<&str>,
) -> Result<i64, Fatal> {
    let first_sync = async |sync: &Function| first(sync, phone, nurse.records).await;
    let bare_first = async |client: &Client| bare::pull(client, nurse, 0).await;
    let path = match of {
        None => Path::new(FIRST_SYNC, "sync", 20, 2.0),
        Some(of) => Path {
            budget: Budget::SameAs(FIRST_SYNC.into()),
            ..Path::new(&format!("first sync, {of}"), "sync", 20, 0.0)
        },
    };
    measure(stack, report, path, first_sync, bare_first).await?;

    let cursor = cursor(stack, phone).await?;
    let path = match of {
        None => nothing(NOTHING.into(), Budget::TimesBareSql(2.0)),
        Some(of) => nothing(format!("pull of nothing, {of}"), Budget::SameAs(NOTHING.into())),
    };
    unchanged(stack, report, (phone, nurse), cursor, path).await?;
    Ok(cursor)
}

/// Pulls where others changed much, and where what the nurse holds was changed.
pub async fn pulls_after_changes(
    stack: &Stack,
    report: &mut Report,
    (phone, nurse): (&Phone, &Nurse),
    cursor: i64,
) -> Result<(), Fatal> {
    let mut changed = 0;
    for changes in [500, stack.options.changes_by_others()] {
        let name = format!("pull of nothing after {changes} changes by others");
        if stack.options.wants(&name) {
            sets::change_others(&stack.admin, nurse.agency_id, changes - changed, "Changed").await?;
            changed = changes;
            sets::settle(&stack.admin).await?;
            unchanged(stack, report, (phone, nurse), cursor, nothing(name, Budget::SameAs(NOTHING.into()))).await?;
        }
    }

    let records = BUSY_VISITS * 3;
    let name = format!("busy pull: {records} records, 500 changes by others");
    if !stack.options.wants(&name) {
        return Ok(());
    }
    let sync = stack.function("sync", 1, Distance::Near).await?;
    let cursor = pull_all(&sync, phone, cursor).await?;
    sets::change_others(&stack.admin, nurse.agency_id, 500, "Busy").await?;
    sets::change_own(&stack.admin, nurse, BUSY_VISITS, "Busy").await?;
    let call = async |sync: &Function| counted(pull(sync, phone, cursor).await?, records);
    let bare_pull = async |client: &Client| bare::pull(client, nurse, cursor).await;
    measure(stack, report, Path::new(&name, "sync", 100, 2.0), call, bare_pull).await
}

/// Pushes of new tasks, to each visit of the nurse's day in turn.
pub async fn pushes(stack: &Stack, report: &mut Report, phone: &Phone, nurse: &Nurse) -> Result<(), Fatal> {
    let cursor = cursor(stack, phone).await?;
    let visits = sets::visits_today(&stack.admin, nurse, VISITS_A_DAY).await?;
    for (records, rounds) in [(1, 200), (50, 100)] {
        let (mut turn, mut bare_turn) = (visits.iter().cycle(), visits.iter().cycle());
        let call = async |sync: &Function| {
            let visit = turn.next().ok_or("no visit")?;
            push(sync, phone, cursor, &creating(&new_tasks(*visit, records))).await
        };
        let bare_push = async |client: &Client| {
            let visit = bare_turn.next().ok_or("no visit")?;
            bare::push(client, nurse.agency_id, &new_tasks(*visit, records)).await
        };
        measure(stack, report, Path::new(&format!("push of {records}"), "sync", rounds, 3.0), call, bare_push).await?;
    }
    Ok(())
}

fn nothing(name: String, budget: Budget) -> Path {
    Path { name, function: "sync", rounds: 200, budget }
}

async fn unchanged(
    stack: &Stack,
    report: &mut Report,
    (phone, nurse): (&Phone, &Nurse),
    cursor: i64,
    path: Path,
) -> Result<(), Fatal> {
    let call = async |sync: &Function| counted(pull(sync, phone, cursor).await?, 0);
    let bare_pull = async |client: &Client| bare::pull(client, nurse, cursor).await;
    measure(stack, report, path, call, bare_pull).await
}

/// A first sync that fits in one answer.
async fn first(sync: &Function, phone: &Phone, records: usize) -> Result<Answer, Fatal> {
    counted(pull(sync, phone, 0).await?, records)
}

fn counted((answer, page): (Answer, crate::requests::Pulled), records: usize) -> Result<Answer, Fatal> {
    if page.records == records && !page.has_more {
        Ok(answer)
    } else {
        Err(format!("{} records instead of {records}", page.records).into())
    }
}

/// The cursor of a phone that holds everything.
async fn cursor(stack: &Stack, phone: &Phone) -> Result<i64, Fatal> {
    let sync = stack.function("sync", 1, Distance::Near).await?;
    pull_all(&sync, phone, 0).await
}
