//! The sessions of a run: one statement in flight on each, handed out in the order they were asked for.
//!
//! Fewer sessions than users are allowed; the wait for one is measured by who waits. A session that broke is
//! replaced by the next user who gets its place: it connects once, for five seconds at most, and tells its failure.
//! What it does not do: grow, try again, or test idle sessions.

use streamgauge_shared::exit_code::Failure;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinSet;

use super::{ConnectError, Connection, Session};

/// A fixed number of places for sessions.
pub struct Pool {
    session: Session,
    /// First come, first served.
    places: Semaphore,
    /// As many entries as free places; an empty one is filled by its next user.
    idle: (crossbeam_channel::Sender<Option<Connection>>, crossbeam_channel::Receiver<Option<Connection>>),
}

/// A session for one statement after the other; gives its place back when dropped.
pub struct Lease<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
    /// Released after the session is back: fields are dropped after [`Drop::drop`] has run.
    _place: SemaphorePermit<'a>,
}

impl Pool {
    /// Opens all sessions at once, so that no operation of the load pays for it.
    ///
    /// # Errors
    /// The first that cannot be opened, with the number of those that can.
    pub async fn open(session: Session, size: u32) -> Result<Self, Failure> {
        let mut opening = JoinSet::new();
        for _ in 0..size {
            let session = session.clone();
            opening.spawn(async move { session.connect().await });
        }
        let idle = crossbeam_channel::bounded(size as usize);
        let mut opened = 0;
        while let Some(result) = opening.join_next().await {
            let connection = result
                .map_err(|_| Failure::run("opening a session with PostgreSQL panicked: a bug of ours"))?;
            let connection = connection.map_err(|error| {
                let mut failure = error.failure(&session.address);
                failure.sentence =
                    format!("{} ({opened} of {size} connections were opened)", failure.sentence);
                failure
            })?;
            opened += 1;
            idle.0
                .try_send(Some(connection))
                .unwrap_or_else(|_| unreachable!("there is a place for each session"));
        }
        Ok(Self { session, places: Semaphore::new(size as usize), idle })
    }

    /// So many places, and no session in them yet.
    #[cfg(test)]
    pub fn unopened(session: Session, size: u32) -> Self {
        let idle = crossbeam_channel::bounded(size as usize);
        (0..size).for_each(|_| drop(idle.0.try_send(None)));
        Self { session, places: Semaphore::new(size as usize), idle }
    }

    /// Waits for a place, and for a new session if the one in it broke.
    ///
    /// # Errors
    /// A broken session could not be replaced. Cancel-safe: the place is given back.
    pub async fn acquire(&self) -> Result<Lease<'_>, ConnectError> {
        let place = self.places.acquire().await.expect("the semaphore is never closed");
        let connection = self.idle.1.try_recv().expect("there is an entry for each free place");
        let mut lease = Lease { pool: self, connection, _place: place };
        if lease.connection.as_ref().is_none_or(Connection::is_closed) {
            lease.connection = None;
            lease.connection = Some(self.session.connect().await?);
        }
        Ok(lease)
    }

    /// Ends the idle sessions with a goodbye.
    pub async fn close(&self) {
        let mut closing = JoinSet::new();
        while let Ok(connection) = self.idle.1.try_recv() {
            if let Some(connection) = connection {
                closing.spawn(connection.close());
            }
        }
        while closing.join_next().await.is_some() {}
    }
}

impl Lease<'_> {
    /// The session.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("a lease that was handed out has a session")
    }

    /// Puts a new session in the place of this one.
    ///
    /// # Errors
    /// There is none to be had; the lease has no session any more, and can only be given back.
    pub async fn renew(&mut self) -> Result<(), ConnectError> {
        if let Some(old) = self.connection.take() {
            // Nobody waits for its goodbye.
            tokio::spawn(old.close());
        }
        self.connection = Some(self.pool.session.connect().await?);
        Ok(())
    }

    /// Gives the place back without the session, on which a statement may still be in flight.
    pub fn discard(mut self) {
        self.connection = None;
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let connection = self.connection.take().filter(|connection| !connection.is_closed());
        // There is an entry for each place; after `close` there is nobody to take it, which is fine too.
        drop(self.pool.idle.0.try_send(connection));
    }
}
