//! Verified columns of which not one value was compared: what the model promises was not looked at.

use serde::{Deserialize, Serialize};

use crate::content::NotCompared;
use crate::report::NotComparedReport;

/// Verified columns that arrived and were never compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentNotCompared {
    /// Whether no verified column of the run was compared.
    pub nothing_compared: bool,
    /// The columns, in the model's order, with the reason of most of their rows.
    pub columns: Vec<NotComparedReport>,
}

impl ContentNotCompared {
    /// One sentence for each reason, with its remedy.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for reason in NotCompared::ALL {
            let columns = self.columns.iter().filter(|column| column.reason == reason);
            let names: Vec<String> =
                columns.map(|column| format!("{}.{}", column.entity, column.column)).collect();
            if !names.is_empty() {
                let what = if self.nothing_compared {
                    "content_not_compared: not one verified value could be compared: "
                } else {
                    "content_not_compared: verified, and never compared: "
                };
                lines.push(format!("{what}{} ({}); {}", names.join(", "), reason.words(), reason.remedy()));
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::content::tests::not_compared;

    #[test]
    fn each_reason_is_one_sentence_with_its_remedy() {
        let columns = vec![
            not_compared("total_amount", 9, NotCompared::Base64Decimal),
            not_compared("tax", 9, NotCompared::Base64Decimal),
            not_compared("note", 9, NotCompared::LeftOut),
        ];
        let lines = ContentNotCompared { nothing_compared: true, columns: columns.clone() }.lines();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("content_not_compared: not one verified value could be compared: order.note (left out by Debezium); "));
        assert!(lines[1].contains(
            "order.total_amount, order.tax (base64 decimal); set Debezium's decimal.handling.mode"
        ));
        let some = ContentNotCompared { nothing_compared: false, columns }.lines();
        assert!(
            some[0].starts_with("content_not_compared: verified, and never compared: order.note"),
            "{some:?}"
        );
    }
}
