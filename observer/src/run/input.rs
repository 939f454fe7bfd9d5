//! What reaches a run: the sum of what the stages put out, and what is asked of it.

use streamgauge_shared::exit_code::Failure;
use tokio::sync::oneshot;

use crate::canary::News;
use crate::intake::FromWriter;
use crate::landing::Search;
use crate::stream::FromStream;

/// What reaches a run.
pub enum Input {
    /// From a writer.
    Writer(FromWriter),
    /// From the change stream.
    Stream(FromStream),
    /// The canary's task speaks.
    Canary(News),
    /// Somebody wants to see a row.
    Row {
        /// The writer's index.
        writer: u16,
        /// The operation's number within the writer.
        sequence: u64,
        /// Takes a line as in `rows.jsonl`, or the sentence that says why there is none.
        answer: oneshot::Sender<Result<serde_json::Value, String>>,
    },
    /// Rows were looked for elsewhere.
    Looked(Box<Search>),
    /// Time passes.
    Tick,
    /// The observer is to end.
    Shutdown(Failure),
}

impl From<FromWriter> for Input {
    fn from(said: FromWriter) -> Self {
        Self::Writer(said)
    }
}

impl From<FromStream> for Input {
    fn from(said: FromStream) -> Self {
        Self::Stream(said)
    }
}

impl From<News> for Input {
    fn from(news: News) -> Self {
        Self::Canary(news)
    }
}
