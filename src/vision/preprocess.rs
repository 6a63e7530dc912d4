//! A picture becomes a model's input tensor.

use super::kernels::{Affine, Columns, Kernel, RowPair, Weights, rebuild_row_pairs};
use super::letterbox::Letterbox;
use super::row_reader::{RowReader, packed_as};
use super::tensor_form::{Colors, Fit, Normalize, TensorForm};
use crate::types::{ChannelStep, Element, ImageView, Size, TensorMut};
use half::f16;
use half::slice::HalfFloatSliceExt;

/// Why no tensor was filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VisionError {
    /// Pictures become floats or bytes.
    #[error("image tensor of {found}, expected float32, float16 or uint8")]
    Element {
        /// The tensor's elements.
        found: Element,
    },
    /// The tensor has another size than the preprocessor.
    #[error("image tensor holds {found} elements, 1x3x{}x{} needs {expected}", .tensor.height_px, .tensor.width_px)]
    Length {
        /// Elements as found.
        found: usize,
        /// Elements that the size takes.
        expected: usize,
        /// The size for which the preprocessor was made.
        tensor: Size,
    },
}

/// Fills tensors of one size from pictures of any size and format.
///
/// Owns its tables and scratch rows: they are made again when a picture's size or format differs from the last one's,
/// and nothing is allocated once they have grown to the largest.
#[derive(Debug)]
pub struct Preprocessor {
    tensor: Size,
    fit: Fit,
    colors: Colors,
    /// In the order of the tensor's channels.
    affine: [Affine; 3],
    kernel: Kernel,
    reader: RowReader,
    /// The size and pixel bytes for which the tables stand.
    made_for: Option<(Size, usize)>,
    columns: Columns,
    row_pairs: Vec<RowPair>,
    /// Blended source rows: an even row in the first, an odd one in the second, so that two neighbours fit.
    blended: [Vec<i16>; 2],
    /// One tensor row of floats on their way to 16 bits.
    floats: Vec<f32>,
}

impl Preprocessor {
    /// For letterboxed RGB input tensors of `tensor`'s height and width.
    pub fn new(tensor: Size, normalize: Normalize) -> Self {
        Self::of_form(tensor, TensorForm { normalize, ..TensorForm::YOLO })
    }

    /// For input tensors of another form.
    pub fn of_form(tensor: Size, form: TensorForm) -> Self {
        Self::with_kernel(tensor, form, Kernel::detect())
    }

    fn with_kernel(tensor: Size, TensorForm { fit, colors, normalize }: TensorForm, kernel: Kernel) -> Self {
        let mut affine = affine_of(normalize);
        if colors == Colors::Bgr {
            affine.reverse();
        }
        Self {
            tensor,
            fit,
            colors,
            affine,
            kernel,
            reader: RowReader::new(kernel),
            made_for: None,
            columns: Columns::default(),
            row_pairs: Vec::new(),
            blended: [Vec::new(), Vec::new()],
            floats: vec![0.0; tensor.width_px as usize],
        }
    }

    /// Fills `out`, `[1, 3, H, W]` (NCHW; RGB unless the form says BGR), with the picture in its place, bilinearly resized
    /// and normalized, bars included. The bytes before normalization are those of OpenCV's `resize` with `INTER_LINEAR`, which means no
    /// low-pass filter when shrinking. Gray becomes three equal channels, alpha is left out; YUV, mosaics and 16 bits become
    /// colors row by row, and only the rows that are needed. A tensor of bytes gets them as they are: what would make
    /// numbers of them is [`TensorForm::channel_steps`].
    ///
    /// Returns the place of the picture in the tensor, which the model's boxes need on their way back.
    ///
    /// # Errors
    /// [`VisionError`] when `out` has another length or element; nothing has been written then.
    pub fn run(&mut self, image: &ImageView, out: &mut TensorMut) -> Result<Letterbox, VisionError> {
        match out {
            TensorMut::F32(out) => self.fill(image, out),
            TensorMut::F16(out) => self.fill(image, out),
            TensorMut::U8(out) => self.fill(image, out),
            other => Err(VisionError::Element { found: other.element() }),
        }
    }

    fn fill<E: Number>(&mut self, image: &ImageView, out: &mut [E]) -> Result<Letterbox, VisionError> {
        let tensor = self.tensor;
        let width = tensor.width_px as usize;
        let plane_len = width * tensor.height_px as usize;
        if out.len() != 3 * plane_len {
            return Err(VisionError::Length { found: out.len(), expected: 3 * plane_len, tensor });
        }
        let letterbox = Letterbox::placed(image.size(), tensor, self.fit);
        if plane_len == 0 {
            return Ok(letterbox);
        }
        self.prepare(image, &letterbox);
        let mut planes = Planes { planes: split_planes(out, plane_len), width, letterbox };
        planes.fill_bars(self.affine);

        let picture_width = self.columns.len();
        let mut source_planes = packed_as(image.format()).order();
        if self.colors == Colors::Bgr {
            source_planes.reverse();
        }
        let mut held = [None; 2];
        for (row, pair) in self.row_pairs.iter().enumerate() {
            for source_row in pair.rows {
                let slot = source_row as usize % 2;
                if held[slot] != Some(source_row) {
                    let bytes = self.reader.row(image, source_row, 0);
                    self.kernel.blend_columns(bytes, &self.columns, &mut self.blended[slot]);
                    held[slot] = Some(source_row);
                }
            }
            let [upper, lower] = pair.rows.map(|source_row| &self.blended[source_row as usize % 2]);
            for (plane, source_plane) in source_planes.into_iter().enumerate() {
                let place = source_plane * picture_width..(source_plane + 1) * picture_width;
                let rows = [&upper[place.clone()], &lower[place]];
                let blend = Blend { kernel: self.kernel, rows, weights: pair.weights, affine: self.affine[plane] };
                E::write(&blend, &mut self.floats, planes.picture_row(plane, row));
            }
        }
        Ok(letterbox)
    }

    /// Makes the tables unless they stand for pictures of this size and format.
    fn prepare(&mut self, image: &ImageView, letterbox: &Letterbox) {
        let key = (image.size(), packed_as(image.format()).bytes_per_pixel());
        if self.made_for == Some(key) {
            return;
        }
        let (source, resized) = (image.size(), letterbox.resized());
        self.columns.rebuild(source.width_px, resized.width_px, key.1);
        rebuild_row_pairs(&mut self.row_pairs, source.height_px, resized.height_px);
        for row in &mut self.blended {
            row.resize(self.columns.len() * self.columns.planes(), 0);
        }
        self.made_for = Some(key);
    }
}

/// What each channel's bytes are multiplied by, and what is added.
fn affine_of(Normalize { mean, std }: Normalize) -> [Affine; 3] {
    std::array::from_fn(|channel| Affine { gain: 1.0 / 255.0 / std[channel], bias: -mean[channel] / std[channel] })
}

impl TensorForm {
    /// What makes of a tensor of bytes the numbers that a tensor of floats is filled with, bit for bit.
    pub fn channel_steps(&self) -> [ChannelStep; 2] {
        let mut affine = affine_of(self.normalize);
        if self.colors == Colors::Bgr {
            affine.reverse();
        }
        [ChannelStep::Mul(affine.map(|one| one.gain)), ChannelStep::Add(affine.map(|one| one.bias))]
    }
}

fn split_planes<E>(out: &mut [E], plane_len: usize) -> [&mut [E]; 3] {
    let (red, rest) = out.split_at_mut(plane_len);
    let (green, blue) = rest.split_at_mut(plane_len);
    [red, green, blue]
}

/// The three planes of a tensor with a picture's place in them.
struct Planes<'a, E> {
    planes: [&'a mut [E]; 3],
    width: usize,
    letterbox: Letterbox,
}

impl<E: Number> Planes<'_, E> {
    /// Writes the bars: those beside the picture are one run from a row's end to the next row's beginning.
    fn fill_bars(&mut self, affine: [Affine; 3]) {
        let (left, top) = self.letterbox.offset_px();
        let resized = self.letterbox.resized();
        let (picture, height) = (resized.width_px as usize, resized.height_px as usize);
        let first = top as usize * self.width + left as usize;
        for (plane, affine) in self.planes.iter_mut().zip(affine) {
            let gray = E::of(Letterbox::PADDING, affine);
            let last = first + (height - 1) * self.width + picture;
            plane[..first].fill(gray);
            plane[last..].fill(gray);
            if picture < self.width {
                for row in plane[first..last].chunks_mut(self.width) {
                    row[picture..].fill(gray);
                }
            }
        }
    }

    /// One row of the picture in one plane.
    fn picture_row(&mut self, plane: usize, row: usize) -> &mut [E] {
        let (left, top) = self.letterbox.offset_px();
        let start = (top as usize + row) * self.width + left as usize;
        &mut self.planes[plane][start..start + self.letterbox.resized().width_px as usize]
    }
}

/// A row of the picture in one plane, to be blended of two rows of the source.
struct Blend<'a> {
    kernel: Kernel,
    rows: [&'a [i16]; 2],
    weights: Weights,
    affine: Affine,
}

impl Blend<'_> {
    fn floats(&self, out: &mut [f32]) {
        self.kernel.blend_rows(self.rows, self.weights, self.affine, out);
    }
}

/// The elements of image tensors.
trait Number: Copy {
    /// What a byte becomes.
    fn of(byte: u8, affine: Affine) -> Self;

    /// Fills `row`, by way of `scratch` (at least as long) where the element is not a single.
    fn write(blend: &Blend, scratch: &mut [f32], row: &mut [Self]);
}

impl Number for f32 {
    fn of(byte: u8, affine: Affine) -> Self {
        Self::from(byte) * affine.gain + affine.bias
    }

    fn write(blend: &Blend, _scratch: &mut [f32], row: &mut [Self]) {
        blend.floats(row);
    }
}

impl Number for f16 {
    fn of(byte: u8, affine: Affine) -> Self {
        Self::from_f32(f32::of(byte, affine))
    }

    fn write(blend: &Blend, scratch: &mut [f32], row: &mut [Self]) {
        let floats = &mut scratch[..row.len()];
        blend.floats(floats);
        row.convert_from_f32_slice(floats);
    }
}

impl Number for u8 {
    fn of(byte: u8, _: Affine) -> Self {
        byte
    }

    fn write(blend: &Blend, _scratch: &mut [f32], row: &mut [Self]) {
        blend.kernel.blend_rows_to_bytes(blend.rows, blend.weights, row);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::types::PixelFormat;
    use proptest::prelude::*;

    const BEHIND: u32 = 5;

    /// The bytes of a picture in another format, rows padded with `BEHIND` bytes that nobody may read.
    /// For the formats of whole bytes side by side.
    pub(in crate::vision) fn bytes_of(rgb: &image::RgbImage, format: PixelFormat) -> (Vec<u8>, u32) {
        let mut data = Vec::new();
        for row in rgb.rows() {
            for &image::Rgb([r, g, b]) in row {
                match format {
                    PixelFormat::Rgb8 => data.extend([r, g, b]),
                    PixelFormat::Bgr8 => data.extend([b, g, r]),
                    PixelFormat::Rgba8 => data.extend([r, g, b, 7]),
                    PixelFormat::Bgra8 => data.extend([b, g, r, 7]),
                    PixelFormat::Mono8 => data.push(r),
                    other => panic!("{other:?} is not put together here"),
                }
            }
            data.extend([201; BEHIND as usize]);
        }
        (data, rgb.width() * u32::try_from(format.bytes_per_pixel()).unwrap() + BEHIND)
    }

    fn size_of(picture: &image::RgbImage) -> Size {
        Size { width_px: picture.width(), height_px: picture.height() }
    }

    fn tensor_of(preprocessor: &mut Preprocessor, rgb: &image::RgbImage, format: PixelFormat) -> Vec<f32> {
        let (data, step_bytes) = bytes_of(rgb, format);
        let image = ImageView::new(&data, size_of(rgb), step_bytes, format).unwrap();
        let Size { width_px, height_px } = preprocessor.tensor;
        let mut out = vec![f32::NAN; 3 * (width_px * height_px) as usize];
        preprocessor.run(&image, &mut TensorMut::F32(&mut out)).unwrap();
        out
    }

    fn png(name: &str) -> image::RgbImage {
        let path = format!("{}/tests/data/vision/{name}.png", env!("CARGO_MANIFEST_DIR"));
        image::open(&path).unwrap_or_else(|error| panic!("{path}: {error}")).into_rgb8()
    }

    fn preprocessors(tensor: Size) -> [Preprocessor; 2] {
        let detected = Preprocessor::new(tensor, Normalize::UNIT);
        let portable = Preprocessor::with_kernel(tensor, TensorForm::YOLO, Kernel::Portable);
        [detected, portable]
    }

    /// Compares with OpenCV's tensor, its bytes times 1/255: every element equal to the last bit.
    fn assert_equals_opencv(name: &str, expected: &str, formats: &[PixelFormat]) {
        let (source, expected) = (png(name), png(expected));
        for mut preprocessor in preprocessors(size_of(&expected)) {
            for &format in formats {
                let tensor = tensor_of(&mut preprocessor, &source, format);
                let planes = tensor.chunks_exact(expected.len() / 3);
                for (channel, plane) in planes.enumerate() {
                    for (got, pixel) in plane.iter().zip(expected.pixels()) {
                        assert_eq!(*got, f32::from(pixel.0[channel]) * (1.0 / 255.0), "{name} {format:?}");
                    }
                }
            }
        }
    }

    const COLOR: [PixelFormat; 4] = [PixelFormat::Rgb8, PixelFormat::Bgr8, PixelFormat::Rgba8, PixelFormat::Bgra8];

    #[test]
    fn shrinking_equals_opencv_in_every_format() {
        assert_equals_opencv("shrink", "shrink_64x64", &COLOR);
        assert_equals_opencv("shrink_little", "shrink_little_80x80", &COLOR);
        assert_equals_opencv("half", "half_64x64", &COLOR);
        assert_equals_opencv("third", "third_64x64", &COLOR);
    }

    #[test]
    fn enlarging_and_keeping_the_size_equal_opencv_in_every_format() {
        assert_equals_opencv("enlarge", "enlarge_96x96", &COLOR);
        assert_equals_opencv("same", "same_64x64", &COLOR);
    }

    #[test]
    fn extreme_shapes_equal_opencv_in_every_format() {
        assert_equals_opencv("tall", "tall_64x96", &COLOR);
        assert_equals_opencv("thin", "thin_64x64", &COLOR);
        assert_equals_opencv("pixel", "pixel_32x32", &COLOR);
        assert_equals_opencv("column", "column_32x48", &COLOR);
    }

    #[test]
    fn gray_becomes_three_equal_channels_as_opencv_resizes_it() {
        assert_equals_opencv("gray", "gray_64x64", &[PixelFormat::Mono8]);
    }

    #[test]
    fn float16_is_float32_rounded() {
        let source = png("enlarge");
        let tensor = Size { width_px: 60, height_px: 50 };
        let mut preprocessor = Preprocessor::new(tensor, Normalize::UNIT);
        let floats = tensor_of(&mut preprocessor, &source, PixelFormat::Rgb8);
        let image = ImageView::new(&source, size_of(&source), source.width() * 3, PixelFormat::Rgb8).unwrap();
        let mut halves = vec![f16::NAN; floats.len()];
        preprocessor.run(&image, &mut TensorMut::F16(&mut halves)).unwrap();
        assert!(halves.iter().zip(floats).all(|(&half, float)| half == f16::from_f32(float)));
    }

    #[test]
    fn bytes_and_their_steps_are_the_floats() {
        let source = png("enlarge");
        let image = ImageView::new(&source, size_of(&source), source.width() * 3, PixelFormat::Rgb8).unwrap();
        for colors in [Colors::Rgb, Colors::Bgr] {
            for fit in [Fit::Letterbox, Fit::Corner, Fit::Stretch] {
                let form = TensorForm { fit, colors, normalize: Normalize::IMAGENET };
                let mut preprocessor = Preprocessor::of_form(Size { width_px: 60, height_px: 50 }, form);
                let floats = tensor_of(&mut preprocessor, &source, PixelFormat::Rgb8);
                let mut bytes = vec![77; floats.len()];
                preprocessor.run(&image, &mut TensorMut::U8(&mut bytes)).unwrap();
                let steps = form.channel_steps();
                for (at, (byte, float)) in bytes.iter().zip(floats).enumerate() {
                    let made = steps.iter().fold(f32::from(*byte), |value, step| step.of(value, at / 3000));
                    assert_eq!(made.to_bits(), float.to_bits(), "{form} element {at}");
                }
            }
        }
    }

    #[test]
    fn mean_and_std_apply_to_their_channel_and_to_the_bars() {
        let normalize = Normalize { mean: [0.5, 0.25, 0.0], std: [0.5, 1.0, 2.0] };
        let white = image::RgbImage::from_pixel(4, 2, image::Rgb([255; 3]));
        let mut preprocessor = Preprocessor::new(Size { width_px: 4, height_px: 4 }, normalize);
        let tensor = tensor_of(&mut preprocessor, &white, PixelFormat::Bgr8);
        let gray = 114.0 / 255.0;
        for (channel, (bar, picture)) in
            [((gray - 0.5) / 0.5, 1.0), (gray - 0.25, 0.75), (gray / 2.0, 0.5)].into_iter().enumerate()
        {
            let (got_bar, got_picture) = (tensor[channel * 16], tensor[channel * 16 + 4]);
            assert!((got_bar - bar).abs() < 1e-6 && (got_picture - picture).abs() < 1e-6, "channel {channel}");
        }
    }

    #[test]
    fn a_picture_of_another_size_or_format_leaves_nothing_of_the_last() {
        let tensor = Size { width_px: 64, height_px: 64 };
        let mut reused = Preprocessor::new(tensor, Normalize::UNIT);
        for (name, format) in [
            ("thin", PixelFormat::Bgra8),
            ("shrink", PixelFormat::Rgb8),
            ("shrink", PixelFormat::Mono8),
            ("enlarge", PixelFormat::Rgb8),
        ] {
            let fresh = tensor_of(&mut Preprocessor::new(tensor, Normalize::UNIT), &png(name), format);
            assert_eq!(tensor_of(&mut reused, &png(name), format), fresh, "{name}");
        }
    }

    #[test]
    fn a_tensor_of_another_length_or_element_is_refused() {
        let mut preprocessor = Preprocessor::new(Size { width_px: 640, height_px: 384 }, Normalize::UNIT);
        let image = ImageView::new(&[0; 3], Size { width_px: 1, height_px: 1 }, 3, PixelFormat::Rgb8).unwrap();
        let error = preprocessor.run(&image, &mut TensorMut::F32(&mut [0.0; 9])).unwrap_err();
        assert_eq!(error.to_string(), "image tensor holds 9 elements, 1x3x384x640 needs 737280");
        let error = preprocessor.run(&image, &mut TensorMut::I64(&mut [0; 9])).unwrap_err();
        assert_eq!(error.to_string(), "image tensor of int64, expected float32, float16 or uint8");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn every_element_is_written_and_both_kernels_agree_in_every_format(
            (w, h) in (1u32..80, 1u32..80), (tw, th) in (1u32..70, 1u32..70), padding in 0u32..5,
            format in 0..PixelFormat::ALL.len(), is_big_endian in any::<bool>(), seed in any::<u32>(),
        ) {
            let format = PixelFormat::ALL[format];
            let step_bytes = w * u32::try_from(format.bytes_per_pixel()).unwrap() + padding;
            let data: Vec<u8> =
                (0..3 * (step_bytes + 1) * (h + 1)).map(|i| (i.wrapping_mul(2_654_435_761) ^ seed).to_le_bytes()[3]).collect();
            let size = Size { width_px: w, height_px: h };
            let image = ImageView::new(&data, size, step_bytes, format).unwrap().in_byte_order(is_big_endian);
            // Nothing behind the picture may be read or matter.
            let tight = ImageView::new(&data[..image.needed_bytes()], size, step_bytes, format).unwrap();
            let tight = tight.in_byte_order(is_big_endian);
            let mut tensors = preprocessors(Size { width_px: tw, height_px: th }).map(|mut preprocessor| {
                [image, tight].map(|image| {
                    let mut out = vec![f32::NAN; 3 * (tw * th) as usize];
                    preprocessor.run(&image, &mut TensorMut::F32(&mut out)).unwrap();
                    out
                })
            }).into_iter().flatten();
            let first = tensors.next().unwrap();
            prop_assert!(first.iter().all(|value| (0.0..=1.0).contains(value)));
            prop_assert!(tensors.all(|tensor| tensor == first));
        }
    }
}
