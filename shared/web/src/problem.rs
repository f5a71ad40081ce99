//! The one error shape: `application/problem+json` (RFC 9457). The only place where an [`Error`] becomes HTTP.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{
    Conflict, Fault,
    limits::{ALERTS_PER_WINDOW, FAULTS_TOLD, POINTER_TOLD},
    request::RequestInfo,
};
use runtime::Chain;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Error;

/// How long to wait after a 503, in seconds: a database fails over within two minutes, mostly within one.
const RETRY_AFTER_SECONDS: u32 = 5;

/// A problem, as RFC 9457 has it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "urn:berthcare:problem:invalid", "title": "Invalid request", "status": 422,
    "detail": "2 values are invalid.", "instance": "JKJaXmPLvHcESHA=",
    "errors": [
        {"pointer": "#/latitude", "detail": "must be at most 90"},
        {"pointer": "#/nickname", "detail": "is not a known field"}]}))]
pub struct Problem {
    /// What kind of problem; stable.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words; the same for each problem of a kind.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong this time, and what to do about it.
    detail: String,
    /// The id of the request, as in `x-request-id` and in our log.
    instance: String,
    /// Every fault of the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<Fault>,
    /// The record that is in the way, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    conflicting_id: Option<Uuid>,
}

/// A failed answer, before the request's id is put into it.
#[derive(Clone)]
struct PendingProblem(Problem);

/// Status, kind, title and detail.
type StatusAndDetail = (StatusCode, &'static str, &'static str, String);

fn problem(status: StatusCode, kind: &'static str, title: &'static str, detail: &str) -> StatusAndDetail {
    (status, kind, title, detail.to_owned())
}

impl Error {
    fn status_and_detail(&self) -> StatusAndDetail {
        match self {
            Self::Domain(error) => domain_status_and_detail(error),
            Self::WrongOrigin => problem(
                StatusCode::FORBIDDEN,
                "wrong-origin",
                "Wrong address",
                "Send this to the API's public address.",
            ),
            Self::MethodNotAllowed => problem(
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "Method not allowed",
                "This path has no such method.",
            ),
            Self::Malformed(detail) => problem(StatusCode::BAD_REQUEST, "malformed", "Malformed request", detail),
            Self::TooLarge(limit) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "Body too large",
                format!("The body may have at most {limit} bytes."),
            ),
            Self::AnswerTooLarge => problem(
                StatusCode::PAYLOAD_TOO_LARGE,
                "answer-too-large",
                "Answer too large",
                "This is more than an answer holds. Ask for a file instead: POST /v1/clients/{id}/exports.",
            ),
            Self::StartAgain => problem(
                StatusCode::GONE,
                "start-again",
                "Start again",
                "What changed since then is not known any more. Load everything anew, and go on from there.",
            ),
            Self::UnsupportedMediaType(wanted) => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Unsupported media type",
                format!("Send the body as {wanted}."),
            ),
            Self::TooManyAlerts(seconds) => (
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-alerts",
                "Too many alerts",
                format!(
                    "You have raised {ALERTS_PER_WINDOW} alerts within an hour. Call your coordinator, or wait \
                     {seconds} seconds."
                ),
            ),
            Self::TooManyRequests(seconds) => (
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-requests",
                "Too many attempts",
                format!("Wait {seconds} seconds."),
            ),
        }
    }
}

fn domain_status_and_detail(error: &domain::Error) -> StatusAndDetail {
    match error {
        domain::Error::Unauthorized => problem(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "Not signed in",
            "Send a valid access token as `Authorization: Bearer`.",
        ),
        domain::Error::SessionEnded => problem(
            StatusCode::UNAUTHORIZED,
            "session-ended",
            "Session ended",
            "This session has ended. Sign in again.",
        ),
        domain::Error::BadCredentials => problem(
            StatusCode::UNAUTHORIZED,
            "bad-credentials",
            "Wrong credentials",
            "Wrong email, password or code. Check it and try again.",
        ),
        domain::Error::SecondFactorRequired => problem(
            StatusCode::UNAUTHORIZED,
            "second-factor-required",
            "Second factor required",
            "Send the code of your authenticator app as `totp`, or a recovery code as `recovery_code`.",
        ),
        domain::Error::SecondFactorMissing => problem(
            StatusCode::FORBIDDEN,
            "second-factor-missing",
            "Second factor missing",
            "Your role needs a second factor. Set one up by /auth/mfa, and refresh your session.",
        ),
        domain::Error::StepUpRequired => problem(
            StatusCode::UNAUTHORIZED,
            "step-up-required",
            "Password required again",
            "Give your password again by /auth/step-up, or sign in anew.",
        ),
        domain::Error::DeviceRevoked => problem(
            StatusCode::FORBIDDEN,
            "device-revoked",
            "Device revoked",
            "This device was revoked. Ask your coordinator.",
        ),
        domain::Error::Forbidden => {
            problem(StatusCode::FORBIDDEN, "forbidden", "Not permitted", "Your role doesn't permit this.")
        }
        domain::Error::NotFound => problem(
            StatusCode::NOT_FOUND,
            "not-found",
            "Not found",
            "This record does not exist, or you may not see it.",
        ),
        domain::Error::Invalid(faults) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
            "Invalid request",
            match faults.len() {
                1 => "One value is invalid.".into(),
                n if n > FAULTS_TOLD => format!("{n} values are invalid. The first {FAULTS_TOLD} are named."),
                n => format!("{n} values are invalid."),
            },
        ),
        domain::Error::Unusable(_) => problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
            "Invalid request",
            "A record that this refers to can't be used.",
        ),
        domain::Error::Conflict(conflict) => {
            let (kind, detail) = conflict_kind_and_detail(*conflict);
            (StatusCode::CONFLICT, kind, "Conflict", detail)
        }
        domain::Error::PreconditionFailed => problem(
            StatusCode::PRECONDITION_FAILED,
            "stale",
            "Changed meanwhile",
            "The record has changed since you read it. Read it again.",
        ),
        domain::Error::Unavailable(_) => problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "Temporarily unavailable",
            "Nothing was changed. Try again in a moment.",
        ),
        domain::Error::Internal(_) => problem(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Internal error",
            "Server error. Please report the request's id.",
        ),
    }
}

fn conflict_kind_and_detail(conflict: Conflict) -> (&'static str, String) {
    match conflict {
        Conflict::IdTaken => ("id-taken", "This id is already used for another record. Choose a new one.".into()),
        Conflict::EmailTaken => ("email-taken", "A user with this email address exists already.".into()),
        Conflict::Overlap(_) => (
            "overlap",
            "The caregiver has another visit at that time. Set allow_overlap to plan it nevertheless.".into(),
        ),
        Conflict::VisitStatus { from, to } => ("visit-status", format!("A visit that is {from} can't become {to}.")),
        Conflict::AlertStatus { from, to } => ("alert-status", format!("An alert that is {from} can't become {to}.")),
        Conflict::RegisterState { from, to } => {
            ("register-state", format!("What is {from} in this register can't become {to}."))
        }
        Conflict::AlertTaken => ("alert-taken", "Somebody else has acknowledged this alert.".into()),
        Conflict::AlreadyRecorded => ("already-recorded", "This was recorded before, with other values.".into()),
        Conflict::AlreadyOnTeam => ("already-on-team", "This person is on the care team already.".into()),
        Conflict::PrimaryNurseTaken => {
            ("primary-nurse-taken", "The client has a primary nurse already. End that membership first.".into())
        }
        Conflict::DeviceTaken => ("device-taken", "This device id belongs to somebody else. Choose a new one.".into()),
        Conflict::ExportUnderWay => {
            ("export-under-way", "You have asked for the same export, and it is still being made.".into())
        }
        Conflict::NotArrived => (
            "not-arrived",
            "No file has been uploaded for this photo yet. Upload it first; to get a new URL, create the photo again."
                .into(),
        ),
        Conflict::Overwritten => (
            "stale",
            "The record was changed since, and has neither of the two values. Choose `current` to leave it as it is."
                .into(),
        ),
        Conflict::ConsentWithdrawn(why) => ("consent-withdrawn", format!("This can't be recorded: {why}.")),
        Conflict::Final(why) => ("final", why.into()),
    }
}

/// The first faults, their pointers cut: a hostile request makes no answer larger.
fn shortened(mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.truncate(FAULTS_TOLD);
    for fault in &mut faults {
        for name in [&mut fault.pointer, &mut fault.parameter].into_iter().flatten() {
            if let Some((end, _)) = name.char_indices().nth(POINTER_TOLD) {
                name.truncate(end);
            }
        }
    }
    faults
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, kind, title, detail) = self.status_and_detail();
        // The one place where causes are logged. They name what broke, not whom it was about.
        match &self {
            Self::Domain(domain::Error::Internal(cause)) => {
                tracing::error!(error = %Chain::of(cause.as_ref()), "internal error");
            }
            Self::Domain(domain::Error::Unavailable(cause)) => {
                tracing::warn!(error = %Chain::of(cause.as_ref()), "unavailable");
            }
            _ => {}
        }
        let retry_after = match self {
            Self::TooManyRequests(seconds) | Self::TooManyAlerts(seconds) => Some(seconds),
            Self::Domain(domain::Error::Unavailable(_)) => Some(RETRY_AFTER_SECONDS),
            _ => None,
        };
        let challenge = match self {
            // RFC 9470, section 3.
            Self::Domain(domain::Error::StepUpRequired) => {
                r#"Bearer error="insufficient_user_authentication", max_age="600""#
            }
            _ => "Bearer",
        };
        let conflicting_id = match self {
            Self::Domain(domain::Error::Conflict(Conflict::Overlap(id))) => Some(id),
            _ => None,
        };
        let errors =
            if let Self::Domain(domain::Error::Invalid(faults)) = self { shortened(faults) } else { Vec::new() };
        let problem = Problem {
            kind: format!("urn:berthcare:problem:{kind}"),
            title,
            status: status.as_u16(),
            detail,
            instance: String::new(),
            errors,
            conflicting_id,
        };
        let mut response = status.into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(PendingProblem(problem));
        response
    }
}

/// Writes the problem of a failed answer, with the request's id in it.
pub(super) fn finish(response: Response, request: &RequestInfo) -> Response {
    let (mut parts, body) = response.into_parts();
    let Some(PendingProblem(mut problem)) = parts.extensions.remove::<PendingProblem>() else {
        return Response::from_parts(parts, body);
    };
    problem.instance.clone_from(&request.id);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    parts.headers.remove(header::CONTENT_LENGTH);
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    Response::from_parts(parts, body.into())
}
