//! A recording in memory: images with their camera_infos, and what a node has said of them.

use crate::messages::{camera_info, image, nth};
use vedette::bag::{Loss, Source, SourceError, TopicInfo};
use vedette::pipeline::{Input, Output};
use vedette::types::{RawMessage, Stamp};

const IMAGE: &str = "/camera/image";
const CAMERA_INFO: &str = "/camera/camera_info";

/// A recording in memory.
pub struct Tape {
    pub topics: Vec<TopicInfo>,
    messages: Vec<(&'static str, Vec<u8>)>,
    selected: Vec<String>,
    next: usize,
    period_ns: i64,
}

impl Tape {
    /// So many images with their camera_infos, and behind each image what was said under its stamp, as a live recorder has
    /// it: `said` under the name `topic`.
    pub fn new(frames: i64, topic: &'static str, output: Output, said: &[(Stamp, Vec<u8>)]) -> Self {
        let info = |name: &str, type_name: &str, messages| TopicInfo {
            name: name.into(),
            type_name: type_name.into(),
            messages: Some(messages),
        };
        let topics = vec![
            info(CAMERA_INFO, Input::CameraInfo.type_name(), 1),
            info(IMAGE, Input::Image.type_name(), 1),
            info(topic, output.type_name(), said.len() as u64),
        ];
        let mut messages = Vec::new();
        for stamp in (0..frames).map(nth) {
            messages.extend([(CAMERA_INFO, camera_info(stamp)), (IMAGE, image(stamp))]);
            let of_frame = said.iter().filter(|(of, _)| *of == stamp);
            messages.extend(of_frame.map(|(_, cdr)| (topic, cdr.clone())));
        }
        Self { topics, messages, selected: Vec::new(), next: 0, period_ns: 1 }
    }

    /// These messages of these topics, in this order.
    pub fn of(topics: &[(&str, &str)], messages: Vec<(&'static str, Vec<u8>)>) -> Self {
        let info = |(name, type_name): &(&str, &str)| {
            let count = messages.iter().filter(|(topic, _)| topic == name).count() as u64;
            TopicInfo { name: (*name).into(), type_name: (*type_name).into(), messages: Some(count) }
        };
        let topics = topics.iter().map(info).collect();
        Self { topics, messages, selected: Vec::new(), next: 0, period_ns: 1 }
    }

    /// With so much time in the log between two messages.
    pub fn logged_every_ms(self, period_ms: i64) -> Self {
        Self { period_ns: period_ms * 1_000_000, ..self }
    }
}

impl Source for Tape {
    fn topics(&self) -> &[TopicInfo] {
        &self.topics
    }

    fn select(&mut self, topics: &[&str]) -> Result<(), SourceError> {
        self.selected = topics.iter().map(|&topic| topic.to_owned()).collect();
        self.next = 0;
        Ok(())
    }

    fn next_message(&mut self) -> Result<Option<RawMessage<'_>>, SourceError> {
        while let Some((topic, cdr)) = self.messages.get(self.next) {
            self.next += 1;
            if self.selected.iter().any(|selected| selected == topic) {
                let log_time = Stamp::from_ns(i64::try_from(self.next).unwrap() * self.period_ns);
                return Ok(Some(RawMessage { topic, log_time, cdr }));
            }
        }
        Ok(None)
    }

    fn losses(&self) -> Vec<Loss> {
        Vec::new()
    }
}
