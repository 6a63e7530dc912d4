//! bond: Status, written only.

use super::cdr::Writer;
use super::std_msgs::{HeaderRef, write_header};
use crate::types::Stamp;

/// The type name of [`encode_status`].
pub const STATUS: &str = "bond/msg/Status";

/// A sign of life from one end of a bond. Two ends that name the same bond and not the same instance are bound; an end of
/// which nothing is heard for `heartbeat_timeout_s` is dead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Status<'a> {
    /// The bond's name.
    pub id: &'a str,
    /// This end of it, of this run.
    pub instance_id: &'a str,
    /// False once this end breaks the bond.
    pub active: bool,
    /// In seconds.
    pub heartbeat_timeout_s: f32,
    /// In seconds.
    pub heartbeat_period_s: f32,
}

/// Replaces `cdr` by a bond/msg/Status; its frame_id is empty.
pub fn encode_status(cdr: &mut Vec<u8>, stamp: Stamp, status: &Status<'_>) {
    let mut writer = Writer::new(cdr);
    write_header(&mut writer, HeaderRef { stamp, frame_id: "" });
    writer.str(status.id);
    writer.str(status.instance_id);
    writer.u8(status.active.into());
    writer.f32(status.heartbeat_timeout_s);
    writer.f32(status.heartbeat_period_s);
}
