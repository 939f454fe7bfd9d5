//! Events that could not be read, by reason.

use serde::{Deserialize, Serialize};

use super::{EventReport, is_zero};
use crate::account::Undecodable;

/// Undecodable events by reason; only what was seen is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the reasons of account::Undecodable, by name")]
pub struct UndecodableReport {
    #[serde(skip_serializing_if = "is_zero")]
    pub no_document: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub no_operation: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub no_collection: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub no_content: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub no_key: u64,
}

impl UndecodableReport {
    /// From the count of each reason.
    pub fn of(count: impl Fn(Undecodable) -> u64) -> Self {
        Self {
            no_document: count(Undecodable::NoDocument),
            no_operation: count(Undecodable::NoOperation),
            no_collection: count(Undecodable::NoCollection),
            no_content: count(Undecodable::NoContent),
            no_key: count(Undecodable::NoKey),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn count(&self, reason: Undecodable) -> u64 {
        match reason {
            Undecodable::NoDocument => self.no_document,
            Undecodable::NoOperation => self.no_operation,
            Undecodable::NoCollection => self.no_collection,
            Undecodable::NoContent => self.no_content,
            Undecodable::NoKey => self.no_key,
        }
    }
}

impl EventReport {
    /// What stands under the sum of its kinds: each reason for which events could not be read, with the way out.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let reasons = &self.undecodable_reasons;
        let seen = Undecodable::ALL.into_iter().filter(|reason| reasons.count(*reason) > 0);
        seen.map(|reason| format!("{} undecodable ({reason}): {}", reasons.count(reason), reason.remedy()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_counted_under_its_name_and_told_with_its_remedy() {
        for reason in Undecodable::ALL {
            let reasons = UndecodableReport::of(|one| if one == reason { 3 } else { 0 });
            assert_eq!(serde_json::to_value(reasons).expect("json"), serde_json::json!({ reason.name(): 3 }));
            let notes = EventReport { undecodable_reasons: reasons, ..EventReport::default() }.notes();
            assert_eq!(notes.len(), 1);
            assert!(notes[0].starts_with(&format!("3 undecodable ({reason}): ")), "{notes:?}");
        }
        assert!(UndecodableReport::default().is_empty() && EventReport::default().notes().is_empty());
    }
}
