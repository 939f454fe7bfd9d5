//! The order to end the load before its time: who gives it, how hard it is, and why.
//!
//! Anybody may give it, the load obeys it. Orders only become harder. Of several causes the one whose exit
//! code takes precedence stays; of equal ones the first.

use streamgauge_shared::exit_code::Failure;
use tokio::sync::watch;

/// How the load is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// No new iteration; running ones have their graceful stop.
    Finish,
    /// Running iterations end at their next wait; a statement in flight is waited for.
    Cut,
    /// At once; what is in flight stays open in the ledger.
    Drop,
}

/// An order to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// How.
    pub how: How,
    /// Why.
    pub cause: Failure,
}

/// Takes orders and tells them.
#[derive(Debug)]
pub struct Halt(watch::Sender<Option<Order>>);

impl Default for Halt {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Halt {
    /// Gives an order.
    pub fn order(&self, how: How, cause: Failure) {
        self.0.send_if_modified(|order| {
            let before = order.clone();
            *order = Some(match order.take() {
                None => Order { how, cause },
                Some(order) => Order {
                    how: order.how.max(how),
                    cause: if cause.exit_code < order.cause.exit_code { cause } else { order.cause },
                },
            });
            *order != before
        });
    }

    /// Hears of orders; one that was already given counts as new.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Option<Order>> {
        let mut receiver = self.0.subscribe();
        receiver.mark_changed();
        receiver
    }

    /// Why the load was to end, if it was.
    #[must_use]
    pub fn cause(&self) -> Option<Failure> {
        self.0.borrow().as_ref().map(|order| order.cause.clone())
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::exit_code::ExitCode;

    use super::*;

    #[test]
    fn orders_only_become_harder_and_the_gravest_cause_stays() {
        let halt = Halt::default();
        let failure = |exit_code, sentence: &str| Failure { exit_code, sentence: sentence.to_owned() };
        let orders = halt.subscribe();
        halt.order(How::Cut, failure(ExitCode::ThresholdCrossed, "slow"));
        halt.order(How::Finish, failure(ExitCode::Interrupted, "by a user"));
        halt.order(How::Finish, failure(ExitCode::Interrupted, "again"));
        let order = orders.borrow().clone().expect("an order");
        assert_eq!(order, Order { how: How::Cut, cause: failure(ExitCode::Interrupted, "by a user") });
        assert_eq!(halt.cause(), Some(order.cause));
    }
}
