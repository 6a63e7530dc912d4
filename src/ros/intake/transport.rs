//! Which of a camera's two image topics is listened to: never both, so that no picture comes twice.

use crate::config::ImageTransport;
use crate::pipeline::Transport;

/// So many looks at the graph in a row without a picture, and a raw publisher is called silent: one second.
const SILENT_LOOKS: u32 = 5;

/// The choice, looked at again with every look at the graph.
#[derive(Debug)]
pub struct TransportChoice {
    by: ImageTransport,
    taken: Transport,
    /// Only compressed pictures were published at the last look: a driver offers both, one after the other.
    is_likely: bool,
    /// A raw picture has come since the last look.
    has_come: bool,
    /// Looks before the first one; none are counted behind it, for a camera that pauses is asked for nothing else.
    silent: u32,
    has_ever_come: bool,
}

impl TransportChoice {
    /// By parameter `image_transport`; raw until it is known that only compressed pictures are there.
    pub fn new(by: ImageTransport) -> Self {
        let taken = if by == ImageTransport::Compressed { Transport::Compressed } else { Transport::Raw };
        Self { by, taken, is_likely: false, has_come: false, silent: 0, has_ever_come: false }
    }

    /// What is listened to.
    pub fn taken(&self) -> Transport {
        self.taken
    }

    /// A picture has come, taken or not.
    pub fn came(&mut self, transport: Transport) {
        self.has_come |= transport == Transport::Raw;
        self.has_ever_come |= self.has_come;
    }

    /// A look at the graph, with the publishers of each. Gives the new choice when it is another one. A raw publisher that
    /// has never sent anything is none: a robot must not be blind because of it while compressed pictures come.
    pub fn look(&mut self, raw: usize, compressed: usize) -> Option<Transport> {
        let has_come = std::mem::take(&mut self.has_come);
        if self.by != ImageTransport::Auto {
            return None;
        }
        self.silent = if self.has_ever_come || compressed == 0 { 0 } else { self.silent.saturating_add(1) };
        let only_compressed = raw == 0 && compressed > 0;
        let wanted = match self.taken {
            Transport::Compressed if has_come || (raw > 0 && compressed == 0) => Transport::Raw,
            Transport::Raw if only_compressed && self.is_likely => Transport::Compressed,
            Transport::Raw if compressed > 0 && self.silent >= SILENT_LOOKS => Transport::Compressed,
            taken => taken,
        };
        self.is_likely = only_compressed;
        (std::mem::replace(&mut self.taken, wanted) != wanted).then_some(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_pictures_are_taken_where_only_they_are_there_twice_in_a_row() {
        let mut choice = TransportChoice::new(ImageTransport::Auto);
        let looks = [(0, 0), (0, 1), (1, 1), (0, 1), (0, 1), (0, 0), (1, 0)].map(|(raw, compressed)| {
            choice.look(raw, compressed);
            choice.taken() == Transport::Compressed
        });
        assert_eq!(looks, [false, false, false, false, true, true, false]);
    }

    #[test]
    fn a_raw_publisher_that_has_never_sent_is_left_after_a_second_until_it_sends() {
        let mut choice = TransportChoice::new(ImageTransport::Auto);
        let mut looks = |pictures: &[bool]| -> Vec<bool> {
            let look = |&has_come: &bool| {
                if has_come {
                    choice.came(Transport::Raw);
                }
                choice.look(1, 1);
                choice.taken() == Transport::Raw
            };
            pictures.iter().map(look).collect()
        };
        assert_eq!(looks(&[false; 7]), [true, true, true, true, false, false, false]);
        assert_eq!(looks(&[true, false]), [true; 2]);
        assert_eq!(looks(&[false; 9]), [true; 9], "a camera that pauses");
    }

    #[test]
    fn a_parameter_that_names_one_is_kept_to() {
        for (by, taken) in [(ImageTransport::Raw, Transport::Raw), (ImageTransport::Compressed, Transport::Compressed)]
        {
            let mut choice = TransportChoice::new(by);
            for _ in 0..3 {
                assert_eq!((choice.look(1, 0), choice.look(0, 1), choice.look(1, 1)), (None, None, None));
            }
            assert_eq!(choice.taken(), taken);
        }
    }
}
