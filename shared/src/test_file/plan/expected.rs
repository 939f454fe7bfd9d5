//! What one pass through a flow does on average: weights and probabilities are counted in.

use std::collections::BTreeMap;

use super::super::{Action, Step};
use crate::account::Operation;

/// Expected operations by entity and kind. A delete counts itself; the rows that refer to the deleted one, which
/// go before it, depend on what the others have made and are not counted.
pub(super) fn operations(flow: &[Step]) -> BTreeMap<(usize, Operation), f64> {
    let mut counted = BTreeMap::new();
    each_step(flow, 1.0, &mut |step, share| {
        let key = match &step.action {
            Action::Create { entity, .. } => (*entity, Operation::Create),
            Action::Update { entity, .. } => (*entity, Operation::Update),
            Action::Delete { entity, .. } => (*entity, Operation::Delete),
            _ => return,
        };
        *counted.entry(key).or_insert(0.0) += share;
    });
    counted
}

/// The mean of all pauses, in nanoseconds.
pub(super) fn pauses(flow: &[Step]) -> f64 {
    let mut sum = 0.0;
    each_step(flow, 1.0, &mut |step, share| {
        if let Action::Pause { min, max } = &step.action {
            sum += share * (min.as_secs_f64() + max.as_secs_f64()) / 2.0 * 1e9;
        }
    });
    sum
}

/// Rows that stay in pools: put in, less taken out for good; at least 0.
pub(super) fn pooled(flow: &[Step]) -> f64 {
    let mut sum: f64 = 0.0;
    each_step(flow, 1.0, &mut |step, share| match &step.action {
        Action::Create { into: Some(_), .. } => sum += share,
        Action::Delete { row: super::super::RowFrom::Pool { .. }, .. } => sum -= share,
        _ => {}
    });
    sum.max(0.0)
}

/// Every step with how often it takes place, on average.
fn each_step(flow: &[Step], share: f64, visit: &mut impl FnMut(&Step, f64)) {
    for step in flow {
        visit(step, share);
        match &step.action {
            Action::Choose(alternatives) => {
                let weights: f64 = alternatives.iter().map(|one| f64::from(one.weight)).sum();
                for one in alternatives {
                    each_step(&one.flow, share * f64::from(one.weight) / weights, visit);
                }
            }
            Action::Maybe { probability, flow } => each_step(flow, share * probability, visit),
            Action::Repeat { times, flow } => each_step(flow, share * f64::from(*times), visit),
            _ => {}
        }
    }
}
