//! Which part of a run a page shows, and how: what stands in its address, so that a view can be shared.

use streamgauge_shared::account::Operation;

use super::query::{encoded, pairs};
use crate::measure::{Part, Snapshot};

/// Letters of a name at most: those of test files are shorter, and whatever an address brings is kept in memory.
const NAME_LETTERS_MAX: usize = 64;

/// Which part of a run is shown. An empty view shows all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct View {
    /// Rows of this scenario only.
    pub scenario: Option<String>,
    /// Rows of this entity only.
    pub entity: Option<String>,
    /// Rows of this operation only.
    pub operation: Option<Operation>,
    /// Charts over the time of this stage only.
    pub stage: Option<String>,
    /// Whether latencies over time are drawn on a log axis.
    pub log: bool,
}

impl View {
    /// What a query asks for. A name that says nothing, or nothing that is known, narrows nothing.
    #[must_use]
    pub fn of_query(query: &str) -> Self {
        let mut view = Self::default();
        for (name, value) in pairs(query).filter(|(_, value)| !value.is_empty()) {
            let kept = || Some(value.chars().take(NAME_LETTERS_MAX).collect());
            match name.as_str() {
                "scenario" => view.scenario = kept(),
                "entity" => view.entity = kept(),
                "operation" => view.operation = Operation::ALL.into_iter().find(|one| one.name() == value),
                "stage" => view.stage = kept(),
                "scale" => view.log = value == "log",
                _ => {}
            }
        }
        view
    }

    /// The query that asks for it; empty for all of a run.
    #[must_use]
    pub fn query(&self) -> String {
        let operation = self.operation.map(|operation| operation.name().to_owned());
        let fields = [
            ("scenario", self.scenario.clone()),
            ("entity", self.entity.clone()),
            ("operation", operation),
            ("stage", self.stage.clone()),
            ("scale", self.log.then(|| "log".to_owned())),
        ];
        let said =
            fields.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded(&value?))));
        said.collect::<Vec<_>>().join("&")
    }

    /// Whether it shows some rows only.
    #[must_use]
    pub fn is_of_a_part(&self) -> bool {
        self.scenario.is_some() || self.entity.is_some() || self.operation.is_some()
    }

    /// Whether it shows rows of this part.
    #[must_use]
    pub fn shows(&self, scenario: &str, entity: &str, operation: Operation) -> bool {
        self.scenario.as_ref().is_none_or(|wanted| wanted == scenario)
            && self.entity.as_ref().is_none_or(|wanted| wanted == entity)
            && self.operation.is_none_or(|wanted| wanted == operation)
    }

    /// What it shows, in words: `steady, customer, create`; empty for all rows.
    #[must_use]
    pub fn words(&self) -> String {
        let operation = self.operation.map(|operation| operation.name().to_owned());
        let parts = [self.scenario.clone(), self.entity.clone(), operation];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// What it names and the run does not have: a view that was shared, and another run since.
    #[must_use]
    pub fn unknown(&self, snapshot: &Snapshot) -> Vec<String> {
        let has = |of: fn(&Part) -> &String, name: &Option<String>| {
            name.as_ref().is_none_or(|name| snapshot.parts.iter().any(|part| of(part) == name))
        };
        let stage_is_known = self.stage.as_ref().is_none_or(|name| {
            snapshot.planned_stages.iter().any(|stage| {
                stage.name == *name
                    && self.scenario.as_ref().is_none_or(|scenario| *scenario == stage.scenario)
            })
        });
        let checks = [
            ("scenario", &self.scenario, has(|part| &part.scenario, &self.scenario)),
            ("entity", &self.entity, has(|part| &part.entity, &self.entity)),
            ("stage", &self.stage, stage_is_known),
        ];
        let unknown = checks.into_iter().filter(|(_, _, is_known)| !is_known);
        unknown.filter_map(|(kind, name, _)| Some(format!("{kind} '{}'", name.as_ref()?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_stands_in_its_address() {
        let query = "scenario=steady%20load&entity=customer&operation=create&stage=peak&scale=log";
        let view = View::of_query(query);
        assert_eq!(view.query(), query);
        assert_eq!(View::of_query(&view.query()), view);
        assert_eq!(view.words(), "steady load, customer, create");
        assert!(view.is_of_a_part() && view.log);
        assert_eq!(View::default().query(), "");
    }

    #[test]
    fn what_says_nothing_narrows_nothing() {
        let view = View::of_query("scenario=&entity&operation=drop&scale=cubic&other=1");
        assert_eq!(view, View::default());
        let long = View::of_query(&format!("scenario={}", "x".repeat(100_000)));
        assert_eq!(long.scenario.map(|name| name.len()), Some(64));
    }

    #[test]
    fn a_view_shows_the_rows_that_have_all_it_names() {
        let view = View::of_query("entity=customer&operation=create");
        assert!(view.shows("any", "customer", Operation::Create));
        assert!(!view.shows("any", "customer", Operation::Update));
        assert!(!view.shows("any", "orders", Operation::Create));
    }
}
