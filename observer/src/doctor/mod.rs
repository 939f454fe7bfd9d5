//! `doctor`: what in this MongoDB, or on this machine, would spoil a measurement, and what to do about it.
//!
//! `inspected` asks, `findings` are pure.

mod findings;
mod inspected;

use streamgauge_shared::clock::Clock;
use streamgauge_shared::doctor::{Examination, Host};
use streamgauge_shared::exit_code::Failure;

use crate::cli::Doctor;
use crate::stream::MongoAddress;

/// Looks at the MongoDB of `--mongo` and prints what it finds; returns the exit code, 1 with findings.
///
/// # Errors
/// MongoDB cannot be reached (107), or the options are wrong (104).
pub async fn examine(options: &Doctor) -> Result<u8, Failure> {
    let address = MongoAddress::read(&options.mongo).await?;
    let inspected = inspected::ask(&address, Clock::start()).await?;
    let mut findings = findings::judge(&inspected);
    findings.extend(Host::read().judge());
    let subject = format!("MongoDB {} at {address}, database '{}'", inspected.version, address.database());
    let found = Examination { subject, findings };
    print(&if options.json { format!("{:#}\n", found.json()) } else { found.text() });
    Ok(found.exit_code())
}

#[expect(clippy::print_stdout, reason = "the command's output")]
fn print(text: &str) {
    print!("{text}");
}
