//! Two clocks and a link on virtual time: the true offset has to lie within what is printed.

use proptest::prelude::*;

use super::*;

/// One writer, its clock and its link, all known exactly.
struct World {
    /// What its clock is ahead at 0.
    offset: f64,
    /// What it gains.
    drift: f64,
    /// When its offset jumps, and by how much.
    jump: Option<(f64, f64)>,
    /// The longest way there and back, each drawn evenly from nothing.
    ways: (f64, f64),
    random: u64,
}

const EVERY: f64 = 1e9;

impl World {
    /// Evenly from 0 to 1: xorshift64*.
    fn draw(&mut self) -> f64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// What its clock shows at a true moment.
    fn shows(&self, at: f64) -> f64 {
        let jumped = self.jump.filter(|(when, _)| at >= *when).map_or(0.0, |(_, by)| by);
        at + self.offset + self.drift * at + jumped
    }

    fn exchange(&mut self, at: f64) -> Exchange {
        let (there, held, back) = (self.draw() * self.ways.0, self.draw() * 1e6, self.draw() * self.ways.1);
        Exchange {
            asked: point(at),
            heard: point(self.shows(at + there)),
            answered: point(self.shows(at + there + held)),
            returned: point(at + there + held + back),
        }
    }

    /// Runs so many seconds with rows at random moments; returns rows whose time came out wrong by more than
    /// the bound that was printed at the end, all rows, and the clock.
    fn run(&mut self, seconds: u32, rows_per_s: u32) -> (Vec<f64>, f64, PeerClock) {
        let identity = |boot: &str| ClockIdentity {
            boot_id: Some(boot.to_owned()),
            time_namespace: Some(1),
            anchor: Nanos::ZERO,
            by_exchange: false,
            test_clock: None,
        };
        let mut clock = PeerClock::new(&identity("ours"), &identity("theirs"));
        let mut now = 1e12;
        for _ in 0..16 {
            let exchange = self.exchange(now);
            clock.exchanged(&exchange, Nanos(100_000_000));
            now = exchange.returned.0 as f64;
        }
        clock.begin(point(now), Nanos(100_000_000));
        let (mut errors, mut last_shown) = (Vec::new(), UnixNanos(i64::MIN));
        for second in 0..seconds {
            let exchanges = if second < 3 { 10 } else { 1 };
            let every = EVERY / f64::from(exchanges);
            for _ in 0..exchanges {
                let exchange = self.exchange(now);
                let mut sent: Vec<f64> = (0..rows_per_s)
                    .map(|_| exchange.returned.0 as f64 + self.draw() * (every - 41e6))
                    .collect();
                sent.sort_by(f64::total_cmp);
                clock.exchanged(&exchange, point(every) - UnixNanos(0));
                for at in sent {
                    let shown = clock.to_ours(point(self.shows(at)));
                    if self.jump.is_none() {
                        assert!(shown >= last_shown, "times of one clock keep their order");
                    }
                    last_shown = shown;
                    errors.push(shown.0 as f64 - at);
                }
                now += every;
            }
        }
        let bound = clock.state().bound.expect("there were exchanges").0 as f64;
        (errors, bound, clock)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "moments of a simulation are far inside i64")]
fn point(at: f64) -> UnixNanos {
    UnixNanos(at.round() as i64)
}

fn within(errors: &[f64], bound: f64) -> f64 {
    errors.iter().filter(|error| error.abs() <= bound).count() as f64 / errors.len() as f64
}

fn jitter(offset: f64, drift: f64, random: u64) -> World {
    World { offset, drift, jump: None, ways: (20e6, 20e6), random }
}

#[test]
fn two_writers_400_ms_apart_that_drift_over_20_ms_of_jitter() {
    for seed in 1..=50 {
        for (offset, drift) in [(400e6, 50e-6), (0.0, -50e-6)] {
            let (errors, bound, clock) = jitter(offset, drift, seed * 7919).run(120, 50);
            let share = within(&errors, bound);
            assert!(share >= 0.999, "seed {seed}: {share} of the rows within {bound} ns");
            assert!(bound < 15e6, "seed {seed}: a bound of {bound} ns says nothing");
            let found = clock.state().drift_ppm.expect("a drift") - drift * 1e6;
            let unsure = clock.state().drift_error_ppm.expect("a drift");
            assert!(found.abs() <= unsure, "seed {seed}: the drift is off by {found} ppm, not {unsure}");
            assert!(unsure < 150.0, "seed {seed}: a drift ± {unsure} ppm says nothing");
            assert!(clock.state().jumps.is_empty(), "seed {seed}");
        }
    }
}

#[test]
fn a_jump_in_between_is_marked_and_widens_the_bound() {
    for seed in 1..=50 {
        let when = 1e12 + 30e9;
        let mut world = World { jump: Some((when, 500e6)), ..jitter(400e6, 50e-6, seed * 104_729) };
        let (errors, bound, clock) = world.run(60, 50);
        let share = within(&errors, bound);
        assert!(share >= 0.999, "seed {seed}: {share} of the rows within {bound} ns");
        let [jump] = clock.state().jumps[..] else { panic!("seed {seed}: {:?}", clock.state().jumps) };
        assert!((jump.by.0 as f64 - 500e6).abs() < 40e6, "seed {seed}: {jump:?}");
        assert!((jump.at.0 as f64 - when).abs() < 1.1e9, "seed {seed}: {jump:?}");
        let after = within(&errors[errors.len() * 7 / 8..], 20e6);
        assert!(after >= 0.999, "seed {seed}: times after the jump are right again ({after})");
    }
}

#[test]
fn on_a_quiet_network_the_bound_is_near_half_the_round_trip() {
    let mut world = World { ways: (100e3, 100e3), ..jitter(-3e9, 20e-6, 11) };
    let (errors, bound, _) = world.run(60, 20);
    assert!(within(&errors, bound) >= 1.0);
    assert!(bound < 250e3, "{bound} ns");
}

#[test]
fn one_kernel_is_exact_and_an_offset_that_contradicts_it_is_seen() {
    let identity = |anchor| ClockIdentity {
        boot_id: Some("one".into()),
        time_namespace: Some(1),
        anchor: Nanos(anchor),
        by_exchange: false,
        test_clock: None,
    };
    // Monotonic 50 is 1 750 for the writer and 1 050 for the observer.
    let mut clock = PeerClock::new(&identity(1_000), &identity(1_700));
    assert_eq!(clock.to_ours(UnixNanos(1_750)), UnixNanos(1_050));
    assert_eq!(clock.to_theirs(UnixNanos(1_050)), UnixNanos(1_750));
    let exchange = |ahead: i64| Exchange {
        asked: UnixNanos(0),
        heard: UnixNanos(50_000 + ahead),
        answered: UnixNanos(60_000 + ahead),
        returned: UnixNanos(110_000),
    };
    clock.exchanged(&exchange(700), Nanos(0));
    assert_eq!((clock.state().bound, clock.state().contradiction), (Some(Nanos::ZERO), None));
    clock.exchanged(&exchange(400_000_700), Nanos(0));
    assert_eq!(clock.state().contradiction, Some(Nanos(399_950_000)));
}

#[test]
fn without_an_exchange_nothing_is_claimed() {
    let identity = Clock::start().identity();
    let other = ClockIdentity { boot_id: None, ..identity.clone() };
    let mut clock = PeerClock::new(&identity, &other);
    clock.begin(UnixNanos(0), Nanos(0));
    assert_eq!((clock.state().bound, clock.to_ours(UnixNanos(7))), (None, UnixNanos(7)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_bound_holds_for_every_row_whatever_the_link(
        offset in -1e15..1e15_f64, ppm in -400.0..400.0_f64,
        there in 0.0..20e6_f64, back in 0.0..20e6_f64, random in 1..u64::MAX,
    ) {
        let mut world = World { offset, drift: ppm / 1e6, jump: None, ways: (there, back), random };
        let (errors, bound, clock) = world.run(90, 10);
        let worst = errors.iter().fold(0.0_f64, |worst, error| worst.max(error.abs()));
        // What is lost to rounding here is below the resolution of a 64-bit float at 1e15.
        prop_assert!(worst <= bound + 2.0, "off by {worst} ns, bound {bound} ns");
        prop_assert!(clock.state().jumps.is_empty());
        let shown = point(world.shows(1_089e9));
        let there_and_back = clock.to_theirs(clock.to_ours(shown));
        prop_assert!((there_and_back - shown).0.abs() < 1_000, "{there_and_back:?} for {shown:?}");
    }
}
