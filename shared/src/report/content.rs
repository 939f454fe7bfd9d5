//! What rows were to say, what arrived, and what of it could be compared: each apart.

use serde::{Deserialize, Serialize};

use super::is_zero;
use crate::content::NotCompared;

/// Columns named in the summary at most; `report.json` has them all.
const SHOWN_MAX: usize = 4;

/// The content of the rows of the measured phase; absent where the model verifies nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentReport {
    /// Rows with verified columns that are in PostgreSQL: creates and updates.
    pub written: u64,
    /// Those that arrived.
    pub arrived: u64,
    /// Those of which at least one verified column was compared.
    pub compared: u64,
    /// Those of which none was other than written.
    pub matched: u64,
    /// Those among the matched of which not every verified column could be compared.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub compared_in_part: u64,
    /// `check` steps of rows that arrived and could not be compared.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub checks_not_compared: u64,
    /// Each verified column of which any row arrived, in the model's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnReport>,
    /// Values that were not compared, by column and reason.
    #[serde(default)]
    pub not_compared: Vec<NotComparedReport>,
}

/// One verified column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnReport {
    /// The entity's name.
    pub entity: String,
    /// The column's name.
    pub column: String,
    /// Rows in which it was compared.
    pub compared: u64,
    /// Those in which it was as written.
    pub matched: u64,
}

/// One column that could not be compared in some rows, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotComparedReport {
    /// The entity's name.
    pub entity: String,
    /// The column's name.
    pub column: String,
    /// In how many rows.
    pub rows: u64,
    /// Why.
    pub reason: NotCompared,
}

impl ContentReport {
    /// Rows that arrived and of which not one verified column was compared.
    #[must_use]
    pub const fn not_compared_rows(&self) -> u64 {
        self.arrived.saturating_sub(self.compared)
    }

    /// The counts in one line: `300 written, 298 arrived, 120 compared (178 not), 120 matched`.
    #[must_use]
    pub fn line(&self) -> String {
        let not = match self.not_compared_rows() {
            0 => String::new(),
            not => format!(" ({not} not)"),
        };
        format!(
            "{} written, {} arrived, {} compared{not}, {} matched",
            self.written, self.arrived, self.compared, self.matched
        )
    }

    /// What stands under that line.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.not_compared.is_empty() {
            let mut columns: Vec<&NotComparedReport> = self.not_compared.iter().collect();
            columns.sort_by_key(|column| std::cmp::Reverse(column.rows));
            let mut shown: Vec<String> =
                columns.iter().take(SHOWN_MAX).map(|column| column.words()).collect();
            if columns.len() > SHOWN_MAX {
                shown.push(format!("{} more in report.json", columns.len() - SHOWN_MAX));
            }
            notes.push(format!("not compared: {}", shown.join("; ")));
        }
        if self.compared_in_part > 0 {
            notes.push(format!(
                "{} of the matched rows were compared in part: see the columns above",
                self.compared_in_part
            ));
        }
        if self.checks_not_compared > 0 {
            notes.push(format!("{} check steps could not be compared", self.checks_not_compared));
        }
        notes
    }
}

impl NotComparedReport {
    fn words(&self) -> String {
        format!("{}.{} in {} rows ({})", self.entity, self.column, self.rows, self.reason.words())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn not_compared(column: &str, rows: u64, reason: NotCompared) -> NotComparedReport {
        NotComparedReport { entity: "order".into(), column: column.into(), rows, reason }
    }

    #[test]
    fn what_was_not_compared_is_said_beside_what_was() {
        let content = ContentReport {
            written: 300,
            arrived: 298,
            compared: 120,
            matched: 120,
            compared_in_part: 20,
            not_compared: vec![not_compared("total_amount", 198, NotCompared::Base64Decimal)],
            ..ContentReport::default()
        };
        assert_eq!(content.line(), "300 written, 298 arrived, 120 compared (178 not), 120 matched");
        let notes = [
            "not compared: order.total_amount in 198 rows (base64 decimal)",
            "20 of the matched rows were compared in part: see the columns above",
        ];
        assert_eq!(content.notes(), notes);
        let whole =
            ContentReport { written: 2, arrived: 2, compared: 2, matched: 1, ..ContentReport::default() };
        assert_eq!(whole.line(), "2 written, 2 arrived, 2 compared, 1 matched");
        assert!(whole.notes().is_empty());
    }

    #[test]
    fn the_summary_names_a_few_columns_those_of_most_rows_first() {
        let columns = (1..8).map(|rows| not_compared(&format!("c{rows}"), rows, NotCompared::Absent));
        let content = ContentReport { not_compared: columns.collect(), ..ContentReport::default() };
        let note = &content.notes()[0];
        assert!(
            note.starts_with("not compared: order.c7 in 7 rows (not in the document); order.c6"),
            "{note}"
        );
        assert!(note.ends_with("3 more in report.json"), "{note}");
    }

    #[test]
    fn json_has_the_names_that_scripts_read() {
        let content = ContentReport {
            written: 3,
            arrived: 2,
            not_compared: vec![not_compared("total_amount", 2, NotCompared::Base64Decimal)],
            ..ContentReport::default()
        };
        let expected = serde_json::json!({
            "written": 3, "arrived": 2, "compared": 0, "matched": 0,
            "not_compared": [{ "entity": "order", "column": "total_amount", "rows": 2, "reason": "base64_decimal" }]
        });
        assert_eq!(serde_json::to_value(&content).expect("json"), expected);
    }
}
