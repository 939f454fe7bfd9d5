//! The writer of Streamgauge: produces scenario load in PostgreSQL, stamps every row, and tells the
//! observer what it wrote.
//!
//! Data flows one way, and a stage imports only the one before it: [`schedule`] computes intended times,
//! [`pacer`] releases them in real time, [`user`] carries out iterations whose rows [`entity`] makes,
//! [`rows`] keeps and [`postgres`] writes, [`ledger_client`] tells the observer. [`load`] holds these together while there is
//! load, [`lifecycle`] everything before and after; [`draft`] writes a first file for tables that are there; [`terminal`] shows how it stands.

pub mod cli;
pub mod doctor;
pub mod draft;
pub mod entity;
pub mod halt;
pub mod ledger_client;
pub mod lifecycle;
pub mod load;
pub mod pacer;
pub mod postgres;
pub mod probe;
pub mod rows;
pub mod schedule;
pub mod signals;
pub mod terminal;
pub mod test_source;
pub mod user;
