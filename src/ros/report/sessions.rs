//! How each session of the node runs, as the thread that owns it saw it last: a provider may be left in operation.

use crate::infer::Proof;

/// The sessions of the whole node.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sessions {
    /// Those that every picture needs, and with prompts that look at boxes that one.
    pub detector: ModelSessions,
    /// Those that encode prompts; none before the first prompts.
    pub prompts: ModelSessions,
    /// Those of the language model, if there is one.
    pub reason: Option<ModelSessions>,
}

/// A model, and how each of its sessions runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelSessions {
    /// The model's name.
    pub model: String,
    /// By the roles of their graphs.
    proofs: Vec<(&'static str, Proof)>,
    /// The place of the one that the model is known by.
    main: Option<usize>,
}

impl ModelSessions {
    /// Of a model that has not been seen yet.
    pub fn of(model: &str) -> Self {
        Self { model: model.to_owned(), ..Self::default() }
    }

    /// Takes what its thread sees, if that is something new, and logs sessions that were not there before. `main` is among
    /// `proofs`.
    pub fn see<'a>(&mut self, proofs: impl IntoIterator<Item = (&'static str, &'a Proof)>, main: Option<&Proof>) {
        let mut count = 0;
        for (place, (role, proof)) in proofs.into_iter().enumerate() {
            let is_main = main.is_some_and(|main| std::ptr::eq(main, proof));
            if is_main {
                self.main = Some(place);
            }
            match self.proofs.get_mut(place) {
                Some((known, before)) if *known == role => {
                    if before != proof {
                        before.clone_from(proof);
                    }
                }
                _ => {
                    self.proofs.truncate(place);
                    self.proofs.push((role, proof.clone()));
                    if !is_main {
                        tracing::info!("{role} of {}: {proof}", self.model);
                    }
                }
            }
            count = place + 1;
        }
        self.proofs.truncate(count);
    }

    /// How the session runs that the model is known by, once it was seen.
    pub fn main(&self) -> Option<&Proof> {
        Some(&self.proofs.get(self.main?)?.1)
    }

    /// The others, by the roles of their graphs.
    pub fn others(&self) -> impl Iterator<Item = (&'static str, &Proof)> {
        let others = self.proofs.iter().enumerate().filter(|(place, _)| self.main != Some(*place));
        others.map(|(_, (role, proof))| (*role, proof))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::Provider;

    fn on(running: Provider) -> Proof {
        Proof {
            requested: Provider::ALL.to_vec(),
            running,
            nodes: Some(Vec::new()),
            refused: Vec::new(),
            agreement: None,
            engines: None,
        }
    }

    #[test]
    fn a_provider_that_was_left_is_seen_the_next_time() {
        let mut sessions = ModelSessions::of("yolov12n");
        assert_eq!(sessions.main(), None);
        for running in [Provider::Cuda, Provider::Cpu, Provider::Cpu] {
            let (main, vision) = (on(running), on(Provider::Cuda));
            sessions.see([("model", &main), ("vision_model", &vision)], Some(&main));
            assert_eq!(sessions.main(), Some(&on(running)));
            assert_eq!(sessions.others().collect::<Vec<_>>(), [("vision_model", &on(Provider::Cuda))]);
        }
        let main = on(Provider::Cpu);
        sessions.see([("model", &main)], Some(&main));
        assert_eq!(sessions.others().count(), 0);
    }

    #[test]
    fn the_main_session_need_not_be_the_first() {
        let (vision, decoder) = (on(Provider::Cpu), on(Provider::Cuda));
        let mut sessions = ModelSessions::of("smolvlm");
        sessions.see([("vision_encoder", &vision), ("decoder_model_merged", &decoder)], Some(&decoder));
        assert_eq!(sessions.main(), Some(&decoder));
        assert_eq!(sessions.others().map(|(role, _)| role).collect::<Vec<_>>(), ["vision_encoder"]);
    }
}
