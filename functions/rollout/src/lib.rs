//! `rollout`: CodeDeploy's hook before traffic shifts. It asks a function's new version one recorded event, and tells
//! CodeDeploy whether the answer is the right one; where it isn't, no traffic ever reaches that version.

pub mod trials;

use std::{collections::HashMap, time::Duration};

use aws_sdk_codedeploy::{error::DisplayErrorContext, types::LifecycleEventStatus};
use aws_sdk_lambda::{config::timeout::TimeoutConfig, primitives::Blob};
use runtime::{
    Chain,
    aws::SdkConfig,
    lambda::Fatal,
    secrets::{SecretName, Secrets},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trials::Trial;

/// A version that has never run is started first.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// What CodeDeploy sends.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Hook {
    /// The deployment, which is of one function.
    pub deployment_id: String,
    /// Which run of which hook waits for a word.
    pub lifecycle_event_hook_execution_id: String,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Report {
    /// The new version, `name:version`, answered as it should.
    Answered {
        /// The version's number.
        version: String,
    },
    /// It was let through unasked.
    Skipped {
        /// The version's number.
        version: String,
        /// Why nothing was asked of it.
        reason: String,
    },
    /// The deployment ends here.
    Failed {
        /// What was found.
        reason: String,
    },
}

/// The functions' environment, as CodeDeploy's hook reaches it.
pub struct Rollout {
    codedeploy: aws_sdk_codedeploy::Client,
    lambda: aws_sdk_lambda::Client,
    secrets: Secrets,
    /// What functions' names begin with.
    prefix: String,
}

/// The secret `{env}/origin`, as CloudFront shows it.
#[derive(Deserialize)]
struct OriginSecret {
    current: SecretString,
}

/// What a function gives back to API Gateway.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(default)]
    headers: HashMap<String, String>,
}

impl Answer {
    fn is_problem(&self) -> bool {
        let kind = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        kind.is_some_and(|(_, kind)| kind.starts_with("application/problem+json"))
    }
}

impl Rollout {
    /// Of one environment.
    #[must_use]
    pub fn new(aws: &SdkConfig, secrets: &Secrets, environment: &str) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ANSWER_WITHIN)
            .operation_timeout(ANSWER_WITHIN * 2)
            .build();
        let lambda = aws_sdk_lambda::config::Builder::from(aws).timeout_config(timeouts).build();
        Self {
            codedeploy: aws_sdk_codedeploy::Client::new(aws),
            lambda: aws_sdk_lambda::Client::from_conf(lambda),
            secrets: secrets.clone(),
            prefix: format!("berthcare-{environment}-"),
        }
    }

    /// Reads what it shows the versions ahead of the first event; a failure is left to that.
    pub async fn warm_up(&self) {
        if let Err(error) = self.secrets.json::<OriginSecret>(SecretName::Origin).await {
            tracing::warn!(%error, "the origin's secret can't be read yet");
        }
    }

    /// Tries the new version and tells CodeDeploy, which would otherwise wait for an hour.
    ///
    /// # Errors
    /// When CodeDeploy can't be told; Lambda then sends the event again.
    pub async fn run(&self, hook: &Hook) -> Result<Report, Fatal> {
        let report = self.examine(&hook.deployment_id).await.unwrap_or_else(|error| {
            let reason = Chain::of(error.as_ref()).to_string();
            tracing::error!(reason, "the new version gets no traffic");
            Report::Failed { reason }
        });
        let failed = matches!(report, Report::Failed { .. });
        let status = if failed { LifecycleEventStatus::Failed } else { LifecycleEventStatus::Succeeded };
        self.codedeploy
            .put_lifecycle_event_hook_execution_status()
            .deployment_id(&hook.deployment_id)
            .lifecycle_event_hook_execution_id(&hook.lifecycle_event_hook_execution_id)
            .status(status)
            .send()
            .await
            .map_err(|error| format!("CodeDeploy was not told: {}", DisplayErrorContext(error)))?;
        tracing::info!(report = ?report, "CodeDeploy was told");
        Ok(report)
    }

    async fn examine(&self, deployment: &str) -> Result<Report, Fatal> {
        let (name, version) = self.new_version(deployment).await?;
        let function = name.strip_prefix(&self.prefix).ok_or_else(|| format!("{name} is no function of ours"))?;
        let label = format!("{function}:{version}");
        match trials::of(function) {
            Some(Trial::Ask { event, status }) => {
                let answer = self.ask((&name, &version), event).await?;
                if answer.status_code != status {
                    return Err(format!("{label} answered {}, not {status}", answer.status_code).into());
                }
                if status >= 400 && !answer.is_problem() {
                    return Err(format!("{label} answered {status} without a problem").into());
                }
                Ok(Report::Answered { version: label })
            }
            Some(Trial::Skip(reason)) => Ok(Report::Skipped { version: label, reason: reason.into() }),
            None => Err(format!("nobody has said what {function} should be asked").into()),
        }
    }

    /// Name and version of what the deployment is about to send traffic to.
    async fn new_version(&self, deployment: &str) -> Result<(String, String), Fatal> {
        let unknown = |what: String| format!("CodeDeploy doesn't tell the new version: {what}");
        let targets = self
            .codedeploy
            .list_deployment_targets()
            .deployment_id(deployment)
            .send()
            .await
            .map_err(|error| unknown(DisplayErrorContext(error).to_string()))?;
        let [target] = targets.target_ids() else {
            return Err(unknown(format!("it has {} targets", targets.target_ids().len())).into());
        };
        let answer = self
            .codedeploy
            .get_deployment_target()
            .deployment_id(deployment)
            .target_id(target)
            .send()
            .await
            .map_err(|error| unknown(DisplayErrorContext(error).to_string()))?;
        let info = answer
            .deployment_target()
            .and_then(|target| target.lambda_target())
            .and_then(|target| target.lambda_function_info())
            .and_then(|info| Some((info.function_name()?, info.target_version()?)));
        let (name, version) = info.ok_or_else(|| unknown("its target is no function".into()))?;
        // By name or by ARN.
        Ok((name.rsplit(':').next().unwrap_or(name).to_owned(), version.to_owned()))
    }

    /// What the version answers to the event, sent as CloudFront does and by nobody.
    async fn ask(&self, (name, version): (&str, &str), event: &str) -> Result<Answer, Fatal> {
        let secret: OriginSecret = self.secrets.newer_json(SecretName::Origin).await?;
        let mut event: Value = serde_json::from_str(event)?;
        if let Some(headers) = event["headers"].as_object_mut() {
            headers.remove("authorization");
            headers.insert("x-origin-secret".into(), secret.current.expose_secret().into());
        }
        let answer = self
            .lambda
            .invoke()
            .function_name(name)
            .qualifier(version)
            .payload(Blob::new(event.to_string()))
            .send()
            .await
            .map_err(|error| format!("{name}:{version} can't be invoked: {}", DisplayErrorContext(error)))?;
        if let Some(kind) = answer.function_error() {
            return Err(format!("{name}:{version} ended in an error ({kind})").into());
        }
        let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
        serde_json::from_slice(payload).map_err(|_| format!("{name}:{version} answered no request").into())
    }
}
