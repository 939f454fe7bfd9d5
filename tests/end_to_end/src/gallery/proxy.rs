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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use streamgauge_testbed::wait_for;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// One byte there and back.
    async fn echoed(stream: &mut TcpStream) -> std::io::Result<u8> {
        stream.write_all(b"x").await?;
        stream.read_u8().await
    }

    #[tokio::test]
    async fn a_cut_wire_drops_and_refuses_until_it_is_mended() -> Result<()> {
        let echo = TcpListener::bind("127.0.0.1:0").await?;
        let target = format!("http://{}", echo.local_addr()?);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut echoing = JoinSet::new();
            while let Ok((mut stream, _)) = echo.accept().await {
                echoing.spawn(async move {
                    let (mut read, mut write) = stream.split();
                    drop(tokio::io::copy(&mut read, &mut write).await);
                });
            }
        });
        let proxy = Proxy::start(&target).await?;
        let mut first = TcpStream::connect(proxy.address).await?;
        assert_eq!(echoed(&mut first).await?, b'x');
        proxy.cut();
        assert!(first.read_u8().await.is_err(), "dropped");
        let limit = Duration::from_secs(10);
        wait_for("a refused connection", limit, || async {
            match TcpStream::connect(proxy.address).await {
                Ok(_) => Err("accepted"),
                Err(_) => Ok(()),
            }
        })
        .await?;
        proxy.mend();
        let mut again =
            wait_for("a connection", limit, || async { TcpStream::connect(proxy.address).await }).await?;
        assert_eq!(echoed(&mut again).await?, b'x');
        Ok(())
    }
}
