//! What the app and the portal ask of visits: a nurse's day, one visit, check-in.

use serde_json::json;

use crate::{
    bare,
    function::Function,
    internals::Fatal,
    measure::{Path, calls_of, measure},
    report::Report,
    requests::{Phone, expect, get, post},
    sets::{self, Nurse},
    stack::Stack,
};
use tokio_postgres::Client;

/// Visits of a nurse's day.
pub const VISITS_A_DAY: usize = 8;
const CHECK_INS: usize = 200;

/// How many visits the nurse who checks in needs: one for each call.
pub fn check_ins(stack: &Stack) -> usize {
    calls_of(stack, CHECK_INS)
}

/// A nurse's day of eight visits with their tasks, and one of them.
pub async fn reads(stack: &Stack, report: &mut Report, phone: &Phone, nurse: &Nurse) -> Result<(), Fatal> {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).start_of_day()?.timestamp();
    let tomorrow = today + jiff::SignedDuration::from_hours(24);
    let day = format!("/v1/visits?from={today}&to={tomorrow}&user_id={}", nurse.id);
    let call = async |visits: &Function| {
        let answer = visits.send(&get(&day, Some(phone))).await?;
        let items = expect(200, &answer)?["items"].as_array().map(Vec::len);
        if items == Some(VISITS_A_DAY) { Ok(answer) } else { Err(format!("{items:?} visits in a day").into()) }
    };
    let bare_day = async |client: &Client| bare::day(client, nurse).await;
    measure(stack, report, Path::new("a nurse's day", "visits", 200, 2.5), call, bare_day).await?;

    let [id] = sets::visits_today(&stack.admin, nurse, 1).await?[..] else { return Err("no visit".into()) };
    let visit = format!("/v1/visits/{id}");
    let call = async |visits: &Function| {
        let answer = visits.send(&get(&visit, Some(phone))).await?;
        expect(200, &answer)?;
        Ok(answer)
    };
    let bare_visit = async |client: &Client| bare::visit(client, id).await;
    measure(stack, report, Path::new("one visit", "visits", 200, 2.0), call, bare_visit).await
}

/// Check-ins, each to another visit of a nurse who has that many.
pub async fn check_in(stack: &Stack, report: &mut Report, phone: &Phone, nurse: &Nurse) -> Result<(), Fatal> {
    let visits = sets::visits_today(&stack.admin, nurse, check_ins(stack)).await?;
    let (mut turn, mut bare_turn) = (visits.iter(), visits.iter());
    let call = async |visits: &Function| {
        let id = turn.next().ok_or("no visit is left")?;
        let body =
            json!({"latitude": 43.6501, "longitude": -79.4202, "accuracy_m": 12.0, "at": jiff::Timestamp::now()});
        let path = format!("/v1/visits/{id}/check-in");
        let answer = visits.send(&post(&path, Some(phone), &body)).await?;
        expect(200, &answer)?;
        Ok(answer)
    };
    let bare_check_in = async |client: &Client| {
        let id = bare_turn.next().ok_or("no visit is left")?;
        bare::check_in(client, *id).await
    };
    measure(stack, report, Path::new("check-in", "visits", CHECK_INS, 2.5), call, bare_check_in).await
}
