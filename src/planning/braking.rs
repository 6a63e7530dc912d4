//! How far a robot goes before it stands, and how fast it may go to stand in time.

use super::params::PlanningParams;

/// The brakes: a wait, then a constant deceleration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Braking {
    /// How long nothing happens.
    pub(super) latency_s: f64,
    /// How hard the brakes act.
    pub(super) deceleration_mps2: f64,
    /// What must be left.
    pub(super) margin_m: f64,
}

impl Braking {
    /// Of a robot with these parameters.
    pub(super) fn new(params: &PlanningParams) -> Self {
        Self {
            latency_s: f64::from(params.latency_budget_ms) / 1000.0,
            deceleration_mps2: params.deceleration_mps2,
            margin_m: params.stop_margin_m,
        }
    }

    /// The same robot, braking at half its best.
    pub(super) fn gently(self) -> Self {
        Self { deceleration_mps2: self.deceleration_mps2 / 2.0, ..self }
    }

    /// From the decision until the robot stands.
    pub(super) fn time_s(&self, speed_mps: f64) -> f64 {
        self.latency_s + speed_mps / self.deceleration_mps2
    }

    /// The gap that a stop from `speed_mps` takes, margin included, while what is ahead comes at `approach_mps`.
    pub(super) fn distance_m(&self, speed_mps: f64, approach_mps: f64) -> f64 {
        speed_mps * self.latency_s
            + speed_mps.powi(2) / (2.0 * self.deceleration_mps2)
            + approach_mps * self.time_s(speed_mps)
            + self.margin_m
    }

    /// The greatest speed whose [`distance_m`](Self::distance_m) fits into the gap; 0 where none does, or where a number
    /// is not one.
    pub(super) fn speed_mps(&self, gap_m: f64, approach_mps: f64) -> f64 {
        let Self { latency_s, deceleration_mps2, margin_m } = *self;
        let room_m = gap_m - margin_m - approach_mps * latency_s;
        // v^2 / 2a + v (t + w / a) = room, solved so that nothing cancels: v = 2 room / (b + sqrt(b^2 + 2 room / a)).
        let slope_s = latency_s + approach_mps / deceleration_mps2;
        let root_s = (slope_s.powi(2) + 2.0 * room_m / deceleration_mps2).sqrt();
        let speed_mps = 2.0 * room_m / (slope_s + root_s);
        if room_m > 0.0 && speed_mps.is_finite() { speed_mps.max(0.0) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BRAKING: Braking = Braking { latency_s: 0.3, deceleration_mps2: 1.0, margin_m: 0.5 };

    #[test]
    fn a_stop_takes_latency_braking_way_and_margin() {
        assert!((BRAKING.distance_m(1.5, 0.0) - (0.45 + 1.125 + 0.5)).abs() < 1e-12);
        // 1 m/s towards us for the 1.8 s that it takes.
        assert!((BRAKING.distance_m(1.5, 1.0) - (0.45 + 1.125 + 0.5 + 1.8)).abs() < 1e-12);
    }

    #[test]
    fn there_is_no_speed_inside_the_margin_or_without_brakes() {
        assert_eq!(BRAKING.speed_mps(0.5, 0.0), 0.0);
        assert_eq!(BRAKING.speed_mps(-3.0, 0.0), 0.0);
        assert_eq!(BRAKING.speed_mps(f64::NAN, 0.0), 0.0);
        for deceleration_mps2 in [0.0, -1.0, f64::NAN] {
            let broken = Braking { deceleration_mps2, ..BRAKING };
            assert_eq!(broken.speed_mps(1.0, 1.0), 0.0, "{deceleration_mps2}");
        }
    }

    proptest! {
        #[test]
        fn the_greatest_speed_takes_the_whole_gap(
            gap in 0.0f64..100.0, approach in 0.0f64..5.0,
            latency_s in 0.0f64..2.0, deceleration_mps2 in 0.1f64..10.0, margin_m in 0.0f64..3.0,
        ) {
            let braking = Braking { latency_s, deceleration_mps2, margin_m };
            let speed = braking.speed_mps(gap, approach);
            if speed > 0.0 {
                prop_assert!((braking.distance_m(speed, approach) - gap).abs() < 1e-6);
            } else {
                prop_assert!(braking.distance_m(0.0, approach) >= gap - 1e-9);
            }
        }

        #[test]
        fn a_nearer_or_faster_thing_never_allows_more(
            gap in 0.0f64..100.0, nearer in 0.0f64..10.0, approach in 0.0f64..5.0, faster in 0.0f64..5.0,
        ) {
            let speed = BRAKING.speed_mps(gap, approach);
            prop_assert!(BRAKING.speed_mps(gap - nearer, approach) <= speed + 1e-12);
            prop_assert!(BRAKING.speed_mps(gap, approach + faster) <= speed + 1e-12);
        }
    }
}
