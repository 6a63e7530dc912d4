//! builtin_interfaces: Time and Duration.

use super::cdr::{Reader, Writer};
use super::error::WireError;
use crate::types::Stamp;

const NS_PER_S: i64 = 1_000_000_000;

/// A Time; a nanosecond part of a second or more is refused.
pub fn read_time(reader: &mut Reader<'_>, field: &str) -> Result<Stamp, WireError> {
    let sec = reader.i32(field)?;
    let nanosec = reader.u32(field)?;
    Stamp::from_ros(sec, nanosec).map_err(|reason| reader.refuse_stamp(field, reason))
}

/// A Time; stamps beyond its range saturate.
pub fn write_time(writer: &mut Writer<'_>, stamp: Stamp) {
    let (sec, nanosec) = stamp.to_ros();
    writer.i32(sec);
    writer.u32(nanosec);
}

/// A Duration in nanoseconds.
pub fn read_duration_ns(reader: &mut Reader<'_>, field: &str) -> Result<i64, WireError> {
    let sec = reader.i32(field)?;
    let nanosec = reader.u32(field)?;
    Ok(i64::from(sec) * NS_PER_S + i64::from(nanosec))
}

/// A Duration from nanoseconds. It has Time's range and form, saturation beyond 68 years included.
pub fn write_duration_ns(writer: &mut Writer<'_>, ns: i64) {
    write_time(writer, Stamp::from_ns(ns));
}
