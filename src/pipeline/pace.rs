//! Whether images and plans come fast enough for the parameters: what only shows while images come.

use crate::config::{Config, PeriodWarning};
use crate::types::Stamp;

/// Watches the time between images, and how old a plan gets before the next one takes its place.
#[derive(Debug)]
pub struct Pace {
    config: Config,
    max_age_ns: i64,
    in_a_row: u32,
    last: Option<Stamp>,
    /// The first times from image to image, in milliseconds; `None` once they have been judged.
    periods_ms: Option<Vec<f64>>,
}

impl Pace {
    /// So many plans must have come too late for the one before them, so that a pause of the camera is none of it.
    const ENOUGH: u32 = 10;
    /// So many periods show the camera's own, by their median.
    const PERIODS: usize = 30;

    /// Of a node with these parameters.
    pub fn new(config: &Config) -> Self {
        let max_age_ns = config.max_age_ms.saturating_mul(1_000_000);
        let periods_ms = Some(Vec::with_capacity(Self::PERIODS));
        Self { config: config.clone(), max_age_ns, in_a_row: 0, last: None, periods_ms }
    }

    /// What the time between images, as it has shown by this one, makes of the parameters: once, else nothing.
    pub fn warnings(&mut self, stamp: Stamp) -> Vec<PeriodWarning> {
        let Some(periods_ms) = &mut self.periods_ms else { return Vec::new() };
        if let Some(last) = self.last.replace(stamp) {
            periods_ms.push(stamp.seconds_since(last) * 1e3);
        }
        if periods_ms.len() < Self::PERIODS {
            return Vec::new();
        }
        periods_ms.sort_by(f64::total_cmp);
        let median_ms = periods_ms[Self::PERIODS / 2];
        self.periods_ms = None;
        self.config.period_warnings(median_ms)
    }

    /// A plan has left when the one before it was so old: whether this is the one that makes it certain that the watchdog
    /// must speak between plans although nothing is wrong. Told once for each such stretch.
    pub fn is_too_slow(&mut self, replaced_ns: Option<i64>) -> bool {
        let is_late = replaced_ns.is_some_and(|age_ns| age_ns > self.max_age_ns);
        self.in_a_row = if is_late { self.in_a_row.saturating_add(1) } else { 0 };
        self.in_a_row == Self::ENOUGH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_too_slow_when_many_plans_in_a_row_replace_one_that_is_too_old() {
        let mut pace = Pace::new(&Config { max_age_ms: 100, ..Config::default() });
        let mut told = |replaced_ms: Option<i64>| pace.is_too_slow(replaced_ms.map(|ms| ms * 1_000_000));
        assert!(!told(None) && (0..9).all(|_| !told(Some(101))));
        assert!(!told(Some(100)), "one in time, and the count begins again");
        assert_eq!((0..30).filter(|_| told(Some(150))).count(), 1, "it is told once");
    }

    #[test]
    fn parameters_that_are_wrong_for_the_cameras_period_are_told_once_whatever_single_gaps_there_are() {
        let config = Config { track_max_unseen_ms: 80, ..Config::default() };
        let mut pace = Pace::new(&config);
        let mut told = Vec::new();
        for number in 0..200i64 {
            let gap_ms = if number % 10 == 0 { 3000 } else { 0 };
            told.extend(pace.warnings(Stamp::from_ns((number * 10_000 + gap_ms) * 1_000_000 / 100)));
        }
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].to_string().contains("track_max_unseen_ms is 80"));
    }
}
