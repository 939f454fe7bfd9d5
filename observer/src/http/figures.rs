//! What programs read: `/metrics`, `/api/snapshot`, `/api/rows/…`.

use hyper::StatusCode;
use hyper::header::{ACCEPT, HeaderMap, HeaderValue, VARY};

use super::answers::{Answer, JSON, compressed, header, text, with_type};
use super::negotiation;
use super::rows::{self, NoRow};
use crate::metrics;
use crate::run::Observer;

/// The metrics in the format and the encoding that the client asks for.
pub(super) fn metrics(headers: &HeaderMap, observer: &Observer) -> Answer {
    let format = negotiation::format(&header(headers, &ACCEPT));
    let page = match metrics::render(observer.snapshot(), format) {
        Ok(page) => page,
        Err(error) => {
            let sentence = format!("the metrics cannot be written: {error}\n");
            return text(StatusCode::INTERNAL_SERVER_ERROR, &sentence);
        }
    };
    let mut answer = compressed(headers, StatusCode::OK, format.content_type(), page);
    answer.headers_mut().insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    answer
}

/// The report as of the last second.
pub(super) fn snapshot(observer: &Observer) -> Answer {
    let Some(snapshot) = observer.snapshot() else {
        return with_type(StatusCode::NOT_FOUND, JSON, "{\"error\":\"there has been no run yet\"}\n");
    };
    match serde_json::to_string(&snapshot.report) {
        Ok(json) => with_type(StatusCode::OK, JSON, json),
        Err(error) => {
            text(StatusCode::INTERNAL_SERVER_ERROR, &format!("the report cannot be written: {error}\n"))
        }
    }
}

/// One row, or a sentence that says why there is none.
pub(super) async fn row(observer: &Observer, path: &str) -> Answer {
    match rows::row(observer, path, rows::API_PATH).await {
        Ok(row) => with_type(StatusCode::OK, JSON, row.to_string()),
        Err(no_row) => {
            let (status, sentence) = refused(no_row);
            with_type(status, JSON, format!("{}\n", serde_json::json!({ "error": sentence })))
        }
    }
}

/// Why there is no row, as an answer says it.
pub(super) fn refused(no_row: NoRow) -> (StatusCode, String) {
    match no_row {
        NoRow::Malformed => (
            StatusCode::BAD_REQUEST,
            "a row is named by its writer's index and its sequence: /api/rows/0/17".to_owned(),
        ),
        NoRow::Unknown(sentence) => (StatusCode::NOT_FOUND, sentence),
        NoRow::Closing => {
            (StatusCode::SERVICE_UNAVAILABLE, "the run is being closed: ask again in a moment".to_owned())
        }
    }
}
