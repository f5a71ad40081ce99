//! Pushes of one agency through several environments at once.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;
use serde_json::Value;
use uuid::Uuid;

use super::visits::VISITS_A_DAY;
use crate::{
    bare,
    budget::{Budget, Verdict, rises},
    internals::Fatal,
    report::{Fact, Report},
    requests::{Phone, creating, new_tasks, pull_all, push},
    sets::{self, Nurse},
    stack::{Distance, Stack},
};

const RECORDS: usize = 50;

/// As many nurses push at once, at most.
pub const MOST: usize = 4;

/// Requests a second with 1, 2 and 4 environments, each with a device that pushes again as soon as it is answered.
pub async fn pushes(stack: &Stack, report: &mut Report, phones: &[Phone], nurses: &[Nurse]) -> Result<(), Fatal> {
    if !stack.options.wants("push of 50 by environments") {
        return Ok(());
    }
    let lasting = Duration::from_secs(if stack.options.quick { 3 } else { 10 });
    let visits = try_join_all(nurses.iter().map(|nurse| sets::visits_today(&stack.admin, nurse, VISITS_A_DAY))).await?;
    let mut of_one = None;
    for environments in [1, 2, MOST] {
        let sync = stack.function("sync", environments, Distance::Near).await?;
        let devices = phones.iter().take(environments);
        let cursors = try_join_all(devices.clone().map(|phone| pull_all(&sync, phone, 0))).await?;
        let pushers = devices.zip(&cursors).zip(&visits).map(|((phone, cursor), visits)| {
            let sync = &sync;
            async move |turn| {
                push(sync, phone, *cursor, &creating(&tasks(visits, turn))).await?;
                Ok(())
            }
        });
        let rate = rate(pushers.collect(), lasting).await?;

        let clients = try_join_all((0..environments).map(|_| stack.bare(Distance::Near))).await?;
        let pushers = clients.iter().zip(nurses).zip(&visits).map(|((client, nurse), visits)| {
            async move |turn| {
                bare::push(client, nurse.agency_id, &tasks(visits, turn)).await?;
                Ok(())
            }
        });
        let bare_rate = self::rate(pushers.collect(), lasting).await?;

        let (one, bare_one) = *of_one.get_or_insert((rate, bare_rate));
        let several = environments > 1;
        report.state(Fact {
            what: format!("push of {RECORDS} by {environments} environments of one agency"),
            figure: rate,
            unit: "requests a second".into(),
            bare: Some(bare_rate),
            budget: if several { Budget::RisesAsBareSql } else { Budget::None },
            verdict: if several { rises((one, rate), (bare_one, bare_rate)) } else { Verdict::Unjudged },
            more_is_worse: false,
        });
    }
    Ok(())
}

/// What a device pushes: to another visit each time.
fn tasks(visits: &[Uuid], turn: usize) -> Value {
    new_tasks(visits[turn % visits.len()], RECORDS)
}

/// How often a second all of `pushers` together are done, each beginning anew at once, after a second of warming up.
#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
async fn rate<P: AsyncFn(usize) -> Result<(), Fatal>>(pushers: Vec<P>, lasting: Duration) -> Result<f64, Fatal> {
    let warm = Instant::now() + Duration::from_secs(1);
    let end = warm + lasting;
    let done = AtomicUsize::new(0);
    let workers = pushers.iter().map(async |pusher| {
        let mut turn = 0;
        while Instant::now() < end {
            pusher(turn).await?;
            turn += 1;
            if (warm..end).contains(&Instant::now()) {
                done.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok::<_, Fatal>(())
    });
    try_join_all(workers).await?;
    Ok(done.into_inner() as f64 / lasting.as_secs_f64())
}
