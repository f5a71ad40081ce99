//! CodeDeploy in the middle of one deployment, and Lambda with the function's new version.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, Query},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::mpsc::{self, UnboundedReceiver},
};

pub struct FakeCodeDeploy {
    pub url: String,
    told: UnboundedReceiver<Value>,
    invoked: UnboundedReceiver<(String, Value)>,
}

/// What the new version does with an event: its answer, or the kind of its error.
pub type NewVersion =
    Arc<dyn Fn(Value) -> futures_util::future::BoxFuture<'static, Result<Value, &'static str>> + Send + Sync>;

impl FakeCodeDeploy {
    /// A deployment of `function`'s version 7, and what that version does.
    pub async fn deploying(function: &str, version: NewVersion) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tell, told) = mpsc::unbounded_channel();
        let (invoke, invoked) = mpsc::unbounded_channel();
        let info = json!({
            "functionName": function, "functionAlias": "live", "currentVersion": "6", "targetVersion": "7",
            "targetVersionWeight": 0.0
        });
        let by_target = async move |headers: HeaderMap, body: String| {
            let body: Value = serde_json::from_str(&body).unwrap();
            let answer = match headers["x-amz-target"].to_str().unwrap() {
                "CodeDeploy_20141006.ListDeploymentTargets" => json!({"targetIds": ["target-1"]}),
                "CodeDeploy_20141006.GetDeploymentTarget" => {
                    assert_eq!(body["targetId"], "target-1");
                    json!({"deploymentTarget": {
                        "deploymentTargetType": "LambdaTarget", "lambdaTarget": {"lambdaFunctionInfo": info}}})
                }
                "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus" => {
                    tell.send(body).unwrap();
                    json!({})
                }
                other => panic!("CodeDeploy was asked for {other}"),
            };
            answer.to_string()
        };
        let invocations =
            async move |Path(name): Path<String>, Query(query): Query<Value>, event: String| -> Response {
                let event: Value = serde_json::from_str(&event).unwrap();
                let qualified = format!("{name}:{}", query["Qualifier"].as_str().unwrap_or_default());
                invoke.send((qualified, event.clone())).unwrap();
                match version(event).await {
                    Ok(answer) => answer.to_string().into_response(),
                    Err(kind) => (StatusCode::OK, [("x-amz-function-error", kind)], "{}").into_response(),
                }
            };
        let router = Router::new()
            .route("/", post(by_target))
            .route("/2015-03-31/functions/{name}/invocations", post(invocations));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, told, invoked }
    }

    /// What it was told of the hook since this was last called.
    pub fn told(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.told.try_recv().ok()).collect()
    }

    /// Who was invoked since, `name:version`, and with what.
    pub fn invoked(&mut self) -> Vec<(String, Value)> {
        std::iter::from_fn(|| self.invoked.try_recv().ok()).collect()
    }
}
