//! `model`: a file with a model of tables that are there and a small load on them, from PostgreSQL's catalogue.
//!
//! Reading is here; what the file says is pure: [`render`] puts it together, [`entity`] a table, [`key`] what tells its rows
//! apart, [`generator`] a column.

mod constraint;
mod entity;
mod filling;
mod generator;
mod key;
mod limits;
mod partition;
mod render;
mod toml_text;

use std::collections::BTreeMap;

use streamgauge_shared::exit_code::{ExitCode, Failure};
use streamgauge_shared::test_file::{NameError, QualifiedName};

use crate::postgres::schema::{Described, describe};
use crate::postgres::{ConnectError, Connection, Session};
use crate::terminal;

/// Prints the file for the tables of these names, and for those that they cannot be without.
///
/// # Errors
/// PostgreSQL cannot be reached (107). A name that is no table, or a table of which no row can be written, one sentence a line
/// (104): the file of the others is printed nevertheless.
pub async fn write(tables: &[String], session: &Session) -> Result<u8, Failure> {
    let names = tables.iter().map(|table| table.parse::<QualifiedName>());
    let names = names.collect::<Result<Vec<_>, NameError>>();
    let names = names.map_err(|error| Failure::configuration(error.to_string()))?;
    let connected = session.connect().await;
    let connection = connected.map_err(|error: ConnectError| error.failure(&session.address))?;
    let (tables, mut refused) = read(&connection, names).await?;
    connection.close().await;
    let file = render::file(&tables);
    if !file.text.is_empty() {
        terminal::print(&file.text);
    }
    refused.extend(file.refused);
    if refused.is_empty() { Ok(0) } else { Err(Failure::configuration(refused.join("\n"))) }
}

/// The tables, and those that their rows must refer to; and a sentence for each name that is no table.
async fn read(
    connection: &Connection,
    mut names: Vec<QualifiedName>,
) -> Result<(BTreeMap<QualifiedName, Described>, Vec<String>), Failure> {
    let (mut tables, mut refused) = (BTreeMap::new(), Vec::new());
    while let Some(name) = names.pop() {
        match describe(connection, &name).await {
            Ok(described) if tables.contains_key(&described.name) => {}
            Ok(described) => {
                names.extend(described.needed().filter(|parent| !tables.contains_key(*parent)).cloned());
                tables.insert(described.name.clone(), described);
            }
            Err(failure) if failure.exit_code == ExitCode::RunFailed => return Err(failure),
            Err(failure) => refused.push(failure.sentence),
        }
    }
    Ok((tables, refused))
}

#[cfg(test)]
mod tests;
