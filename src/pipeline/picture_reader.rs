//! From an image's message to its pixels: borrowed where they are raw, decoded where they are compressed. What is unusual
//! about them and was taken all the same is remarked once.

use super::loss::FrameError;
use super::remarks::{Remark, Remarks};
use super::topics::Transport;
use crate::types::{ImageView, PixelFormat, Size};
use crate::vision::{Codec, PictureDecoder};
use crate::wire::HeaderRef;
use crate::wire::sensor_msgs::{ImageRef, decode_compressed_image, decode_image};

/// Reads the pictures of one camera.
#[derive(Debug, Default)]
pub(super) struct PictureReader {
    decoder: PictureDecoder,
    said: Said,
}

/// What has been remarked.
#[derive(Debug, Default)]
struct Said {
    encoding: bool,
    step: bool,
    byte_order: bool,
    odd_size: bool,
    codec: bool,
}

/// The header of an image whose message can be read. Nothing is decoded for it.
pub(super) fn header_of(transport: Transport, cdr: &[u8]) -> Result<HeaderRef<'_>, FrameError> {
    Ok(match transport {
        Transport::Raw => decode_image(cdr)?.header,
        Transport::Compressed => decode_compressed_image(cdr)?.header,
    })
}

impl PictureReader {
    /// The header and the pixels; what is unusual is added to `remarks`.
    ///
    /// # Errors
    /// [`FrameError::Wire`] when the bytes are no such message, [`FrameError::Picture`] when there is no whole picture in
    /// it.
    pub fn read<'a>(
        &'a mut self,
        transport: Transport,
        cdr: &'a [u8],
        remarks: &mut Remarks,
    ) -> Result<(HeaderRef<'a>, ImageView<'a>), FrameError> {
        match transport {
            Transport::Raw => {
                let message = decode_image(cdr)?;
                self.said.about_raw(&message, remarks);
                Ok((message.header, message.image))
            }
            Transport::Compressed => {
                let message = decode_compressed_image(cdr)?;
                let decoded = self.decoder.decode(message.format, message.data)?;
                self.said.about_compressed(message.format, decoded.codec, remarks);
                self.said.about_size(decoded.image.format(), decoded.image.size(), remarks);
                Ok((message.header, decoded.image))
            }
        }
    }
}

impl Said {
    fn about_raw(&mut self, message: &ImageRef<'_>, remarks: &mut Remarks) {
        let ImageRef { image, encoding, is_big_endian, step_bytes: found, .. } = *message;
        let (format, size, taken) = (image.format(), image.size(), image.step_bytes());
        if !format.is_ros_name(encoding) && first(&mut self.encoding) {
            remarks.say(Remark::Encoding { encoding: encoding.to_owned(), format });
        }
        if taken != found as usize && first(&mut self.step) {
            remarks.say(Remark::Step { size, format, found, taken });
        }
        if is_big_endian && !format.is_wide() && first(&mut self.byte_order) {
            remarks.say(Remark::ByteOrder { format });
        }
        self.about_size(format, size, remarks);
    }

    fn about_size(&mut self, format: PixelFormat, size: Size, remarks: &mut Remarks) {
        if format.is_odd(size.width_px, size.height_px) && first(&mut self.odd_size) {
            remarks.say(Remark::OddSize { format, size });
        }
    }

    fn about_compressed(&mut self, format: &str, codec: Codec, remarks: &mut Remarks) {
        if Codec::named_in(format) != Some(codec) && first(&mut self.codec) {
            remarks.say(Remark::Codec { format: format.chars().take(64).collect(), codec });
        }
    }
}

/// Whether it is the first time: a remark may hold text, and is made once.
fn first(said: &mut bool) -> bool {
    !std::mem::replace(said, true)
}
