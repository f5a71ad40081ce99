//! TwiML as an answer.

use axum::{
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};

use crate::twiml_document::{Verb, document};

/// Instructions to Twilio.
pub(crate) struct TwiMl(pub(crate) Vec<Verb>);

impl IntoResponse for TwiMl {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, "text/xml; charset=utf-8")], document(&self.0)).into_response()
    }
}
