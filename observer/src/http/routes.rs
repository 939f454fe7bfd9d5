//! Which path is answered by whom, with which methods, and to whom.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{ACCEPT, ALLOW, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, Request, StatusCode};
use streamgauge_shared::ledger as link;

use super::access::Right;
use super::answers::{Answer, harden, header, see_other, text};
use super::{Port, events, figures, kept, ledger, login, pages, rows};
use crate::page::View;

/// What the port has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Lives,
    Ready,
    Style,
    Script,
    Icon,
    Login,
    Logout,
    Page,
    RowPage,
    Kept,
    Metrics,
    Snapshot,
    Row,
    Events,
    Ledger,
    Unknown,
}

impl Route {
    fn of(path: &str) -> Self {
        match path {
            "/livez" => Self::Lives,
            "/readyz" => Self::Ready,
            "/page.css" => Self::Style,
            "/page.js" => Self::Script,
            "/favicon.ico" => Self::Icon,
            "/" => Self::Page,
            "/metrics" => Self::Metrics,
            "/api/snapshot" => Self::Snapshot,
            login::PATH => Self::Login,
            login::LOGOUT_PATH => Self::Logout,
            events::PATH => Self::Events,
            link::PATH => Self::Ledger,
            path if path.starts_with(rows::PAGE_PATH) => Self::RowPage,
            path if path.starts_with(rows::API_PATH) => Self::Row,
            path if path.starts_with(kept::PATH) => Self::Kept,
            _ => Self::Unknown,
        }
    }

    /// Who may come here.
    const fn wants(self) -> Right {
        match self {
            Self::Lives
            | Self::Ready
            | Self::Style
            | Self::Script
            | Self::Icon
            | Self::Login
            | Self::Logout => Right::Nothing,
            Self::Ledger => Right::Write,
            _ => Right::Read,
        }
    }

    /// The methods it knows.
    const fn methods(self) -> &'static str {
        match self {
            // A link is nothing to look at the head of.
            Self::Ledger => "GET",
            Self::Login => "GET, HEAD, POST",
            Self::Logout => "POST",
            _ => "GET, HEAD",
        }
    }
}

/// Answers one request. The answer to HEAD is that to GET: the server leaves its body out and keeps its length.
pub(super) async fn answer(request: Request<Incoming>, port: Arc<Port>) -> Answer {
    let mut answer = routed(request, port).await;
    harden(&mut answer);
    answer
}

async fn routed(request: Request<Incoming>, port: Arc<Port>) -> Answer {
    let path = request.uri().path().to_owned();
    let route = Route::of(&path);
    let right = port.access.right(request.headers(), port.observer.now());
    if right < route.wants() {
        return refused(&request, right);
    }
    let allowed = route.methods();
    if !allowed.split(", ").any(|method| method == request.method().as_str()) {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, &format!("only {allowed}\n"));
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        return answer;
    }
    let headers = request.headers();
    match route {
        Route::Lives => text(StatusCode::OK, "alive\n"),
        Route::Ready => match port.observer.not_ready() {
            None => text(StatusCode::OK, "ready\n"),
            Some(reason) => text(StatusCode::SERVICE_UNAVAILABLE, &format!("not ready: {reason}\n")),
        },
        Route::Style => pages::style(headers),
        Route::Script => pages::script(headers),
        // The pages name an empty one; who asks all the same is told at once.
        Route::Icon => text(StatusCode::NO_CONTENT, ""),
        Route::Login => login::answer(request, &port).await,
        Route::Logout => login::log_out(&request, &port),
        Route::Page => pages::live(&request, &port).await,
        Route::RowPage => pages::row(&request, &port).await,
        Route::Kept => kept::answer(headers, port.observer.runs(), &path).await,
        Route::Metrics => figures::metrics(headers, &port.observer),
        Route::Snapshot => figures::snapshot(&port.observer),
        Route::Row => figures::row(&port.observer, &path).await,
        Route::Events => {
            let view = View::of_query(request.uri().query().unwrap_or_default());
            events::answer(port, view)
        }
        Route::Ledger => ledger::upgrade(request, &port.observer),
        Route::Unknown => text(
            StatusCode::NOT_FOUND,
            "there is: / /metrics /api/snapshot /api/rows/<writer>/<sequence> /api/events /rows/<writer>/<sequence> /runs/<folder>/report.html /login /livez /readyz /ledger\n",
        ),
    }
}

/// A browser is shown the form, a program is told what is missing.
fn refused(request: &Request<Incoming>, right: Right) -> Answer {
    if right == Right::Read {
        return text(
            StatusCode::FORBIDDEN,
            "this needs the token of --token-file: that of --read-token-file, and a browser's session, only read\n",
        );
    }
    let is_browser = header(request.headers(), &ACCEPT).contains("text/html");
    if is_browser && request.method() == Method::GET {
        return see_other(&login::from(request.uri().path(), request.uri().query()));
    }
    let mut answer = text(
        StatusCode::UNAUTHORIZED,
        "a token is needed: send 'Authorization: Bearer <content of the token file>'\n",
    );
    answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer
}
