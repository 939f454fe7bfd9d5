//! OpenMetrics of a snapshot: counts and bucket counts, never quantiles of quantiles.
//!
//! Bucket bounds lie on the histogram's own bucket edges, so each count is exact. Every metric is listed in
//! `docs/metrics.md`; a test compares.
//!
//! `collector` encodes, `buckets` says where each family's buckets end, `text_format` rewrites the page for scrapers
//! that do not speak OpenMetrics.

mod buckets;
mod collector;
#[cfg(test)]
mod tests;
mod text_format;

use std::fmt;
use std::sync::Arc;

use crate::measure::Snapshot;

pub(crate) use buckets::of as bucket_bounds;

/// The formats of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' own text format, version 0.0.4.
    PrometheusText,
}

impl Format {
    /// Its media type, with the version that is served.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::PrometheusText => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// The page of a snapshot in a format; without a snapshot only the build is known.
///
/// # Errors
/// Only if the encoder itself fails.
pub fn render(snapshot: Option<Arc<Snapshot>>, format: Format) -> Result<String, fmt::Error> {
    let page = collector::render(snapshot)?;
    Ok(match format {
        Format::OpenMetrics => page,
        Format::PrometheusText => text_format::rewrite(&page),
    })
}
