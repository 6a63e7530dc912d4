//! Pictures per second, and the stamps that they make.

use crate::types::Stamp;
use std::fmt;
use std::str::FromStr;

/// Pictures for each second of footage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate(f64);

impl Rate {
    /// What pictures have that nobody gave a rate.
    pub const DEFAULT: Self = Self(10.0);

    /// `None` outside of 0.001 to 1000.
    pub fn new(fps: f64) -> Option<Self> {
        (0.001..=1000.0).contains(&fps).then_some(Self(fps))
    }

    /// The stamp of the picture with this number, counted from 1.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a thousand years of footage fit")]
    pub(super) fn stamp(self, number: u64) -> Stamp {
        Stamp::from_ns((number as f64 * 1e9 / self.0).round() as i64)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().ok().and_then(Self::new).ok_or_else(|| "expected pictures per second, 0.001 to 1000".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_of_pictures() {
        assert_eq!("29.97".parse(), Ok(Rate(29.97)));
        for text in ["0", "-1", "nan", "inf", "many", "1001", ""] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        assert_eq!(Rate(30.0).stamp(30), Stamp::from_ns(1_000_000_000));
    }
}
