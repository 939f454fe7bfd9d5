//! Everything that is said to PostgreSQL: connect, check and prepare tables, write rows, clean up.

pub mod address;
pub mod clean;
mod connect_error;
mod connection;
pub mod numbers;
pub mod outcome;
pub mod pool;
mod reach;
pub mod schema;
mod sql;
pub mod tls;

pub use address::Address;
pub use connect_error::{ConnectError, describe};
pub use connection::{Connection, Session, Writes, changed};
pub use outcome::Fate;
pub use pool::{Lease, Pool};
pub use reach::Peer;
