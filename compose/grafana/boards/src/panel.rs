//! A panel by what it means: its question, over which time, what is shown and what is not counted.

use crate::look::{Colour, Unit, Words};
use crate::query::{Query, Window};

/// What the figures of a panel are of: said in its title.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scope {
    /// As of the last scrape.
    Now,
    /// From the run's start until now, and after its end until the next one starts.
    WholeRun,
    /// At each moment, as of the scrape.
    EachMoment,
    /// Each line over the window that it names.
    Windows,
    /// Rows of the window before each point.
    Last(Window),
}

impl Scope {
    /// As it stands behind the question.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::WholeRun => "whole run",
            Self::EachMoment => "at each moment",
            Self::Windows => "last 5 min to 3 days",
            Self::Last(window) => window.words(),
        }
    }
}

/// How it is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// One figure or word, large.
    Figure,
    /// Figures with their names.
    NamedFigures,
    /// The series' name alone.
    Name,
    /// Lines over time.
    Lines,
    /// Areas on top of each other, where the parts add up to something.
    Parts,
    /// States over time.
    States,
    /// Counts of rows by latency over time.
    Spread,
    /// Prose.
    Prose,
}

/// Where a click on a point leads.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Leads {
    Nowhere,
    /// The observer's own page.
    ToLivePage,
    /// The board of a run, over the same time.
    ToRun,
}

/// One panel.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) kind: Kind,
    /// Without its question mark.
    pub(crate) question: &'static str,
    pub(crate) scope: Scope,
    /// A sentence.
    pub(crate) shows: String,
    /// What a reader could think is in it, and is not; words without a full stop.
    pub(crate) not_counted: &'static str,
    pub(crate) unit: Unit,
    /// What it says in the place of nothing.
    pub(crate) empty: &'static str,
    pub(crate) queries: Vec<Query>,
    /// Drawn as bounds.
    pub(crate) bounds: Vec<Query>,
    /// Of 24.
    pub(crate) width: u64,
    pub(crate) decimals: Option<u8>,
    /// May be below zero.
    pub(crate) signed: bool,
    /// From which value on which colour, and a dashed line in charts.
    pub(crate) limits: Vec<(f64, Colour)>,
    /// The colour below the first limit.
    pub(crate) base: Colour,
    /// Words for values.
    pub(crate) words: Words,
    /// Colours of series by their names.
    pub(crate) names: &'static [(&'static str, Colour)],
    pub(crate) leads: Leads,
}

impl Panel {
    fn new(kind: Kind, question: &'static str, scope: Scope, unit: Unit) -> Self {
        Self {
            kind,
            question,
            scope,
            shows: String::new(),
            not_counted: "",
            unit,
            empty: "no run",
            queries: Vec::new(),
            bounds: Vec::new(),
            width: 12,
            decimals: None,
            signed: false,
            limits: Vec::new(),
            base: Colour::Good,
            words: &[],
            names: &[],
            leads: Leads::Nowhere,
        }
    }

    pub(crate) fn figure(question: &'static str, scope: Scope, unit: Unit) -> Self {
        Self { base: Colour::Plain, width: 6, ..Self::new(Kind::Figure, question, scope, unit) }
    }

    pub(crate) fn named_figures(question: &'static str, scope: Scope, unit: Unit) -> Self {
        Self { kind: Kind::NamedFigures, ..Self::figure(question, scope, unit) }
    }

    pub(crate) fn name(question: &'static str, scope: Scope) -> Self {
        Self { kind: Kind::Name, ..Self::figure(question, scope, Unit::None) }
    }

    /// A figure that is a state: its words have the colours.
    pub(crate) fn state(question: &'static str, scope: Scope, words: Words) -> Self {
        Self { words, ..Self::figure(question, scope, Unit::None) }
    }

    pub(crate) fn lines(question: &'static str, scope: Scope, unit: Unit) -> Self {
        Self { base: Colour::Clear, ..Self::new(Kind::Lines, question, scope, unit) }
    }

    pub(crate) fn parts(question: &'static str, scope: Scope, unit: Unit) -> Self {
        Self { kind: Kind::Parts, ..Self::lines(question, scope, unit) }
    }

    pub(crate) fn states(question: &'static str, words: Words) -> Self {
        Self { words, ..Self::new(Kind::States, question, Scope::EachMoment, Unit::None) }
    }

    pub(crate) fn spread(question: &'static str, scope: Scope) -> Self {
        Self::new(Kind::Spread, question, scope, Unit::Rows)
    }

    /// Words about the board.
    pub(crate) fn prose(title: &'static str, markdown: impl Into<String>) -> Self {
        let shows = markdown.into();
        Self { shows, width: 24, ..Self::new(Kind::Prose, title, Scope::Now, Unit::None) }
    }

    /// What is seen (a sentence), and what is not counted in it (words).
    pub(crate) fn says(mut self, shows: impl Into<String>, not_counted: &'static str) -> Self {
        self.shows = shows.into();
        self.not_counted = not_counted;
        self
    }

    pub(crate) fn asks(mut self, legend: impl Into<String>, promql: impl Into<String>) -> Self {
        self.queries.push(Query::new(legend, promql));
        self
    }

    pub(crate) fn asks_all(mut self, queries: impl IntoIterator<Item = Query>) -> Self {
        self.queries.extend(queries);
        self
    }

    pub(crate) fn bounded_by(mut self, bound: Query) -> Self {
        self.bounds.push(bound);
        self
    }

    pub(crate) fn empty(mut self, words: &'static str) -> Self {
        self.empty = words;
        self
    }

    pub(crate) fn wide(mut self, width: u64) -> Self {
        self.width = width;
        self
    }

    pub(crate) fn decimals(mut self, decimals: u8) -> Self {
        self.decimals = Some(decimals);
        self
    }

    pub(crate) fn signed(mut self) -> Self {
        self.signed = true;
        self
    }

    pub(crate) fn below(mut self, base: Colour) -> Self {
        self.base = base;
        self
    }

    pub(crate) fn from(mut self, value: f64, colour: Colour) -> Self {
        self.limits.push((value, colour));
        self
    }

    pub(crate) fn words(mut self, words: Words) -> Self {
        self.words = words;
        self
    }

    pub(crate) fn named_colours(mut self, names: &'static [(&'static str, Colour)]) -> Self {
        self.names = names;
        self
    }

    pub(crate) fn leads(mut self, leads: Leads) -> Self {
        self.leads = leads;
        self
    }

    /// The question, and of which time the answer is.
    pub(crate) fn title(&self) -> String {
        match self.kind {
            Kind::Prose => self.question.to_owned(),
            _ => format!("{}? ({})", self.question, self.scope.words()),
        }
    }
}
