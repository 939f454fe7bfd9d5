//! Content that cannot be compared, or only in part: it is no match and no mismatch, and the report says of which
//! column, how often and why.

use std::fs;
use std::num::NonZeroU64;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use streamgauge_shared::report::ValidityState;
use streamgauge_testbed::{Builder, RowFaults, Shape, Testbed};

use super::live::{KEEPING, Live, Load, PAIRS, Ran};
use super::{Line, Verdict};
use crate::{Observer, scenarios, start_run};

/// Iterations a second, and for how long.
const RATE: u32 = 60;
const SECONDS: u32 = 3;
const LOAD: Load = Load { flow: PAIRS, rate: RATE, seconds: SECONDS, drain_s: 5, ..Load::CREATES };
/// Every how many rows one has a changed value.
const CORRUPT_EVERY: NonZeroU64 = NonZeroU64::new(7).expect("seven is not zero");
/// A customer and an order, which has a decimal.
const ORDERS: Load = Load { flow: "{ create = \"customer\" }, { create = \"order\" }", ..LOAD };
/// Nothing but updates, of a column that is not verified.
const UPDATES: Load = Load {
    flow: r#"{ update = "customer", from = "customers", set = { status = "active" } }"#,
    rest: r#"
[pools.customers]
entity = "customer"

[setup]
flow = [ { repeat = 40, flow = [ { create = "customer", into = "customers" }, { await = "30s" } ] } ]
"#,
    ..LOAD
};
/// As the shop's model has the customer's status, and as it is not verified.
const STATUS: &str = r#"choices = ["active", "pending", "suspended"], verified = true }"#;
const STATUS_UNVERIFIED: &str = r#"choices = ["active", "pending", "suspended"] }"#;

/// Why content cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    PartialUpdate,
    Nothing,
    LeftOut,
    Base64Decimal,
}

pub(super) const ALL: [Unread; 4] =
    [Unread::PartialUpdate, Unread::Nothing, Unread::LeftOut, Unread::Base64Decimal];

impl Unread {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::PartialUpdate => "content-partial-update",
            Self::Nothing => "content-nothing",
            Self::LeftOut => "content-left-out",
            Self::Base64Decimal => "content-base64-decimal",
        }
    }

    const fn injected(self) -> &'static str {
        match self {
            Self::PartialUpdate => "updates by $set of what changed",
            Self::Nothing => "no update has a verified column",
            Self::LeftOut => "updates leave the email out",
            Self::Base64Decimal => "decimals as base64, values changed",
        }
    }

    pub(super) async fn line(self) -> Result<Line> {
        let bed = self.builder().start().await?;
        let observer = Observer::start(&bed, &["--once"]).await?;
        let path = self.load().write_with(&bed, "gallery", &self.model(&bed)?)?;
        let run = start_run(&bed, &observer, &path, &KEEPING).await?;
        let ran = Live { bed, observer, run }.end().await?;
        self.judge(&ran)
    }

    fn builder(self) -> Builder {
        match self {
            Self::PartialUpdate | Self::Nothing => Testbed::builder().shape(Shape::UnwrappedUpdate),
            Self::LeftOut => Testbed::builder().leave_out("email"),
            Self::Base64Decimal => {
                let faults = RowFaults { corrupt_every: Some(CORRUPT_EVERY), ..RowFaults::default() };
                Testbed::builder().base64_decimals(true).row_faults(faults)
            }
        }
    }

    const fn load(self) -> Load {
        match self {
            Self::PartialUpdate | Self::LeftOut => LOAD,
            Self::Nothing => UPDATES,
            Self::Base64Decimal => ORDERS,
        }
    }

    /// The shop's model with this sink's paths.
    fn model(self, bed: &Testbed) -> Result<PathBuf> {
        let shop = fs::read_to_string(scenarios().join("models/shop.toml"))?;
        let model = match self {
            Self::PartialUpdate => shop.replacen("key = \"_id\"  ", "key = \"_id.id\"  ", 1),
            Self::Nothing => shop.replacen("key = \"_id\"  ", "key = \"_id.id\"  ", 1).replacen(
                STATUS,
                STATUS_UNVERIFIED,
                1,
            ),
            Self::LeftOut | Self::Base64Decimal => shop,
        };
        let path = bed.folder().join("model.toml");
        fs::write(&path, model)?;
        Ok(path)
    }

    /// Each column that was not compared: in how many rows, and why.
    fn not_compared(self) -> Value {
        let rows = self.load().iterations();
        let (entity, column, reason) = match self {
            Self::PartialUpdate | Self::Nothing => ("customer", "email", "partial_update"),
            Self::LeftOut => ("customer", "email", "left_out"),
            Self::Base64Decimal => ("order", "total_amount", "base64_decimal"),
        };
        json!([{ "entity": entity, "column": column, "rows": rows, "reason": reason }])
    }

    fn judge(self, ran: &Ran) -> Result<Line> {
        let iterations = self.load().iterations();
        let entries = if self == Self::Nothing { iterations } else { 2 * iterations };
        let changed = ran.faults.len() as u64;
        // A row of which something could be compared is compared.
        let compared = if self == Self::Nothing { 0 } else { entries };
        let content = ran.json.get("content").context("the report says nothing of the content")?;
        let count = |name: &str| content[name].as_u64().unwrap_or(u64::MAX);
        let account = &ran.report.account;
        let checks = &ran.report.rates["checks"];
        let finding = ran.finished.stdout.contains("content_not_compared");
        let verdict = Verdict::unless([
            ((account.entries, account.delivered) != (entries, entries), format!("{account:?}")),
            (
                (count("written"), count("arrived")) != (entries, entries),
                format!("{entries} written and arrived expected: {content}"),
            ),
            (count("compared") != compared, format!("{compared} compared expected: {content}")),
            (
                count("matched") != compared - changed,
                format!("{} matches expected: {content}", compared - changed),
            ),
            (content["not_compared"] != self.not_compared(), format!("{}", content["not_compared"])),
            // Written, arrived, and what was compared: nothing else is a check, and nothing else can fail.
            (
                (checks.total, checks.passed) != (2 * entries + compared, 2 * entries + compared - changed),
                format!("{checks:?}"),
            ),
            (self == Self::Nothing && !finding, "a finding expected: content_not_compared".to_owned()),
            (ran.report.validity.state == ValidityState::Invalid, ran.validity()),
        ]);
        Ok(Line {
            fault: self.name().to_owned(),
            injected: self.injected().to_owned(),
            reported: format!("{} of {entries} compared, {} match", count("compared"), count("matched")),
            error: count("compared").abs_diff(compared).to_string(),
            verdict,
        })
    }
}
