//! What stands in the place of the testbed's own servers, or between them and the programs.

mod pgbouncer;

pub use pgbouncer::{Mode, PgBouncer};
