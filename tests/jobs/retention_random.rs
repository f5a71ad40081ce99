//! Random clients, of random age, care, holds and provinces: who is held or young never goes, who is due goes whole.

use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date, tz::TimeZone};
use proptest::{prelude::RngExt, test_runner::TestRunner};
use serde_json::json;

use crate::harness::{
    TestApp,
    fixtures::{ADMIN, AGENCY_A, NURSE},
    old_clients::OldClient,
    random,
};

#[tokio::test]
async fn nothing_held_or_young_goes_and_what_is_due_goes_whole() {
    let cases = random::cases(4);
    let count = cases.cases;
    let mut runner = TestRunner::new(cases);
    for _ in 0..count {
        let rng = runner.rng();
        let app = TestApp::new().await;
        let years = rng.random_range(7..=16_i32);
        let toronto = TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap();
        let local = |at: Timestamp| at.to_zoned(toronto.clone()).date();
        let today = local(Timestamp::now());
        let mut clients = Vec::new();
        for _ in 0..12 {
            // Around the day on which it matters, as often as anywhere.
            let days = if rng.random_bool(0.5) { rng.random_range(-2..=2) } else { rng.random_range(-2_500..=2_500) };
            let noon = Timestamp::now().to_zoned(TimeZone::UTC).date().at(17, 0, 0, 0).to_zoned(TimeZone::UTC);
            let last_visit =
                noon.unwrap().timestamp() - SignedDuration::from_hours(24 * (i64::from(years) * 365 + 3 + days));
            let province = ["ON", "QC", "BC", "NS", "", "YT"][rng.random_range(0..6)];
            let age = rng.random_range(7 * 365..40 * 365_i64);
            clients.push(OldClient { born: today - age.days(), province, ..OldClient::new(last_visit) });
        }
        app.with_old_clients(&clients).await;
        app.operate(json!({"command": "set-retention", "id": AGENCY_A, "retention_years": years})).await.unwrap();
        let mut held = Vec::new();
        for client in &clients {
            let keeps = match rng.random_range(0..5) {
                0 => format!(
                    "insert into legal_holds (id, agency_id, client_id, reason, placed_by)
                     values (gen_random_uuid(), '{AGENCY_A}', '{}', 'a file', '{}')",
                    client.id, ADMIN.id
                ),
                1 => format!("update care_team set ends_on = null where client_id = '{}'", client.id),
                _ => String::new(),
            };
            held.push(!keeps.is_empty());
            let sql = format!("set session_replication_role = replica; {keeps}");
            app.database.superuser().await.batch_execute(&sql).await.unwrap();
        }
        let held_user = rng.random_bool(0.2);
        if held_user {
            let sql = format!(
                "insert into legal_holds (id, agency_id, user_id, reason, placed_by)
                 values (gen_random_uuid(), '{AGENCY_A}', '{}', 'a file', '{}')",
                NURSE.id, ADMIN.id
            );
            app.database.write(AGENCY_A, &sql).await;
        }
        app.retain_at(Timestamp::now()).await;
        for (client, held) in clients.iter().zip(held) {
            let majority = if ["ON", "QC"].contains(&client.province) { 18 } else { 19 };
            let from: Date = local(client.last_visit).max(client.born + majority.years());
            let goes = from + years.years() <= today && !held && !held_user;
            let traces = app.traces_of(client).await;
            let told = format!("{} of {}, {} kept {years} years", client.last_visit, client.born, client.province);
            assert_eq!(!traces.iter().any(|table| table == "clients"), goes, "{told}");
            let gone = ["audit_log", "erasures", "retention_reports", "sync_log"];
            assert!(!goes || traces.iter().all(|table| gone.contains(&table.as_str())), "{told}: {traces:?}");
            assert!(goes || traces.len() > 15, "{told}: {traces:?}");
        }
    }
}
