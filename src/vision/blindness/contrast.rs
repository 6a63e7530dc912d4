//! How much of the differences in a picture is picture.
//!
//! The points make a chessboard: each cell of a layer has as many black fields as white ones. How far a cell lies from
//! the mean of its four neighbours is taken twice, from either half of its points. What is in the picture is in both;
//! noise is not the same in two pixels. So the mean product of the two is the power of the picture alone, however strong
//! the noise is, and the mean square of their difference says how well that mean is known. Differences with the
//! neighbours rather than with the picture's mean: a glow through the fingers on the lens has none.

use super::points::{COLUMNS, ROWS};

/// Cells of one size.
struct Layer {
    columns: usize,
    /// Points in each half of a cell.
    points: i32,
    /// The sums of the halves, row by row.
    cells: Vec<[i32; 2]>,
}

/// What a layer holds, in squared steps of luma.
struct Power {
    mean: f64,
    standard_error: f64,
}

/// How many standard errors are given to noise: it would exceed them in one picture of 700, and by little.
const CERTAINTY: f64 = 3.0;

impl Power {
    fn at_least(&self) -> f64 {
        (self.mean - CERTAINTY * self.standard_error).max(0.0)
    }

    fn at_most(&self) -> f64 {
        (self.mean + CERTAINTY * self.standard_error).max(0.0)
    }
}

impl Layer {
    /// `columns` x 3/4 `columns` cells.
    fn new(columns: usize) -> Self {
        let side = COLUMNS / columns;
        let half = i32::try_from(side * side / 2).unwrap_or(i32::MAX);
        Self { columns, points: half, cells: vec![[0; 2]; columns * ROWS / side] }
    }

    /// Sums up the points, two by two.
    fn take(&mut self, luma: &[u8]) {
        for (cells, rows) in self.cells.chunks_exact_mut(self.columns).zip(luma.chunks_exact(2 * COLUMNS)) {
            let (upper, lower) = rows.split_at(COLUMNS);
            let (upper, lower) = (upper.as_chunks::<2>().0, lower.as_chunks::<2>().0);
            for ((cell, &[a, b]), &[c, d]) in cells.iter_mut().zip(upper).zip(lower) {
                *cell = [i32::from(a) + i32::from(d), i32::from(b) + i32::from(c)];
            }
        }
    }

    /// Sums up the cells of a layer with twice the columns, two by two.
    fn take_from(&mut self, finer: &Self) {
        for (cells, rows) in self.cells.chunks_exact_mut(self.columns).zip(finer.cells.chunks_exact(2 * finer.columns))
        {
            let (upper, lower) = rows.split_at(finer.columns);
            let (upper, lower) = (upper.as_chunks::<2>().0, lower.as_chunks::<2>().0);
            for ((cell, [a, b]), [c, d]) in cells.iter_mut().zip(upper).zip(lower) {
                *cell = [a[0] + b[0] + c[0] + d[0], a[1] + b[1] + c[1] + d[1]];
            }
        }
    }

    fn power(&self) -> Power {
        let columns = self.columns;
        let (mut products, mut squares, mut count) = (0_i64, 0_i64, 0_u32);
        for rows in self.cells.windows(3 * columns).step_by(columns) {
            let (above, rest) = rows.split_at(columns);
            let (row, below) = rest.split_at(columns);
            for ((near, above), below) in row.windows(3).zip(&above[1..]).zip(&below[1..]) {
                let [left, cell, right] = near else { continue };
                let [a, b] = [0, 1].map(|half| 4 * cell[half] - left[half] - right[half] - above[half] - below[half]);
                products += i64::from(a) * i64::from(b);
                squares += i64::from(a - b) * i64::from(a - b);
                count += 1;
            }
        }
        let count = f64::from(count);
        // Four times a cell's sum, back to the mean of one point.
        let unit = f64::from(4 * self.points).powi(2);
        Power {
            mean: products as f64 / count / unit,
            standard_error: squares as f64 / (2.0 * count * count.sqrt()) / unit,
        }
    }
}

/// Cells of 1/64, 1/32 and 1/16 of the picture.
pub(super) struct Layers {
    fine: Layer,
    middle: Layer,
    coarse: Layer,
}

impl Layers {
    pub fn new() -> Self {
        Self { fine: Layer::new(COLUMNS / 2), middle: Layer::new(COLUMNS / 4), coarse: Layer::new(COLUMNS / 8) }
    }

    /// See [`Sight`](super::Sight). `luma`: the points, row by row.
    #[expect(clippy::cast_possible_truncation, reason = "the nearest f32 is what is wanted")]
    pub fn contrast_and_sharpness(&mut self, luma: &[u8]) -> (f32, Option<f32>) {
        self.fine.take(luma);
        self.middle.take_from(&self.fine);
        self.coarse.take_from(&self.middle);
        let contrast = self.middle.power().at_least().sqrt() as f32;
        let coarse = self.coarse.power().at_least();
        let sharpness = (coarse > 0.0).then(|| (self.fine.power().at_most() / coarse).sqrt() as f32);
        (contrast, sharpness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(luma: impl Fn(usize, usize) -> u8) -> (f32, Option<f32>) {
        let points: Vec<u8> = (0..COLUMNS * ROWS).map(|at| luma(at % COLUMNS, at / COLUMNS)).collect();
        Layers::new().contrast_and_sharpness(&points)
    }

    #[test]
    fn one_colour_and_an_even_slope_have_no_contrast() {
        assert_eq!(of(|_, _| 130), (0.0, None));
        assert_eq!(of(|x, y| u8::try_from(x + y).unwrap()), (0.0, None));
    }

    #[test]
    fn a_board_of_black_and_white_cells_differs_by_its_whole_range() {
        let (contrast, _) = of(|x, y| if (x / 4 + y / 4) % 2 == 0 { 0 } else { 100 });
        assert_eq!(contrast, 100.0);
    }

    #[test]
    fn a_single_edge_has_a_sharpness_of_about_a_half() {
        let (contrast, sharpness) = of(|x, y| if 3 * x + y > 200 { 200 } else { 50 });
        let sharpness = sharpness.unwrap();
        assert!(contrast > 5.0 && (0.4..0.65).contains(&sharpness), "{contrast} {sharpness}");
    }

    #[test]
    fn a_soft_wave_has_contrast_and_no_sharpness() {
        let wave = |at: usize| 60.0 * (at as f64 / 8.0).sin();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 8 and 248")]
        let (contrast, sharpness) = of(|x, y| (128.0 + wave(x) + wave(y)) as u8);
        assert!(contrast > 2.0 && sharpness.unwrap() < 0.15, "{contrast} {sharpness:?}");
    }
}
