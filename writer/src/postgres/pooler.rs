//! Whether a pooler in transaction mode, such as PgBouncer's, stands between us and PostgreSQL.
//!
//! It says nothing of itself. But two sessions that are both open are never with one process of a PostgreSQL, and a session
//! never changes its process: where either happens, somebody shares processes out.

use tokio_postgres::{Client, Error, SimpleQueryMessage};

use super::{Connection, Session};

/// Whether one stands before the session's server. What cannot be asked counts as no pooler: statements are given up by
/// name once one is lost.
pub async fn is_between(first: &Connection, session: &Session) -> bool {
    let looking = Session { entities: [].into(), synchronous_commit: None, ..session.clone() };
    let Ok(second) = looking.connect().await else { return false };
    let is_between = shares(first.client(), second.client()).await.unwrap_or(false);
    second.close().await;
    is_between
}

/// One after the other, so that a pooler of one session can answer: the first twice, for one that takes its sessions in
/// turn, then the second.
async fn shares(first: &Client, second: &Client) -> Result<bool, Error> {
    let (one, again) = (process(first).await?, process(first).await?);
    let other = process(second).await?;
    Ok(one != again || one == other)
}

/// The process of the server that answers, as no other has been since the server started.
async fn process(client: &Client) -> Result<Option<String>, Error> {
    const PROCESS: &str = "SELECT pg_backend_pid() || ' ' || pg_postmaster_start_time()";
    let answer = client.simple_query(PROCESS).await?;
    Ok(answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}
