//! `make bench`: what each path takes in the function, beside the bare SQL for the same rows in the same run, with the
//! database near and a millisecond of round trip away, and the budget beside it. The functions are the built binaries,
//! each in processes of its own, as Lambda runs them.
//!
//! | what to run | what it does |
//! |---|---|
//! | `make bench` | a release build, 200,000 visits, all paths; writes the tables of `docs/measurements.md` |
//! | `make bench LARGE=1` | also an agency of 2,000,000 visits and ten million entries of log |
//! | `make bench QUICK=1` | a build of the profile `bench-quick`, 20,000 visits, a quarter of the rounds: two minutes |
//! | `make bench QUICK=1 PATH_FILTER=push` | only the paths whose name contains `push`: half of that |
//! | `make bench-check BASE=<commit>` | this commit and that one in turn, twice each; fails where this one is slower |
//!
//! On a machine that does other things too, look at `quiet`: the ratio of the tenth percentiles. What counts is the
//! ratio, and the memory: a faster machine changes the rest. `QUICK=1` tells whether a change helps; what is said to be
//! within budget is said of a whole run.

mod bare;
mod budget;
mod compare;
mod document;
mod function;
mod internals;
mod measure;
mod node;
mod options;
mod paths;
mod relay;
mod report;
mod requests;
mod sets;
mod stack;
mod statistics;
mod wire;

use std::{fs, path::Path, thread, time::Instant};

use internals::Fatal;
use options::Options;
use paths::{cold_start, environments, sign_in, storage, sync, visits};
use report::Report;
use requests::Phone;
use sets::Nurse;
use stack::{Distance, Stack};
use uuid::Uuid;

/// What the phone of a first sync holds in the end.
const RECORDS: usize = 10_000;

#[tokio::main]
async fn main() -> Result<(), Fatal> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [] => {}
        [command, base, head] if command == "compare" => return compare::run(Path::new(base), Path::new(head)),
        _ => return Err("usage: bench, or bench compare BASE HEAD with the folders of two builds".into()),
    }
    let stack = Stack::prepare(Options::from_env()?).await?;
    let report = run(&stack).await?;
    if let Some(file) = &stack.options.json {
        fs::write(file, serde_json::to_vec(&report)?)?;
    }
    if stack.options.whole() && stack.options.json.is_none() {
        document::write(&stack.options.document, &report, &taken(&stack).await?)?;
    }
    Ok(())
}

/// When and on what it was measured.
async fn taken(stack: &Stack) -> Result<String, Fatal> {
    let version = stack.admin.query_typed("select current_setting('server_version')", &[]).await?;
    let version: String = version.first().ok_or("no version")?.get(0);
    let postgresql = version.split_whitespace().next().unwrap_or_default();
    let day = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let cores = thread::available_parallelism()?;
    let (visits, architecture) = (stack.options.visits(), std::env::consts::ARCH);
    let profile = stack.options.functions.file_name().unwrap_or_default().display();
    Ok(format!(
        "Taken {day} on {cores} cores ({architecture}), PostgreSQL {postgresql}, {visits} visits in the agency,\n\
         functions of the profile `{profile}`."
    ))
}

/// Measures everything that was asked for.
async fn run(stack: &Stack) -> Result<Report, Fatal> {
    let mut report = Report::default();
    let people = People::settle(stack).await?;
    cold_start::cold_starts(stack, &mut report).await?;
    sign_in::sign_ins(stack, &mut report, people.agency_id).await?;

    let phones = people.sign_in(stack).await?;
    visits::reads(stack, &mut report, &phones[0], &people.by_day[0]).await?;
    visits::check_in(stack, &mut report, &phones[1], &people.by_day[1]).await?;

    let holders = people.sign_in_holders(stack).await?;
    let holder = (&holders[0], &people.holders[0]);
    let cursor = sync::flat(stack, &mut report, holder, None).await?;
    sync::pulls_after_changes(stack, &mut report, holder, cursor).await?;
    for ((phone, nurse), of) in holders.iter().zip(&people.holders).zip(&people.agencies).skip(1) {
        sync::flat(stack, &mut report, (phone, nurse), Some(of)).await?;
    }

    let phones = people.sign_in(stack).await?;
    sync::pushes(stack, &mut report, &phones[0], &people.by_day[0]).await?;
    let pushers = people.by_day.len() - environments::MOST;
    environments::pushes(stack, &mut report, &phones[pushers..], &people.by_day[pushers..]).await?;
    storage::per_visit(stack, &mut report, &phones[2], &people.by_day[2]).await?;
    Ok(report)
}

/// Who is there.
struct People {
    /// The agency of everybody but the holders of the others.
    agency_id: Uuid,
    /// Nurses with a day's visits: the first reads, the second checks in, the third charts, the others push.
    by_day: Vec<Nurse>,
    /// Who holds much, one in each agency; the first in this one.
    holders: Vec<Nurse>,
    /// What the holders' agencies are called.
    agencies: Vec<String>,
}

impl People {
    /// Fills the database.
    async fn settle(stack: &Stack) -> Result<Self, Fatal> {
        let (began, admin, visits) = (Instant::now(), &stack.admin, stack.options.visits());
        println!("Filling the database ...");
        let agency_id = sets::agency(admin).await?;
        sets::fill(admin, agency_id, visits).await?;
        let mut by_day = sets::nurses(admin, agency_id, 3 + environments::MOST).await?;
        for (number, nurse) in by_day.iter_mut().enumerate() {
            let visits = if number == 1 { visits::check_ins(stack) } else { visits::VISITS_A_DAY };
            sets::give_day(admin, std::slice::from_mut(nurse), visits).await?;
        }
        let mut holders = sets::nurses(admin, agency_id, 1).await?;
        let mut agencies = vec![format!("agency of {visits} visits")];
        let others = [0].into_iter().chain(stack.options.large);
        for visits in others {
            let agency_id = sets::agency(admin).await?;
            if visits > 0 {
                // What a visit, its task and its client are logged by comes on top.
                sets::log_of_months(admin, agency_id, stack.options.log_rows.saturating_sub(visits * 2)).await?;
                sets::fill(admin, agency_id, visits).await?;
            }
            holders.extend(sets::nurses(admin, agency_id, 1).await?);
            agencies.push(if visits == 0 {
                "agency of this nurse alone".into()
            } else {
                format!("agency of {visits} visits and {} entries of log", stack.options.log_rows.max(visits * 2))
            });
        }
        for holder in &mut holders {
            sets::give_records(admin, holder, RECORDS).await?;
        }
        bare::prepare(admin).await?;
        sets::settle(admin).await?;
        println!("Filled in {:.0} s", began.elapsed().as_secs_f64());
        Ok(Self { agency_id, by_day, holders, agencies })
    }

    async fn sign_in(&self, stack: &Stack) -> Result<Vec<Phone>, Fatal> {
        all(stack, &self.by_day).await
    }

    async fn sign_in_holders(&self, stack: &Stack) -> Result<Vec<Phone>, Fatal> {
        all(stack, &self.holders).await
    }
}

/// Signs all of them in anew: an access token is good for a quarter of an hour.
async fn all(stack: &Stack, nurses: &[Nurse]) -> Result<Vec<Phone>, Fatal> {
    let auth = stack.function("auth", 1, Distance::Near).await?;
    let mut phones = Vec::new();
    for nurse in nurses {
        phones.push(requests::sign_in(&auth, &nurse.email, sets::PASSWORD).await?.1);
    }
    Ok(phones)
}
