//! The stages of the load that was planned, read from the test as it ran.

use streamgauge_shared::report::Run;
use streamgauge_shared::test_file::{Scale, Source, Test, parse};

use crate::chart::{Span, SpanKind};

/// What stands between test and model in `test.toml` of a run folder.
const MODEL_BEGINS: &str = "\n# ---- the model, ";

/// The stages of the first scenario that has any, seconds since the start of the measured phase. None where the text is
/// not a test that this version reads.
pub(super) fn stages(text: &str, run: &Run) -> Vec<Span> {
    let Some(test) = test(text, run) else { return Vec::new() };
    let ramps = test.scenarios.iter().map(|scenario| (scenario.start_time, scenario.executor.ramp()));
    let Some((start, ramp)) = { ramps }.find(|(_, ramp)| !ramp.is_empty()) else { return Vec::new() };
    let span = |stage: streamgauge_shared::test_file::RampStage| {
        let stage = stage.delayed(start);
        let name = test.stages.get(usize::from(stage.name)).cloned().unwrap_or_default();
        let (from_s, to_s) = (stage.from.as_secs_f64(), stage.to.as_secs_f64());
        (to_s > from_s).then_some(Span { from_s, to_s, name, kind: SpanKind::Stage })
    };
    ramp.into_iter().filter_map(span).collect()
}

fn test(text: &str, run: &Run) -> Option<Test> {
    let (test, rest) = text.split_once(MODEL_BEGINS)?;
    let (name, model) = rest.split_once('\n')?;
    let model: Vec<&str> = model.lines().map(|line| line.strip_prefix('#').unwrap_or(line)).collect();
    let model = Source { name: name.trim_end_matches([' ', '-']).to_owned(), text: model.join("\n") };
    let test = Source { name: "test.toml".to_owned(), text: test.to_owned() };
    let scale = |scale: f64| scale.to_string().parse::<Scale>().ok();
    parse(&test, scale(run.time_scale)?, scale(run.load_scale)?, |_| Ok(model)).ok().map(|(test, _)| test)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(time_scale: f64) -> Run {
        let json = serde_json::json!({ "id": "00c0ffee0042", "test": "stress", "scenarios": ["stress"], "seed": 1, "writers": 1,
            "started_at": "2026-11-30T10:00:00.000Z", "duration_s": 3.0, "time_scale": time_scale, "load_scale": 1.0,
            "complete": true, "versions": {} });
        serde_json::from_value(json).expect("a run")
    }

    #[test]
    fn the_stages_are_those_of_the_test_that_ran_scaled_as_it_ran() {
        let test = include_str!("../../../../scenarios/stress.toml");
        let model = include_str!("../../../../scenarios/models/shop.toml");
        let text =
            format!("{test}\n# ---- the model, shop.toml ----\n#{}\n", model.trim_end().replace('\n', "\n#"));
        let whole = stages(&text, &run(1.0));
        assert!(whole.len() > 3, "{whole:?}");
        assert!(whole.windows(2).all(|pair| (pair[0].to_s - pair[1].from_s).abs() < 1e-9), "{whole:?}");
        let tenth = stages(&text, &run(0.1));
        assert_eq!(tenth.len(), whole.len());
        assert!((tenth[0].to_s * 10.0 - whole[0].to_s).abs() < 1e-6, "{tenth:?}");
        assert!(stages("not a test", &run(1.0)).is_empty());
    }
}
