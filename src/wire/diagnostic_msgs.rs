//! diagnostic_msgs: DiagnosticArray, written only.

use super::cdr::Writer;
use super::std_msgs::{HeaderRef, write_header};
use crate::types::Stamp;
use std::borrow::Cow;

/// The type name of [`encode_diagnostics`].
pub const DIAGNOSTIC_ARRAY: &str = "diagnostic_msgs/msg/DiagnosticArray";

/// How well something is; the numbers are DiagnosticStatus's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// As it should be.
    Ok = 0,
    /// It works, and someone should look.
    Warn = 1,
    /// It does not work.
    Error = 2,
    /// Nothing has been heard of it for too long.
    Stale = 3,
}

/// A DiagnosticStatus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status<'a> {
    /// How well it is.
    pub level: Level,
    /// What it is, `vedette: front camera`.
    pub name: &'a str,
    /// How it is, in words a person reads.
    pub message: &'a str,
    /// The device behind it, empty when there is none.
    pub hardware_id: &'a str,
    /// Keys with their values as text, in the order in which they are shown.
    pub values: &'a [(&'a str, Cow<'a, str>)],
}

/// A DiagnosticArray; its frame_id is empty, as diagnostics have no place.
pub fn encode_diagnostics(out: &mut Vec<u8>, stamp: Stamp, statuses: &[Status<'_>]) {
    let mut writer = Writer::new(out);
    write_header(&mut writer, HeaderRef { stamp, frame_id: "" });
    writer.count(statuses.len());
    for status in statuses {
        writer.u8(status.level as u8);
        writer.str(status.name);
        writer.str(status.message);
        writer.str(status.hardware_id);
        writer.count(status.values.len());
        for (key, value) in status.values {
            writer.str(key);
            writer.str(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diagnostics_encode_to_the_bytes_of_rosbags() {
        let values = [("provider", Cow::from("cpu")), ("drops", Cow::from(3.to_string()))];
        let warn = Status {
            level: Level::Warn,
            name: "vedette: inference",
            message: "runs on cpu",
            hardware_id: "",
            values: &values,
        };
        let ok = Status { level: Level::Ok, name: "vedette: camera", message: "ok", hardware_id: "cam0", values: &[] };
        let mut out = Vec::new();
        encode_diagnostics(&mut out, Stamp::from_ns(1_700_000_000_100_000_000), &[warn, ok]);
        assert_eq!(out, include_bytes!("../../tests/data/cdr/diagnostics.le.cdr"));
    }
}
