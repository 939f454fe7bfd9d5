use streamgauge_shared::clock::Clock;
use streamgauge_shared::exit_code::{ExitCode, Failure};

use super::super::fixture::{brief, not_sent, record};
use super::*;
use crate::intake::FromWriter;

#[test]
fn what_waits_behind_the_input_that_ends_a_run_is_taken() {
    let (inputs, received) = mpsc::channel(INPUTS_MAX);
    let failure = Failure { exit_code: ExitCode::Interrupted, sentence: "enough".into() };
    for input in [
        Input::Writer(FromWriter::Messages { writer: 0, messages: vec![record(0, not_sent(0))] }),
        Input::Shutdown(failure),
        Input::Writer(FromWriter::Messages { writer: 0, messages: vec![record(1, not_sent(1))] }),
    ] {
        assert!(inputs.try_send(input).is_ok());
    }
    let (intervals, _told) = mpsc::channel(INTERVALS_MAX);
    let (searches, _asked) = mpsc::channel(1);
    let outlets = Outlets { snapshots: watch::Sender::new(None), intervals, searches };
    let closed = run(brief(1, |_| {}), Clock::start(), received, outlets);
    assert_eq!(closed.snapshot.report.account.entries, 2);
}
