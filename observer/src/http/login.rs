//! `/login` and `/logout`: a browser shows a token once and gets a cookie for it.

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, SET_COOKIE};
use hyper::{Method, Request, StatusCode};
use streamgauge_shared::time::NANOS_PER_SECOND;

use super::Port;
use super::access::{COOKIE_NAME, Refused, SESSION_IDLE_MAX};
use super::answers::{Answer, HTML, see_other, text, with_type};
use crate::page;
use crate::page::query::pairs;

pub(super) const PATH: &str = "/login";
pub(super) const LOGOUT_PATH: &str = "/logout";

/// A form holds a token and a path.
const FORM_BYTES_MAX: usize = 8_192;

/// Where a request that may not be answered is sent to log in, and comes back from.
pub(super) fn from(path: &str, query: Option<&str>) -> String {
    let wanted = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    format!("{PATH}?next={}", crate::page::query::encoded(&wanted))
}

/// The form, or what became of it.
pub(super) async fn answer(request: Request<Incoming>, port: &Port) -> Answer {
    if !port.access.is_restricted() {
        return see_other("/");
    }
    if request.method() != Method::POST {
        let next = value(request.uri().query().unwrap_or_default(), "next");
        return form(StatusCode::OK, &next, None);
    }
    if let Some(refused) = from_elsewhere(request.headers()) {
        return refused;
    }
    let is_form = request
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    let body = Limited::new(request.into_body(), FORM_BYTES_MAX).collect().await;
    let Some(body) = body.ok().filter(|_| is_form) else {
        return text(StatusCode::BAD_REQUEST, "send the form of /login: token and next, URL-encoded\n");
    };
    let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    let next = value(&body, "next");
    match port.access.log_in(value(&body, "token").trim(), port.observer.now()) {
        Ok(id) => {
            let seconds = SESSION_IDLE_MAX.0 / NANOS_PER_SECOND;
            let cookie = format!("{COOKIE_NAME}={id}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}");
            with_cookie(see_other(&local(&next)), &cookie)
        }
        Err(Refused::Wrong) => form(StatusCode::UNAUTHORIZED, &next, Some("This is not the token.")),
        Err(Refused::TooMany(wait)) => {
            let seconds = wait.0 / NANOS_PER_SECOND + 1;
            let sentence = format!("Too many wrong tokens were tried: try again in {seconds} s.");
            let mut answer = form(StatusCode::TOO_MANY_REQUESTS, &next, Some(&sentence));
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            answer
        }
    }
}

/// Ends the session.
pub(super) fn log_out(request: &Request<Incoming>, port: &Port) -> Answer {
    if let Some(refused) = from_elsewhere(request.headers()) {
        return refused;
    }
    port.access.log_out(request.headers());
    let cookie = format!("{COOKIE_NAME}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    with_cookie(see_other(PATH), &cookie)
}

/// Browsers say where a form comes from; one of another site is none of ours.
fn from_elsewhere(headers: &HeaderMap) -> Option<Answer> {
    let site = headers.get("sec-fetch-site")?;
    let is_ours = site == "same-origin" || site == "none";
    (!is_ours).then(|| text(StatusCode::FORBIDDEN, "this form is sent from the observer's own page only\n"))
}

fn form(status: StatusCode, next: &str, refused: Option<&str>) -> Answer {
    with_type(status, HTML, page::login(&local(next), refused))
}

fn with_cookie(mut answer: Answer, cookie: &str) -> Answer {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    answer
}

/// The first value of a name; empty without one.
fn value(encoded: &str, name: &str) -> String {
    pairs(encoded).find(|(key, _)| key == name).map(|(_, value)| value).unwrap_or_default()
}

/// A path of this observer; `/` for what leads anywhere else.
fn local(next: &str) -> String {
    let is_local = next.starts_with('/')
        && !next.starts_with("//")
        && next.chars().all(|c| c.is_ascii_graphic() && c != '\\');
    if is_local { next.to_owned() } else { "/".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_logged_in_comes_back_to_a_path_of_ours_only() {
        assert_eq!(local("/?scenario=steady"), "/?scenario=steady");
        assert_eq!(local("/rows/0/17"), "/rows/0/17");
        for elsewhere in
            ["", "//example.org", "https://example.org/", "/\\example.org", "/a\r\nset-cookie: x", "rows"]
        {
            assert_eq!(local(elsewhere), "/", "{elsewhere:?}");
        }
        assert_eq!(from("/", Some("scenario=a b&x")), "/login?next=%2F%3Fscenario%3Da%20b%26x");
        assert_eq!(value("next=%2F%3Fscenario%3Da&token=x", "next"), "/?scenario=a");
    }
}
