//! The user that does what the load needs before it, and what is to be undone after it.

use streamgauge_shared::account::Phase;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::test_file::Step;
use tokio::sync::watch;

use super::iteration::{Iteration, Stop};
use super::{Context, LoadState};
use crate::entity::{Author, Domain};
use crate::rows::UserRows;

/// Its number among this writer's: the only one of its part.
const NUMBER: u32 = 1;

/// Carries out the test's setup or teardown; does nothing where there is none. One that was cut is no failure:
/// whoever cut it has said why.
///
/// # Errors
/// An operation did not commit or, in the setup, did not arrive while it was awaited; exit code 107.
pub async fn apart(
    context: &Context,
    domain: Domain,
    rows: &mut UserRows,
    mut state: watch::Receiver<LoadState>,
) -> Result<(), Failure> {
    let (flow, phase, name): (&[Step], _, _) = match domain {
        Domain::Setup => (&context.test.setup, Phase::Setup, "setup"),
        Domain::Teardown => (&context.test.teardown, Phase::Teardown, "teardown"),
        Domain::Scenario(_) => unreachable!("a scenario has users of its own"),
    };
    if flow.is_empty() {
        return Ok(());
    }
    let author = Author { scenario: name, vu: context.shard.number(NUMBER), iteration: 0 };
    let mut iteration = Iteration::apart(context, domain, phase, author, &mut state, rows);
    let sentence = match iteration.carry_out(flow).await {
        Ok(()) | Err(Stop::Cut) => return Ok(()),
        Err(Stop::NoRow) => unreachable!("a list of steps ends where it has no row"),
        Err(Stop::Unseen { entity, timeout }) => format!(
            "{name}: a row of '{}' was not seen in MongoDB within {timeout} of its await: see whether the pipeline delivers at all, or raise the await's timeout",
            context.test.model.entities[entity].name
        ),
        Err(Stop::Failed | Stop::NotConnected) => format!(
            "{name}: an operation did not commit: {}",
            context.first_error.get().map_or("it touched no row", String::as_str)
        ),
    };
    Err(Failure::run(sentence))
}
