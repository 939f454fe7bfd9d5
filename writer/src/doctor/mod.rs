//! `doctor`: what in this PostgreSQL, or on this machine, would spoil a measurement, and what to do about it.
//!
//! `inspected` asks, `findings` are pure. With a scenario file, its tables are looked at too.

mod findings;
mod inspected;

use streamgauge_shared::clock::Clock;
use streamgauge_shared::doctor::{Examination, Host};
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::test_file::Scale;

use self::inspected::InspectedTest;
use crate::cli::Doctor;
use crate::postgres::{Address, ConnectError, Session, Writes, schema};
use crate::terminal;
use crate::test_source::TestSource;

/// Looks at the PostgreSQL of `--postgres` and prints what it finds; returns the exit code, 1 with findings.
///
/// # Errors
/// PostgreSQL cannot be reached (107), or the options or the scenario file are wrong (104).
pub async fn examine(options: &Doctor) -> Result<u8, Failure> {
    let source =
        options.test.as_deref().map(|path| TestSource::read(path, Scale::default(), Scale::default()));
    let source = source.transpose()?;
    let address = Address::read(options.postgres.url.as_deref(), options.postgres.file.as_deref())?;
    address.notes().iter().for_each(|note| terminal::note(note));
    let session = Session { address, synchronous_commit: None, entities: [].into() };
    let connected = session.connect().await;
    let connection = connected.map_err(|error: ConnectError| error.failure(&session.address))?;
    let mut inspected = inspected::ask(&connection, session.address.tls().checked(), Clock::start()).await?;
    if let Some(source) = &source {
        let name = options.test.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
        let server = schema::server(&connection).await?;
        let entities = &source.test.model.entities;
        inspected.test = Some(InspectedTest {
            problem: schema::check(&connection, &Writes::of(&source.test), &server, &name).await.err(),
            identities: inspected::identities(&connection, entities).await?,
            entities: entities.len(),
            marked: entities.iter().filter(|entity| !entity.landing.marks.is_empty()).count(),
        });
    }
    let mut findings = findings::judge(&inspected);
    connection.close().await;
    findings.extend(Host::read().judge());
    let subject = format!("PostgreSQL {} at {}", inspected.version, inspected.peer);
    let found = Examination { subject, findings };
    terminal::print(&if options.json { format!("{:#}\n", found.json()) } else { found.text() });
    Ok(found.exit_code())
}
