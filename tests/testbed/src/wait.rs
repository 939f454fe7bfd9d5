//! Waiting for a condition: level-triggered, with a limit, and with the last status in the message.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use anyhow::{Result, bail};
use streamgauge_shared::clock::Clock;
use streamgauge_shared::time::{Nanos, UnixNanos};

/// Pause between two looks at a condition: short beside what is waited for, long beside a look.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Looks at `check` until it returns `Ok`, for at most `limit`; `Err` is the status so far.
///
/// The condition is looked at afresh each time, so nothing that happened before the call is missed.
///
/// # Errors
/// When `limit` has passed: one sentence that says what was waited for, how long, and the last status.
pub async fn wait_for<T, S, F, Fut>(what: &str, limit: Duration, mut check: F) -> Result<T>
where
    S: Display,
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, S>>,
{
    let clock = Clock::start();
    let deadline = clock.now() + span(limit);
    let mut last = String::from("nothing seen yet");
    loop {
        match tokio::time::timeout(remaining(&clock, deadline), check()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(status)) => last = status.to_string(),
            Err(_) => last = format!("the last look did not end; before it: {last}"),
        }
        if clock.now() >= deadline {
            bail!("waited {limit:?} for {what}; last status: {last}");
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// A standard duration as a signed span; saturates at 292 years.
pub(crate) fn span(duration: Duration) -> Nanos {
    Nanos(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
}

fn remaining(clock: &Clock, deadline: UnixNanos) -> Duration {
    (deadline - clock.now()).to_std()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_condition_that_holds_ends_the_wait() {
        let mut looks = 0;
        let value = wait_for("three looks", Duration::from_secs(5), || {
            looks += 1;
            let seen = looks;
            async move { if seen == 3 { Ok(seen) } else { Err(format!("look {seen}")) } }
        });
        assert_eq!(value.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn the_limit_names_what_was_waited_for_and_the_last_status() {
        let never = || async { Err::<(), _>("still absent") };
        let error = wait_for("a document", Duration::from_millis(20), never).await.unwrap_err();
        assert_eq!(error.to_string(), "waited 20ms for a document; last status: still absent");
    }
}
