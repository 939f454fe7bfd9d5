//! A series: one operation on one entity in one scenario. Every figure is kept by series and summed.

use streamgauge_shared::account::Operation;
use streamgauge_shared::test_file::Test;
use streamgauge_shared::threshold::Tags;
use streamgauge_shared::time::UnixNanos;

/// One series. Indexes are those of the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series {
    /// Its place in a dense list of all series.
    pub index: usize,
    /// Index into the test's scenarios.
    pub scenario: u16,
    /// Index into the model's entities.
    pub entity: u16,
    /// What is done.
    pub operation: Operation,
}

/// A series, and what an operation has besides that only declared slices are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its series.
    pub series: Series,
    /// Index into the test's groups.
    pub group: Option<u16>,
    /// Index into the test's stages.
    pub stage: Option<u16>,
    /// When it was first sent, or was to be if it never was: what tells which windows it is in.
    pub at: UnixNanos,
}

/// All series of a test.
#[derive(Clone, Copy, Debug)]
pub struct SeriesIndex {
    scenarios: u16,
    entities: u16,
}

impl SeriesIndex {
    /// The series of a test.
    ///
    /// # Panics
    /// When it has no scenario, no entity, or more than 65535 of either.
    #[must_use]
    pub fn of(test: &Test) -> Self {
        let narrow = |count: usize| u16::try_from(count).expect("a test file has fewer than 65536 tables");
        Self::new(narrow(test.scenarios.len()), narrow(test.model.entities.len()))
    }

    /// The series of a test with so many scenarios and entities; at least one of each.
    ///
    /// # Panics
    /// When either number is zero.
    #[must_use]
    pub fn new(scenarios: u16, entities: u16) -> Self {
        assert!(scenarios > 0 && entities > 0, "a test has a scenario and an entity");
        Self { scenarios, entities }
    }

    /// How many scenarios the test has.
    pub(super) fn scenarios(self) -> u16 {
        self.scenarios
    }

    /// How many there are.
    #[must_use]
    pub fn count(self) -> usize {
        usize::from(self.scenarios) * usize::from(self.entities) * Operation::COUNT
    }

    /// One of them. Indexes beyond the test's are a broken peer: they count as the last.
    #[must_use]
    pub fn at(self, scenario: u16, entity: u16, operation: Operation) -> Series {
        let (scenario, entity) = (scenario.min(self.scenarios - 1), entity.min(self.entities - 1));
        let row = usize::from(scenario) * usize::from(self.entities) + usize::from(entity);
        Series { index: row * Operation::COUNT + operation as usize, scenario, entity, operation }
    }

    /// All of them in the order of their indexes.
    pub fn all(self) -> impl Iterator<Item = Series> {
        (0..self.scenarios).flat_map(move |scenario| {
            (0..self.entities)
                .flat_map(move |entity| Operation::ALL.map(|operation| self.at(scenario, entity, operation)))
        })
    }
}

impl Place {
    /// Whether a threshold's tags name it.
    #[must_use]
    pub fn matches(&self, tags: Tags) -> bool {
        self.series.matches(tags)
            && tags.group.is_none_or(|group| Some(group) == self.group)
            && tags.stage.is_none_or(|stage| Some(stage) == self.stage)
    }
}

impl Series {
    /// Whether a threshold's tags name this series, whatever they say of group and stage.
    #[must_use]
    pub fn matches(&self, tags: Tags) -> bool {
        tags.scenario.is_none_or(|scenario| scenario == self.scenario)
            && tags.entity.is_none_or(|entity| entity == self.entity)
            && tags.operation.is_none_or(|operation| operation == self.operation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_numbered_densely() {
        let series = SeriesIndex::new(2, 3);
        let indexes: Vec<usize> = series.all().map(|series| series.index).collect();
        assert_eq!(indexes, (0..series.count()).collect::<Vec<_>>());
        let narrowed =
            Tags { scenario: Some(1), entity: None, operation: Some(Operation::Delete), ..Tags::default() };
        assert_eq!(series.all().filter(|series| series.matches(narrowed)).count(), 3);
        let place = Place {
            series: series.at(1, 0, Operation::Delete),
            group: Some(4),
            stage: None,
            at: UnixNanos(0),
        };
        assert!(place.matches(narrowed) && place.matches(Tags { group: Some(4), ..narrowed }));
        assert!(!place.matches(Tags { group: Some(3), ..narrowed }));
        assert!(!place.matches(Tags { stage: Some(0), ..narrowed }), "without a stage it is in none");
    }
}
