//! Slots for a pipeline that connects anew.

use streamgauge_shared::doctor::Finding;

use super::free::free;
use crate::doctor::inspected::Inspected;

pub(super) fn judge(inspected: &Inspected) -> Vec<Finding> {
    let Inspected { slots, active_slots, .. } = inspected;
    vec![free("replication_slots", "max_replication_slots", "slots", *slots, *active_slots)]
}
