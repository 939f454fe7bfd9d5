//! Any bytes on the ledger link, in any pieces: messages or an error, and what was read is written the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streamgauge_shared::ledger::frame::{Decoder, encode};
use streamgauge_shared::ledger::{ToObserver, ToWriter};

fn read<M: serde::Serialize + serde::de::DeserializeOwned>(bytes: &[u8], piece: usize) {
    let mut decoder = Decoder::default();
    for piece in bytes.chunks(piece) {
        decoder.push(piece);
        loop {
            match decoder.message::<M>() {
                Ok(Some(message)) => {
                    let mut written = Vec::new();
                    encode(&message, &mut written).expect("it was short enough to be read");
                    let mut again = Decoder::default();
                    again.push(&written);
                    let second = again.message::<M>().expect("just written").expect("whole");
                    let mut rewritten = Vec::new();
                    encode(&second, &mut rewritten).expect("as before");
                    assert_eq!(written, rewritten);
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((piece, bytes)) = bytes.split_first() else { return };
    let piece = usize::from(*piece).max(1);
    read::<ToObserver>(bytes, piece);
    read::<ToWriter>(bytes, piece);
});
