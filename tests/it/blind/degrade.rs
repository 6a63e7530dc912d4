//! What weather, night, dirt and faults do to a picture of the footage. The same in every run.

use vedette::types::{ImageView, PixelFormat, Size};

/// Rows of BGR, 8 bits each.
#[derive(Clone)]
pub struct Picture {
    pub size: Size,
    pub bgr: Vec<u8>,
}

impl Picture {
    pub fn of(image: &ImageView<'_>) -> Self {
        assert_eq!(image.format(), PixelFormat::Bgr8);
        let rows = (0..image.size().height_px).flat_map(|row| image.row(row).iter().copied());
        Self { size: image.size(), bgr: rows.collect() }
    }

    pub fn view(&self) -> ImageView<'_> {
        ImageView::new(&self.bgr, self.size, 3 * self.size.width_px, PixelFormat::Bgr8).unwrap()
    }

    fn width(&self) -> usize {
        self.size.width_px as usize
    }

    fn height(&self) -> usize {
        self.size.height_px as usize
    }

    fn row(&self, at: usize) -> f64 {
        (at / 3 / self.width()) as f64
    }

    fn column(&self, at: usize) -> f64 {
        (at / 3 % self.width()) as f64
    }

    fn values(&self) -> Vec<f64> {
        self.bgr.iter().map(|&byte| f64::from(byte)).collect()
    }

    /// Each byte by its index and itself, with the noise of a sensor on top.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, as a sensor does")]
    fn map(&self, deviation: f64, value: impl Fn(usize, f64) -> f64) -> Self {
        let mut noise = Noise::over(&self.bgr);
        let noisy = |(at, &byte)| (value(at, f64::from(byte)) + deviation * noise.next()).round() as u8;
        Self { size: self.size, bgr: self.bgr.iter().enumerate().map(noisy).collect() }
    }

    /// Less light: its share, and the noise that the gain brings.
    pub fn darkened(&self, share: f64, deviation: f64) -> Self {
        self.map(deviation, |_, value| share * value)
    }

    /// Light from a few places only: dark parts lose much more than bright ones.
    pub fn lamplit(&self, share: f64, deviation: f64) -> Self {
        self.map(deviation, |_, value| 255.0 * share * (value / 255.0).powi(3))
    }

    /// Fog of a meteorological visibility (contrast 2 % at that distance), by the distance of the ground at each row for
    /// the camera of the footage: see `scripts/setup/vtest_camera.py`.
    pub fn in_fog(&self, visibility_m: f64) -> Self {
        const HEIGHT_M: f64 = 7.07;
        const PITCH_RAD: f64 = 0.288;
        const FOCAL_PX: f64 = 1194.6;
        const CENTRE_PX: f64 = 282.6;
        self.map(2.0, |at, value| {
            let below_horizon = PITCH_RAD + ((self.row(at) - CENTRE_PX) / FOCAL_PX).atan();
            let distance_m = HEIGHT_M / below_horizon.max(0.01);
            190.0 + (value - 190.0) * (-3.912 / visibility_m * distance_m).exp()
        })
    }

    /// A lens with water or dust on it: this share of the contrast is left, everywhere.
    pub fn veiled(&self, share: f64) -> Self {
        self.map(2.0, |_, value| 190.0 + (value - 190.0) * share)
    }

    /// Exposed for longer; what goes beyond white is white.
    pub fn overexposed(&self, gain: f64) -> Self {
        self.map(2.0, |_, value| gain * value)
    }

    /// Light in the lens: this share of the contrast is left, just below white.
    pub fn washed_out(&self, share: f64) -> Self {
        self.map(2.0, |_, value| 255.0 - (255.0 - value) * share)
    }

    /// Out of focus: each point spread in the shape of a bell with this standard deviation, to half a pixel.
    pub fn blurred(&self, deviation_px: f64, noise: f64) -> Self {
        // Three means over 2r + 1 pixels have the variance r (r + 1).
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "tens of pixels")]
        let radius = ((deviation_px.powi(2) + 0.25).sqrt() - 0.5).round() as usize;
        let mut values = self.values();
        for _ in 0..3 {
            means(&mut values, [self.width(), self.height()], radius);
            values = turned(&values, self.width());
            means(&mut values, [self.height(), self.width()], radius);
            values = turned(&values, self.height());
        }
        self.map(noise, |at, _| values[at])
    }

    /// Turned to the side by this many pixels while it was exposed.
    pub fn in_a_turn(&self, length_px: usize) -> Self {
        let mut values = self.values();
        means(&mut values, [self.width(), self.height()], length_px / 2);
        self.map(0.0, |at, _| values[at])
    }

    /// A cover on the lens with a glow of light that falls from `levels[1]` to `levels[0]`.
    pub fn covered(&self, levels: [f64; 2], deviation: f64) -> Self {
        let (width, height) = (self.width() as f64, self.height() as f64);
        self.map(deviation, |at, _| {
            let from = (self.column(at) / width - 0.3).hypot(self.row(at) / height - 0.7) / 0.99;
            levels[1] + (levels[0] - levels[1]) * from
        })
    }

    /// The same, with noise that a camera has smoothed into blotches of about this size.
    pub fn covered_with_blotches(&self, level: f64, deviation: f64, blotch_px: f64) -> Self {
        let noise = self.map(40.0, |_, _| 128.0).blurred(blotch_px / 2.0, 0.0);
        let values = noise.values();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let found = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
        let gain = deviation / found;
        self.map(0.0, |at, _| level + gain * (values[at] - mean))
    }

    /// Nothing but this level below a share of the rows.
    pub fn cut_off(&self, share: f64, level: f64) -> Self {
        let height = self.height() as f64;
        self.map(0.0, |at, value| if self.row(at) < share * height { value } else { level })
    }

    /// One value everywhere.
    pub fn filled(&self, level: f64) -> Self {
        self.map(0.0, |_, _| level)
    }

    /// With a side of `1 / times` of the length: means of squares of pixels.
    #[expect(clippy::cast_possible_truncation, reason = "a mean of bytes is a byte")]
    pub fn smaller(&self, times: u32) -> Self {
        let size = Size { width_px: self.size.width_px / times, height_px: self.size.height_px / times };
        let mut bgr = Vec::new();
        for row in 0..size.height_px {
            for column in 0..3 * size.width_px {
                let (pixel, channel) = (column / 3, column % 3);
                let square = (0..times * times).map(|at| (row * times + at / times, pixel * times + at % times));
                let bytes =
                    square.map(|(y, x)| u32::from(self.bgr[(3 * (y * self.size.width_px + x) + channel) as usize]));
                bgr.push((bytes.sum::<u32>() / (times * times)) as u8);
            }
        }
        Self { size, bgr }
    }
}

/// Replaces each channel of a picture of `[width, height]` by its mean over `2 * radius + 1` pixels of the row; the ends
/// of a row are repeated.
fn means(values: &mut [f64], [width, height]: [usize; 2], radius: usize) {
    let count = (2 * radius + 1) as f64;
    let mut line = vec![0.0; width];
    for (row, channel) in (0..height).flat_map(|row| [(row, 0), (row, 1), (row, 2)]) {
        let row = &mut values[3 * width * row..][..3 * width];
        for (kept, pixel) in line.iter_mut().zip(row.chunks_exact(3)) {
            *kept = pixel[channel];
        }
        let near = |position: usize| line[position.saturating_sub(radius).min(width - 1)];
        let mut sum: f64 = (0..=2 * radius).map(near).sum();
        for (position, pixel) in row.chunks_exact_mut(3).enumerate() {
            pixel[channel] = sum / count;
            sum += near(position + 2 * radius + 1) - near(position);
        }
    }
}

/// Rows as columns.
fn turned(values: &[f64], width: usize) -> Vec<f64> {
    let height = values.len() / 3 / width;
    let pixels = (0..width).flat_map(|x| (0..height).map(move |y| 3 * (y * width + x)));
    pixels.flat_map(|at| values[at..at + 3].iter().copied()).collect()
}

/// Normal numbers of deviation 1, or near it.
struct Noise(u64);

impl Noise {
    /// Other noise for every picture.
    fn over(bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(0x9E37_79B9_7F4A_7C15_u64, |seed, &byte| seed.rotate_left(7) ^ u64::from(byte)) | 1)
    }

    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The sum of eight even bytes has the mean 1020 and the variance 8 (256² - 1) / 12.
        let sum: u32 = self.0.to_le_bytes().into_iter().map(u32::from).sum();
        (f64::from(sum) - 1020.0) / 209.02
    }
}
