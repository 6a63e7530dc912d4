//! Bytes to a model's numbers, by table; planes of a tensor.

use crate::types::ChannelStep;
use crate::vision::Normalize;
use half::f16;

/// For each of red, green and blue, what each byte becomes.
#[derive(Debug)]
pub(super) struct Tables<E>(Box<[[E; 256]; 3]>);

/// The elements of image tensors.
pub(super) trait Number: Copy {
    const ZERO: Self;
    fn of(value: f32) -> Self;
}

impl Number for f32 {
    const ZERO: Self = 0.0;
    fn of(value: f32) -> Self {
        value
    }
}

impl Number for f16 {
    const ZERO: Self = Self::ZERO;
    fn of(value: f32) -> Self {
        Self::from_f32(value)
    }
}

/// What each byte becomes before mean and standard deviation: times `factor` in double precision, then rounded.
#[expect(clippy::cast_possible_truncation, reason = "the nearest single-precision number is meant")]
pub(super) fn rescaled(factor: f64) -> [f32; 256] {
    let mut bytes = 0u8..=255;
    std::array::from_fn(|_| (f64::from(bytes.next().unwrap_or(255)) * factor) as f32)
}

impl Tables<u8> {
    /// For tensors of bytes.
    pub fn of_bytes() -> Self {
        let mut bytes = 0u8..=255;
        Self(Box::new([std::array::from_fn(|_| bytes.next().unwrap_or(255)); 3]))
    }
}

impl Tables<f32> {
    /// What makes the same numbers of bytes, bit for bit, in steps of single precision: the factor first, or where that is
    /// not the same for each byte a division. `None` where neither is.
    pub fn channel_steps(&self, factor: f64, Normalize { mean, std }: Normalize) -> Option<Vec<ChannelStep>> {
        #[expect(clippy::cast_possible_truncation, reason = "the nearest single-precision numbers are tried")]
        let (factor, divisor) = (factor as f32, (1.0 / factor) as f32);
        let normalized = |first| vec![first, ChannelStep::Sub(mean), ChannelStep::Div(std)];
        let is_same = |steps: &Vec<ChannelStep>| {
            let made = |byte: u8, channel| steps.iter().fold(f32::from(byte), |value, step| step.of(value, channel));
            (0..3).all(|channel| {
                let mut all = (0..=255).zip(&self.0[channel]);
                all.all(|(byte, number)| made(byte, channel).to_bits() == number.to_bits())
            })
        };
        let [by_factor, by_divisor] = [ChannelStep::Mul([factor; 3]), ChannelStep::Div([divisor; 3])].map(normalized);
        [by_factor, by_divisor].into_iter().find(is_same)
    }
}

impl<E: Number> Tables<E> {
    /// For bytes times `factor`, normalized.
    pub fn new(factor: f64, normalize: Normalize) -> Self {
        let rescaled = rescaled(factor);
        let mut tables = Box::new([[E::ZERO; 256]; 3]);
        for ((table, mean), std) in tables.iter_mut().zip(normalize.mean).zip(normalize.std) {
            for (entry, value) in table.iter_mut().zip(rescaled) {
                *entry = E::of((value - mean) / std);
            }
        }
        Self(tables)
    }
}

impl<E: Copy> Tables<E> {
    /// What a black pixel becomes.
    pub fn black(&self) -> [E; 3] {
        self.0.each_ref().map(|table| table[0])
    }

    /// Writes a row of RGB bytes to its place in three planes.
    pub fn write(&self, rgb: &[u8], planes: [&mut [E]; 3]) {
        let [red, green, blue] = planes;
        let [of_red, of_green, of_blue] = &*self.0;
        for (((&[r, g, b], red), green), blue) in rgb.as_chunks().0.iter().zip(red).zip(green).zip(blue) {
            *red = of_red[usize::from(r)];
            *green = of_green[usize::from(g)];
            *blue = of_blue[usize::from(b)];
        }
    }
}

/// The same `range` of three planes that follow one another in `out`.
pub(super) fn planes<E>(out: &mut [E], range: std::ops::Range<usize>) -> [&mut [E]; 3] {
    let plane_len = out.len() / 3;
    let (red, rest) = out.split_at_mut(plane_len);
    let (green, blue) = rest.split_at_mut(plane_len);
    [&mut red[range.clone()], &mut green[range.clone()], &mut blue[range]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_split_into_planes_and_normalized() {
        let normalize = Normalize { mean: [0.5, 0.0, 0.25], std: [0.5, 2.0, 1.0] };
        let tables = Tables::<f32>::new(1.0 / 255.0, normalize);
        let mut out = [9.0; 12];
        tables.write(&[255, 255, 255, 0, 0, 0], planes(&mut out, 1..3));
        assert_eq!(out, [9.0, 1.0, -1.0, 9.0, 9.0, 0.5, 0.0, 9.0, 9.0, 0.75, -0.25, 9.0]);
    }

    #[test]
    fn steps_of_single_precision_make_the_same_numbers_of_all_bytes() {
        let clip = Normalize {
            mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
            std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
        };
        for normalize in [Normalize::UNIT, Normalize::IMAGENET, clip, Normalize { mean: [0.5; 3], std: [0.5; 3] }] {
            for factor in [1.0 / 255.0, 0.003_921_568_627_450_98, 1.0] {
                let steps = Tables::<f32>::new(factor, normalize).channel_steps(factor, normalize);
                assert!(steps.is_some(), "{factor} {normalize}");
            }
        }
        let steps = Tables::<f32>::new(1.0 / 255.0, Normalize::UNIT).channel_steps(1.0 / 255.0, Normalize::UNIT);
        assert_eq!(steps.unwrap()[0], ChannelStep::Div([255.0; 3]), "times 1/255 is another number for some bytes");
    }
}
