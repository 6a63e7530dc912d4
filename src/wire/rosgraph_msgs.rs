//! rosgraph_msgs: Clock.

use super::builtin_interfaces::read_time;
use super::cdr::Reader;
use super::error::WireError;
use crate::types::Stamp;

/// The type name of [`decode_clock`].
pub const CLOCK: &str = "rosgraph_msgs/msg/Clock";

/// What time it is in simulation or replay.
///
/// # Errors
/// [`WireError`] for bytes that are no Clock.
pub fn decode_clock(cdr: &[u8]) -> Result<Stamp, WireError> {
    read_time(&mut Reader::new(cdr, CLOCK)?, "clock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_of_rosbags_decodes_to_its_stamp_in_both_endians() {
        let clocks: [&[u8]; 2] =
            [include_bytes!("../../tests/data/cdr/clock.le.cdr"), include_bytes!("../../tests/data/cdr/clock.be.cdr")];
        for cdr in clocks {
            assert_eq!(decode_clock(cdr).unwrap(), Stamp::from_ns(1_700_000_000_100_000_000));
        }
    }
}
