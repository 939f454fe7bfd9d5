//! What one user does before the load and after it.

use streamgauge_shared::exit_code::ExitCode;
use tokio::sync::watch;

use crate::entity::Domain;
use crate::halt::How;
use crate::rows::UserRows;
use crate::user::{self, Context, LoadState};

/// Carries out the test's setup or teardown. Ends early on an order that was not there before it: at the next
/// wait, or at once where that is ordered.
///
/// A setup that does not succeed ends the run; a teardown that does not is told, its rows go with the others.
pub(super) async fn carry_out(context: &Context, domain: Domain, rows: &mut UserRows) {
    let state = watch::Sender::new(LoadState::Running);
    let mut orders = context.halt.subscribe();
    let before = orders.borrow_and_update().clone();
    let mut doing = Box::pin(user::apart(context, domain, rows, state.subscribe()));
    let done = tokio::select! {
        done = &mut doing => done,
        // The orders' sender is the context's: it is there.
        _ = orders.wait_for(|order| *order != before) => {
            state.send_replace(LoadState::Cut);
            let mut later = context.halt.subscribe();
            let at_once = later.wait_for(|order| order.as_ref().is_some_and(|order| order.how == How::Drop));
            tokio::select! {
                done = &mut doing => done,
                _ = at_once => return,
            }
        }
    };
    match done {
        Err(failure) if domain == Domain::Setup => context.halt.order(How::Cut, failure),
        Err(failure) if failure.exit_code != ExitCode::Interrupted => tracing::warn!("{failure}"),
        Err(_) | Ok(()) => {}
    }
}
