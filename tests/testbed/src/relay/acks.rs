//! Writes the ack file on a thread of its own, off the measured path, and confirms what is written.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::thread::JoinHandle;

use anyhow::{Context, Result, bail};
use pgwire_replication::Lsn;
use streamgauge_shared::time::UnixNanos;
use tokio::sync::{mpsc, watch};

use super::document::Change;
use crate::ack_file::{AckFile, AckRow};

/// Batches acknowledged and not yet in the file; when it is full the disk is stuck, and the relay waits.
const ACKED_BATCHES: usize = 256;

/// A batch that MongoDB has acknowledged.
#[derive(Debug)]
pub(super) struct Acked {
    /// Read right after MongoDB's reply.
    pub(super) at: UnixNanos,
    pub(super) changes: Vec<Change>,
    /// The last position that is complete with this batch.
    pub(super) confirm: Option<Lsn>,
}

/// The thread that writes the file.
#[derive(Debug)]
pub(super) struct AckWriter {
    batches: mpsc::Sender<Acked>,
    thread: JoinHandle<Result<()>>,
}

impl AckWriter {
    pub(super) fn open(path: &Path, confirmed: watch::Sender<Lsn>) -> Result<Self> {
        let file = AckFile::open(path)?;
        let (batches, receiver) = mpsc::channel(ACKED_BATCHES);
        let thread = std::thread::Builder::new().name("ack-file".into());
        let thread = thread.spawn(move || write(file, receiver, &confirmed))?;
        Ok(Self { batches, thread })
    }

    /// Hands a batch over.
    pub(super) async fn note(&self, acked: Acked) -> Result<()> {
        self.batches.send(acked).await.ok().context("the ack file can no longer be written")
    }

    /// Waits until everything handed over is in the file.
    pub(super) fn close(self) -> Result<()> {
        drop(self.batches);
        match self.thread.join() {
            Ok(written) => written,
            Err(_) => bail!("the thread of the ack file broke"),
        }
    }
}

fn write(mut file: File, mut batches: mpsc::Receiver<Acked>, confirmed: &watch::Sender<Lsn>) -> Result<()> {
    let mut lines = String::new();
    while let Some(Acked { at, changes, confirm }) = batches.blocking_recv() {
        lines.clear();
        for Change { op, table, key, stamp, .. } in changes {
            let row = AckRow { acked: at, op, table, key, stamp };
            writeln!(lines, "{row}").context("a line that cannot be formatted")?;
        }
        // One call for the whole batch, so that a reader seldom sees half a line.
        file.write_all(lines.as_bytes()).context("cannot write the ack file")?;
        if let Some(lsn) = confirm {
            confirmed.send_replace(lsn);
        }
    }
    Ok(())
}
