//! From words to what a walk takes, beside the walk.
//!
//! A text encoder takes seconds to load and tens of milliseconds to run; perceive waits for neither. So the words go one
//! way and the result another: whoever receives words (the command line, the node's service) owns the [`Prompter`] of
//! the loaded model and encodes on its own thread; the thread that owns the `Walk` takes the
//! [`EncodedPrompts`] between two images with `Walk::set_prompts`, which is cheap and may
//! still refuse. Who never prompts never loads the encoder.
//!
//! ```text
//! words -> Prompter::encode (edge thread: verify, load once, embed) -> EncodedPrompts -> Walk::set_prompts (lane)
//! ```
//!
//! Versions count the sets that were in force, from 1; 0 is the model's own classes before any prompt. Of a set that the
//! walk refuses the version is taken back.

use super::error::{LoadError, PromptsRefused};
use crate::infer::Proof;
use crate::types::{Labels, PromptError, Prompts};
use crate::zoo::{EncodedPrompts, PromptEncoder, ZooError};

/// Loads what encodes prompts.
pub type OpenEncoder = Box<dyn FnMut() -> Result<Box<dyn PromptEncoder>, LoadError> + Send>;

/// Encodes sets of prompts for one detector.
pub struct Prompter {
    open: OpenEncoder,
    encoder: Option<Box<dyn PromptEncoder>>,
    own: Labels,
    version: u32,
}

impl Prompter {
    /// For a detector with the classes `own`, none for one that knows prompts only. `open` is called with the first
    /// prompts, and again with the next ones where it failed.
    pub fn new(own: Labels, open: OpenEncoder) -> Self {
        Self { open, encoder: None, own, version: 0 }
    }

    /// Encodes the next set; an empty one gives the model's own classes back. Takes as long as the encoder needs to
    /// load, the first time, and to run.
    ///
    /// # Errors
    /// [`PromptsRefused`]; the next version is then still to be given.
    pub fn encode(
        &mut self,
        texts: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<EncodedPrompts, PromptsRefused> {
        let version = self.version.saturating_add(1);
        let encoded = match Prompts::new(texts, version) {
            Ok(prompts) => self.encoder()?.encode(&prompts)?,
            Err(PromptError::None) if self.own.is_empty() => return Err(PromptsRefused::NothingLeft),
            Err(PromptError::None) => EncodedPrompts::none(&self.own, version),
            Err(error) => return Err(error.into()),
        };
        self.version = version;
        Ok(encoded)
    }

    /// The set that was encoded last is not in force, for the walk has refused it: the next one has its version.
    pub fn take_back(&mut self) {
        self.version = self.version.saturating_sub(1);
    }

    /// Every session that encodes prompts, by the role of its graph; none before the first prompts.
    pub fn proofs(&self) -> Vec<(&'static str, &Proof)> {
        self.encoder.as_ref().map_or_else(Vec::new, |encoder| encoder.proofs())
    }

    fn encoder(&mut self) -> Result<&mut dyn PromptEncoder, PromptsRefused> {
        if self.encoder.is_none() {
            let opened = (self.open)().map_err(|error| PromptsRefused::Load(Box::new(error)))?;
            self.encoder = Some(opened);
        }
        match &mut self.encoder {
            Some(encoder) => Ok(&mut **encoder),
            None => Err(PromptsRefused::Zoo(ZooError::NoPrompts)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::{ManifestError, PromptForm};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Echo;

    impl PromptEncoder for Echo {
        fn encode(&mut self, prompts: &Prompts) -> Result<EncodedPrompts, ZooError> {
            if prompts.texts().any(|text| text == "too long") {
                return Err(ZooError::TooLong { text: "too long".into(), tokens: 513, limit: 512 });
            }
            let labels = Labels::new(prompts.texts(), prompts.version());
            Ok(EncodedPrompts { labels, prompts: prompts.len(), form: PromptForm::None })
        }
    }

    /// Fails to open so many times, and counts how often it is asked.
    fn prompter(own: &[&str], failures: usize) -> (Prompter, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let open = move || -> Result<Box<dyn PromptEncoder>, LoadError> {
            if count.fetch_add(1, Ordering::Relaxed) < failures {
                return Err(ManifestError::Unknown { name: "minilm".into(), hint: "there are none".into() }.into());
            }
            Ok(Box::new(Echo))
        };
        (Prompter::new(Labels::new(own.iter().copied(), 0), Box::new(open)), asked)
    }

    #[test]
    fn the_encoder_is_opened_once_and_only_for_prompts() {
        let (mut prompter, asked) = prompter(&["person"], 0);
        let cleared = prompter.encode([""; 0]).unwrap();
        assert_eq!((cleared.prompts, cleared.labels.version(), asked.load(Ordering::Relaxed)), (0, 1, 0));
        assert_eq!(cleared.labels.names().collect::<Vec<_>>(), ["person"]);
        assert_eq!(prompter.encode(["van"]).unwrap().labels.version(), 2);
        assert_eq!(prompter.encode(["dog", "van"]).unwrap().labels.version(), 3);
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn what_is_refused_takes_no_version_and_may_do_the_next_time() {
        let (mut prompter, _) = prompter(&["person"], 1);
        let error = prompter.encode(["van"]).unwrap_err().to_string();
        assert_eq!(error, "the prompts need a text encoder: no model \"minilm\": there are none");
        let error = prompter.encode(["van", "Van"]).unwrap_err().to_string();
        assert_eq!(error, "prompts 1 and 2 are both \"Van\"");
        let error = prompter.encode(["too long"]).unwrap_err().to_string();
        assert_eq!(error, "text \"too long\" has 513 tokens, expected at most 512");
        assert_eq!(prompter.encode(["van"]).unwrap().labels.version(), 1);
    }

    #[test]
    fn a_model_without_classes_of_its_own_needs_prompts() {
        let (mut prompter, _) = prompter(&[], 0);
        assert!(matches!(prompter.encode([""; 0]), Err(PromptsRefused::NothingLeft)));
    }
}
