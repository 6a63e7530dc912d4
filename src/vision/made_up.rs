//! A picture of nothing, to try models on.

use crate::types::{Noise, Size};

/// RGB of a picture that shows nothing, the same each time: a ramp of each color under noise, 640x480.
pub fn picture_of_nothing() -> (Vec<u8>, Size) {
    const SIZE: Size = Size { width_px: 640, height_px: 480 };
    let mut noise = Noise::default();
    let ramp = |at: u32, of: u32| at * 191 / of;
    let mut rgb = Vec::with_capacity(3 * (SIZE.width_px * SIZE.height_px) as usize);
    for row in 0..SIZE.height_px {
        for column in 0..SIZE.width_px {
            let (across, down) = (ramp(column, SIZE.width_px), ramp(row, SIZE.height_px));
            // Below 191 + 64.
            let level = |level: u32| u8::try_from(level + noise.bits() % 64).unwrap_or(u8::MAX);
            rgb.extend([across, down, 191 - across].map(level));
        }
    }
    (rgb, SIZE)
}
