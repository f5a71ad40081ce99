//! Photos from the phone to whoever may see them: records, uploads by pre-signed URLs over HTTP, and what comes of them.
//!
//! The emulator is laxer than S3: it takes any signature, checksum, length and date. So what S3 would be held to is
//! looked for in what is signed, and what the emulator lets through must still not become `stored`.

use std::fmt::Write;

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::identity::Job;
use image::ImageFormat;
use jiff::{Timestamp, ToSpan};
use jobs::uploads;
use runtime::objects::Objects;
use serde_json::{Value, json};
use store::Db;
use uuid::Uuid;

use crate::harness::{
    Answer, Client, TestApp, files,
    fixtures::{AGENCY_A, ALMA, BERNARD, NURSE, NURSES_VISIT, OTHER_NURSES_VISIT},
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn sha256(file: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, file).as_ref())
}

/// The body that declares a file.
fn declared(id: Uuid, owner: (&str, Uuid), kind: &str, content_type: &str, file: &[u8]) -> Value {
    json!({"id": id, owner.0: owner.1, "kind": kind, "content_type": content_type, "bytes": file.len(),
        "sha256": sha256(file)})
}

/// A photo of Alma, at the nurse's visit.
fn photo(id: Uuid, file: &[u8]) -> Value {
    declared(id, ("visit_id", NURSES_VISIT), "photo", "image/jpeg", file)
}

/// An HTTP client. All goes to loopback in plain text, but this one is not built without a provider for TLS.
fn http() -> reqwest::Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::new()
}

/// Sends a file as a phone does, to where the answer of `POST /v1/photos` says.
async fn send(answer: &Value, file: &[u8]) -> u16 {
    let upload = &answer["upload"];
    assert_eq!(upload["method"], "PUT");
    let mut request = http().put(upload["url"].as_str().unwrap()).body(file.to_vec());
    for (name, value) in upload["headers"].as_object().unwrap() {
        // The HTTP client counts for itself.
        if name != "content-length" {
            request = request.header(name, value.as_str().unwrap());
        }
    }
    request.send().await.unwrap().status().as_u16()
}

/// Declares, sends and completes.
async fn bring(client: &Client, body: &Value, file: &[u8]) -> Value {
    let declared = client.post("/v1/photos", body).await.expect(201);
    assert_eq!(send(&declared, file).await, 200);
    complete(client, body).await.expect(200)
}

async fn complete(client: &Client, body: &Value) -> Answer {
    client.send("POST", &format!("/v1/photos/{}/complete", body["id"].as_str().unwrap()), None, &[]).await
}

async fn fetch(photo: &Value) -> reqwest::Response {
    http().get(photo["download"]["url"].as_str().unwrap()).send().await.unwrap()
}

/// What S3 tells the function of an upload.
fn arrival(app: &TestApp, id: Uuid) -> Value {
    json!({"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "ca-central-1",
        "eventTime": "2026-11-20T14:31:07.412Z", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": app.config.photos_bucket}, "object": {"key": format!("uploads/{id}")}}}]})
}

fn bucket(app: &TestApp) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&app.aws).force_path_style(true).build();
    aws_sdk_s3::Client::from_conf(config)
}

/// Keys of the photos bucket, one for each version that is there.
async fn stored_keys(app: &TestApp) -> Vec<String> {
    let page = bucket(app).list_object_versions().bucket(&app.config.photos_bucket).send().await.unwrap();
    page.versions().iter().map(|version| version.key().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_photo_goes_up_by_its_url_and_comes_back_clean() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let (id, file) = (Uuid::now_v7(), files::jpeg(800, 600, 6));
    let body = photo(id, &file);

    let declared = nurse.post("/v1/photos", &body).await.expect(201);
    assert_eq!((&declared["photo"]["status"], &declared["photo"]["client_id"]), (&json!("pending"), &json!(ALMA)));
    assert_eq!(send(&declared, &file).await, 200);
    let stored = complete(&nurse, &body).await.expect(200);
    assert_eq!((&stored["status"], &stored["rejected_because"]), (&json!("stored"), &json!(null)));
    assert_eq!(stored["sha256"], sha256(&file), "the original's, as evidence");

    let path = format!("/v1/photos/{id}");
    let answer = nurse.get(&path).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let read = answer.expect(200);
    let url = read["download"]["url"].as_str().unwrap();
    assert!(url.contains(&format!("/visits/{NURSES_VISIT}/photos/{id}.jpg?")), "{url}");
    assert!(url.contains("X-Amz-Expires=900"), "{url}");
    let response = fetch(&read).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "image/jpeg");
    assert_eq!(response.headers()["content-disposition"], format!("attachment; filename=\"photo-{id}.jpg\""));
    let copy = response.bytes().await.unwrap();
    assert!(!copy.windows(24).any(|window| window == files::place()));
    let image = image::load_from_memory_with_format(&copy, ImageFormat::Jpeg).unwrap();
    assert_eq!((image.width(), image.height()), (600, 800), "upright");

    let thumb = nurse.get(&format!("{path}?size=thumb")).await.expect(200);
    let copy = fetch(&thumb).await.bytes().await.unwrap();
    let image = image::load_from_memory_with_format(&copy, ImageFormat::Jpeg).unwrap();
    assert_eq!((image.width(), image.height()), (300, 400));

    // Of the upload, in which the place still was, nothing is left.
    let mut keys = stored_keys(&app).await;
    keys.sort();
    let clean = format!("visits/{NURSES_VISIT}/photos/{id}");
    assert_eq!(keys, [format!("{clean}.jpg"), format!("{clean}.thumb.jpg")]);
}

#[tokio::test]
async fn the_url_holds_s3_to_what_was_declared() {
    let app = TestApp::new().await;
    let file = files::jpeg(80, 60, 1);
    let answer = app.nurse().await.post("/v1/photos", &photo(Uuid::now_v7(), &file)).await.expect(201);
    let upload = &answer["upload"];
    let url = upload["url"].as_str().unwrap();
    for signed in [
        "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost%3Bif-none-match%3Bx-amz-checksum-sha256",
        "X-Amz-Expires=900",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "X-Amz-Signature=",
    ] {
        assert!(url.contains(signed), "{signed} is not in {url}");
    }
    // Whatever else were signed, a phone could not know to send.
    assert!(!url.to_lowercase().contains("crc32"), "{url}");
    let checksum = STANDARD.encode(digest::digest(&digest::SHA256, &file));
    assert_eq!(
        upload["headers"],
        json!({"content-length": file.len().to_string(), "content-type": "image/jpeg", "if-none-match": "*",
            "x-amz-checksum-sha256": checksum})
    );
    let expires_at: Timestamp = upload["expires_at"].as_str().unwrap().parse().unwrap();
    let left = expires_at.duration_since(Timestamp::now());
    assert!(left.as_secs() <= 900 && left.as_secs() > 800, "{left:?}");
}

#[tokio::test]
async fn asked_again_there_is_a_fresh_url_for_the_same_photo() {
    let app = TestApp::new().await;
    let (nurse, coordinator) = (app.nurse().await, app.coordinator().await);
    let (id, file) = (Uuid::now_v7(), files::jpeg(80, 60, 1));
    let body = photo(id, &file);
    let first = nurse.post("/v1/photos", &body).await.expect(201);
    let again = nurse.post("/v1/photos", &body).await.expect(201);
    assert_eq!(first["photo"], again["photo"]);
    let object = |answer: &Value| answer["upload"]["url"].as_str().unwrap().split('?').next().unwrap().to_owned();
    assert_eq!(object(&first), object(&again));
    assert!(object(&first).ends_with(&format!("/uploads/{id}")));
    for (field, value) in [("bytes", json!(7)), ("kind", json!("profile")), ("caption", json!("another"))] {
        let mut other = body.clone();
        other[field] = value;
        if field == "kind" {
            other["visit_id"] = json!(null);
            other["client_id"] = json!(ALMA);
        }
        assert_eq!(nurse.post("/v1/photos", &other).await.problem(409), "id-taken", "{field}");
    }
    // By the old URL as well as by the new one, and just once.
    assert_eq!(send(&first, &file).await, 200);
    assert_eq!(send(&again, &file).await, 412, "an upload replaces nothing");
    assert_eq!(complete(&nurse, &body).await.expect(200)["status"], "stored");
    let done = nurse.post("/v1/photos", &body).await.expect(201);
    assert_eq!((&done["photo"]["status"], &done["upload"]), (&json!("stored"), &json!(null)));
    // A late second upload by an old URL (the first is gone from there) changes nothing.
    assert_eq!(send(&again, &file).await, 200);
    assert_eq!(app.functions().tell_photos(arrival(&app, id)).await.unwrap(), Value::Null);
    assert_eq!(coordinator.get(&format!("/v1/photos/{id}")).await.expect(200)["status"], "stored");
    // Somebody else's photo is theirs to send.
    let aide = app.aide().await;
    aide.post("/v1/photos", &body).await.expect(403);
    aide.send("POST", &format!("/v1/photos/{id}/complete"), None, &[]).await.expect(403);
}

/// S3 itself refuses all of these but the first; the emulator takes them, and still nothing comes of it.
#[tokio::test]
async fn what_was_not_declared_is_not_stored() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let file = files::jpeg(80, 60, 1);
    let other = files::jpeg(80, 60, 3);
    let longer = [&file[..], b"more"].concat();
    let same_length: Vec<u8> = file.iter().rev().copied().collect();
    for (sent, content_type, reason) in [
        (&files::zip(), None, "what arrived is not as long as it was declared to be"),
        (&longer, None, "what arrived is not as long as it was declared to be"),
        (&same_length, None, "what arrived has another SHA-256 than was declared"),
        (&file, Some("image/png"), "what arrived is not of the type that it was declared to be"),
    ] {
        let id = Uuid::now_v7();
        let mut answer = nurse.post("/v1/photos", &photo(id, &file)).await.expect(201);
        if let Some(content_type) = content_type {
            answer["upload"]["headers"]["content-type"] = json!(content_type);
        }
        assert_eq!(send(&answer, sent).await, 200);
        let rejected = complete(&nurse, &photo(id, &file)).await.expect(200);
        assert_eq!((&rejected["status"], &rejected["rejected_because"]), (&json!("rejected"), &json!(reason)));
        // That is the last word: the right bytes come too late, and nothing is ever fetched.
        let again = nurse.post("/v1/photos", &photo(id, &file)).await.expect(201);
        assert_eq!((&again["photo"]["status"], &again["upload"]), (&json!("rejected"), &json!(null)));
        assert_eq!(complete(&nurse, &photo(id, &file)).await.expect(200)["status"], "rejected");
        assert_eq!(nurse.get(&format!("/v1/photos/{id}")).await.expect(200)["download"], json!(null));
    }

    // By an altered URL it lands elsewhere, where no record is.
    let id = Uuid::now_v7();
    let mut answer = nurse.post("/v1/photos", &photo(id, &file)).await.expect(201);
    let url = answer["upload"]["url"].as_str().unwrap().replace(&id.to_string(), &Uuid::now_v7().to_string());
    answer["upload"]["url"] = json!(url);
    assert_eq!(send(&answer, &file).await, 200);
    assert_eq!(complete(&nurse, &photo(id, &file)).await.problem(409), "not-arrived");
    // What is right in all that was declared, and is no photo.
    for (content_type, kind, owner, file, reason) in [
        ("image/png", "photo", ("visit_id", NURSES_VISIT), b"<svg/>".to_vec(), "what arrived is not a PNG"),
        (
            "image/png",
            "photo",
            ("client_id", ALMA),
            files::png_of_zeros(60_000, 60_000, 1 << 20),
            "it has more than 50 megapixels",
        ),
        ("image/jpeg", "photo", ("client_id", ALMA), other[..other.len() - 20].to_vec(), "it is damaged or incomplete"),
        (
            "image/jpeg",
            "profile",
            ("client_id", ALMA),
            [&other[..], &files::zip()].concat(),
            "it is an archive at the same time",
        ),
        ("application/pdf", "document", ("client_id", ALMA), files::encrypted_pdf(), "it is encrypted"),
    ] {
        let body = declared(Uuid::now_v7(), owner, kind, content_type, &file);
        let rejected = bring(&nurse, &body, &file).await;
        assert_eq!((&rejected["status"], &rejected["rejected_because"]), (&json!("rejected"), &json!(reason)));
    }
    let keys = stored_keys(&app).await;
    assert!(keys.iter().all(|key| key.starts_with("uploads/")), "{keys:?}");
}

#[tokio::test]
async fn whoever_tells_of_an_upload_first_or_at_once_it_is_stored_once() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let (id, file) = (Uuid::now_v7(), files::jpeg(400, 300, 6));
    let body = photo(id, &file);
    let answer = nurse.post("/v1/photos", &body).await.expect(201);
    assert_eq!(complete(&nurse, &body).await.problem(409), "not-arrived");
    app.functions().tell_photos(arrival(&app, id)).await.unwrap();
    send(&answer, &file).await;

    let environments: Vec<_> = (0..3).map(|_| app.another_environment()).collect();
    let told = environments.iter().map(|functions| functions.tell_photos(arrival(&app, id)));
    let completed = environments.iter().map(|functions| async {
        let nurse = nurse.through(functions.clone());
        complete(&nurse, &body).await
    });
    let (told, completed) =
        futures_util::join!(futures_util::future::join_all(told), futures_util::future::join_all(completed));
    for answer in told {
        answer.unwrap();
    }
    for answer in completed {
        assert_eq!(answer.expect(200)["status"], "stored");
    }
    complete(&nurse, &body).await.expect(200);
    assert_eq!(app.database.count("select count(*) from audit_log where action = 'photo.store'").await, 1);
    // Of the copies that came too late nothing is left either.
    let mut keys = stored_keys(&app).await;
    keys.sort();
    let clean = format!("visits/{NURSES_VISIT}/photos/{id}");
    assert_eq!(keys, [format!("{clean}.jpg"), format!("{clean}.thumb.jpg")]);
    let read = nurse.get(&format!("/v1/photos/{id}")).await.expect(200);
    assert_eq!(fetch(&read).await.status(), 200);
}

#[tokio::test]
async fn an_upload_that_nobody_completes_is_finished_all_the_same() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let (good, bad, file) = (Uuid::now_v7(), Uuid::now_v7(), files::jpeg(80, 60, 1));
    for (id, sent) in [(good, &file[..]), (bad, b"<svg/>")] {
        let body = declared(id, ("client_id", ALMA), "photo", "image/jpeg", sent);
        let answer = nurse.post("/v1/photos", &body).await.expect(201);
        send(&answer, sent).await;
    }
    let mut event = arrival(&app, good);
    let records = event["Records"].as_array_mut().unwrap();
    records.extend(arrival(&app, bad)["Records"].as_array().unwrap().clone());
    // Of no photo, of another bucket, and of no upload.
    records.extend(arrival(&app, Uuid::now_v7())["Records"].as_array().unwrap().clone());
    let mut elsewhere = arrival(&app, good)["Records"][0].clone();
    elsewhere["s3"]["bucket"]["name"] = json!("somebody-elses");
    let mut clean = arrival(&app, good)["Records"][0].clone();
    clean["s3"]["object"]["key"] = json!(format!("clients/{ALMA}/photos/{good}.jpg"));
    records.extend([elsewhere, clean]);
    assert_eq!(app.functions().tell_photos(event).await.unwrap(), Value::Null);
    for (id, status) in [(good, "stored"), (bad, "rejected")] {
        assert_eq!(nurse.get(&format!("/v1/photos/{id}")).await.expect(200)["status"], status);
    }
    // Requests go through the same entrance.
    let request: Value = serde_json::from_str(include_str!("../../events/photos/complete.json")).unwrap();
    let answer = app.functions().tell_photos(request).await.unwrap();
    assert_eq!(answer["statusCode"], 401, "{answer}");
}

/// A record as a phone pushes it.
fn pushed(body: &Value) -> Value {
    let mut row = body.clone();
    for (name, value) in [
        ("client_id", json!(null)),
        ("visit_id", json!(null)),
        ("user_id", json!(null)),
        ("shared_with_family", json!(false)),
        ("status", json!("pending")),
        ("taken_at", json!(null)),
        ("caption", json!(null)),
        ("created_at", json!(1)),
        ("updated_at", json!(1)),
        ("_status", json!("created")),
        ("_changed", json!("")),
    ] {
        if row.get(name).is_none() {
            row[name] = value;
        }
    }
    row
}

async fn push(client: &Client, rows: &[Value]) -> Value {
    let changes = json!({"changes": {"photos": {"created": rows, "updated": [], "deleted": []}}});
    client.post("/v1/sync", &changes).await.expect(200)
}

#[tokio::test]
async fn a_phone_may_push_the_record_before_or_after() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let file = files::jpeg(80, 60, 1);

    let before = photo(Uuid::now_v7(), &file);
    assert_eq!(push(&nurse, &[pushed(&before)]).await["applied"], 1);
    assert_eq!(bring(&nurse, &before, &file).await["status"], "stored");
    // Once more, with the same answer: a push that the phone repeats.
    assert_eq!(push(&nurse, &[pushed(&before)]).await["unchanged"], 1);
    assert_eq!(nurse.post("/v1/photos", &before).await.expect(201)["photo"]["status"], "stored");

    let after = photo(Uuid::now_v7(), &file);
    assert_eq!(bring(&nurse, &after, &file).await["status"], "stored");
    let told = push(&nurse, &[pushed(&after)]).await;
    assert_eq!((&told["unchanged"], &told["rejected"]), (&json!(1), &json!([])), "{told}");
    for body in [&before, &after] {
        let id = body["id"].as_str().unwrap();
        assert_eq!(nurse.get(&format!("/v1/photos/{id}")).await.expect(200)["status"], "stored");
    }

    // Pushed as something else, it is something else.
    let third = photo(Uuid::now_v7(), &file);
    push(&nurse, &[pushed(&third)]).await;
    let mut other = third.clone();
    other["bytes"] = json!(9);
    assert_eq!(nurse.post("/v1/photos", &other).await.problem(409), "id-taken");
    nurse.post("/v1/photos", &third).await.expect(201);
}

#[tokio::test]
async fn a_push_is_judged_as_its_path_would_and_never_fails_as_a_whole() {
    let app = TestApp::new().await;
    let (nurse, aide) = (app.nurse().await, app.aide().await);
    let file = files::jpeg(80, 60, 1);
    let of = |owner, kind, content_type| pushed(&declared(Uuid::now_v7(), owner, kind, content_type, &file));
    let mut empty = of(("client_id", ALMA), "photo", "image/jpeg");
    empty["bytes"] = json!(0);
    let mut large = of(("client_id", ALMA), "photo", "image/jpeg");
    large["bytes"] = json!(16 << 20);
    let good = of(("visit_id", NURSES_VISIT), "signature", "image/png");
    let bad = [
        empty,
        large,
        of(("visit_id", OTHER_NURSES_VISIT), "photo", "image/jpeg"),
        of(("client_id", BERNARD), "photo", "image/jpeg"),
        of(("client_id", ALMA), "photo", "text/html"),
        of(("client_id", ALMA), "signature", "image/png"),
        of(("visit_id", NURSES_VISIT), "document", "application/pdf"),
        of(("visit_id", NURSES_VISIT), "profile", "image/jpeg"),
        of(("user_id", crate::harness::fixtures::AIDE.id), "profile", "image/jpeg"),
    ];
    let told = push(&nurse, &[&bad[..], &[good]].concat()).await;
    assert_eq!(told["applied"], 1, "{told}");
    assert_eq!(told["rejected"].as_array().unwrap().len(), bad.len(), "{told}");
    let of_nurse = of(("visit_id", NURSES_VISIT), "signature", "image/png");
    let document = of(("client_id", ALMA), "document", "application/pdf");
    let told = push(&aide, &[of_nurse, document, of(("visit_id", NURSES_VISIT), "photo", "image/jpeg")]).await;
    assert_eq!((&told["applied"], told["rejected"].as_array().unwrap().len()), (&json!(1), 2), "{told}");
}

#[tokio::test]
async fn a_photo_may_come_before_its_visit() {
    let app = TestApp::new().await;
    let (nurse, aide) = (app.nurse().await, app.aide().await);
    let (id, visit, file) = (Uuid::now_v7(), Uuid::now_v7(), files::jpeg(80, 60, 1));
    let body = declared(id, ("visit_id", visit), "photo", "image/jpeg", &file);
    let stored = bring(&nurse, &body, &file).await;
    assert_eq!((&stored["status"], &stored["client_id"]), (&json!("stored"), &json!(null)));
    let path = format!("/v1/photos/{id}");
    nurse.get(&path).await.expect(200);
    aide.get(&path).await.expect(404);

    let start = Timestamp::now() + 24.hours();
    let planned = json!({"id": visit, "client_id": ALMA, "user_id": NURSE.id, "scheduled_start": start,
        "scheduled_end": start + 30.minutes()});
    nurse.post("/v1/visits", &planned).await.expect(201);
    assert_eq!(aide.get(&path).await.expect(200)["client_id"], json!(ALMA));
    let list = nurse.get(&format!("/v1/photos?client_id={ALMA}")).await.expect(200);
    assert_eq!(list["items"][0]["id"], json!(id));
}

#[tokio::test]
async fn a_photo_of_a_visit_that_turns_out_to_be_anothers_is_rejected() {
    let app = TestApp::new().await;
    let (nurse, coordinator) = (app.nurse().await, app.coordinator().await);
    let (id, visit, file) = (Uuid::now_v7(), Uuid::now_v7(), files::jpeg(80, 60, 1));
    let body = declared(id, ("visit_id", visit), "photo", "image/jpeg", &file);
    let answer = nurse.post("/v1/photos", &body).await.expect(201);
    send(&answer, &file).await;
    let start = Timestamp::now() + 24.hours();
    let planned = json!({"id": visit, "client_id": BERNARD, "user_id": crate::harness::fixtures::OTHER_NURSE.id,
        "scheduled_start": start, "scheduled_end": start + 30.minutes()});
    coordinator.post("/v1/visits", &planned).await.expect(201);
    let rejected = complete(&nurse, &body).await.expect(200);
    assert_eq!(rejected["rejected_because"], "it belongs to a visit of somebody else");
    let keys = stored_keys(&app).await;
    assert!(keys.iter().all(|key| key.starts_with("uploads/")), "{keys:?}");
}

#[tokio::test]
async fn what_was_taken_before_the_client_was_taken_away_still_arrives() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let file = files::jpeg(80, 60, 1);
    let body = declared(Uuid::now_v7(), ("client_id", ALMA), "photo", "image/jpeg", &file);
    nurse.post("/v1/photos", &body).await.expect(201);
    let gone = format!("update care_team set deleted_at = now() where user_id = '{}'", NURSE.id);
    app.database.write(AGENCY_A, &gone).await;
    nurse.get(&format!("/v1/clients/{ALMA}")).await.expect(404);

    assert_eq!(bring(&nurse, &body, &file).await["status"], "stored");
    // It is in Alma's record, which is not the nurse's any more.
    nurse.get(&format!("/v1/photos/{}", body["id"].as_str().unwrap())).await.expect(404);
    let mut another = body.clone();
    another["id"] = json!(Uuid::now_v7());
    assert_eq!(nurse.post("/v1/photos", &another).await.faults(), ["#/client_id"]);
}

#[tokio::test]
async fn a_family_sees_what_is_shared_while_the_client_consents() {
    let app = TestApp::new().await;
    let (nurse, coordinator, family) = (app.nurse().await, app.coordinator().await, app.family().await);
    let file = files::jpeg(80, 60, 1);
    let body = declared(Uuid::now_v7(), ("client_id", ALMA), "photo", "image/jpeg", &file);
    bring(&nurse, &body, &file).await;
    let path = format!("/v1/photos/{}", body["id"].as_str().unwrap());
    let consent = async |kind: &str, granted: bool| {
        let consent = json!({"kind": kind, "granted": granted, "method": "by phone"});
        coordinator.post(&format!("/v1/clients/{ALMA}/consents"), &consent).await.expect(201);
    };
    let shown = async |what: &str, expected: bool| {
        assert_eq!(family.get(&path).await.status, if expected { 200 } else { 404 }, "{what}");
        let thumb = family.get(&format!("{path}?size=thumb")).await;
        assert_eq!(thumb.status, if expected { 200 } else { 404 }, "{what}");
        let list = family.get(&format!("/v1/photos?client_id={ALMA}")).await;
        let listed = list.json()["items"].as_array().map_or(0, Vec::len);
        assert_eq!(listed, usize::from(expected), "{what}: {list:?}");
        assert_eq!(nurse.get(&path).await.expect(200)["shown_to_family"], expected, "{what}");
        // The client's family view and what planners see of it say the same.
        for who in [&family, &coordinator] {
            let view = who.get(&format!("/v1/family/clients/{ALMA}")).await;
            let photos = view.json()["photos"].as_array().map_or(0, Vec::len);
            assert_eq!(photos, usize::from(expected), "{what}: {view:?}");
        }
    };
    shown("neither shared nor consented", false).await;
    consent("photos", true).await;
    shown("not shared", false).await;
    nurse.patch(&path, &json!({"shared_with_family": true, "caption": "First walk"})).await.expect(200);
    shown("shared", true).await;
    consent("photos", false).await;
    shown("consent to photos withdrawn", false).await;
    consent("photos", true).await;
    consent("family_sharing", false).await;
    shown("consent to sharing withdrawn", false).await;
    consent("family_sharing", true).await;
    shown("all given again", true).await;

    let read = family.get(&path).await.expect(200);
    for hidden in ["created_by", "sha256"] {
        assert_eq!(read.get(hidden), None, "{hidden}");
    }
    assert_eq!(fetch(&read).await.status(), 200);
    for refused in [
        family.patch(&path, &json!({"caption": "Mine"})).await,
        family.delete(&path).await,
        family.post("/v1/photos", &body).await,
        complete(&family, &body).await,
    ] {
        assert_eq!(refused.problem(403), "forbidden");
    }
    coordinator.patch(&path, &json!({"shared_with_family": false})).await.expect(200);
    shown("no longer shared", false).await;
}

#[tokio::test]
async fn what_was_not_drawn_anew_is_never_a_familys() {
    let app = TestApp::new().await;
    let (nurse, coordinator, family) = (app.nurse().await, app.coordinator().await, app.family().await);
    let consent = json!({"kind": "photos", "granted": true, "method": "signed form"});
    coordinator.post(&format!("/v1/clients/{ALMA}/consents"), &consent).await.expect(201);
    let file = files::heic(4032, 3024);
    let mut body = declared(Uuid::now_v7(), ("client_id", ALMA), "photo", "image/heic", &file);
    body["shared_with_family"] = json!(true);
    let stored = bring(&nurse, &body, &file).await;
    assert_eq!((&stored["status"], &stored["has_thumbnail"]), (&json!("stored"), &json!(false)));
    assert_eq!((&stored["shared_with_family"], &stored["shown_to_family"]), (&json!(true), &json!(false)));
    let path = format!("/v1/photos/{}", body["id"].as_str().unwrap());
    family.get(&path).await.expect(404);
    assert_eq!(family.get(&format!("/v1/photos?client_id={ALMA}")).await.expect(200)["items"], json!([]));
    // Staff get it, without its place; a thumbnail there is none.
    let read = nurse.get(&path).await.expect(200);
    assert!(read["download"]["url"].as_str().unwrap().contains(".heic?"), "{read}");
    let copy = fetch(&read).await.bytes().await.unwrap();
    assert!(!copy.windows(24).any(|window| window == files::place()));
    assert_eq!(nurse.get(&format!("{path}?size=thumb")).await.expect(200)["download"], json!(null));
}

#[tokio::test]
async fn a_signature_can_be_given_anew_until_its_visit_is_completed() {
    let app = TestApp::new().await;
    let (nurse, coordinator) = (app.nurse().await, app.coordinator().await);
    let sign = async |seed: u8| {
        let file = files::signature(seed);
        let body = declared(Uuid::now_v7(), ("visit_id", NURSES_VISIT), "signature", "image/png", &file);
        let signed = bring(&nurse, &body, &file).await;
        (format!("/v1/photos/{}", body["id"].as_str().unwrap()), signed)
    };
    let (first, signed) = sign(1).await;
    assert_eq!(signed["status"], "stored");
    let url = nurse.get(&first).await.expect(200)["download"]["url"].as_str().unwrap().to_owned();
    assert!(url.contains(&format!("/visits/{NURSES_VISIT}/signature.png?")), "{url}");
    let (second, _) = sign(2).await;
    nurse.get(&first).await.expect(404);

    let at = |minutes: i64| json!({"at": Timestamp::now() - minutes.minutes()});
    nurse.post(&format!("/v1/visits/{NURSES_VISIT}/check-in"), &at(9)).await.expect(200);
    nurse.post(&format!("/v1/visits/{NURSES_VISIT}/check-out"), &at(1)).await.expect(200);
    let (_, third) = sign(3).await;
    assert_eq!(third["rejected_because"], "the visit is signed and completed");
    for who in [&nurse, &coordinator] {
        assert_eq!(who.delete(&second).await.problem(409), "final");
        assert_eq!(who.patch(&second, &json!({"caption": "Somebody else"})).await.problem(409), "final");
    }
    // Not by a push either, which goes on for the rest.
    let id = second.rsplit('/').next().unwrap();
    let changes = json!({"changes": {"photos": {"created": [], "updated": [], "deleted": [id]}}});
    let told = nurse.post("/v1/sync", &changes).await.expect(200);
    assert_eq!(told["rejected"][0]["reason"], "the visit is signed and completed");
    // What is given out is what was signed, byte by byte, though the key was written three times.
    let image = fetch(&nurse.get(&second).await.expect(200)).await.bytes().await.unwrap();
    let decoded = |file: &[u8]| image::load_from_memory_with_format(file, ImageFormat::Png).unwrap().to_rgba8();
    assert_eq!(decoded(&image), decoded(&files::signature(2)));
    let list = nurse.get(&format!("/v1/photos?visit_id={NURSES_VISIT}&kind=signature&status=stored")).await.expect(200);
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_signature_may_arrive_after_its_visit_was_completed() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let at = |minutes: i64| json!({"at": Timestamp::now() - minutes.minutes()});
    nurse.post(&format!("/v1/visits/{NURSES_VISIT}/check-in"), &at(9)).await.expect(200);
    nurse.post(&format!("/v1/visits/{NURSES_VISIT}/check-out"), &at(1)).await.expect(200);
    let file = files::signature(1);
    let body = declared(Uuid::now_v7(), ("visit_id", NURSES_VISIT), "signature", "image/png", &file);
    assert_eq!(bring(&nurse, &body, &file).await["status"], "stored");
}

#[tokio::test]
async fn the_newest_profile_picture_counts() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    for owner in [("client_id", ALMA), ("user_id", NURSE.id)] {
        let mut last = Uuid::nil();
        for width in [50, 60] {
            last = Uuid::now_v7();
            let file = files::webp(width, 40, 1);
            let body = declared(last, owner, "profile", "image/webp", &file);
            assert_eq!(bring(&nurse, &body, &file).await["status"], "stored");
        }
        let (field, of) = owner;
        let found = nurse.get(&format!("/v1/photos?{field}={of}&kind=profile")).await.expect(200);
        assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{found}");
        assert_eq!(found["items"][0]["id"], json!(last));
        let read = nurse.get(&format!("/v1/photos/{last}")).await.expect(200);
        let url = read["download"]["url"].as_str().unwrap();
        let folder = if field == "client_id" { "clients" } else { "users" };
        assert!(url.contains(&format!("/{folder}/{of}/profile.jpg?")), "{url}");
        let image = image::load_from_memory(&fetch(&read).await.bytes().await.unwrap()).unwrap();
        assert_eq!(image.width(), 60);
    }
}

#[tokio::test]
async fn documents_have_versions() {
    let app = TestApp::new().await;
    let (nurse, coordinator, aide) = (app.nurse().await, app.coordinator().await, app.aide().await);
    let file = files::pdf();
    let first = declared(Uuid::now_v7(), ("client_id", ALMA), "document", "application/pdf", &file);
    assert_eq!(bring(&nurse, &first, &file).await["version"], 1);
    let mut second = declared(Uuid::now_v7(), ("client_id", ALMA), "document", "application/pdf", &file);
    second["replaces"] = first["id"].clone();
    let list = async |query: &str| {
        let list = nurse.get(&format!("/v1/photos?client_id={ALMA}&kind=document{query}")).await.expect(200);
        list["items"].as_array().unwrap().iter().map(|item| item["version"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    let declared_only = coordinator.post("/v1/photos", &second).await.expect(201);
    assert_eq!(declared_only["photo"]["version"], 2);
    assert_eq!(list("&status=stored").await, [1], "until the second has arrived, the first is the newest");
    send(&declared_only, &file).await;
    assert_eq!(complete(&coordinator, &second).await.expect(200)["version"], 2);
    assert_eq!(list("").await, [2]);
    assert_eq!(list("&all_versions=true").await, [2, 1]);

    let read = nurse.get(&format!("/v1/photos/{}", second["id"].as_str().unwrap())).await.expect(200);
    let url = read["download"]["url"].as_str().unwrap();
    let key = format!("{}/care-plans/{ALMA}/{}.pdf?", app.config.documents_bucket, second["id"].as_str().unwrap());
    assert!(url.contains(&key), "{url}");
    let response = fetch(&read).await;
    assert_eq!(response.headers()["content-type"], "application/pdf");
    assert_eq!(response.bytes().await.unwrap(), file);

    let mut branch = declared(Uuid::now_v7(), ("client_id", ALMA), "document", "application/pdf", &file);
    branch["replaces"] = first["id"].clone();
    assert_eq!(coordinator.post("/v1/photos", &branch).await.problem(409), "final");
    branch["id"] = json!(Uuid::now_v7());
    branch["client_id"] = json!(BERNARD);
    assert_eq!(coordinator.post("/v1/photos", &branch).await.faults(), ["#/replaces"]);
    // Care plans are not the aide's.
    aide.get(&format!("/v1/photos/{}", first["id"].as_str().unwrap())).await.expect(404);
    let mut aides = first.clone();
    aides["id"] = json!(Uuid::now_v7());
    assert_eq!(aide.post("/v1/photos", &aides).await.faults(), ["#/client_id"]);
}

#[tokio::test]
async fn lists_are_the_clients_or_the_visits_in_pages() {
    let app = TestApp::new().await;
    let (nurse, aide) = (app.nurse().await, app.aide().await);
    let file = files::jpeg(20, 10, 1);
    let mut ids = Vec::new();
    for (minute, owner) in
        [("visit_id", NURSES_VISIT), ("client_id", ALMA), ("visit_id", NURSES_VISIT)].into_iter().enumerate()
    {
        let mut body = declared(Uuid::now_v7(), owner, "photo", "image/jpeg", &file);
        body["taken_at"] = json!(format!("2026-11-20T14:0{minute}:00Z"));
        nurse.post("/v1/photos", &body).await.expect(201);
        ids.insert(0, body["id"].as_str().unwrap().to_owned());
    }
    let of = |answer: &Value| -> Vec<String> {
        answer["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    let path = format!("/v1/photos?client_id={ALMA}&limit=2");
    let page = aide.get(&path).await.expect(200);
    assert_eq!(of(&page), ids[..2]);
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = aide.get(&format!("{path}&cursor={cursor}")).await.expect(200);
    assert_eq!((of(&page), &page["next_cursor"]), (ids[2..].to_vec(), &json!(null)));
    let page = aide.get(&format!("/v1/photos?visit_id={NURSES_VISIT}")).await.expect(200);
    assert_eq!(of(&page), [ids[0].clone(), ids[2].clone()]);
    for item in page["items"].as_array().unwrap() {
        assert_eq!(item["download"], json!(null));
    }
    assert_eq!(nurse.get("/v1/photos").await.faults(), ["client_id", "user_id", "visit_id"]);
    for path in ["client_id", "visit_id"] {
        nurse.get(&format!("/v1/photos?{path}={}", Uuid::now_v7())).await.expect(404);
    }
}

#[tokio::test]
async fn every_fault_of_a_declaration_is_named() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let file = files::jpeg(20, 10, 1);
    let good = photo(Uuid::now_v7(), &file);
    let with = |changes: &[(&str, Value)]| {
        let mut body = good.clone();
        for (name, value) in changes {
            body[*name] = value.clone();
        }
        body
    };
    for (body, places) in [
        (with(&[("client_id", json!(ALMA))]), vec!["#/client_id", "#/user_id", "#/visit_id"]),
        (with(&[("visit_id", json!(null))]), vec!["#/client_id", "#/user_id", "#/visit_id"]),
        (with(&[("visit_id", json!(OTHER_NURSES_VISIT))]), vec!["#/visit_id"]),
        (with(&[("visit_id", json!(null)), ("client_id", json!(BERNARD))]), vec!["#/client_id"]),
        (with(&[("visit_id", json!(null)), ("client_id", json!(Uuid::now_v7()))]), vec!["#/client_id"]),
        (with(&[("visit_id", json!(null)), ("user_id", json!(NURSE.id))]), vec!["#/user_id"]),
        (with(&[("content_type", json!("image/svg+xml"))]), vec!["#/content_type"]),
        (with(&[("content_type", json!("application/pdf"))]), vec!["#/content_type"]),
        (with(&[("kind", json!("signature"))]), vec!["#/content_type"]),
        (with(&[("kind", json!("profile"))]), vec!["#/kind"]),
        (with(&[("kind", json!("document"))]), vec!["#/content_type", "#/kind"]),
        (with(&[("bytes", json!(0))]), vec!["#/bytes"]),
        (with(&[("bytes", json!((15 << 20) + 1))]), vec!["#/bytes"]),
        (with(&[("sha256", json!("abc"))]), vec!["#/sha256"]),
        (with(&[("replaces", json!(Uuid::now_v7()))]), vec!["#/replaces"]),
        (
            with(&[("caption", json!("x".repeat(501))), ("object_key", json!("../x"))]),
            vec!["#/caption", "#/object_key"],
        ),
        (
            with(&[
                ("kind", json!("signature")),
                ("content_type", json!("image/png")),
                ("shared_with_family", json!(true)),
            ]),
            vec!["#/shared_with_family"],
        ),
    ] {
        assert_eq!(nurse.post("/v1/photos", &body).await.faults(), places, "{body}");
    }
    nurse.post("/v1/photos", &good).await.expect(201);
    assert_eq!(nurse.get("/v1/photos/7").await.faults(), ["id"]);
    assert_eq!(nurse.get(&format!("/v1/photos/{}?size=huge", Uuid::now_v7())).await.faults(), ["size"]);
    complete(&nurse, &json!({"id": Uuid::now_v7()})).await.expect(404);
}

#[tokio::test]
async fn changes_are_to_what_the_writer_saw() {
    let app = TestApp::new().await;
    let (nurse, aide) = (app.nurse().await, app.aide().await);
    let file = files::jpeg(20, 10, 1);
    let body = photo(Uuid::now_v7(), &file);
    bring(&nurse, &body, &file).await;
    let path = format!("/v1/photos/{}", body["id"].as_str().unwrap());
    let read = nurse.get(&path).await;
    let tag = read.header("etag").unwrap().to_owned();
    assert_eq!(nurse.send("GET", &path, None, &[("if-none-match", &tag)]).await.status, 304);
    let changed = nurse.send("PATCH", &path, Some(&json!({"caption": "Heel"})), &[("if-match", &tag)]).await;
    assert_eq!(changed.expect(200)["caption"], "Heel");
    nurse.send("PATCH", &path, Some(&json!({"caption": "Toe"})), &[("if-match", &tag)]).await.expect(412);
    for body in [json!({"status": "stored"}), json!({"object_key": "x"}), json!({"sha256": "x"})] {
        nurse.patch(&path, &body).await.expect(422);
    }
    aide.patch(&path, &json!({"caption": "Mine"})).await.expect(403);
    aide.delete(&path).await.expect(403);
    nurse.delete(&path).await.expect(204);
    for answer in [nurse.get(&path).await, nurse.delete(&path).await, complete(&nurse, &body).await] {
        answer.expect(404);
    }
    nurse.post("/v1/photos", &body).await.expect(404);
}

#[tokio::test]
async fn each_look_and_each_download_is_on_record() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let file = files::jpeg(20, 10, 1);
    let body = photo(Uuid::now_v7(), &file);
    bring(&nurse, &body, &file).await;
    let path = format!("/v1/photos/{}", body["id"].as_str().unwrap());
    for path in [path.clone(), format!("{path}?size=thumb"), format!("/v1/photos?visit_id={NURSES_VISIT}")] {
        let answer = nurse.get(&path).await;
        answer.expect(200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    nurse.patch(&path, &json!({"shared_with_family": true})).await.expect(200);
    nurse.delete(&path).await.expect(204);
    let client = app.database.superuser().await;
    let rows = client
        .query_typed("select action, actor_id, client_id from audit_log where resource = 'photo' order by at, id", &[])
        .await
        .unwrap();
    let by_nurse = |row: &tokio_postgres::Row| row.get::<_, Option<Uuid>>(1) == Some(NURSE.id);
    let found: Vec<(String, bool)> = rows.iter().map(|row| (row.get(0), by_nurse(row))).collect();
    let expected = [
        ("photo.create", true),
        ("photo.complete", true),
        // By the function itself, whoever asked.
        ("photo.store", false),
        ("photo.read", true),
        ("photo.read_thumbnail", true),
        ("photo.list", true),
        ("photo.update", true),
        ("photo.delete", true),
    ];
    assert_eq!(found, expected.map(|(action, by)| (action.to_owned(), by)));
    assert!(rows.iter().all(|row| row.get::<_, Option<Uuid>>(2) == Some(ALMA)));
    // No look without its row.
    client
        .batch_execute(
            "create function app.full() returns trigger language plpgsql as
               'begin raise exception ''the audit log is full''; end';
             create trigger full_up before insert on audit_log for each row execute function app.full()",
        )
        .await
        .unwrap();
    let other = photo(Uuid::now_v7(), &file);
    nurse.post("/v1/photos", &other).await.expect(500);
    assert_eq!(app.database.count("select count(*) from photos where status = 'pending'").await, 0);
}

#[tokio::test]
async fn what_never_arrives_is_given_up_and_can_still_be_asked_for() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let file = files::jpeg(20, 10, 1);
    let [missing, arrived] = [photo(Uuid::now_v7(), &file), photo(Uuid::now_v7(), &file)];
    nurse.post("/v1/photos", &missing).await.expect(201);
    bring(&nurse, &arrived, &file).await;
    let rejected = photo(Uuid::now_v7(), b"no photo");
    bring(&nurse, &rejected, b"no photo").await;

    let secret = runtime::secrets::Secrets::new(&app.aws, &app.config.environment);
    let source = app.config.database().source(runtime::secrets::SecretName::Database, &secret);
    let db = Db::new(source, app.config.statement_mode);
    let images = Objects::new(&app.aws, &app.config.photos_bucket);
    let job = Job { agency_id: AGENCY_A };
    let now = Timestamp::now();
    assert_eq!(uploads::give_up_on_missing(&db, &job, now + (6 * 24).hours()).await.unwrap(), 0);
    assert_eq!(uploads::sweep(&images, now + (6 * 24).hours()).await.unwrap(), 0);
    let late = now + (8 * 24).hours();
    for expected in [1, 0] {
        assert_eq!(uploads::give_up_on_missing(&db, &job, late).await.unwrap(), expected);
        assert_eq!(uploads::sweep(&images, late).await.unwrap(), expected, "the rejected upload alone");
    }
    let path = |body: &Value| format!("/v1/photos/{}", body["id"].as_str().unwrap());
    let given_up = nurse.get(&path(&missing)).await.expect(200);
    assert_eq!(
        (&given_up["status"], &given_up["rejected_because"]),
        (&json!("rejected"), &json!("nothing arrived within 7 days"))
    );
    let kept = nurse.get(&path(&arrived)).await.expect(200);
    assert_eq!(fetch(&kept).await.status(), 200);

    // The phone was away for long, and has the photo yet.
    assert_eq!(bring(&nurse, &missing, &file).await["status"], "stored");
    // What was rejected for what it is stays rejected.
    assert_eq!(nurse.post("/v1/photos", &rejected).await.expect(201)["photo"]["status"], "rejected");
}

#[tokio::test]
async fn a_store_that_is_down_loses_nothing() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let file = files::jpeg(20, 10, 1);
    let body = photo(Uuid::now_v7(), &file);
    let answer = nurse.post("/v1/photos", &body).await.expect(201);
    send(&answer, &file).await;
    let cut = nurse.through(app.without_table().await);
    assert_eq!(complete(&cut, &body).await.problem(503), "unavailable");
    assert_eq!(complete(&nurse, &body).await.expect(200)["status"], "stored");
}
