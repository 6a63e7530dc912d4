//! How the bytes of a picture are laid out, by the names of sensor_msgs `image_encodings.hpp`.

/// The encoding is no picture that is understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "image encoding {found:?} is not supported{}, expected rgb8, bgr8, rgba8, bgra8 or mono8, the same with 16, \
     bayer_rggb8 and the like, yuv422, yuv422_yuy2, nv12, nv21 or nv24",
    why_not(found)
)]
pub struct EncodingError {
    /// The name as found, cut to 64 characters.
    pub found: String,
}

/// The colors of the first two pixels of the first two rows of a Bayer mosaic, row by row. OpenCV names the same
/// patterns by the second row's second and third pixel: its `BayerBG` is `Rggb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BayerPattern {
    /// Red, green; green, blue.
    Rggb,
    /// Blue, green; green, red.
    Bggr,
    /// Green, blue; red, green.
    Gbrg,
    /// Green, red; blue, green.
    Grbg,
}

/// How the bytes of a picture are laid out. Channels of 16 bits are in the byte order of the
/// [`ImageView`](super::ImageView).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Red, green, blue; 8 bits each.
    Rgb8,
    /// Blue, green, red; 8 bits each.
    Bgr8,
    /// Red, green, blue, alpha; 8 bits each.
    Rgba8,
    /// Blue, green, red, alpha; 8 bits each.
    Bgra8,
    /// One grey channel of 8 bits.
    Mono8,
    /// Red, green, blue; 16 bits each.
    Rgb16,
    /// Blue, green, red; 16 bits each.
    Bgr16,
    /// Red, green, blue, alpha; 16 bits each.
    Rgba16,
    /// Blue, green, red, alpha; 16 bits each.
    Bgra16,
    /// One grey channel of 16 bits.
    Mono16,
    /// One color a pixel, 8 bits.
    Bayer8(BayerPattern),
    /// One color a pixel, 16 bits.
    Bayer16(BayerPattern),
    /// YUV 4:2:2, 8 bits: U, Y, V, Y for two pixels. BT.601, luma 16 to 235, as all YUV here.
    Uyvy,
    /// YUV 4:2:2, 8 bits: Y, U, Y, V for two pixels.
    Yuyv,
    /// YUV 4:2:0, 8 bits: all Y, then U and V in turn for each square of four pixels.
    Nv12,
    /// YUV 4:2:0, 8 bits: all Y, then V and U in turn for each square of four pixels.
    Nv21,
    /// YUV 4:4:4, 8 bits: all Y, then U and V in turn for each pixel.
    Nv24,
}

use BayerPattern::{Bggr, Gbrg, Grbg, Rggb};

/// Names that are none of ROS and are understood all the same: OpenCV's types as cv_bridge reads them.
const OTHER_NAMES: [(&str, PixelFormat); 6] = [
    ("8UC1", PixelFormat::Mono8),
    ("8UC3", PixelFormat::Bgr8),
    ("8UC4", PixelFormat::Bgra8),
    ("16UC1", PixelFormat::Mono16),
    ("16UC3", PixelFormat::Bgr16),
    ("16UC4", PixelFormat::Bgra16),
];

impl PixelFormat {
    /// All that are understood, in the order of the documentation.
    pub const ALL: [Self; 23] = [
        Self::Rgb8,
        Self::Bgr8,
        Self::Rgba8,
        Self::Bgra8,
        Self::Mono8,
        Self::Rgb16,
        Self::Bgr16,
        Self::Rgba16,
        Self::Bgra16,
        Self::Mono16,
        Self::Bayer8(Rggb),
        Self::Bayer8(Bggr),
        Self::Bayer8(Gbrg),
        Self::Bayer8(Grbg),
        Self::Bayer16(Rggb),
        Self::Bayer16(Bggr),
        Self::Bayer16(Gbrg),
        Self::Bayer16(Grbg),
        Self::Uyvy,
        Self::Yuyv,
        Self::Nv12,
        Self::Nv21,
        Self::Nv24,
    ];

    /// The format of a sensor_msgs/Image `encoding` string: a name of ROS, in capital letters too, or of OpenCV.
    ///
    /// # Errors
    /// [`EncodingError`] for a name that is not understood.
    pub fn from_encoding(encoding: &str) -> Result<Self, EncodingError> {
        // Nearly always the first comparison of bytes is enough.
        let ours = Self::ALL.into_iter().find(|format| format.encoding() == encoding);
        ours.or_else(|| Self::ALL.into_iter().find(|format| format.is_named(encoding)))
            .or_else(|| OTHER_NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(encoding)).map(|(_, is)| *is))
            .ok_or_else(|| EncodingError { found: encoding.chars().take(64).collect() })
    }

    /// Whether this is a name that ROS has for the format.
    pub fn is_ros_name(self, encoding: &str) -> bool {
        self.encoding() == encoding || self.older_name() == Some(encoding)
    }

    fn is_named(self, encoding: &str) -> bool {
        let is = |name: &str| name.eq_ignore_ascii_case(encoding);
        is(self.encoding()) || self.older_name().is_some_and(is)
    }

    fn older_name(self) -> Option<&'static str> {
        match self {
            Self::Uyvy => Some("yuv422"),
            Self::Yuyv => Some("yuv422_yuy2"),
            _ => None,
        }
    }

    /// The sensor_msgs/Image `encoding` string.
    pub const fn encoding(self) -> &'static str {
        match self {
            Self::Rgb8 => "rgb8",
            Self::Bgr8 => "bgr8",
            Self::Rgba8 => "rgba8",
            Self::Bgra8 => "bgra8",
            Self::Mono8 => "mono8",
            Self::Rgb16 => "rgb16",
            Self::Bgr16 => "bgr16",
            Self::Rgba16 => "rgba16",
            Self::Bgra16 => "bgra16",
            Self::Mono16 => "mono16",
            Self::Bayer8(Rggb) => "bayer_rggb8",
            Self::Bayer8(Bggr) => "bayer_bggr8",
            Self::Bayer8(Gbrg) => "bayer_gbrg8",
            Self::Bayer8(Grbg) => "bayer_grbg8",
            Self::Bayer16(Rggb) => "bayer_rggb16",
            Self::Bayer16(Bggr) => "bayer_bggr16",
            Self::Bayer16(Gbrg) => "bayer_gbrg16",
            Self::Bayer16(Grbg) => "bayer_grbg16",
            Self::Uyvy => "uyvy",
            Self::Yuyv => "yuyv",
            Self::Nv12 => "nv12",
            Self::Nv21 => "nv21",
            Self::Nv24 => "nv24",
        }
    }

    /// Bytes from one pixel to the next in a row of the first plane.
    pub const fn bytes_per_pixel(self) -> usize {
        match self {
            Self::Mono8 | Self::Bayer8(_) | Self::Nv12 | Self::Nv21 | Self::Nv24 => 1,
            Self::Mono16 | Self::Bayer16(_) | Self::Uyvy | Self::Yuyv => 2,
            Self::Rgb8 | Self::Bgr8 => 3,
            Self::Rgba8 | Self::Bgra8 => 4,
            Self::Rgb16 | Self::Bgr16 => 6,
            Self::Rgba16 | Self::Bgra16 => 8,
        }
    }

    /// Whether a channel has 16 bits.
    pub const fn is_wide(self) -> bool {
        matches!(self, Self::Rgb16 | Self::Bgr16 | Self::Rgba16 | Self::Bgra16 | Self::Mono16 | Self::Bayer16(_))
    }

    /// Whether a picture of this size ends within what pixels have in common: half a pair or half a square. Its last
    /// column or row is taken with the colors that are there.
    pub const fn is_odd(self, width_px: u32, height_px: u32) -> bool {
        match self {
            Self::Uyvy | Self::Yuyv => width_px % 2 == 1,
            Self::Nv12 | Self::Nv21 | Self::Bayer8(_) | Self::Bayer16(_) => width_px % 2 == 1 || height_px % 2 == 1,
            _ => false,
        }
    }

    /// The second plane of a picture of this size whose first plane has this step: its rows, the bytes of one, and the
    /// bytes from row to row.
    pub(super) fn chroma(self, width_px: u32, height_px: u32, step_bytes: usize) -> Option<Chroma> {
        match self {
            Self::Nv12 | Self::Nv21 => {
                let row_bytes = 2 * width_px.div_ceil(2) as usize;
                Some(Chroma { rows: height_px.div_ceil(2), row_bytes, step_bytes: step_bytes.max(row_bytes) })
            }
            Self::Nv24 => {
                let row_bytes = 2 * width_px as usize;
                Some(Chroma { rows: height_px, row_bytes, step_bytes: step_bytes.saturating_mul(2) })
            }
            _ => None,
        }
    }
}

/// The plane of U and V behind that of Y.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chroma {
    pub rows: u32,
    pub row_bytes: usize,
    pub step_bytes: usize,
}

/// What an encoding is that is no picture, for the words of the refusal.
fn why_not(encoding: &str) -> &'static str {
    let Some((bits, channels)) = encoding.split_once(['C', 'c']) else { return "" };
    let is_type = |letter: char| bits.len() > 1 && bits.ends_with([letter, letter.to_ascii_lowercase()]);
    if is_type('F') {
        " (it holds floats, as a picture of distances does)"
    } else if is_type('S') {
        " (it holds numbers with a sign, as a picture of disparities does)"
    } else if is_type('U') && channels == "2" {
        " (it has two channels, which say nothing of colors)"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_ros_and_of_opencv_is_understood() {
        for format in PixelFormat::ALL {
            assert_eq!(PixelFormat::from_encoding(format.encoding()), Ok(format));
            assert_eq!(PixelFormat::from_encoding(&format.encoding().to_uppercase()), Ok(format));
            assert!(format.is_ros_name(format.encoding()));
        }
        for (name, format) in [("yuv422", PixelFormat::Uyvy), ("yuv422_yuy2", PixelFormat::Yuyv)] {
            assert_eq!(PixelFormat::from_encoding(name), Ok(format));
            assert!(format.is_ros_name(name));
        }
        for (name, format) in
            [("8UC3", PixelFormat::Bgr8), ("16UC1", PixelFormat::Mono16), ("8UC4", PixelFormat::Bgra8)]
        {
            assert_eq!(PixelFormat::from_encoding(name), Ok(format));
            assert!(!format.is_ros_name(name));
        }
    }

    #[test]
    fn what_is_no_picture_is_refused_by_name_and_with_the_reason() {
        for (encoding, why) in [
            ("rgb32", "\"rgb32\" is not supported, expected"),
            ("32FC1", "\"32FC1\" is not supported (it holds floats, as a picture of distances does), expected"),
            ("16SC1", "(it holds numbers with a sign"),
            ("8UC2", "(it has two channels"),
        ] {
            let error = PixelFormat::from_encoding(encoding).unwrap_err().to_string();
            assert!(error.starts_with("image encoding ") && error.contains(why), "{error}");
        }
    }
}
