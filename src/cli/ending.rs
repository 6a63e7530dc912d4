//! SIGINT and SIGTERM of a command that has something to finish: the first asks it to end, a second one ends it at once.

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use vedette::bag::{Loss, Source, SourceError, TopicInfo};
use vedette::types::RawMessage;

/// The exit code of what a signal ended, as shells report it.
pub const INTERRUPTED: u8 = 130;

/// Listens to both signals from its making on.
pub struct Ending(Arc<AtomicBool>);

impl Ending {
    /// Takes over both signals.
    pub fn listen() -> Result<Self> {
        let is_asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the signal that sets the flag does not see it set.
            flag::register_conditional_shutdown(signal, i32::from(INTERRUPTED), Arc::clone(&is_asked))
                .and_then(|_| flag::register(signal, Arc::clone(&is_asked)))
                .context("cannot listen to SIGINT and SIGTERM")?;
        }
        Ok(Self(is_asked))
    }

    /// Whether the command was asked to end.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// A source that ends when the command is asked to.
pub struct UntilAsked<'a> {
    pub source: &'a mut dyn Source,
    pub ending: &'a Ending,
}

impl Source for UntilAsked<'_> {
    fn topics(&self) -> &[TopicInfo] {
        self.source.topics()
    }

    fn select(&mut self, topics: &[&str]) -> Result<(), SourceError> {
        self.source.select(topics)
    }

    fn next_message(&mut self) -> Result<Option<RawMessage<'_>>, SourceError> {
        if self.ending.is_asked() { Ok(None) } else { self.source.next_message() }
    }

    fn losses(&self) -> Vec<Loss> {
        self.source.losses()
    }
}
