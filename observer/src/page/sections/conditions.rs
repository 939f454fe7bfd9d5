//! What a reader has to know to judge the figures: the floor, the clocks, the versions, the load that was asked for.

use askama::Template;

use super::Between;
use crate::html::figure::{self, STATS_HEAD};
use crate::page::Shown;

#[derive(Template)]
#[template(path = "page/sections/conditions.html")]
struct Conditions<'c> {
    head: [&'static str; 8],
    floor: Option<Vec<String>>,
    no_floor: Option<String>,
    bound: String,
    clock: Vec<String>,
    facts: Vec<(&'c str, String)>,
}

pub(super) fn html(shown: Option<&Shown<'_>>, _: Option<&Between>) -> Option<String> {
    let report = shown?.report();
    let no_floor = report.no_floor.as_ref().map(|reason| {
        let when = if report.floor.is_some() { "ended early" } else { "not measured" };
        format!("measurement floor {when}: {reason}")
    });
    let bound = match report.clock.error_bound_ms {
        Some(bound) => format!("± {}", figure::time("/clock/error_bound_ms", Some(bound))),
        None => "not known".to_owned(),
    };
    let mut facts: Vec<(&str, String)> =
        report.run.versions.iter().map(|(name, version)| (name.as_str(), version.clone())).collect();
    facts.push(("seed", report.run.seed.to_string()));
    facts.push(("writers", report.run.writers.to_string()));
    for (name, scale) in [("time scale", report.run.time_scale), ("load scale", report.run.load_scale)] {
        // At 1 there is nothing to say.
        if (scale - 1.0).abs() > f64::EPSILON {
            facts.push((name, scale.to_string()));
        }
    }
    let floor = report.floor.as_ref().map(|floor| figure::stats("/floor", floor));
    Conditions { head: STATS_HEAD, floor, no_floor, bound, clock: report.clock.lines(), facts }.render().ok()
}
