//! Logits to the next token: greedy, or at random with temperature and top-p (Holtzman et al. 2020, nucleus sampling).

use super::LanguageError;
use crate::types::Sampling;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Chooses tokens. The same logits and seed give the same tokens, on every machine as far as its `exp` is the same.
#[derive(Debug, Clone)]
pub struct Sampler {
    rule: Rule,
}

#[derive(Debug, Clone)]
enum Rule {
    Greedy,
    Random { temperature: f32, top_p: f32, random: Box<ChaCha8Rng>, candidates: Vec<(f32, u32)> },
}

impl Sampler {
    /// A sampler at the beginning of its random numbers.
    ///
    /// # Errors
    /// [`LanguageError::Setting`] for a temperature that is not above 0 and finite, or a top-p outside of `0..=1`, 0
    /// excluded.
    pub fn new(sampling: Sampling) -> Result<Self, LanguageError> {
        let rule = match sampling {
            Sampling::Greedy => Rule::Greedy,
            Sampling::Random { temperature, top_p, seed } => {
                if !(temperature > 0.0 && temperature.is_finite()) {
                    let value = temperature.to_string();
                    return Err(LanguageError::Setting { name: "temperature", value, expected: "a number above 0" });
                }
                if !(top_p > 0.0 && top_p <= 1.0) {
                    let expected = "a number above 0 and at most 1";
                    return Err(LanguageError::Setting { name: "top_p", value: top_p.to_string(), expected });
                }
                let random = Box::new(ChaCha8Rng::seed_from_u64(seed));
                Rule::Random { temperature, top_p, random, candidates: Vec::new() }
            }
        };
        Ok(Self { rule })
    }

    /// The next token. Negative infinity excludes one; positive infinity excludes all others. Of equal ones, greedy
    /// takes the first.
    ///
    /// # Errors
    /// [`LanguageError::NanLogits`] when any logit is NaN: what made it made the others too.
    /// [`LanguageError::NoTokenLeft`] when all are excluded.
    pub fn next(&mut self, logits: &[f32]) -> Result<u32, LanguageError> {
        let (best, maximum) = maximum(logits)?;
        let Rule::Random { temperature, top_p, random, candidates } = &mut self.rule else { return Ok(best) };
        candidates.clear();
        let mut total = 0.0;
        for (id, &logit) in (0_u32..).zip(logits) {
            // Infinity less infinity is NaN: what is as likely as the most likely one weighs 1.
            let weight = if logit == maximum { 1.0 } else { ((logit - maximum) / *temperature).exp() };
            if weight > 0.0 {
                total += f64::from(weight);
                candidates.push((weight, id));
            }
        }
        let mut kept = total;
        if *top_p < 1.0 {
            kept = keep_most_likely(candidates, f64::from(*top_p) * total, total);
        }
        // 53 bits: as many as an f64 holds.
        let mut left = (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64 * kept;
        for &(weight, id) in candidates.iter() {
            left -= f64::from(weight);
            if left < 0.0 {
                return Ok(id);
            }
        }
        Ok(candidates.last().map_or(best, |&(_, id)| id))
    }
}

/// The first of the largest logits, and its value.
fn maximum(logits: &[f32]) -> Result<(u32, f32), LanguageError> {
    // In blocks, without a branch in each: this is read for every token.
    let (mut best, mut maximum) = (None, f32::NEG_INFINITY);
    for (block, values) in logits.chunks(BLOCK).enumerate() {
        let largest =
            values.iter().fold(f32::NEG_INFINITY, |largest, &value| if value > largest { value } else { largest });
        if values.iter().fold(false, |any, value| any | value.is_nan()) {
            let token = block * BLOCK + values.iter().position(|value| value.is_nan()).unwrap_or_default();
            return Err(LanguageError::NanLogits { token, tokens: logits.len() });
        }
        if largest > maximum {
            (best, maximum) = (Some(block), largest);
        }
    }
    let none = LanguageError::NoTokenLeft { tokens: logits.len() };
    let Some(block) = best else { return Err(none) };
    let within = logits[block * BLOCK..].iter().position(|&value| value == maximum);
    let id = within.and_then(|within| u32::try_from(block * BLOCK + within).ok());
    id.map(|id| (id, maximum)).ok_or(none)
}

/// Logits looked at together.
const BLOCK: usize = 512;

/// Leaves the fewest most likely candidates whose weights reach `enough`, most likely first and equal ones by id. Gives
/// their weight.
fn keep_most_likely(candidates: &mut Vec<(f32, u32)>, enough: f64, total: f64) -> f64 {
    // All lighter than this together are lighter than what may be left out.
    let lightest = (total - enough) / candidates.len() as f64;
    candidates.retain(|&(weight, _)| f64::from(weight) >= lightest);
    let by_weight = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    let (mut kept, mut sorted, mut next) = (0.0, 0, FIRST_SORTED);
    // Mostly a few reach it: only as many as it takes are sorted.
    while sorted < candidates.len() {
        let rest = &mut candidates[sorted..];
        let count = (next - sorted).min(rest.len());
        if count < rest.len() {
            rest.select_nth_unstable_by(count, by_weight);
        }
        rest[..count].sort_unstable_by(by_weight);
        for (place, &(weight, _)) in rest[..count].iter().enumerate() {
            kept += f64::from(weight);
            if kept >= enough {
                candidates.truncate(sorted + place + 1);
                return kept;
            }
        }
        sorted += count;
        next *= 8;
    }
    kept
}

/// Candidates that are sorted at first.
const FIRST_SORTED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn greedy(logits: &[f32]) -> Result<u32, LanguageError> {
        Sampler::new(Sampling::Greedy).unwrap().next(logits)
    }

    fn random(temperature: f32, top_p: f32, seed: u64) -> Sampler {
        Sampler::new(Sampling::Random { temperature, top_p, seed }).unwrap()
    }

    #[test]
    fn greedy_takes_the_first_of_equal_maxima() {
        assert_eq!(greedy(&[0.0, 3.0, 3.0, -1.0]), Ok(1));
        let mut long = vec![-5.0; 2000];
        (long[1500], long[1999]) = (7.0, 7.0);
        assert_eq!(greedy(&long), Ok(1500));
    }

    #[test]
    fn infinities_choose_and_exclude() {
        for sampler in [&mut Sampler::new(Sampling::Greedy).unwrap(), &mut random(1.0, 0.9, 1)] {
            assert_eq!(sampler.next(&[1.0, f32::INFINITY, 2.0]), Ok(1));
            assert_eq!(sampler.next(&[f32::NEG_INFINITY, -1e30, f32::NEG_INFINITY]), Ok(1));
            let refusal = sampler.next(&[f32::NEG_INFINITY; 3]).unwrap_err();
            assert_eq!(refusal.to_string(), "none of 3 tokens can follow");
        }
        assert_eq!(greedy(&[]), Err(LanguageError::NoTokenLeft { tokens: 0 }));
    }

    #[test]
    fn any_nan_is_an_error_that_says_where() {
        let mut logits = vec![0.0; 1000];
        logits[700] = f32::NAN;
        assert_eq!(greedy(&logits).unwrap_err().to_string(), "logits hold NaN at token 700 of 1000");
        assert!(random(1.0, 1.0, 1).next(&[f32::NAN; 4]).is_err());
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        for (temperature, top_p) in
            [(0.0, 1.0), (-1.0, 1.0), (f32::NAN, 1.0), (f32::INFINITY, 1.0), (1.0, 0.0), (1.0, 1.1)]
        {
            assert!(Sampler::new(Sampling::Random { temperature, top_p, seed: 0 }).is_err(), "{temperature} {top_p}");
        }
    }

    #[test]
    fn top_p_draws_from_the_smallest_set_that_reaches_it() {
        // Probabilities 0.5, 0.3, 0.15, 0.05.
        let logits = [0.05_f32.ln(), 0.3_f32.ln(), 0.5_f32.ln(), 0.15_f32.ln()];
        let mut sampler = random(1.0, 0.79, 7);
        let mut drawn = [0; 4];
        for _ in 0..4000 {
            drawn[sampler.next(&logits).unwrap() as usize] += 1;
        }
        assert_eq!((drawn[0], drawn[3]), (0, 0));
        let share = f64::from(drawn[2]) / 4000.0;
        assert!((share - 0.625).abs() < 0.03, "{share}");
    }

    #[test]
    fn as_many_are_kept_as_sorting_all_would_keep() {
        let weights: Vec<f32> = (0..3000_u16).map(|id| f32::from(id % 1000 * 37 % 1000 + 1)).collect();
        let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
        for share in [0.01, 0.3, 0.9, 0.999] {
            let mut all: Vec<(f32, u32)> = weights.iter().copied().zip(0..).collect();
            all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            let mut sum = 0.0;
            let count = 1 + all
                .iter()
                .position(|(weight, _)| {
                    sum += f64::from(*weight);
                    sum >= share * total
                })
                .unwrap();
            let mut kept: Vec<(f32, u32)> = weights.iter().copied().zip(0..).collect();
            assert_eq!(keep_most_likely(&mut kept, share * total, total), sum);
            assert_eq!(kept, all[..count]);
        }
    }

    #[test]
    fn a_low_temperature_is_greedy_and_a_seed_repeats() {
        let logits = [1.0, 1.5, 0.5];
        assert!((0..50).all(|seed| random(1e-3, 1.0, seed).next(&logits) == Ok(1)));
        let draw = |seed| {
            let mut sampler = random(2.0, 0.95, seed);
            (0..64).map(|_| sampler.next(&logits).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }

    proptest! {
        #[test]
        fn whatever_is_drawn_was_not_excluded(
            logits in proptest::collection::vec(prop_oneof![Just(f32::NEG_INFINITY), -80.0f32..80.0], 1..700),
            temperature in 0.01f32..10.0,
            top_p in 0.01f32..=1.0,
            seed: u64,
        ) {
            match random(temperature, top_p, seed).next(&logits) {
                Ok(id) => prop_assert!(logits[id as usize] > f32::NEG_INFINITY),
                Err(_) => prop_assert!(logits.iter().all(|logit| *logit == f32::NEG_INFINITY)),
            }
        }
    }
}
