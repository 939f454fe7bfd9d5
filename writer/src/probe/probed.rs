//! What became of a row, in words. Pure.

use std::fmt;

/// What became of the row of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// The table.
    pub table: String,
    /// What became of its insert.
    pub inserted: Inserted,
    /// What else did not go as it should.
    pub faults: Vec<Fault>,
    /// Triggers that see each row before it is written, changed or deleted.
    pub triggers: Vec<String>,
}

/// What became of an insert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// PostgreSQL says one row.
    Row,
    /// It says 0 rows, and the row is there.
    Elsewhere,
    /// It says 0 rows, and no row is there, or none that could be found.
    Nothing,
    /// It says no.
    Refused(String),
    /// A row that it refers to could not be made.
    NoParent,
}

/// A step that did not go as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The step.
    pub step: Step,
    /// What PostgreSQL said, or what was seen.
    pub said: String,
}

/// What is done with a row once it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is looked at.
    See,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
}

impl Probed {
    pub(super) fn fault(&mut self, step: Step, said: String) {
        self.faults.push(Fault { step, said });
    }

    /// `trigger 'a' or trigger 'b'`, or what else keeps rows away unsaid.
    #[must_use]
    pub fn suspects(&self) -> String {
        match &self.triggers[..] {
            [] => "row-level security or a rule".to_owned(),
            triggers => format!("trigger '{}'", triggers.join("' or trigger '")),
        }
    }

    /// Why a run cannot count what it writes here; nothing where it can. `by_database` says whether the database makes
    /// the key.
    #[must_use]
    pub fn uncountable(&self, by_database: bool) -> Option<String> {
        let Self { table, inserted, .. } = self;
        let suspects = self.suspects();
        match inserted {
            Inserted::Nothing if by_database => Some(format!(
                "an insert into table '{table}' says 0 rows and returns no key: {suspects} puts the row elsewhere or keeps it away; let the model make the key, or name the table that gets the rows"
            )),
            Inserted::Nothing => Some(format!(
                "an insert into table '{table}' says 0 rows, and the row is not there: {suspects} keeps it away; name the table that gets the rows, or disable what keeps them away"
            )),
            Inserted::Row | Inserted::Elsewhere | Inserted::Refused(_) | Inserted::NoParent => None,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::See => "SELECT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probed(inserted: Inserted, triggers: &[&str]) -> Probed {
        let triggers = triggers.iter().map(|name| (*name).to_owned()).collect();
        Probed { table: "events".into(), inserted, faults: Vec::new(), triggers }
    }

    #[test]
    fn only_a_row_that_is_not_there_cannot_be_counted() {
        for fine in [Inserted::Row, Inserted::Elsewhere, Inserted::NoParent, Inserted::Refused("no".into())] {
            assert_eq!(probed(fine, &[]).uncountable(false), None);
        }
        let why = probed(Inserted::Nothing, &["route", "audit"]).uncountable(false).expect("a reason");
        assert!(why.contains("trigger 'route' or trigger 'audit' keeps it away"), "{why}");
        let why = probed(Inserted::Nothing, &[]).uncountable(true).expect("a reason");
        assert!(why.contains("let the model make the key"), "{why}");
    }
}
