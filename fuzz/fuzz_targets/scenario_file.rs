//! Any text as a test file, and as its model: a test with a plan, or mistakes with their places, and never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streamgauge_shared::test_file::{Plan, Scale, Source, parse};

const MODEL: &str = include_str!("../../scenarios/models/shop.toml");
const TEST: &str = include_str!("../../scenarios/e2e-latency.toml");

fn read(test: &str, model: &str) {
    let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
    match parse(&source("t.toml", test), Scale::default(), Scale::default(), |_| Ok(source("m.toml", model))) {
        Ok((test, _)) => drop(Plan::of(&test)),
        Err(mistakes) => assert!(!mistakes.to_string().is_empty()),
    }
}

fuzz_target!(|text: &str| {
    read(text, MODEL);
    read(TEST, text);
});
