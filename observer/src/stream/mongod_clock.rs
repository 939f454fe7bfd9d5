//! mongod's clock against ours, for `mongo_visibility`: `hello` says its `localTime`, cut to the millisecond.

use std::time::Duration;

use mongodb::bson::doc;
use streamgauge_shared::clock::{Clock, Estimator, Exchange};
use streamgauge_shared::time::{Nanos, UnixNanos};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::{FromStream, MongoAddress};

/// How far apart the questions are.
const EVERY: Duration = Duration::from_secs(1);
/// How long an answer may take; a slower one says too little about the offset.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// Half of what `localTime` cuts off: it stands for the middle of its millisecond.
const HALF_MILLI: Nanos = Nanos(500_000);

/// mongod's clock against the observer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MongodClock {
    /// What it is ahead.
    pub offset: Nanos,
    /// How far the offset can be off.
    pub bound: Nanos,
}

/// Asks for mongod's clock until it is dropped, and tells the run what it knows. A MongoDB that does not
/// answer leaves the offset unknown, and is the change stream's business.
pub async fn follow_mongod<I: From<FromStream>>(
    address: &MongoAddress,
    clock: Clock,
    inputs: mpsc::Sender<I>,
) {
    let Ok(database) = address.connect().await else { return };
    let admin = database.client().database("admin");
    let mut estimator = Estimator::default();
    loop {
        let asked = clock.now();
        let answer = timeout(ANSWER_MAX, admin.run_command(doc! { "hello": 1 })).await;
        let returned = clock.now();
        if let Ok(Ok(answer)) = answer
            && let Ok(local) = answer.get_datetime("localTime")
        {
            let there = UnixNanos::from_millis(local.timestamp_millis()) + HALF_MILLI;
            let exchange = Exchange { asked, heard: there, answered: there, returned };
            estimator.add(&exchange, HALF_MILLI);
            if let Some(estimate) = estimator.at(returned) {
                let offset = estimate.offset();
                let known = MongodClock { offset, bound: estimate.error_of(offset) };
                // A run with a full queue hears of it the next time.
                drop(inputs.try_send(FromStream::MongodClock(known).into()));
            }
        }
        sleep(EVERY).await;
    }
}
