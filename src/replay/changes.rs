//! The events of a recording, applied again: what was changed while it was made, at the same images.

use super::error::ReplayError;
use super::recorded::RecordedEvents;
use crate::bag::Source;
use crate::config::assembly::Prompter;
use crate::config::{Config, ParameterValue};
use crate::pipeline::{Intakes, Walk};
use crate::types::{EventKind, Stamp};

/// Applies them.
#[derive(Debug, Default)]
pub(super) struct Changes {
    recorded: RecordedEvents,
    /// The parameters with which the recording was made, once its first event has told them.
    made_with: Option<Config>,
}

/// Why an event was not applied, in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotApplied(pub(super) String);

impl Changes {
    /// Reads the events of `topic`.
    pub(super) fn read(source: &mut dyn Source, topic: &str) -> Result<Self, ReplayError> {
        Ok(Self { recorded: RecordedEvents::read(source, topic)?, made_with: None })
    }

    /// Messages that are no events.
    pub(super) fn broken(&self) -> u64 {
        self.recorded.broken()
    }

    /// Applies what is to hold from the image with this stamp and frame_id on, logged then. Returns what could not be
    /// applied, and tells `note` what is otherwise than when the recording was made.
    pub(super) fn before(
        &mut self,
        (stamp, frame_id, log_time): (Stamp, &str, Stamp),
        intakes: &mut Intakes,
        walk: &mut Walk,
        mut prompter: Option<&mut Prompter>,
        mut note: impl FnMut(String),
    ) -> Vec<NotApplied> {
        let mut not_applied = Vec::new();
        while let Some(event) = self.recorded.take(stamp, frame_id, log_time) {
            let before = self.made_with.clone();
            let made_with = before.clone().unwrap_or_default().recorded(&event.parameters);
            self.made_with = Some(made_with.clone());
            let changes = match (event.kind, &before) {
                (EventKind::Start, None) => {
                    // The parameters are those of whoever replays it.
                    note_difference(walk.config(), &made_with, &mut note);
                    continue;
                }
                (EventKind::Start, Some(before)) => {
                    walk.begin_anew();
                    intakes.begin_anew();
                    before.difference(&made_with)
                }
                (EventKind::Parameters, _) => event.parameters,
            };
            if changes.is_empty() {
                continue;
            }
            if let Err(words) = apply(&changes, intakes, walk, prompter.as_deref_mut()) {
                not_applied.push(NotApplied(format!("event {}: {words}", event.version)));
            }
        }
        not_applied
    }
}

fn apply(
    changes: &[(String, ParameterValue)],
    intakes: &mut Intakes,
    walk: &mut Walk,
    prompter: Option<&mut Prompter>,
) -> Result<(), String> {
    // A recording is of one load: what holds from that on cannot change in it.
    let config = walk.config().changed(changes, true).map_err(|error| error.to_string())?;
    let is_about_prompts = changes.iter().any(|(name, _)| name == "prompts");
    let prompts = match prompter.filter(|_| is_about_prompts) {
        Some(prompter) => Some(prompter.encode(&config.prompts).map_err(|refused| refused.to_string())?),
        None if is_about_prompts => return Err("nobody is there to encode prompts".to_owned()),
        None => None,
    };
    walk.change(&config, prompts).map_err(|refused| refused.to_string())?;
    intakes.change(&config);
    Ok(())
}

fn note_difference(ours: &Config, recorded: &Config, note: &mut impl FnMut(String)) {
    let other: Vec<String> =
        ours.difference(recorded).into_iter().map(|(name, value)| format!("{name} {value}")).collect();
    if !other.is_empty() {
        note(format!("recorded with other parameters than these: {}", other.join(", ")));
    }
}
