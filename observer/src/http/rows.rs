//! One row with its points, of the run that goes on or of the last one: what `/api/rows/…` and `/rows/…` show.

use serde_json::Value;
use tokio::sync::oneshot;

use crate::run::{Input, Observer};

/// What comes before writer and sequence, for programs.
pub(super) const API_PATH: &str = "/api/rows/";
/// And for people.
pub(super) const PAGE_PATH: &str = "/rows/";

/// Why there is no row to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoRow {
    /// The path names none.
    Malformed,
    /// It is not known, or no longer; the sentence says why.
    Unknown(String),
    /// The run is being closed at this moment.
    Closing,
}

/// The writer's index and the sequence that a path names.
fn parse(path: &str, prefix: &str) -> Option<(u16, u64)> {
    let (writer, sequence) = path.strip_prefix(prefix)?.split_once('/')?;
    Some((writer.parse().ok()?, sequence.parse().ok()?))
}

/// The row that a path names, as a line of `rows.jsonl`.
pub(super) async fn row(observer: &Observer, path: &str, prefix: &str) -> Result<Value, NoRow> {
    let (writer, sequence) = parse(path, prefix).ok_or(NoRow::Malformed)?;
    if let Some(inputs) = observer.inputs().await {
        let (answer, answered) = oneshot::channel();
        if inputs.send(Input::Row { writer, sequence, answer }).await.is_ok()
            && let Ok(answer) = answered.await
        {
            return answer.map_err(NoRow::Unknown);
        }
    }
    match observer.kept_rows() {
        Some(kept) => kept.find(writer, sequence).ok_or_else(|| NoRow::Unknown(kept.why_not())),
        None if observer.snapshot().is_some() => Err(NoRow::Closing),
        None => Err(NoRow::Unknown("there has been no run yet".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_writer_and_a_sequence() {
        assert_eq!(parse("/api/rows/0/17", API_PATH), Some((0, 17)));
        assert_eq!(parse("/rows/3/1", PAGE_PATH), Some((3, 1)));
        for path in
            ["/api/rows/", "/api/rows/0", "/api/rows/0/", "/api/rows/-1/2", "/api/rows/0/1/2", "/rows/0/1"]
        {
            assert_eq!(parse(path, API_PATH), None, "{path}");
        }
    }
}
