//! HTTP to the driver of the browser, on the crates that the product has anyway.
//!
//! A connection for each request: the driver is on this machine, and nothing is left open.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::http::HeaderValue;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use thirtyfour::error::{WebDriverError, WebDriverResult};
use thirtyfour::session::http::{Body, HttpClient};
use tokio::net::TcpStream;

/// Sends WebDriver's commands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DriverClient;

fn failed(error: impl std::fmt::Display) -> WebDriverError {
    WebDriverError::RequestFailed(error.to_string())
}

#[async_trait]
impl HttpClient for DriverClient {
    async fn send(&self, request: Request<Body<'_>>) -> WebDriverResult<Response<Bytes>> {
        let (mut parts, body) = request.into_parts();
        let host = parts.uri.authority().ok_or_else(|| failed("a driver without an address"))?.to_string();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = path.parse().map_err(failed)?;
        parts.headers.insert(HOST, HeaderValue::from_str(&host).map_err(failed)?);
        let body = match body {
            Body::Empty => Bytes::new(),
            Body::Json(json) => Bytes::from(serde_json::to_vec(json)?),
        };
        let stream = TcpStream::connect(&host).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
        // It ends with the answer: the sender goes away, or the driver closes its end.
        let connection = tokio::spawn(connection);
        let answer =
            sender.send_request(Request::from_parts(parts, Full::new(body))).await.map_err(failed)?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(failed)?.to_bytes();
        drop(sender);
        connection.await.map_err(failed)?.map_err(failed)?;
        Ok(Response::from_parts(parts, body))
    }

    async fn new(&self) -> Arc<dyn HttpClient> {
        Arc::new(*self)
    }
}
