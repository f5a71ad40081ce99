//! The hook before traffic shifts: a new version that doesn't answer as it should gets none.

use std::{fs, path::Path, sync::Arc};

use aws_config::{BehaviorVersion, retry::RetryConfig};
use axum::Extension;
use local::prepare;
use rollout::{Hook, Report, Rollout, trials};
use runtime::secrets::Secrets;
use serde_json::{Value, json};
use tokio::{runtime::Handle, task::spawn_blocking};
use web::Origin;

use crate::harness::{
    TestApp,
    event::invoke_event,
    fake_codedeploy::{FakeCodeDeploy, NewVersion},
};

const HTTP: [(&str, u16); 8] = [
    ("alerts", 401),
    ("auth", 401),
    ("clients", 401),
    ("health", 200),
    ("photos", 401),
    ("sync", 401),
    ("visits", 401),
    ("webhooks", 403),
];

/// The function's own router behind CloudFront, as Lambda would run it.
async fn real(app: &TestApp) -> NewVersion {
    let secret = json!({"current": "the-newest", "previous": "the-one-before"});
    prepare::secret(&app.aws, &format!("{}/origin", app.config.environment), &secret).await.unwrap();
    let origin = Origin::new(Secrets::new(&app.aws, &app.config.environment));
    let functions = app.functions().each(|router| router.layer(Extension(origin.clone())));
    Arc::new(move |event: Value| {
        let router = functions.of_path(event["rawPath"].as_str().unwrap());
        Box::pin(async move {
            // What a router's answer is made of can't cross threads, as a server's futures must.
            let invoke = move || Handle::current().block_on(invoke_event(router, event));
            Ok(spawn_blocking(invoke).await.unwrap())
        })
    })
}

fn always(answer: Result<Value, &'static str>) -> NewVersion {
    Arc::new(move |_| Box::pin(std::future::ready(answer.clone())))
}

/// Runs the hook in a deployment of that function.
async fn run(app: &TestApp, function: &str, version: NewVersion) -> (Report, FakeCodeDeploy) {
    let fake = FakeCodeDeploy::deploying(&format!("berthcare-{}-{function}", app.config.environment), version).await;
    let aws = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(&fake.url)
        .retry_config(RetryConfig::disabled())
        .load()
        .await;
    let rollout = Rollout::new(&aws, &Secrets::new(&app.aws, &app.config.environment), &app.config.environment);
    (rollout.run(&hook()).await.unwrap(), fake)
}

/// As recorded.
fn hook() -> Hook {
    serde_json::from_str(include_str!("../../events/rollout/pre-traffic.json")).unwrap()
}

fn status(fake: &mut FakeCodeDeploy) -> String {
    let told = fake.told();
    let [told] = &told[..] else { panic!("CodeDeploy was told {told:?}") };
    assert_eq!(told["deploymentId"], hook().deployment_id);
    assert_eq!(told["lifecycleEventHookExecutionId"], hook().lifecycle_event_hook_execution_id);
    told["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_sound_version_of_each_function_passes() {
    let app = TestApp::new().await;
    let version = real(&app).await;
    for (function, _) in HTTP {
        let (report, mut fake) = run(&app, function, version.clone()).await;
        assert_eq!(report, Report::Answered { version: format!("{function}:7") });
        assert_eq!(status(&mut fake), "Succeeded", "{function}");
        let invoked = fake.invoked();
        let [(name, event)] = &invoked[..] else { panic!("{function}: {invoked:?}") };
        assert_eq!(*name, format!("berthcare-{}-{function}:7", app.config.environment), "the new version alone");
        assert_eq!(event["headers"]["x-origin-secret"], "the-newest", "{function}");
        assert!(event["headers"]["authorization"].is_null(), "{function} is asked by nobody");
    }
}

#[tokio::test]
async fn a_version_that_answers_otherwise_fails() {
    let app = TestApp::new().await;
    real(&app).await;
    let answer = |status: u16, kind: &str| Ok(json!({"statusCode": status, "headers": {"content-type": kind}}));
    for (function, right) in HTTP {
        let problem = "application/problem+json";
        let mut wrong = vec![answer(500, problem), answer(503, problem), Ok(json!(null)), Err("Unhandled")];
        // Open to strangers, or refused by something else than the function itself.
        if right != 200 {
            wrong.extend([answer(200, "application/json"), answer(right, "text/html")]);
        }
        for version in wrong {
            let (report, mut fake) = run(&app, function, always(version.clone())).await;
            assert!(matches!(report, Report::Failed { .. }), "{function}: {version:?} passed");
            assert_eq!(status(&mut fake), "Failed", "{function}: {version:?}");
        }
    }
}

#[tokio::test]
async fn jobs_and_migrate_pass_unasked_with_a_reason() {
    let app = TestApp::new().await;
    for function in ["jobs", "migrate"] {
        let (report, mut fake) = run(&app, function, always(Err("Unhandled"))).await;
        assert!(matches!(report, Report::Skipped { reason, .. } if !reason.is_empty()), "{function}");
        assert_eq!(status(&mut fake), "Succeeded");
        assert!(fake.invoked().is_empty(), "{function} was invoked");
    }
}

#[tokio::test]
async fn what_is_no_function_of_ours_fails() {
    let app = TestApp::new().await;
    let (report, mut fake) = run(&app, "reports-of-somebody", real(&app).await).await;
    assert!(matches!(report, Report::Failed { .. }));
    assert_eq!(status(&mut fake), "Failed");
}

#[tokio::test]
async fn without_the_origin_secret_the_deployment_ends_at_once() {
    let app = TestApp::new().await;
    let (_, mut fake) = run(&app, "auth", always(Err("Unhandled"))).await;
    assert_eq!(status(&mut fake), "Failed");
}

#[test]
fn every_function_is_tried_or_skipped_with_a_reason() {
    let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
    for function in fs::read_dir(functions).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
        assert!(trials::of(&function).is_some(), "{function}: say in functions/rollout/src/trials.rs what it is asked");
    }
}
