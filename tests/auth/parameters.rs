//! The numbers that security rests on, where they take effect: how passwords are kept, how much one place may ask, and
//! how long each thing is good for.

use runtime::{
    config::EphemeralTable,
    ephemeral::{
        Ephemeral,
        rate::{Counted, Limit},
        table::{Item, now, number_of, text_of},
    },
};
use serde_json::{Value, json};

use crate::harness::{
    Answer, TestApp,
    fixtures::{NEW_PASSWORD, NURSE, PASSWORD},
};

const DAY: i64 = 24 * 60 * 60;

impl TestApp {
    /// The items of the table whose sort key begins so.
    async fn items_at(&self, sort_key: &str) -> Vec<Item> {
        let table = &self.config.ephemeral_table;
        let answer = aws_sdk_dynamodb::Client::new(&self.aws).scan().table_name(table).send().await.unwrap();
        let items = answer.items.unwrap().into_iter();
        items.filter(|item| text_of(item, "sk").is_some_and(|key| key.starts_with(sort_key))).collect()
    }
}

#[tokio::test]
async fn passwords_and_codes_are_kept_as_argon2id_of_19_mib_two_passes_and_one_lane() {
    let app = TestApp::new().await;
    let client = app.anonymous();
    client.post("/v1/auth/forgot", &json!({"email": NURSE.email})).await.expect(202);
    let code = app.newest_code_of(NURSE.id).await;
    let item = app.items_at("CODE#RESET").await.pop().unwrap();
    let activate = json!({"email": NURSE.email, "code": code, "password": NEW_PASSWORD});
    assert_eq!(client.post("/v1/auth/activate", &activate).await.status, 204);
    let sql = format!("select password_hash from users where id = '{}'", NURSE.id);
    let password: String = app.database.superuser().await.query_typed(&sql, &[]).await.unwrap()[0].get(0);
    for stored in [password.as_str(), text_of(&item, "hash").unwrap()] {
        let parts: Vec<_> = stored.split('$').collect();
        assert_eq!(parts[..4], ["", "argon2id", "v=19", "m=19456,t=2,p=1"], "{stored}");
        // In base64 a salt of 16 bytes, and 32 of output.
        assert_eq!((parts[4].len(), parts[5].len()), (22, 43), "{stored}");
    }
}

#[tokio::test]
async fn each_code_is_good_for_the_time_of_its_kind_and_for_500_tries() {
    let app = TestApp::new().await;
    let (coordinator, nurse) = (app.coordinator().await, app.nurse().await);
    app.anonymous().post("/v1/auth/forgot", &json!({"email": NURSE.email})).await.expect(202);
    nurse.patch("/v1/auth/me", &json!({"phone": "+14165550998"})).await.expect(200);
    let user = json!({"email": "new@a.test", "phone": "+14165550777", "first_name": "Noor", "last_name": "Haddad",
        "role": "nurse"});
    coordinator.post("/v1/users", &user).await.expect(201);
    for (kind, seconds) in [("CODE#RESET", 15 * 60), ("CODE#PHONE", DAY), ("CODE#INVITATION", 7 * DAY)] {
        let item = app.items_at(kind).await.pop().unwrap();
        let left = number_of(&item, "expires_at").unwrap() - now();
        assert!((seconds - 60..=seconds).contains(&left), "{kind}: {left}");
        assert_eq!(number_of(&item, "tries_left"), Some(500), "{kind}");
    }
}

#[tokio::test]
async fn an_access_token_is_good_for_15_minutes_and_a_refresh_token_for_7_days() {
    let app = TestApp::new().await;
    let client = app.anonymous();
    let began = now();
    let tokens = client.login(NURSE.email, PASSWORD).await.expect(200);
    assert_eq!(tokens["expires_in"], 900);
    let claims: Value =
        jsonwebtoken::dangerous::insecure_decode_claims(tokens["access_token"].as_str().unwrap()).unwrap();
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    let families = app.items_at("").await;
    let lasts = |item: &&Item| {
        number_of(item, "expires_at").is_some_and(|at| (began + 7 * DAY..=now() + 7 * DAY).contains(&at))
    };
    assert_eq!(families.iter().filter(lasts).count(), 1, "{families:?}");
}

/// Asks once less than one place may, then twice: the answers to those two. Again where the minute turned meanwhile.
async fn at_the_limit<F: Future<Output = Answer>>(
    app: &TestApp,
    (name, count): (&'static str, i64),
    ask: impl Fn(String) -> F,
) -> [u16; 2] {
    let table = Ephemeral::new(&app.aws, &EphemeralTable(app.config.ephemeral_table.clone()));
    for place in 1..=5 {
        let place = format!("198.51.100.{place}");
        let minute = now() / 60;
        for _ in 1..count {
            assert_eq!(table.count(Limit::per_minute(name, count), &place).await.unwrap(), Counted::Within);
        }
        let answers = [ask(place.clone()).await.status, ask(place).await.status];
        if now() / 60 == minute {
            return answers;
        }
    }
    panic!("each of five tries took over a minute");
}

#[tokio::test]
async fn one_place_may_try_60_sign_ins_60_codes_and_600_refreshes_a_minute() {
    let app = TestApp::new().await;
    let sign_in = |place: String| {
        let client = app.anonymous().at(place);
        async move { client.login("nobody@a.test", "guess").await }
    };
    assert_eq!(at_the_limit(&app, ("login-address", 60), sign_in).await, [401, 429]);
    let ask_for_a_code = |place: String| {
        let client = app.anonymous().at(place);
        async move { client.post("/v1/auth/forgot", &json!({"email": "nobody@a.test"})).await }
    };
    assert_eq!(at_the_limit(&app, ("code-address", 60), ask_for_a_code).await, [202, 429]);
    let refresh = |place: String| {
        let client = app.anonymous().at(place);
        async move { client.refresh_with("x", client.device_id).await }
    };
    assert_eq!(at_the_limit(&app, ("refresh-address", 600), refresh).await, [401, 429]);
}

#[tokio::test]
async fn guesses_are_forgotten_a_day_after_the_last() {
    let app = TestApp::new().await;
    app.anonymous().login(NURSE.email, "guess").await.expect(401);
    let slowed: Vec<_> = app.items_at("").await.into_iter().filter(|item| item.contains_key("not_before")).collect();
    let left = number_of(&slowed[0], "expires_at").unwrap() - now();
    assert!((DAY - 60..=DAY).contains(&left), "{left}");
}
