//! What each path answers.

use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE,
    HeaderMap, HeaderName, HeaderValue, UPGRADE, VARY,
};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use streamgauge_shared::ledger;

use super::negotiation;
use super::rows::{self, NoRow};
use crate::run::Observer;
use crate::{intake, metrics};

type Answer = Response<Full<Bytes>>;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// Answers one request. The answer to HEAD is that to GET: the server leaves its body out and keeps its length.
pub(super) async fn answer(request: Request<Incoming>, observer: Arc<Observer>) -> Answer {
    let path = request.uri().path().to_owned();
    if path != "/livez" && path != "/readyz" && !allowed(&request, &observer) {
        return text(
            StatusCode::UNAUTHORIZED,
            "a token is needed: send 'Authorization: Bearer <content of the token file>'\n",
        );
    }
    // A link is nothing to look at the head of.
    let allowed = if path == ledger::PATH { "GET" } else { "GET, HEAD" };
    if !allowed.split(", ").any(|method| method == request.method().as_str()) {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, &format!("only {allowed}\n"));
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        return answer;
    }
    match path.as_str() {
        "/livez" => text(StatusCode::OK, "alive\n"),
        "/readyz" => match observer.not_ready() {
            None => text(StatusCode::OK, "ready\n"),
            Some(reason) => text(StatusCode::SERVICE_UNAVAILABLE, &format!("not ready: {reason}\n")),
        },
        "/metrics" => page(request.headers(), &observer),
        "/api/snapshot" => match observer.snapshot() {
            None => with_type(
                StatusCode::NOT_FOUND,
                JSON,
                "{\"error\":\"there has been no run yet\"}\n".to_owned(),
            ),
            Some(snapshot) => match serde_json::to_string(&snapshot.report) {
                Ok(json) => with_type(StatusCode::OK, JSON, json),
                Err(error) => text(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    &format!("the report cannot be written: {error}\n"),
                ),
            },
        },
        path if path.starts_with(rows::PATH) => row(&observer, path).await,
        ledger::PATH => upgrade(request, observer),
        _ => text(
            StatusCode::NOT_FOUND,
            "there is: /metrics /api/snapshot /api/rows/<writer>/<sequence> /livez /readyz /ledger\n",
        ),
    }
}

/// The metrics in the format and the encoding that the client asks for.
fn page(headers: &HeaderMap, observer: &Observer) -> Answer {
    let format = negotiation::format(&header(headers, &ACCEPT));
    let page = match metrics::render(observer.snapshot(), format) {
        Ok(page) => page,
        Err(error) => {
            let sentence = format!("the metrics cannot be written: {error}\n");
            return text(StatusCode::INTERNAL_SERVER_ERROR, &sentence);
        }
    };
    let compressed =
        if negotiation::gzip(&header(headers, &ACCEPT_ENCODING)) { gzip(&page).ok() } else { None };
    let mut answer = with_type(StatusCode::OK, format.content_type(), page);
    if let Some(compressed) = compressed {
        *answer.body_mut() = Full::new(Bytes::from(compressed));
        answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer.headers_mut().insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    answer
}

/// A header with all of its lines; what is no text is left out.
fn header(headers: &HeaderMap, name: &HeaderName) -> String {
    let lines: Vec<&str> = headers.get_all(name).iter().filter_map(|line| line.to_str().ok()).collect();
    lines.join(",")
}

/// Fast rather than small: bucket lines are so alike that it makes a tenth of them either way.
fn gzip(page: &str) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(page.as_bytes())?;
    encoder.finish()
}

/// One row, or a sentence that says why there is none.
async fn row(observer: &Observer, path: &str) -> Answer {
    let (status, sentence) = match rows::row(observer, path).await {
        Ok(row) => return with_type(StatusCode::OK, JSON, row.to_string()),
        Err(NoRow::Malformed) => (
            StatusCode::BAD_REQUEST,
            "a row is named by its writer's index and its sequence: /api/rows/0/17".to_owned(),
        ),
        Err(NoRow::Unknown(sentence)) => (StatusCode::NOT_FOUND, sentence),
        Err(NoRow::Closing) => {
            (StatusCode::SERVICE_UNAVAILABLE, "the run is being closed: ask again in a moment".to_owned())
        }
    };
    with_type(status, JSON, format!("{}\n", serde_json::json!({ "error": sentence })))
}

fn allowed(request: &Request<Incoming>, observer: &Observer) -> bool {
    let Some(token) = observer.token() else { return true };
    let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    // Every byte is compared, so that the time taken tells nothing about the token.
    given.len() == token.len()
        && given.bytes().zip(token.bytes()).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// Switches to the ledger link; the session goes on in a task that the observer owns.
fn upgrade(mut request: Request<Incoming>, observer: Arc<Observer>) -> Answer {
    let wanted = request.headers().get(UPGRADE).and_then(|value| value.to_str().ok());
    if wanted != Some(ledger::PROTOCOL) {
        let sentence =
            format!("this observer speaks {} here; use a writer of the same version\n", ledger::PROTOCOL);
        return text(StatusCode::UPGRADE_REQUIRED, &sentence);
    }
    if let Some(reason) = observer.not_ready() {
        return text(StatusCode::SERVICE_UNAVAILABLE, &format!("not ready: {reason}\n"));
    }
    let upgraded = hyper::upgrade::on(&mut request);
    let desk = Arc::clone(&observer);
    observer.spawn_session(async move {
        let stream = match upgraded.await {
            Ok(stream) => TokioIo::new(stream),
            Err(error) => return tracing::warn!("a writer's connection could not be upgraded: {error}"),
        };
        if let Err(error) = intake::serve(stream, |hello| desk.admit(hello)).await {
            tracing::warn!("a writer's connection ended: {error}");
        }
    });
    let mut answer = text(StatusCode::SWITCHING_PROTOCOLS, "");
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    answer.headers_mut().insert(UPGRADE, HeaderValue::from_static(ledger::PROTOCOL));
    answer
}

fn text(status: StatusCode, body: &str) -> Answer {
    with_type(status, TEXT, body.to_owned())
}

fn with_type(status: StatusCode, kind: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
