//! What a report says of the stages between the marks that the pipeline leaves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Stats;
use super::text::millis;

/// One stage over all rows that have every mark of their model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageReport {
    /// The name of its end: `commit`, `connector`, `kafka`, `mongodb` or `observed`.
    pub stage: String,
    /// Where it begins: `sent`, or the end of the stage before it.
    pub from: String,
    /// Where it ends.
    pub to: String,
    /// What the coarser of its two times is cut to.
    pub resolution_ms: f64,
    /// Whether its two clocks are compared.
    pub clock: StageClock,
    /// Its figures; signed.
    #[serde(flatten)]
    pub stats: Stats,
}

/// What is known of the two clocks that a stage is read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageClock {
    /// mongod's against the observer's, as `clock.mongodb` has it; the stage is not corrected by it.
    Compared,
    /// Nobody compared them: the stage can be off by whatever they differ.
    NotCompared,
}

/// Of the rows whose model names marks, how many are in the stages and what the others lack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarksReport {
    /// In the stages.
    pub rows: u64,
    /// Arrived without a mark that their model names; in no stage.
    pub incomplete: u64,
    /// Arrived at a time that cannot be believed; in no stage.
    pub unmeasured: u64,
    /// How many of the incomplete lack each mark.
    pub absent: BTreeMap<String, u64>,
}

impl StageReport {
    /// What stands beside its figures.
    #[must_use]
    pub fn beside(&self) -> String {
        let clock = match self.clock {
            StageClock::Compared => "clock compared",
            StageClock::NotCompared => "clock not compared",
        };
        format!("± {}, {clock}", millis(self.resolution_ms))
    }
}

impl MarksReport {
    /// The rows that are not in the stages, and why; absent where there are none.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let mut notes = Vec::new();
        if self.incomplete > 0 {
            let lacks = self.absent.iter().map(|(mark, count)| format!("{mark} {count}"));
            let lacks = lacks.collect::<Vec<_>>().join(", ");
            notes.push(format!(
                "{} rows arrived without every mark ({lacks}) and are in no stage; a delete that removes its document leaves none",
                self.incomplete
            ));
        }
        if self.unmeasured > 0 {
            notes.push(format!("{} arrived unmeasured", self.unmeasured));
        }
        (!notes.is_empty()).then(|| notes.join("; "))
    }
}
