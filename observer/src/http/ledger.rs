//! `/ledger`: a writer's connection changes over to the ledger link.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue, UPGRADE};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use streamgauge_shared::ledger;

use super::answers::{Answer, text};
use crate::intake;
use crate::run::Observer;

/// Switches to the ledger link; the session goes on in a task that the observer owns.
pub(super) fn upgrade(mut request: Request<Incoming>, observer: &Arc<Observer>) -> Answer {
    let wanted = request.headers().get(UPGRADE).and_then(|value| value.to_str().ok());
    if wanted != Some(ledger::PROTOCOL) {
        let sentence =
            format!("this observer speaks {} here; use a writer of the same version\n", ledger::PROTOCOL);
        return text(StatusCode::UPGRADE_REQUIRED, &sentence);
    }
    if let Some(reason) = observer.not_ready() {
        return text(StatusCode::SERVICE_UNAVAILABLE, &format!("not ready: {reason}\n"));
    }
    let upgraded = hyper::upgrade::on(&mut request);
    let desk = Arc::clone(observer);
    observer.spawn_session(async move {
        let stream = match upgraded.await {
            Ok(stream) => TokioIo::new(stream),
            Err(error) => return tracing::warn!("a writer's connection could not be upgraded: {error}"),
        };
        if let Err(error) = intake::serve(stream, |hello| desk.admit(hello)).await {
            tracing::warn!("a writer's connection ended: {error}");
        }
    });
    let mut answer = text(StatusCode::SWITCHING_PROTOCOLS, "");
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    answer.headers_mut().insert(UPGRADE, HeaderValue::from_static(ledger::PROTOCOL));
    answer
}
