//! A statement of the load: prepared once a session, or behind a pooler that loses such statements sent as text.
//!
//! A pooler in transaction mode gives each transaction any session of the server's: a statement that was prepared is not
//! there (26000), or another client's of the same name is (42P05). One without a name is parsed with each execution, in
//! the same message and so in the same session, which costs PostgreSQL its time for parsing and planning.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row, Statement};

/// A statement that can be executed.
#[derive(Clone, Debug)]
pub(super) enum Prepared {
    /// PostgreSQL keeps it for the session.
    Named(Statement),
    /// Its text, and the types of its values.
    Unnamed { text: String, types: Vec<Type> },
}

impl Prepared {
    /// Prepares a statement, unless it is to have no name.
    pub(super) async fn new(
        client: &Client,
        unnamed: bool,
        text: String,
        types: Vec<Type>,
    ) -> Result<Self, Error> {
        if unnamed {
            return Ok(Self::Unnamed { text, types });
        }
        client.prepare_typed(&text, &types).await.map(Self::Named)
    }

    /// Executes it; returns how many rows it touched.
    pub(super) async fn execute(
        &self,
        client: &Client,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Error> {
        match self {
            Self::Named(statement) => client.execute(statement, values).await,
            Self::Unnamed { text, types } => client.execute_typed(text, &typed(values, types)).await,
        }
    }

    /// Executes it; returns the row that it returns, if any.
    pub(super) async fn row(
        &self,
        client: &Client,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Error> {
        match self {
            Self::Named(statement) => client.query_opt(statement, values).await,
            Self::Unnamed { text, types } => client.query_typed_opt(text, &typed(values, types)).await,
        }
    }
}

fn typed<'a>(values: &[&'a (dyn ToSql + Sync)], types: &[Type]) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    values.iter().copied().zip(types.iter().cloned()).collect()
}
