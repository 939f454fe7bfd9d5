//! Private servers: found on this machine or fetched once, started in a temporary folder, stopped by the guard.

pub mod find;
mod identity;
pub mod mongo;
pub mod port;
pub mod postgres;
mod wheel;
