//! From an image's message to its pixels: borrowed where they are raw, decoded where they are compressed. What is unusual
//! about them and was taken all the same is said once.

use super::loss::FrameError;
use super::topics::Transport;
use crate::types::{ImageView, PixelFormat, Size, Stamp};
use crate::vision::{Codec, PictureDecoder};
use crate::wire::HeaderRef;
use crate::wire::sensor_msgs::{ImageRef, decode_compressed_image, decode_image};

/// Reads the pictures of one camera.
#[derive(Debug, Default)]
pub(super) struct PictureReader {
    decoder: PictureDecoder,
    said: Said,
}

/// What has been said.
#[derive(Debug, Default)]
struct Said {
    encoding: bool,
    step: bool,
    byte_order: bool,
    odd_size: bool,
    codec: bool,
}

/// The stamp of an image whose message can be read. Nothing is decoded for it.
pub(super) fn stamp_of(transport: Transport, cdr: &[u8]) -> Result<Stamp, FrameError> {
    Ok(match transport {
        Transport::Raw => decode_image(cdr)?.header.stamp,
        Transport::Compressed => decode_compressed_image(cdr)?.header.stamp,
    })
}

impl PictureReader {
    /// The header and the pixels.
    ///
    /// # Errors
    /// [`FrameError::Wire`] when the bytes are no such message, [`FrameError::Picture`] when there is no whole picture in
    /// it.
    pub fn read<'a>(
        &'a mut self,
        transport: Transport,
        cdr: &'a [u8],
    ) -> Result<(HeaderRef<'a>, ImageView<'a>), FrameError> {
        match transport {
            Transport::Raw => {
                let message = decode_image(cdr)?;
                self.said.about_raw(&message);
                Ok((message.header, message.image))
            }
            Transport::Compressed => {
                let message = decode_compressed_image(cdr)?;
                let decoded = self.decoder.decode(message.format, message.data)?;
                self.said.about_compressed(message.format, decoded.codec);
                self.said.about_size(decoded.image.format(), decoded.image.size());
                Ok((message.header, decoded.image))
            }
        }
    }
}

impl Said {
    fn about_raw(&mut self, message: &ImageRef<'_>) {
        let ImageRef { image, encoding, is_big_endian, step_bytes, .. } = *message;
        let (format, size) = (image.format(), image.size());
        if !format.is_ros_name(encoding) && first(&mut self.encoding) {
            tracing::warn!(
                "images have the encoding {encoding:?}, which is no name of ROS: taken for {}",
                format.encoding()
            );
        }
        if image.step_bytes() != step_bytes as usize && first(&mut self.step) {
            tracing::warn!(
                "images of {size} px, {} have step {step_bytes} and exactly the bytes of pictures without padding: taken \
                 for step {}",
                format.encoding(),
                image.step_bytes()
            );
        }
        if is_big_endian && !format.is_wide() && first(&mut self.byte_order) {
            tracing::warn!("images are {} and is_bigendian: passed over, their channels are bytes", format.encoding());
        }
        self.about_size(format, size);
    }

    fn about_size(&mut self, format: PixelFormat, size: Size) {
        if format.is_odd(size.width_px, size.height_px) && first(&mut self.odd_size) {
            tracing::warn!(
                "images of {} have {size} px: the last column or row is taken with the colors that are there",
                format.encoding()
            );
        }
    }

    fn about_compressed(&mut self, format: &str, codec: Codec) {
        if Codec::named_in(format) != Some(codec) && first(&mut self.codec) {
            let format: String = format.chars().take(64).collect();
            tracing::warn!(
                "compressed images have the format {format:?} and are {codec} by their first bytes: taken as that"
            );
        }
    }
}

/// Whether it is the first time.
fn first(said: &mut bool) -> bool {
    !std::mem::replace(said, true)
}
