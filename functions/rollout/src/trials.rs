//! What a new version is asked, by function: a recorded event that changes nothing, and the answer that shows that the
//! version starts, has its configuration and secrets, and lets nobody in.

/// How a function's new version is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial {
    /// It is sent this event of API Gateway, without its token, and must answer with this status.
    Ask {
        /// The event, as JSON.
        event: &'static str,
        /// What the new version answered.
        status: u16,
    },
    /// It is sent nothing, for this reason.
    Skip(&'static str),
}

macro_rules! event {
    ($name:literal) => {
        include_str!(concat!("../../../events/", $name, ".json"))
    };
}

/// How `function` is tried; nothing where nobody has thought of it yet.
#[must_use]
pub fn of(function: &str) -> Option<Trial> {
    const UNAUTHORIZED: u16 = 401;
    let (event, status) = match function {
        "alerts" => (event!("alerts/raise"), UNAUTHORIZED),
        "auth" => (event!("auth/me"), UNAUTHORIZED),
        "clients" => (event!("clients/search"), UNAUTHORIZED),
        "photos" => (event!("photos/create"), UNAUTHORIZED),
        "privacy" => (event!("privacy/holds"), UNAUTHORIZED),
        "realtime" => (event!("realtime/ticket"), UNAUTHORIZED),
        "sync" => (event!("sync/pull"), UNAUTHORIZED),
        "visits" => (event!("visits/today"), UNAUTHORIZED),
        // All it depends on answers.
        "health" => (event!("health/health"), 200),
        // It asks for Twilio's signature instead of a token; the one recorded is of another account.
        "webhooks" => (event!("webhooks/reply"), 403),
        "exports" | "jobs" | "urgent" => {
            return Some(Trial::Skip(
                "any event of its own would do a job's work, and the clock sends one in a minute",
            ));
        }
        "migrate" => return Some(Trial::Skip("it ran before traffic shifts, and serves none")),
        "rollout" => return Some(Trial::Skip("it is what asks")),
        _ => return None,
    };
    Some(Trial::Ask { event, status })
}
