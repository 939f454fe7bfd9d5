//! Who may see what: tokens in a header, for programs, and sessions in a cookie, for browsers.
//!
//! A token opens everything, or, given by `--read-token-file`, whatever reads: page, API and metrics, but never the
//! ledger. A session is begun with either token and only ever reads. It is a random number that this process keeps: the
//! cookie does not hold the token, and a restart ends all sessions.

use std::collections::{HashMap, VecDeque};

use hyper::header::{AUTHORIZATION, COOKIE, HeaderMap};
use parking_lot::Mutex;
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::token::Token;

/// The name of the cookie.
pub(super) const COOKIE_NAME: &str = "streamgauge_session";
/// Sessions at a time; past it the one that was used longest ago ends.
const SESSIONS_MAX: usize = 256;
/// A session that nobody used for so long ends: a soak of two days and a weekend are shorter.
pub(super) const SESSION_IDLE_MAX: Nanos = Nanos::from_secs(7 * 24 * 3_600);
/// Wrong tokens that may be tried in a form within [`FAILURES_SPAN`], by everybody together: addresses say nothing
/// behind a proxy.
const FAILURES_MAX: usize = 10;
/// See [`FAILURES_MAX`].
const FAILURES_SPAN: Nanos = Nanos::from_secs(60);

/// What a request may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Right {
    /// Learn whether the observer lives.
    Nothing,
    /// Read page, API and metrics.
    Read,
    /// Everything, the ledger too.
    Write,
}

/// Why nobody was logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is neither token.
    Wrong,
    /// Too many wrong ones came; so long until the next may.
    TooMany(Nanos),
}

/// The tokens, and the sessions that were begun with them.
#[derive(Debug, Default)]
pub struct Access {
    token: Option<Token>,
    read_token: Option<Token>,
    sessions: Mutex<HashMap<String, UnixNanos>>,
    failures: Mutex<VecDeque<UnixNanos>>,
}

impl Access {
    /// With these tokens; without `token` everything is open to everybody who reaches the port.
    #[must_use]
    pub fn new(token: Option<Token>, read_token: Option<Token>) -> Self {
        Self { token, read_token, ..Self::default() }
    }

    /// Whether there is a token at all.
    pub(super) fn is_restricted(&self) -> bool {
        self.token.is_some()
    }

    /// What a request with these headers may do.
    pub(super) fn right(&self, headers: &HeaderMap, now: UnixNanos) -> Right {
        if !self.is_restricted() {
            return Right::Write;
        }
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let by_token = given
            .and_then(|value| value.strip_prefix("Bearer "))
            .map_or(Right::Nothing, |given| self.right_of(given));
        by_token.max(if self.has_session(headers, now) { Right::Read } else { Right::Nothing })
    }

    /// What a token gives the right to.
    fn right_of(&self, given: &str) -> Right {
        // Both are compared, so that the time taken does not tell which one it was near to.
        let write = self.token.as_ref().is_some_and(|token| token.is(given));
        let read = self.read_token.as_ref().is_some_and(|token| token.is(given));
        match (write, read) {
            (true, _) => Right::Write,
            (_, true) => Right::Read,
            _ => Right::Nothing,
        }
    }

    fn has_session(&self, headers: &HeaderMap, now: UnixNanos) -> bool {
        let mut sessions = self.sessions.lock();
        for id in session_ids(headers) {
            if let Some(used) = sessions.get_mut(id) {
                if now - *used <= SESSION_IDLE_MAX {
                    *used = now;
                    return true;
                }
                sessions.remove(id);
            }
        }
        false
    }

    /// Begins a session for whoever has a token; returns its id.
    ///
    /// # Errors
    /// It is no token of ours, or too many wrong ones were tried.
    pub(super) fn log_in(&self, given: &str, now: UnixNanos) -> Result<String, Refused> {
        let mut failures = self.failures.lock();
        while failures.front().is_some_and(|failed| now - *failed >= FAILURES_SPAN) {
            failures.pop_front();
        }
        if failures.len() >= FAILURES_MAX
            && let Some(first) = failures.front()
        {
            return Err(Refused::TooMany(FAILURES_SPAN - (now - *first)));
        }
        if self.right_of(given) == Right::Nothing {
            failures.push_back(now);
            return Err(Refused::Wrong);
        }
        drop(failures);
        let id = format!("{:032x}", rand::random::<u128>());
        let mut sessions = self.sessions.lock();
        if sessions.len() >= SESSIONS_MAX
            && let Some(oldest) = sessions.iter().min_by_key(|(_, used)| **used).map(|(id, _)| id.clone())
        {
            sessions.remove(&oldest);
        }
        sessions.insert(id.clone(), now);
        Ok(id)
    }

    /// Ends the session of a request.
    pub(super) fn log_out(&self, headers: &HeaderMap) {
        let mut sessions = self.sessions.lock();
        sessions.retain(|id, _| session_ids(headers).all(|ended| ended != id));
    }
}

/// The ids of sessions that a request's cookies name.
fn session_ids(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let cookies = lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    cookies.filter(|(name, _)| *name == COOKIE_NAME).map(|(_, id)| id)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn token(text: &str) -> Option<Token> {
        Some(Token::of_file("token", text).expect("a token"))
    }

    fn access() -> Access {
        Access::new(token("writes-all"), token("reads-only"))
    }

    fn headers(name: hyper::header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).expect("a header"))])
    }

    fn at(seconds: i64) -> UnixNanos {
        UnixNanos(0) + Nanos::from_secs(seconds)
    }

    #[test]
    fn a_token_gives_its_right_and_nothing_else_gives_any() {
        let right = |value: &str| access().right(&headers(AUTHORIZATION, value), at(0));
        assert_eq!(right("Bearer writes-all"), Right::Write);
        assert_eq!(right("Bearer reads-only"), Right::Read);
        for wrong in ["Bearer writes-al", "Bearer ", "writes-all", "Basic writes-all", "Bearer reads-onlyx"] {
            assert_eq!(right(wrong), Right::Nothing, "{wrong}");
        }
        assert_eq!(access().right(&HeaderMap::new(), at(0)), Right::Nothing);
        assert_eq!(Access::default().right(&HeaderMap::new(), at(0)), Right::Write);
    }

    #[test]
    fn a_session_reads_until_it_is_ended_or_unused_for_too_long() {
        let access = access();
        // Even one that was begun with the token that opens everything.
        let id = access.log_in("writes-all", at(0)).expect("logged in");
        assert!(id.len() == 32 && id.chars().all(|c| c.is_ascii_hexdigit()), "{id}");
        let cookie = headers(COOKIE, &format!("other=1; {COOKIE_NAME}={id}"));
        assert_eq!(access.right(&cookie, at(10)), Right::Read);
        let week = SESSION_IDLE_MAX.0 / 1_000_000_000;
        assert_eq!(access.right(&cookie, at(10 + week)), Right::Read, "used in time");
        assert_eq!(access.right(&cookie, at(11 + 2 * week)), Right::Nothing);
        assert_eq!(access.right(&cookie, at(12)), Right::Nothing, "gone for good");

        let id = access.log_in("reads-only", at(0)).expect("logged in");
        let cookie = headers(COOKIE, &format!("{COOKIE_NAME}={id}"));
        assert_eq!(access.right(&cookie, at(1)), Right::Read);
        access.log_out(&cookie);
        assert_eq!(access.right(&cookie, at(2)), Right::Nothing);
        assert_eq!(access.right(&headers(COOKIE, &format!("{COOKIE_NAME}=")), at(2)), Right::Nothing);
    }

    #[test]
    fn sessions_are_bounded_and_the_one_unused_longest_goes() {
        let access = access();
        let ids: Vec<String> =
            (0..300).map(|second| access.log_in("reads-only", at(second)).expect("in")).collect();
        let right = |id: &str| access.right(&headers(COOKIE, &format!("{COOKIE_NAME}={id}")), at(300));
        assert_eq!(access.sessions.lock().len(), SESSIONS_MAX);
        assert_eq!(
            (right(&ids[0]), right(&ids[43]), right(&ids[44])),
            (Right::Nothing, Right::Nothing, Right::Read)
        );
    }

    #[test]
    fn wrong_tokens_are_few_a_minute_and_block_the_right_one_too() {
        let access = access();
        for second in 0..10 {
            assert_eq!(access.log_in("guess", at(second)), Err(Refused::Wrong));
        }
        assert_eq!(access.log_in("guess", at(10)), Err(Refused::TooMany(Nanos::from_secs(50))));
        assert_eq!(access.log_in("reads-only", at(59)), Err(Refused::TooMany(Nanos::from_secs(1))));
        assert!(access.log_in("reads-only", at(60)).is_ok());
    }
}
