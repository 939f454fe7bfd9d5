//! What cannot be merged, with the reason and the way out.

use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::report::ValidityState;
use streamgauge_shared::test_file::{self, Scale, Source, Test};

use super::{Side, Sides};

/// What stands between the test and its model in `test.toml`.
const MODEL: &str = "# ---- the model, ";

/// The runs in the order of their times, if they can be merged.
///
/// # Errors
/// Every reason why they cannot, one line each (104).
pub(super) fn merged(mut sides: Vec<Side>) -> Result<Sides, Failure> {
    let mut reasons = Vec::new();
    if sides.len() < 2 {
        reasons.push("merge needs two runs or more: give their folders or ids".to_owned());
    }
    sides.sort_by_key(Side::begins);
    for (index, side) in sides.iter().enumerate() {
        let id = &side.report.run.id;
        if sides[..index].iter().any(|other| other.report.run.id == *id) {
            reasons.push(format!("run {id} is given twice: its rows would count twice; give it once"));
        }
        if !side.report.run.complete {
            reasons.push(format!("run {id} did not end, so its account is open: leave it out"));
        }
        if side.report.validity.state == ValidityState::Invalid {
            reasons.push(format!(
                "run {id} is INVALID ({}): what is made of figures that must not be believed must not be believed either; leave it out",
                codes(side)
            ));
        }
        if side.report.run.merged.is_some() {
            reasons.push(format!("run {id} was merged itself: give the runs that it was merged from"));
        }
        let Some(first) = sides.first().filter(|_| index > 0) else { continue };
        let differs = |what: &str, ours: &str, theirs: &str| {
            format!(
                "run {id} has {what} {ours}, and run {} has {theirs}: only runs of one test with one load can be merged",
                first.report.run.id
            )
        };
        let (run, other) = (&side.report.run, &first.report.run);
        if run.test != other.test {
            reasons.push(differs("the test", &run.test, &other.test));
        } else if side.test_text != first.test_text {
            reasons.push(format!(
                "test '{}' or its model was changed between run {} and run {id}: compare their test.toml, and merge runs of one version of it",
                run.test, other.id
            ));
        }
        for (what, ours, theirs) in [
            ("the time scale", run.time_scale, other.time_scale),
            ("the load scale", run.load_scale, other.load_scale),
        ] {
            if (ours - theirs).abs() > f64::EPSILON {
                reasons.push(differs(what, &ours.to_string(), &theirs.to_string()));
            }
        }
    }
    match sides.first().filter(|_| reasons.is_empty()) {
        Some(first) => {
            let test = test(first)?;
            Ok(Sides { sides, test })
        }
        None => Err(Failure::configuration(reasons.join("\n"))),
    }
}

fn codes(side: &Side) -> String {
    let invalid = side.report.validity.reasons.iter().filter(|reason| reason.grade == ValidityState::Invalid);
    invalid.map(|reason| reason.code.as_str()).collect::<Vec<_>>().join(", ")
}

/// The test of a run, read from what its folder keeps of it.
fn test(side: &Side) -> Result<Test, Failure> {
    let id = &side.report.run.id;
    let unreadable = |why: String| {
        Failure::configuration(format!(
            "the test.toml of run {id} cannot be read: {why}; it is written by 'serve'"
        ))
    };
    let (text, model) = side
        .test_text
        .split_once(MODEL)
        .ok_or_else(|| unreadable("it does not hold the model".to_owned()))?;
    let (name, model) =
        model.split_once(" ----\n").ok_or_else(|| unreadable("it does not name the model".to_owned()))?;
    let lines = model.lines().map(|line| line.strip_prefix('#').unwrap_or(line));
    let model = Source { name: name.to_owned(), text: lines.collect::<Vec<_>>().join("\n") };
    let scale =
        |factor: f64| factor.to_string().parse::<Scale>().map_err(|error| unreadable(error.to_string()));
    let source = Source { name: format!("{}.toml", side.report.run.test), text: text.to_owned() };
    let (time_scale, load_scale) = (scale(side.report.run.time_scale)?, scale(side.report.run.load_scale)?);
    let parsed = test_file::parse(&source, time_scale, load_scale, |_| Ok(model));
    parsed.map(|(test, _)| test).map_err(|mistakes| unreadable(mistakes.to_string()))
}
