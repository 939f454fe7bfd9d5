//! Any BSON document as a change event: it is an event of some kind, or none, and never a panic.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mongodb::bson::RawDocument;
use streamgauge_observer::stream::Decoder;
use streamgauge_shared::test_file::{Scale, Source, parse};

static DECODER: LazyLock<Decoder> = LazyLock::new(|| {
    let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
    let test = source("t.toml", include_str!("../../scenarios/mixed.toml"));
    let model = source("m.toml", include_str!("../../scenarios/models/shop.toml"));
    Decoder::new(&parse(&test, Scale::default(), Scale::default(), |_| Ok(model)).expect("a shipped file").0)
});

fuzz_target!(|bytes: &[u8]| {
    if let Ok(document) = RawDocument::from_bytes(bytes) {
        let _ = DECODER.change(document);
    }
});
