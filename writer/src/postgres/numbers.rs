//! The greatest number that a table holds in a key that is made of a sequence, asked before a run.

use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::test_file::Entity;
use tokio_postgres::types::Type;

use super::{Connection, Writes, describe, sql};

/// The greatest number in each entity's table; absent where there is none, and for keys that are no sequence.
///
/// # Errors
/// PostgreSQL refuses to say; exit code 107.
pub async fn greatest(connection: &Connection, entities: &[Writes]) -> Result<Vec<Option<i64>>, Failure> {
    let mut all = Vec::with_capacity(entities.len());
    for Writes { entity, .. } in entities {
        all.push(of_table(connection, entity).await?);
    }
    Ok(all)
}

async fn of_table(connection: &Connection, entity: &Entity) -> Result<Option<i64>, Failure> {
    let Some((column, _, sequence)) = entity.sequence() else { return Ok(None) };
    let client = connection.client();
    let row = match &sequence.text {
        None => client.query_typed_one(&sql::greatest_number(entity, column), &[]).await,
        Some(text) => {
            let pattern = text.pattern();
            client.query_typed_one(&sql::greatest_in_texts(entity, column), &[(&pattern, Type::TEXT)]).await
        }
    };
    row.and_then(|row| row.try_get(0)).map_err(|error| {
        Failure::run(format!(
            "the greatest key of table '{}' cannot be read, and a sequence starts above it: {}",
            entity.table,
            describe(&error)
        ))
    })
}
