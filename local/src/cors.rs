//! Which pages may read an answer: what API Gateway does by the `CorsConfiguration` of template.yaml, from which this
//! reads it, so that the local stack can't allow anything else.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};

/// Headers that only whoever answers browsers may set: those of the functions are not passed on, as in AWS.
const PREFIX: &str = "access-control-";

/// The configuration, with the origins of this stack.
pub struct Cors {
    origins: Vec<HeaderValue>,
    preflight: [(HeaderName, HeaderValue); 3],
    exposed: HeaderValue,
}

impl Cors {
    /// What `template` says, for `origins`, divided by commas; none where it says something else than lists.
    #[must_use]
    pub fn of_template(template: &str, origins: &str) -> Option<Self> {
        let said = |key: &str| template.lines().find_map(|line| line.trim().strip_prefix(key));
        let list = |key: &str| {
            let items = said(key)?.trim().strip_prefix('[')?.strip_suffix(']')?;
            HeaderValue::from_str(items).ok()
        };
        Some(Self {
            origins: origins.split(',').map(str::trim).filter_map(|one| HeaderValue::from_str(one).ok()).collect(),
            preflight: [
                (header::ACCESS_CONTROL_ALLOW_METHODS, list("AllowMethods:")?),
                (header::ACCESS_CONTROL_ALLOW_HEADERS, list("AllowHeaders:")?),
                (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_str(said("MaxAge:")?.trim()).ok()?),
            ],
            exposed: list("ExposeHeaders:")?,
        })
    }

    /// Whether a browser asks first, which is answered without the function.
    #[must_use]
    pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
        method == Method::OPTIONS
            && headers.contains_key(header::ORIGIN)
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// The headers of the answer to that: nothing for a foreign origin.
    #[must_use]
    pub fn preflight(&self, asked: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(origin) = self.allowed(asked) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.extend(self.preflight.iter().cloned());
        }
        headers
    }

    /// Makes a function's answer readable to allowed origins, and to no other.
    pub fn mark(&self, asked: &HeaderMap, answer: &mut HeaderMap) {
        let foreign: Vec<_> = answer.keys().filter(|name| name.as_str().starts_with(PREFIX)).cloned().collect();
        for name in foreign {
            answer.remove(name);
        }
        // What the answer varied by for the emulator's own preflights.
        let varies: Vec<_> = answer.get_all(header::VARY).iter().cloned().collect();
        answer.remove(header::VARY);
        for value in varies {
            if !value.to_str().is_ok_and(|text| text.contains("access-control-request-method")) {
                answer.append(header::VARY, value);
            }
        }
        if let Some(origin) = self.allowed(asked) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, self.exposed.clone());
        }
    }

    fn allowed(&self, asked: &HeaderMap) -> Option<&HeaderValue> {
        let origin = asked.get(header::ORIGIN)?;
        self.origins.iter().find(|allowed| *allowed == origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = include_str!("../../template.yaml");

    fn asked(origin: &str) -> HeaderMap {
        let origin = HeaderValue::from_str(origin).unwrap();
        [(header::ORIGIN, origin), (header::ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("PATCH"))]
            .into_iter()
            .collect()
    }

    fn cors() -> Cors {
        Cors::of_template(TEMPLATE, "http://127.0.0.1:5000, http://localhost:5173").unwrap()
    }

    #[test]
    fn an_allowed_origin_may_do_what_the_template_says() {
        let headers = cors().preflight(&asked("http://localhost:5173"));
        assert_eq!(headers["access-control-allow-origin"], "http://localhost:5173");
        assert_eq!(headers["access-control-allow-methods"], "DELETE, GET, PATCH, POST, PUT");
        assert_eq!(headers["access-control-max-age"], "3600");
        assert!(headers["access-control-allow-headers"].to_str().unwrap().contains("if-match"));
    }

    #[test]
    fn a_foreign_origin_gets_nothing() {
        for origin in ["http://localhost:5174", "http://localhost", "null", "http://localhost:5173.example.com"] {
            assert!(cors().preflight(&asked(origin)).is_empty(), "{origin}");
            let mut answer: HeaderMap =
                [(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_str(origin).unwrap())].into_iter().collect();
            cors().mark(&asked(origin), &mut answer);
            assert!(answer.is_empty(), "{origin}: {answer:?}");
        }
    }

    #[test]
    fn an_answer_goes_on_varying_by_what_its_function_said() {
        let mut answer = HeaderMap::new();
        answer.append(header::VARY, HeaderValue::from_static("accept-encoding"));
        answer.append(header::VARY, HeaderValue::from_static("origin, access-control-request-method"));
        cors().mark(&asked("http://127.0.0.1:5000"), &mut answer);
        assert_eq!(answer.get_all(header::VARY).iter().collect::<Vec<_>>(), ["accept-encoding"]);
        assert_eq!(answer["access-control-expose-headers"], "etag, location, retry-after, x-request-id");
    }

    #[test]
    fn only_what_asks_first_is_a_preflight() {
        let headers = asked("http://localhost:5173");
        assert!(Cors::is_preflight(&Method::OPTIONS, &headers));
        assert!(!Cors::is_preflight(&Method::GET, &headers));
        assert!(!Cors::is_preflight(&Method::OPTIONS, &HeaderMap::new()));
    }
}
