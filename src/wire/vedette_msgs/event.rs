//! Event: what changed the walk and is no message of a camera or a robot. Its fields are documented in
//! `definitions/vedette_msgs/Event.msg`.

use super::super::cdr::{Reader, Writer};
use super::super::error::WireError;
use super::super::rcl_interfaces::{PARAMETER_LEAST_BYTES, read_parameter, write_parameter};
use super::super::std_msgs::{Header, HeaderRef, read_header, write_header};
use crate::types::{EventKind, ParameterValue};

/// The type name of [`encode_event`] and [`decode_event`].
pub const EVENT: &str = "vedette_msgs/msg/Event";

/// An Event under the header of the first image that it governs.
pub fn encode_event(
    out: &mut Vec<u8>,
    header: HeaderRef<'_>,
    version: u32,
    kind: EventKind,
    parameters: &[(String, ParameterValue)],
) {
    let mut writer = Writer::new(out);
    write_header(&mut writer, header);
    writer.u32(version);
    writer.str(kind.as_str());
    writer.count(parameters.len());
    for (name, value) in parameters {
        write_parameter(&mut writer, name, value);
    }
}

/// An Event as decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct EventMessage {
    /// Of the first image that it governs.
    pub header: Header,
    /// Counts the events of a run, from 0.
    pub version: u32,
    /// What it is.
    pub kind: EventKind,
    /// All parameters at a start, else those that have changed, with their values from now on.
    pub parameters: Vec<(String, ParameterValue)>,
}

/// # Errors
/// [`WireError`] for bytes that are no Event.
pub fn decode_event(cdr: &[u8]) -> Result<EventMessage, WireError> {
    let mut reader = Reader::new(cdr, EVENT)?;
    let header = read_header(&mut reader)?.into();
    let version = reader.u32("version")?;
    let word = reader.str("kind")?;
    let Some(kind) = EventKind::from_word(word) else {
        return Err(reader.refuse("kind", format!("{word:?}"), "start or parameters"));
    };
    let count = reader.count("parameters", PARAMETER_LEAST_BYTES)?;
    let parameters = (0..count).map(|_| read_parameter(&mut reader)).collect::<Result<_, _>>()?;
    Ok(EventMessage { header, version, kind, parameters })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{FrameId, Stamp};
    use ParameterValue as V;

    fn parameters() -> Vec<(String, V)> {
        let named = |name: &str, value| (name.to_owned(), value);
        vec![
            named("enabled", V::Bool(true)),
            named("max_age_ms", V::Integer(-7)),
            named("score_threshold", V::Double(0.25)),
            named("model", V::String("yolov12n".to_owned())),
            named("flags", V::BoolArray(vec![true, false])),
            named("numbers", V::IntegerArray(vec![1, i64::MIN])),
            named("doubles", V::DoubleArray(vec![0.5, f64::INFINITY])),
            named("prompts", V::StringArray(vec!["pedestrian".to_owned(), String::new()])),
            named("nothing", V::StringArray(Vec::new())),
        ]
    }

    #[test]
    fn an_event_survives_the_wire_and_every_cut_of_it_is_refused() {
        let stamp = Stamp::from_ns(1_700_000_000_100_000_000);
        let mut cdr = Vec::new();
        let header = HeaderRef { stamp, frame_id: "camera_optical_frame" };
        encode_event(&mut cdr, header, 7, EventKind::Parameters, &parameters());
        let found = decode_event(&cdr).unwrap();
        assert_eq!((found.header.stamp, found.version, found.kind), (stamp, 7, EventKind::Parameters));
        assert_eq!(found.header.frame_id, FrameId::new("camera_optical_frame"));
        assert_eq!(found.parameters, parameters());
        for length in 0..cdr.len() - 4 {
            assert!(decode_event(&cdr[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn a_parameter_is_no_smaller_than_is_reckoned_with() {
        let mut cdr = Vec::new();
        let header = HeaderRef { stamp: Stamp::from_ns(0), frame_id: "" };
        let count = 100;
        let nothing = vec![(String::new(), V::Bool(false)); count];
        encode_event(&mut cdr, header, 0, EventKind::Start, &nothing);
        assert_eq!(decode_event(&cdr).unwrap().parameters.len(), count);
    }

    #[test]
    fn an_unknown_word_is_named() {
        let mut cdr = Vec::new();
        encode_event(&mut cdr, HeaderRef { stamp: Stamp::from_ns(0), frame_id: "" }, 0, EventKind::Start, &[]);
        let at = cdr.windows(5).position(|word| word == b"start").unwrap();
        cdr[at..at + 5].copy_from_slice(b"stort");
        let error = decode_event(&cdr).unwrap_err().to_string();
        assert!(error.contains("stort") && error.contains("expected start or parameters"), "{error}");
    }
}
