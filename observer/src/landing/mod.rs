//! Where stamped rows land, looked up and not guessed: in which database and collection, and at which path.
//!
//! `find` finds a stamp anywhere in a document and is pure, `search` asks a MongoDB once, within a bounded time, and
//! `compare` says what of that differs from the model, and is pure too. `doctor --model` asks, and a run of which nothing
//! has arrived.
//!
//! A run's own change stream asks for nothing but what its model names; nothing here is on its path.

mod compare;
mod find;
mod search;

pub use compare::{Difference, Landed, belongs, difference, doubts};
pub use find::{Namespace, Rename, Seen};
pub use search::{Search, Wanted, search};
