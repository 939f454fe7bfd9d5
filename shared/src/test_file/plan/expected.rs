//! What one pass through a flow does on average: weights and probabilities are counted in.

use std::collections::BTreeMap;

use super::super::Step;
use crate::account::Operation;

/// Expected operations by entity and kind. A delete counts itself; the rows that refer to the deleted one, which
/// go before it, depend on what the others have made and are not counted.
pub(super) fn operations(flow: &[Step]) -> BTreeMap<(usize, Operation), f64> {
    let mut counted = BTreeMap::new();
    each_step(flow, 1.0, &mut |step, share| {
        if let Some(operation) = step.action.operation() {
            *counted.entry(operation).or_insert(0.0) += share;
        }
    });
    counted
}

/// The mean of all pauses, in nanoseconds.
pub(super) fn pauses(flow: &[Step]) -> f64 {
    let mut sum = 0.0;
    each_step(flow, 1.0, &mut |step, share| sum += share * step.action.mean_pause_s() * 1e9);
    sum
}

/// Rows that stay in pools: put in, less taken out for good; at least 0.
pub(super) fn pooled(flow: &[Step]) -> f64 {
    let mut sum: f64 = 0.0;
    each_step(flow, 1.0, &mut |step, share| sum += share * step.action.pooled());
    sum.max(0.0)
}

/// Every step with how often it takes place, on average.
fn each_step(flow: &[Step], share: f64, visit: &mut impl FnMut(&Step, f64)) {
    for step in flow {
        visit(step, share);
        for (often, flow) in step.action.inner() {
            each_step(flow, share * often, visit);
        }
    }
}
