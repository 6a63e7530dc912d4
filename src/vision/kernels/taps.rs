//! The filters of Pillow's `Image.resize`, and for each resized pixel the source pixels that it is made of.
//!
//! Pillow's arithmetic is the specification, because checkpoints are trained and evaluated on its output: the filter is
//! widened by the factor of the shrinking (so that nothing aliases), sampled at pixel centers, its weights are made to
//! sum to one and rounded to 22 fraction bits.

use std::f64::consts::PI;
use std::ops::Range;

/// A filter of Pillow's `Image.resize`, with its number in `preprocessor_config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resample {
    /// 0: the pixel under the resized pixel's center.
    Nearest,
    /// 1: windowed sinc over three pixels to each side.
    Lanczos,
    /// 2: a triangle over one pixel to each side.
    Bilinear,
    /// 3: the cubic with `a = -0.5`, over two pixels to each side.
    Bicubic,
    /// 4: the mean of the pixels under the resized pixel.
    Box,
    /// 5: Hamming-windowed sinc over one pixel to each side.
    Hamming,
}

impl Resample {
    /// All, at the place of their number.
    pub const ALL: [Self; 6] = [Self::Nearest, Self::Lanczos, Self::Bilinear, Self::Bicubic, Self::Box, Self::Hamming];

    /// How far from its center the filter reaches, in source pixels while enlarging.
    fn support(self) -> f64 {
        match self {
            Self::Nearest => 0.0,
            Self::Lanczos => 3.0,
            Self::Bilinear | Self::Hamming => 1.0,
            Self::Bicubic => 2.0,
            Self::Box => 0.5,
        }
    }

    /// The filter's value at `x` from its center.
    fn weight(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        let distance = x.abs();
        match self {
            Self::Nearest => 1.0,
            Self::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            Self::Bilinear if distance < 1.0 => 1.0 - distance,
            Self::Bicubic if distance < 1.0 => ((A + 2.0) * distance - (A + 3.0)) * distance * distance + 1.0,
            Self::Bicubic if distance < 2.0 => (((distance - 5.0) * distance + 8.0) * distance - 4.0) * A,
            Self::Box if x > -0.5 && x <= 0.5 => 1.0,
            Self::Hamming if distance < 1.0 => sinc(x) * (0.54 + 0.46 * (PI * x).cos()),
            _ => 0.0,
        }
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// Fraction bits of a weight.
pub(in crate::vision) const WEIGHT_BITS: u32 = 22;
/// The bits of a weight that its low half holds.
pub(in crate::vision) const LOW_BITS: u32 = 12;
/// The weight one.
const ONE: i32 = 1 << WEIGHT_BITS;

/// Two neighbouring weights as two words each, `weight = (high << 12) + low` with `low` in `0..4096`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub(in crate::vision) struct WeightPair {
    pub high: [i16; 2],
    pub low: [i16; 2],
}

/// The source pixels of one resized pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vision) struct Span {
    /// The first source pixel.
    pub first: usize,
    /// How many follow one another, at least one.
    pub len: usize,
    /// Where its weights start.
    weights: usize,
    /// Where its pairs start.
    pairs: usize,
}

impl Span {
    /// One behind the last source pixel.
    pub fn end(&self) -> usize {
        self.first + self.len
    }
}

/// What each resized pixel along one side is made of. Neither a span's first nor its end ever goes back.
#[derive(Debug, Default)]
pub(in crate::vision) struct Taps {
    spans: Vec<Span>,
    weights: Vec<i32>,
    /// The same weights in pairs; each span has an even number of them, zeros at its end.
    pairs: Vec<WeightPair>,
    longest: usize,
    sampled: Vec<f64>,
}

impl Taps {
    /// Fills the table for `wanted` of the `resized_px` pixels to which a side of `source_px` pixels, at least 1, is
    /// resized.
    pub fn rebuild(&mut self, source_px: u32, resized_px: u32, wanted: Range<u32>, filter: Resample) {
        self.spans.clear();
        self.weights.clear();
        self.pairs.clear();
        self.longest = 0;
        let scale = f64::from(source_px) / f64::from(resized_px);
        if source_px == resized_px {
            // Every filter leaves such a side as it is.
            wanted.for_each(|pixel| self.push(pixel as usize, &[ONE]));
        } else if filter == Resample::Nearest {
            // Pillow adds the scale up, rounding included.
            let mut position = scale * 0.5;
            for pixel in 0..wanted.end {
                if pixel >= wanted.start {
                    self.push(whole(position).min(source_px as usize - 1), &[ONE]);
                }
                position += scale;
            }
        } else {
            let mut sampled = std::mem::take(&mut self.sampled);
            wanted.for_each(|pixel| self.sample(pixel, source_px, scale, filter, &mut sampled));
            self.sampled = sampled;
        }
    }

    /// Adds the span of one resized pixel.
    fn sample(&mut self, pixel: u32, source_px: u32, scale: f64, filter: Resample, sampled: &mut Vec<f64>) {
        let widened = scale.max(1.0);
        let support = filter.support() * widened;
        let center = (f64::from(pixel) + 0.5) * scale;
        let first = whole(center - support + 0.5).min(source_px as usize - 1);
        let end = whole(center + support + 0.5).min(source_px as usize).max(first + 1);
        let inverse = 1.0 / widened;
        sampled.clear();
        sampled.extend((first..end).map(|source| filter.weight((source as f64 - center + 0.5) * inverse)));
        let sum: f64 = sampled.iter().sum();
        let gain = if sum == 0.0 { 1.0 } else { sum };
        let at = self.weights.len();
        self.weights.extend(sampled.iter().map(|weight| fixed(weight / gain)));
        self.finish(first, at);
    }

    fn push(&mut self, first: usize, weights: &[i32]) {
        let at = self.weights.len();
        self.weights.extend_from_slice(weights);
        self.finish(first, at);
    }

    /// Makes a span of the weights from `at` on.
    fn finish(&mut self, first: usize, at: usize) {
        let weights = &self.weights[at..];
        let pairs = self.pairs.len();
        self.pairs.extend(weights.chunks(2).map(|pair| {
            let (high, low): ([i16; 2], [i16; 2]) = match *pair {
                [one, other] => ([high(one), high(other)], [low(one), low(other)]),
                [one] => ([high(one), 0], [low(one), 0]),
                _ => ([0; 2], [0; 2]),
            };
            WeightPair { high, low }
        }));
        if (self.pairs.len() - pairs) % 2 == 1 {
            self.pairs.push(WeightPair::default());
        }
        self.longest = self.longest.max(weights.len());
        self.spans.push(Span { first, len: weights.len(), weights: at, pairs });
    }

    /// One span for each resized pixel, in order.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// The most source pixels that one resized pixel has.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// A span's weights, 22 fraction bits, one for each of its source pixels.
    pub fn weights(&self, span: &Span) -> &[i32] {
        &self.weights[span.weights..][..span.len]
    }

    /// A span's weights as parts of one.
    pub fn shares(&self, span: &Span) -> impl Iterator<Item = f32> {
        self.weights(span).iter().map(|&weight| weight as f32 / ONE as f32)
    }

    /// A span's weights in pairs: an even number of pairs, the last ones filled up with zeros.
    pub fn pairs(&self, span: &Span) -> &[WeightPair] {
        &self.pairs[span.pairs..][..span.len.div_ceil(4) * 2]
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates: what is left of 0 becomes 0")]
fn whole(position: f64) -> usize {
    position as usize
}

#[expect(clippy::cast_possible_truncation, reason = "weights lie within -2..2")]
fn fixed(weight: f64) -> i32 {
    let half = if weight < 0.0 { -0.5 } else { 0.5 };
    (weight * f64::from(ONE) + half) as i32
}

#[expect(clippy::cast_possible_truncation, reason = "23 bits and a sign less 12")]
fn high(weight: i32) -> i16 {
    (weight >> LOW_BITS) as i16
}

fn low(weight: i32) -> i16 {
    (weight & ((1 << LOW_BITS) - 1)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn taps(source_px: u32, resized_px: u32, filter: Resample) -> Taps {
        let mut taps = Taps::default();
        taps.rebuild(source_px, resized_px, 0..resized_px, filter);
        taps
    }

    #[test]
    fn a_kept_side_takes_each_pixel_as_it_is() {
        for filter in Resample::ALL {
            let taps = taps(5, 5, filter);
            assert!(
                taps.spans().iter().enumerate().all(|(i, span)| (span.first, taps.weights(span)) == (i, &[ONE][..]))
            );
        }
    }

    #[test]
    fn halving_with_a_box_takes_the_mean_of_two() {
        let taps = taps(4, 2, Resample::Box);
        assert_eq!(taps.spans().iter().map(|span| span.first).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(taps.weights(&taps.spans()[0]), [ONE / 2, ONE / 2]);
    }

    proptest! {
        #[test]
        fn spans_lie_inside_never_go_back_and_weigh_one(
            source_px in 1u32..3000, resized_px in 1u32..1500, filter in 0usize..6,
        ) {
            let taps = taps(source_px, resized_px, Resample::ALL[filter]);
            prop_assert_eq!(taps.spans().len(), resized_px as usize);
            let mut last = taps.spans()[0];
            for span in taps.spans() {
                prop_assert!(span.len >= 1 && span.len <= taps.longest() && span.end() <= source_px as usize);
                prop_assert!(span.first >= last.first && span.end() >= last.end());
                let sum: i64 = taps.weights(span).iter().map(|&weight| i64::from(weight)).sum();
                prop_assert!((sum - i64::from(ONE)).abs() <= i64::try_from(span.len).unwrap());
                last = *span;
            }
        }

        #[test]
        fn pairs_hold_the_weights_again(source_px in 1u32..300, resized_px in 1u32..300, filter in 0usize..6) {
            let taps = taps(source_px, resized_px, Resample::ALL[filter]);
            for span in taps.spans() {
                let pairs = taps.pairs(span);
                let joined: Vec<i32> = pairs
                    .iter()
                    .flat_map(|pair| [0, 1].map(|i| (i32::from(pair.high[i]) << LOW_BITS) + i32::from(pair.low[i])))
                    .collect();
                prop_assert!(pairs.len().is_multiple_of(2) && joined[span.len..].iter().all(|&weight| weight == 0));
                prop_assert_eq!(&joined[..span.len], taps.weights(span));
            }
        }
    }
}
