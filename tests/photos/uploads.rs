//! Photos from the phone to whoever may see them: records, uploads by pre-signed URLs over HTTP, and what comes of
//! them.
//!
//! The emulator is laxer than S3: it takes any signature, checksum, length and date. So what S3 would be held to is
//! looked for in what is signed, and what the emulator lets through must still not become `stored`.

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::identity::JobIdentity;
use image::ImageFormat;
use jiff::{Timestamp, ToSpan};
use jobs::uploads;
use runtime::objects::Objects;
use serde_json::{Value, json};
use store::Db;
use uuid::Uuid;

use super::requests::{bring, complete, declared, fetch, photo, send, sha256, stored_keys};
use crate::harness::{
    TestApp, files,
    fixtures::{AGENCY_A, ALMA, NURSE, NURSES_VISIT},
};

/// What S3 tells the function of an upload.
fn arrival(app: &TestApp, id: Uuid) -> Value {
    json!({"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "ca-central-1",
        "eventTime": "2026-11-20T14:31:07.412Z", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": app.config.photos_bucket}, "object": {"key": format!("uploads/{id}")}}}]})
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

/// A browser asks before it sends a header that it doesn't know, and the bucket allows those that are signed.
#[tokio::test]
async fn clients_are_told_the_headers_that_are_signed_and_no_others() {
    for name in ["_X_AMZN_TRACE_ID", "AWS_LAMBDA_FUNCTION_NAME"] {
        assert!(std::env::var(name).is_ok_and(|value| !value.is_empty()), "{name} is not set, as Lambda sets it");
    }
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let file = files::jpeg(80, 60, 1);
    for (owner, kind) in
        [(("visit_id", NURSES_VISIT), "photo"), (("client_id", ALMA), "photo"), (("user_id", NURSE.id), "profile")]
    {
        let body = declared(Uuid::now_v7(), owner, kind, "image/jpeg", &file);
        let upload = nurse.post("/v1/photos", &body).await.expect(201)["upload"].clone();
        let url = reqwest::Url::parse(upload["url"].as_str().unwrap()).unwrap();
        let (_, signed) = url.query_pairs().find(|(name, _)| name == "X-Amz-SignedHeaders").unwrap();
        let told: Vec<_> = upload["headers"].as_object().unwrap().keys().cloned().collect();
        let signed: Vec<_> = signed.split(';').filter(|name| *name != "host").map(ToOwned::to_owned).collect();
        assert_eq!(told, signed, "{kind}");
    }
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
        (&files::zip(), None, "the file's size is not the declared one"),
        (&longer, None, "the file's size is not the declared one"),
        (&same_length, None, "the file's SHA-256 is not the declared one"),
        (&file, Some("image/png"), "the file's type is not the declared one"),
    ] {
        let id = Uuid::now_v7();
        let mut answer = nurse.post("/v1/photos", &photo(id, &file)).await.expect(201);
        if let Some(content_type) = content_type {
            answer["upload"]["headers"]["content-type"] = json!(content_type);
        }
        assert_eq!(send(&answer, sent).await, 200);
        let rejected = complete(&nurse, &photo(id, &file)).await.expect(200);
        assert_eq!((&rejected["status"], &rejected["rejected_because"]), (&json!("rejected"), &json!(reason)));
        let audited = format!("select count(*) from audit_log where action = 'photo.reject' and resource_id = '{id}'");
        assert_eq!(app.database.count(&audited).await, 1);
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
        ("image/png", "photo", ("visit_id", NURSES_VISIT), b"<svg/>".to_vec(), "the file is not a PNG"),
        (
            "image/png",
            "photo",
            ("client_id", ALMA),
            files::png_of_zeros(60_000, 60_000, 1 << 20),
            "the picture has more than 50 megapixels",
        ),
        (
            "image/jpeg",
            "photo",
            ("client_id", ALMA),
            other[..other.len() - 20].to_vec(),
            "the file is damaged or incomplete",
        ),
        (
            "image/jpeg",
            "profile",
            ("client_id", ALMA),
            [&other[..], &files::zip()].concat(),
            "the file is also an archive",
        ),
        ("application/pdf", "document", ("client_id", ALMA), files::encrypted_pdf(), "the file is encrypted"),
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
    let source = app.config.database().source(runtime::secrets::SecretName::JobsDatabase, &secret);
    let db = Db::new(source, app.config.statement_mode);
    let images = Objects::new(&app.aws, &app.config.photos_bucket);
    let job = JobIdentity { agency_id: AGENCY_A };
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
        (&json!("rejected"), &json!("no file was uploaded within 7 days"))
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
