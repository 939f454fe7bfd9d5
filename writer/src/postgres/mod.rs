//! Everything that is said to PostgreSQL: connect, check and prepare tables, write rows, clean up.

pub mod address;
pub mod clean;
mod connect_error;
mod connection;
mod learned;
pub mod numbers;
pub mod outcome;
pub mod pool;
pub mod pooler;
mod reach;
pub mod schema;
mod sql;
mod statement;
pub mod tls;

pub use address::Address;
pub use connect_error::{ConnectError, describe};
pub use connection::{Connection, Session, Writes, changed};
pub use learned::Learned;
pub use outcome::Fate;
pub use pool::{Lease, Pool};
pub use reach::Peer;
