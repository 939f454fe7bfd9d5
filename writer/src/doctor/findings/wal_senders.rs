//! Senders of WAL for a pipeline that connects anew.

use streamgauge_shared::doctor::Finding;

use super::free::free;
use crate::doctor::inspected::Inspected;

pub(super) fn judge(inspected: &Inspected) -> Vec<Finding> {
    let Inspected { senders, active_slots, .. } = inspected;
    vec![free("wal_senders", "max_wal_senders", "senders", *senders, *active_slots)]
}
