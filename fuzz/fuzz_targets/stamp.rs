//! Any text as a stamp: what is one is written back as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streamgauge_shared::stamp::Stamp;

fuzz_target!(|text: &str| {
    if let Ok(stamp) = text.parse::<Stamp>() {
        assert_eq!(stamp.to_string(), text);
    }
});
