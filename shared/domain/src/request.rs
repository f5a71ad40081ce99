//! What the logs need to know of a request.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use uuid::Uuid;

use crate::identity::Role;

/// A request or event: its id and origin, and once known its caller.
#[derive(Clone, Debug)]
pub struct RequestInfo {
    /// The function that serves it.
    pub service: &'static str,
    /// API Gateway's id for it, which the client gets as `x-request-id`; Lambda's where no gateway is involved.
    pub id: String,
    /// The HTTP method, or `EVENT`.
    pub method: &'static str,
    /// The route's template, or the event's name. Never the path itself: what a client puts there may be a name.
    pub path: String,
    /// The X-Ray trace that it belongs to.
    pub trace_id: Option<String>,
    /// The caller's address.
    pub source_ip: Option<String>,
    started: Instant,
    caller: Arc<OnceLock<(Uuid, Role)>>,
}

impl RequestInfo {
    /// A request nobody is known to have sent yet.
    #[must_use]
    pub fn new(service: &'static str, id: String, (method, path): (&'static str, &str)) -> Self {
        let path = path.to_owned();
        Self {
            service,
            id,
            method,
            path,
            trace_id: None,
            source_ip: None,
            started: Instant::now(),
            caller: Arc::default(),
        }
    }

    /// The same, as Lambda tells of it. The trace's header is `Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1`.
    #[must_use]
    pub fn traced(mut self, xray_header: Option<&str>) -> Self {
        let root = |header: &str| header.split(';').find_map(|part| part.strip_prefix("Root=")).map(ToOwned::to_owned);
        self.trace_id = xray_header.and_then(root);
        self
    }

    /// `GET /v1/visits/{id}`.
    #[must_use]
    pub fn route(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Where it comes from, for counting: an IPv4 address, or the /64 that a provider gives one household.
    #[must_use]
    pub fn source_network(&self) -> String {
        match self.source_ip.as_deref().and_then(|text| text.parse::<IpAddr>().ok()) {
            None => String::new(),
            Some(IpAddr::V4(address)) => address.to_string(),
            Some(IpAddr::V6(address)) => address.to_ipv4_mapped().map_or_else(
                || format!("{}/64", Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
                |mapped| mapped.to_string(),
            ),
        }
    }

    /// For how long it has been served.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Tells the log who is calling: id and role, never a name.
    pub fn note_caller(&self, user_id: Uuid, role: Role) {
        let _ = self.caller.set((user_id, role));
    }

    /// Who is calling, where that is known.
    #[must_use]
    pub fn caller(&self) -> Option<(Uuid, Role)> {
        self.caller.get().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_network_is_an_ipv4_address_or_an_ipv6_network_of_64_bits() {
        for (address, expected) in [
            (Some("192.0.2.1"), "192.0.2.1"),
            (Some("::ffff:192.0.2.1"), "192.0.2.1"),
            (Some("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64"),
            (Some("2001:db8:1:2:ffff:ffff:ffff:ffff"), "2001:db8:1:2::/64"),
            (Some("2001:db8:1:3::1"), "2001:db8:1:3::/64"),
            (None, ""),
        ] {
            let mut request = RequestInfo::new("auth", "1".into(), ("POST", "/"));
            request.source_ip = address.map(ToOwned::to_owned);
            assert_eq!(request.source_network(), expected);
        }
    }
}
