//! `doctor`: what in this PostgreSQL, or on this machine, would spoil a measurement, and what to do about it.
//!
//! `inspected` asks, `findings` are pure. With a scenario file, its tables are looked at too.

mod findings;
mod inspected;

use std::sync::Arc;

use streamgauge_shared::clock::Clock;
use streamgauge_shared::doctor::{Examination, Host};
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::test_file::Scale;

use self::inspected::InspectedTest;
use crate::cli::Doctor;
use crate::postgres::{Address, ConnectError, Connection, Learned, Session, Writes, numbers, pooler, schema};
use crate::probe::{self, Probed};
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
    let session =
        Session { address, synchronous_commit: None, entities: [].into(), learned: Learned::default() };
    let connected = session.connect().await;
    let connection = connected.map_err(|error: ConnectError| error.failure(&session.address))?;
    let mut inspected = inspected::ask(&connection, session.address.tls().checked(), Clock::start()).await?;
    inspected.is_pooled = pooler::is_between(&connection, &session).await;
    if let Some(source) = &source {
        let name = options.test.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
        let server = schema::server(&connection).await?;
        let (entities, writes) = (&source.test.model.entities, Writes::of(&source.test));
        let problem = schema::check(&connection, &writes, &server, &name).await.err();
        let probed = match &problem {
            Some(_) => Vec::new(),
            None => probe_rows(&session, &connection, &writes, source, inspected.is_pooled).await?,
        };
        inspected.test = Some(InspectedTest {
            problem,
            probed,
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

/// What becomes of a row of each table, written by the very statements of a run.
async fn probe_rows(
    session: &Session,
    connection: &Connection,
    writes: &Arc<[Writes]>,
    source: &TestSource,
    is_pooled: bool,
) -> Result<Vec<Probed>, Failure> {
    if is_pooled {
        session.learned.give_up_names();
    }
    let greatest = numbers::greatest(connection, writes).await?;
    let writing = Session { entities: Arc::clone(writes), ..session.clone() };
    let writing = writing.connect().await.map_err(|error| error.failure(&session.address))?;
    let probed = probe::probe(&writing, writes, &source.test.model, &greatest).await;
    writing.close().await;
    probed
}
