//! How guessing, asking for codes, and filling the log are slowed down, and that no stranger can lock anybody out.

use runtime::{
    config::EphemeralTable,
    ephemeral::{
        Ephemeral,
        rate::{Counted, Limit},
        table::{Item, now, number, number_of},
    },
};
use serde_json::json;

use crate::harness::{
    Client, TestApp,
    fixtures::{NEW_PASSWORD, NURSE, PASSWORD},
};

/// Guesses until there is a wait.
async fn guess_until_slowed(client: &Client, email: &str) {
    for _ in 0..=20 {
        let answer = client.login(email, "guess").await;
        if answer.status == 429 {
            assert_eq!(answer.problem(429), "too-many-requests");
            return;
        }
        answer.expect(401);
    }
    panic!("guessing was never slowed down");
}

#[tokio::test]
async fn guessing_gets_slower_and_slower_and_success_forgets_it() {
    let app = TestApp::new().await;
    let client = app.anonymous();
    let waits = [[0; 9].as_slice(), &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]].concat();
    for wait in waits {
        app.let_waits_pass().await;
        let before = now();
        client.login(NURSE.email, "guess").await.expect(401);
        let until = app.waits_until().await.unwrap();
        assert!((before + wait..=now() + wait).contains(&until), "{wait}: {}", until - before);
    }
    // The right one has to wait as well.
    let answer = client.login(NURSE.email, PASSWORD).await;
    assert_eq!(answer.problem(429), "too-many-requests");
    assert!((800..=900).contains(&answer.header("retry-after").unwrap().parse().unwrap()));
    app.let_waits_pass().await;
    client.login(NURSE.email, PASSWORD).await.expect(200);
    assert_eq!(app.waits_until().await, None);
}

#[tokio::test]
async fn a_stranger_cant_lock_anybody_out() {
    let app = TestApp::new().await;
    let stranger = app.anonymous().at("198.51.100.7");
    guess_until_slowed(&stranger, NURSE.email).await;
    for n in 0..20 {
        app.anonymous().at(format!("203.0.113.{n}")).login(NURSE.email, "guess").await.expect(401);
    }
    let owner = app.anonymous();
    owner.login(NURSE.email, PASSWORD).await.expect(200);
    // Nor out of a new password.
    owner.post("/v1/auth/forgot", &json!({"email": NURSE.email})).await.expect(202);
    let code = app.newest_code_of(NURSE.id).await;
    let activate = json!({"email": NURSE.email, "code": code, "password": NEW_PASSWORD});
    assert_eq!(owner.post("/v1/auth/activate", &activate).await.status, 204);
}

#[tokio::test]
async fn a_network_of_ipv6_is_one_place() {
    let app = TestApp::new().await;
    let mut statuses = Vec::new();
    for n in 0..=15 {
        let client = app.anonymous().at(format!("2001:db8:1:2:{n:x}::1"));
        statuses.push(client.login(NURSE.email, "guess").await.status);
    }
    assert_eq!(statuses[..10], [401; 10]);
    assert!(statuses.contains(&429), "{statuses:?}");
    app.anonymous().at("2001:db8:1:3::1").login(NURSE.email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn guesses_at_once_are_no_way_around_the_wait() {
    let app = TestApp::new().await;
    let clients: Vec<_> = (0..14).map(|_| app.anonymous()).collect();
    let guesses = clients.iter().map(|client| client.login(NURSE.email, "guess"));
    let answers = futures_util::future::join_all(guesses).await;
    let refused = answers.iter().filter(|answer| answer.status == 429).count();
    assert!(refused >= 1, "{refused} of {} were slowed down", answers.len());
}

#[tokio::test]
async fn an_account_gets_ten_codes_a_day_and_three_for_one_place() {
    let app = TestApp::new().await;
    for email in [NURSE.email, "nobody@a.test"] {
        let mut statuses = Vec::new();
        for n in 0..16 {
            let client = app.anonymous().at(format!("203.0.113.{}", n / 4));
            let answer = client.post("/v1/auth/forgot", &json!({"email": email})).await;
            statuses.push(answer.status);
        }
        // Also for an address that nobody has: nothing tells them apart.
        let expected = [202, 202, 202, 429, 202, 202, 202, 429, 202, 202, 202, 429, 202, 429, 429, 429];
        assert_eq!(statuses, expected, "{email}");
    }
    assert_eq!(app.database.count("select count(*) from messages where template = 'one_time_code'").await, 10);
}

#[tokio::test]
async fn a_number_gets_ten_codes_a_day_whoever_is_invited_with_it() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    for n in 0..=10 {
        let user = json!({"email": format!("{n}@a.test"), "phone": "+14165550777", "first_name": "Noor",
            "last_name": "Haddad", "role": "nurse"});
        let answer = coordinator.post("/v1/users", &user).await;
        assert_eq!(answer.status, if n < 10 { 201 } else { 429 }, "{n}");
    }
    assert_eq!(app.database.count("select count(*) from messages").await, 10);
    assert_eq!(app.database.count("select count(*) from users where phone = '+14165550777'").await, 10);
}

#[tokio::test]
async fn refusals_cant_fill_the_log() {
    let app = TestApp::new().await;
    let recorded = "select count(*) from audit_log where action = 'auth.login_refused'";
    for n in 0..30 {
        app.anonymous().at(format!("203.0.113.{n}")).login(NURSE.email, "guess").await.expect(401);
    }
    // The hour may turn meanwhile.
    let of_account = app.database.count(recorded).await;
    assert!((20..=30).contains(&of_account), "{of_account}");
    let table = Ephemeral::new(&app.aws, &EphemeralTable(app.config.ephemeral_table.clone()));
    while table.count(Limit::per_hour("refusals-nobody", 200), "auth.login_refused").await.unwrap() == Counted::Within {
    }
    app.anonymous().login("nobody@a.test", "guess").await.expect(401);
    assert!(app.database.count(recorded).await <= of_account + 1);
}

impl TestApp {
    /// What waits in the table.
    async fn waiting(&self) -> Vec<Item> {
        let table = &self.config.ephemeral_table;
        let answer = aws_sdk_dynamodb::Client::new(&self.aws).scan().table_name(table).send().await.unwrap();
        answer.items.unwrap().into_iter().filter(|item| item.contains_key("not_before")).collect()
    }

    /// Until when the one account and place waits, if it does.
    async fn waits_until(&self) -> Option<i64> {
        self.waiting().await.first().map(|item| number_of(item, "not_before").unwrap())
    }

    /// Sets what waits in the table to a moment ago.
    async fn let_waits_pass(&self) {
        let client = aws_sdk_dynamodb::Client::new(&self.aws);
        for mut item in self.waiting().await {
            item.insert("not_before".into(), number(1));
            client.put_item().table_name(&self.config.ephemeral_table).set_item(Some(item)).send().await.unwrap();
        }
    }
}
