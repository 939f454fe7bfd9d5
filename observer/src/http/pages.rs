//! What people read: the live page, the page of a row, and the files that both need.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::{Request, header::HeaderMap};

use super::Port;
use super::answers::{Answer, HTML, compressed};
use super::figures::refused;
use super::rows;
use crate::page::{self, View};

/// The live page of a view.
pub(super) async fn live(request: &Request<Incoming>, port: &Arc<Port>) -> Answer {
    let view = View::of_query(request.uri().query().unwrap_or_default());
    let snapshot = port.observer.snapshot();
    let rendered = port.live.rendered(snapshot.clone(), &view, port.observer.now()).await;
    let restricted = port.access.is_restricted();
    let html = page::page(&port.live, &rendered, snapshot.as_deref(), &view, restricted);
    compressed(request.headers(), StatusCode::OK, HTML, html)
}

/// One row with its four points, or the sentence that says why there is none.
pub(super) async fn row(request: &Request<Incoming>, port: &Port) -> Answer {
    let found = rows::row(&port.observer, request.uri().path(), rows::PAGE_PATH).await;
    let (status, html) = match found {
        Ok(row) => (StatusCode::OK, page::row(&row)),
        Err(no_row) => {
            let (status, sentence) = refused(no_row);
            (status, page::no_row(&sentence))
        }
    };
    compressed(request.headers(), status, HTML, html)
}

/// The style sheet.
pub(super) fn style(headers: &HeaderMap) -> Answer {
    compressed(headers, StatusCode::OK, "text/css; charset=utf-8", page::style())
}

/// The script.
pub(super) fn script(headers: &HeaderMap) -> Answer {
    compressed(headers, StatusCode::OK, "text/javascript; charset=utf-8", page::SCRIPT.to_owned())
}
