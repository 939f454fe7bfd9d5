//! Everything that is said to PostgreSQL: connect, check and prepare tables, write rows, clean up.

pub mod address;
pub mod clean;
mod connection;
pub mod outcome;
pub mod pool;
pub mod schema;
mod sql;

pub use address::Address;
pub use connection::{ConnectError, Connection, Session, Writes, changed, describe};
pub use outcome::Fate;
pub use pool::{Lease, Pool};
pub(crate) use sql::quoted;
