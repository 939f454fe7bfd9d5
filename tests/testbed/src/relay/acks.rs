//! Writes the ack file and the fault file on a thread of their own, off the measured path, and confirms what is
//! written.

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
use crate::fault_file::{FaultFile, FaultRow};

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
    pub(super) fn open(acks: &Path, faults: Option<&Path>, confirmed: watch::Sender<Lsn>) -> Result<Self> {
        let files = Files { acks: AckFile::open(acks)?, faults: faults.map(FaultFile::open).transpose()? };
        let (batches, receiver) = mpsc::channel(ACKED_BATCHES);
        let thread = std::thread::Builder::new().name("ack-file".into());
        let thread = thread.spawn(move || write(files, receiver, &confirmed))?;
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

struct Files {
    acks: File,
    faults: Option<File>,
}

fn write(mut files: Files, mut batches: mpsc::Receiver<Acked>, confirmed: &watch::Sender<Lsn>) -> Result<()> {
    let (mut acks, mut faults) = (String::new(), String::new());
    while let Some(Acked { at, changes, confirm }) = batches.blocking_recv() {
        acks.clear();
        faults.clear();
        for change in changes {
            let (acked, noted) = (change.is_written() && !change.is_again(), change.fault);
            let Change { op, table, key, stamp, .. } = change;
            if let Some(fault) = noted {
                let row =
                    FaultRow { at, fault, table: table.clone(), key: key.clone(), stamp: stamp.clone() };
                writeln!(faults, "{row}").context("a line that cannot be formatted")?;
            }
            if acked {
                let row = AckRow { acked: at, op, table, key, stamp };
                writeln!(acks, "{row}").context("a line that cannot be formatted")?;
            }
        }
        // One call for the whole batch, so that a reader seldom sees half a line.
        files.acks.write_all(acks.as_bytes()).context("cannot write the ack file")?;
        if let Some(file) = &mut files.faults {
            file.write_all(faults.as_bytes()).context("cannot write the fault file")?;
        }
        if let Some(lsn) = confirm {
            confirmed.send_replace(lsn);
        }
    }
    Ok(())
}
