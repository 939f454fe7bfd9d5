//! A wire between writer and observer that can be cut: it drops what is connected and refuses what comes.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The wire. Dropping it cuts it for good.
pub(super) struct Proxy {
    address: SocketAddr,
    whole: watch::Sender<bool>,
    _serving: JoinSet<()>,
}

impl Proxy {
    /// Listens on a free port and passes everything on to `target`, an address like `http://127.0.0.1:1234`.
    pub(super) async fn start(target: &str) -> Result<Self> {
        let target = target.trim_start_matches("http://").parse().context("no address to pass on to")?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (whole, state) = watch::channel(true);
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, address, target, state));
        Ok(Self { address, whole, _serving: serving })
    }

    pub(super) fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub(super) fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn serve(
    first: TcpListener,
    address: SocketAddr,
    target: SocketAddr,
    mut whole: watch::Receiver<bool>,
) {
    let mut first = Some(first);
    loop {
        let listener = match first.take() {
            Some(listener) => listener,
            None => match TcpListener::bind(address).await {
                Ok(listener) => listener,
                Err(_) => return,
            },
        };
        // As many as the writer opens: one for each of its sessions, and one try a second while it is cut.
        let mut links = JoinSet::new();
        while *whole.borrow_and_update() {
            tokio::select! {
                changed = whole.changed() => if changed.is_err() { return },
                Ok((near, _)) = listener.accept() => drop(links.spawn(link(near, target))),
            }
        }
        drop(listener);
        links.shutdown().await;
        if whole.wait_for(|whole| *whole).await.is_err() {
            return;
        }
    }
}

/// Passes bytes both ways until either side closes.
async fn link(mut near: TcpStream, target: SocketAddr) {
    let passed = async {
        let mut far = TcpStream::connect(target).await?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        copy_bidirectional(&mut near, &mut far).await
    };
    // A broken connection is what this is for; both ends see it.
    drop(passed.await);
}
