//! `doctor`: what in this MongoDB, or on this machine, would spoil a measurement, and what to do about it.
//!
//! `inspected` asks, `findings` are pure. With a model, `landed` looks up where its rows arrive.

mod findings;
mod inspected;
mod landed;

use std::path::Path;

use streamgauge_shared::clock::Clock;
use streamgauge_shared::doctor::{Examination, Host};
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::test_file::{Model, Source, parse_model};

use crate::cli::Doctor;
use crate::landing::{self, Wanted};
use crate::stream::MongoAddress;

/// How far back rows are looked for: long enough for the run that was just tried.
const BACK_S: u32 = 600;

/// Looks at the MongoDB of `--mongo` and prints what it finds; returns the exit code, 1 with findings.
///
/// # Errors
/// MongoDB cannot be reached (107), or the options are wrong (104).
pub async fn examine(options: &Doctor) -> Result<u8, Failure> {
    let model = options.model.as_deref().map(read_model).transpose()?;
    let address = MongoAddress::read(&options.mongo).await?;
    let inspected = inspected::ask(&address, Clock::start()).await?;
    let mut findings = findings::judge(&inspected);
    if let Some(model) = &model {
        let search = landing::search(&address, BACK_S, Wanted::Any).await.map_err(Failure::run)?;
        findings.extend(landed::judge(model, &search));
    }
    findings.extend(Host::read().judge());
    let subject = format!("MongoDB {} at {address}, database '{}'", inspected.version, address.database());
    let found = Examination { subject, findings };
    print(&if options.json { format!("{:#}\n", found.json()) } else { found.text() });
    Ok(found.exit_code())
}

fn read_model(path: &Path) -> Result<Model, Failure> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::configuration(format!("--model '{name}' cannot be read: {error}")))?;
    parse_model(&Source { name, text }).map_err(|mistakes| Failure::configuration(mistakes.to_string()))
}

#[expect(clippy::print_stdout, reason = "the command's output")]
fn print(text: &str) {
    print!("{text}");
}
