use super::*;

#[test]
fn alternatives_are_drawn_by_their_weight() {
    let step = |times| Step { group: None, action: Action::Repeat { times, flow: Vec::new() } };
    let weights = [30, 25, 15, 20, 10];
    let alternatives: Vec<Alternative> =
        (0..).zip(weights).map(|(index, weight)| Alternative { weight, flow: vec![step(index)] }).collect();
    let mut counts = [0_u32; 5];
    let mut random = StdRng::seed_from_u64(7);
    for _ in 0..10_000 {
        let Action::Repeat { times, .. } = chosen(&alternatives, &mut random)[0].action else {
            panic!("one of them")
        };
        counts[times as usize] += 1;
    }
    for (count, weight) in counts.into_iter().zip(weights) {
        // Five standard deviations of a binomial count, at most 230 here.
        assert!(count.abs_diff(weight * 100) < 230, "{counts:?}");
    }
}
