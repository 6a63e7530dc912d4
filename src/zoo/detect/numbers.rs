//! Whether all that a model gives are numbers: why that is asked is said in [`detect`](super).

use crate::zoo::ZooError;
use half::f16;

/// An output's element.
pub(in crate::zoo) trait Float: Copy {
    /// As float32.
    fn value(self) -> f32;

    /// Whether all are finite. Written without a branch in the loop, so that it compiles to vector instructions.
    fn are_numbers(values: &[Self]) -> bool;
}

impl Float for f32 {
    fn value(self) -> f32 {
        self
    }

    fn are_numbers(values: &[Self]) -> bool {
        values.iter().fold(0, |bits, value| bits | doubt(*value)) == 0
    }
}

impl Float for f16 {
    fn value(self) -> f32 {
        self.to_f32()
    }

    fn are_numbers(values: &[Self]) -> bool {
        values.iter().fold(0, |largest, value| magnitude(*value).max(largest)) < magnitude(Self::INFINITY)
    }
}

/// No bits for a finite number, some for any other: what is left of it less itself is 0 or NaN.
#[expect(clippy::eq_op, reason = "only numbers are equal to themselves")]
pub(in crate::zoo) fn doubt(value: f32) -> u32 {
    (value - value).to_bits()
}

/// The bits of a half without its sign. They order as integers do, infinity and then NaN behind all numbers.
pub(in crate::zoo) fn magnitude(value: f16) -> i16 {
    value.to_bits().cast_signed() & i16::MAX
}

/// Checks all numbers of an output of this shape.
///
/// # Errors
/// [`ZooError::NotANumber`] with the first that is none.
pub(in crate::zoo) fn check<E: Float>(values: &[E], shape: &[usize], output: &str) -> Result<(), ZooError> {
    if E::are_numbers(values) {
        return Ok(());
    }
    let is_number = |_, value: f32| value.is_finite();
    refusal(values.iter().map(|value| value.value()), shape, output, is_number).map_or(Ok(()), Err)
}

/// The refusal of an output in which `is_number` does not hold for all numbers, given with their place.
pub(in crate::zoo) fn refusal(
    values: impl ExactSizeIterator<Item = f32> + Clone,
    shape: &[usize],
    output: &str,
    is_number: impl Fn(usize, f32) -> bool,
) -> Option<ZooError> {
    let of = values.len();
    let mut bad = values.enumerate().filter(|(at, value)| !is_number(*at, *value));
    let (at, value) = bad.next()?;
    let found = 1 + bad.count();
    // From the place in memory to one number for each dimension, the last one's first.
    let mut rest = at;
    let mut index: Vec<usize> = shape
        .iter()
        .rev()
        .map(|side| {
            let (coordinate, outer) = (rest % side.max(&1), rest / side.max(&1));
            rest = outer;
            coordinate
        })
        .collect();
    index.reverse();
    Some(ZooError::NotANumber { output: output.to_owned(), index, value, found, of })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_that_is_none_is_named_with_its_place_and_value() {
        let mut values = [0.5_f32; 12];
        assert_eq!(check(&values, &[1, 3, 4], "logits"), Ok(()));
        (values[6], values[7]) = (f32::NEG_INFINITY, f32::NAN);
        let error = check(&values, &[1, 3, 4], "logits").unwrap_err().to_string();
        assert_eq!(error, "the model's logits are -inf at [0, 1, 2], expected numbers: 2 of 12 are none");
        let halves = values.map(f16::from_f32);
        assert_eq!(check(&halves, &[1, 3, 4], "logits").unwrap_err().to_string(), error);
    }

    #[test]
    fn the_largest_numbers_are_numbers() {
        assert!(f32::are_numbers(&[f32::MAX, f32::MIN, f32::MIN_POSITIVE, -0.0, 1e-45]));
        assert!(f16::are_numbers(&[f16::MAX, f16::MIN, f16::NEG_ZERO, f16::MIN_POSITIVE_SUBNORMAL]));
        assert!(f32::are_numbers(&[]) && f16::are_numbers(&[]));
    }

    proptest! {
        #[test]
        fn any_bits_are_told(bits in proptest::collection::vec(any::<u32>(), 0..40)) {
            let floats: Vec<f32> = bits.iter().copied().map(f32::from_bits).collect();
            prop_assert_eq!(f32::are_numbers(&floats), floats.iter().all(|value| value.is_finite()));
            let halves: Vec<f16> = bits.iter().map(|bits| f16::from_bits((bits >> 16) as u16)).collect();
            prop_assert_eq!(f16::are_numbers(&halves), halves.iter().all(|value| value.is_finite()));
        }
    }
}
