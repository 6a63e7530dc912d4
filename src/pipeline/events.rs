//! What changes the walk and is no input message: parameters, prompts among them, and a new beginning.
//!
//! An event takes effect between two frames. It is said under the header of the first frame that it governs, whatever
//! becomes of that frame, so that a replay that is given it at the same frame does the same.

use crate::types::{EventKind, ParameterValue};
use crate::wire::{self, HeaderRef};

/// The events of one walk: those that wait for a frame, and their messages once there is one.
#[derive(Debug)]
pub(super) struct Events {
    /// Of the next one.
    version: u32,
    due: Vec<Event>,
    /// Memory for their messages that serves every frame.
    said: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Event {
    version: u32,
    kind: EventKind,
    parameters: Vec<(String, ParameterValue)>,
}

impl Events {
    /// A walk that begins with these parameters.
    pub(super) fn new(parameters: impl Iterator<Item = (String, ParameterValue)>) -> Self {
        let mut events = Self { version: 0, due: Vec::new(), said: Vec::new() };
        events.push(EventKind::Start, parameters.collect());
        events
    }

    /// The walk begins anew. Where no frame has come since it did before, that beginning is this one.
    pub(super) fn start(&mut self, parameters: impl Iterator<Item = (String, ParameterValue)>) {
        if let Some(at) = self.due.iter().position(|event| event.kind == EventKind::Start) {
            self.version = self.due[at].version;
            self.due.truncate(at);
        }
        self.push(EventKind::Start, parameters.collect());
    }

    /// Parameters have changed.
    pub(super) fn changed(&mut self, parameters: Vec<(String, ParameterValue)>) {
        self.push(EventKind::Parameters, parameters);
    }

    fn push(&mut self, kind: EventKind, parameters: Vec<(String, ParameterValue)>) {
        self.due.push(Event { version: self.version, kind, parameters });
        self.version = self.version.wrapping_add(1);
    }

    /// Whether one waits for a frame.
    pub(super) fn are_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Those that wait, as messages under this header; none wait any more.
    pub(super) fn say(&mut self, header: HeaderRef<'_>) -> &[Vec<u8>] {
        let count = self.due.len();
        self.said.resize_with(self.said.len().max(count), Vec::new);
        for (event, cdr) in self.due.drain(..).zip(&mut self.said) {
            wire::vedette_msgs::encode_event(cdr, header, event.version, event.kind, &event.parameters);
        }
        &self.said[..count]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Stamp;
    use crate::wire::vedette_msgs::decode_event;

    fn said(events: &mut Events) -> Vec<(u32, EventKind, usize)> {
        let header = HeaderRef { stamp: Stamp::from_ns(7), frame_id: "camera" };
        let decoded = events.say(header).iter().map(|cdr| decode_event(cdr).unwrap());
        decoded.map(|event| (event.version, event.kind, event.parameters.len())).collect()
    }

    #[test]
    fn each_event_is_said_once_with_the_first_frame_behind_it() {
        let parameters = || [("enabled".to_owned(), ParameterValue::Bool(true))].into_iter();
        let mut events = Events::new(parameters());
        events.start(parameters());
        assert_eq!(said(&mut events), [(0, EventKind::Start, 1)], "two beginnings without a frame are one");
        assert!(!events.are_due() && said(&mut events).is_empty());
        events.changed(parameters().collect());
        events.changed(Vec::new());
        assert_eq!(said(&mut events), [(1, EventKind::Parameters, 1), (2, EventKind::Parameters, 0)]);
        events.changed(parameters().collect());
        events.start(parameters());
        assert_eq!(said(&mut events), [(3, EventKind::Parameters, 1), (4, EventKind::Start, 1)]);
    }
}
