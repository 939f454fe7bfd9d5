//! What every answer is made of, and the headers that every answer carries.

use std::convert::Infallible;
use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap,
    HeaderName, HeaderValue, LOCATION, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};

use super::negotiation;

/// An answer, whole or as it comes.
pub(super) type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

pub(super) const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const JSON: &str = "application/json";

/// What a page of ours may load, and whom it may talk to: this observer and nobody else. Styles and scripts are files of
/// their own, so nothing that a database or a file brings into a page can become one.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The same for a report, which carries its style within and loads nothing at all.
pub(super) const REPORT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// A sentence.
pub(super) fn text(status: StatusCode, body: &str) -> Answer {
    with_type(status, TEXT, body.to_owned())
}

/// A whole body.
pub(super) fn with_type(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()).boxed_unsync());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// A whole body, compressed if the client wants it so.
pub(super) fn compressed(
    headers: &HeaderMap,
    status: StatusCode,
    kind: &'static str,
    body: String,
) -> Answer {
    let packed = if negotiation::gzip(&header(headers, &ACCEPT_ENCODING)) { gzip(&body).ok() } else { None };
    let is_packed = packed.is_some();
    let mut answer = with_type(status, kind, packed.map_or_else(|| Bytes::from(body), Bytes::from));
    if is_packed {
        answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
    answer
}

/// Go there with GET.
pub(super) fn see_other(location: &str) -> Answer {
    let mut answer = text(StatusCode::SEE_OTHER, "");
    if let Ok(location) = HeaderValue::from_str(location) {
        answer.headers_mut().insert(LOCATION, location);
    }
    answer
}

/// What every answer carries unless it has its own: nothing is stored, sniffed, framed, or told to other hosts.
pub(super) fn harden(answer: &mut Answer) {
    let headers = answer.headers_mut();
    let always = [
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in always {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// A header with all of its lines; what is no text is left out.
pub(super) fn header(headers: &HeaderMap, name: &HeaderName) -> String {
    let lines: Vec<&str> = headers.get_all(name).iter().filter_map(|line| line.to_str().ok()).collect();
    lines.join(",")
}

/// Fast rather than small: bucket lines are so alike that it makes a tenth of them either way.
pub(super) fn gzip(page: &str) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(page.as_bytes())?;
    encoder.finish()
}
