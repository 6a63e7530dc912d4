//! What CLIP and SigLIP have in common, and what tells them apart.

use crate::zoo::detect::numbers;
use crate::zoo::detect::queries::sigmoid;
use crate::zoo::{Family, Manifest, Task, ZooError};

/// What tells the two families apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::zoo) enum Kind {
    Clip,
    Siglip,
}

impl Kind {
    pub fn of(manifest: &Manifest) -> Result<Self, ZooError> {
        match manifest.family {
            Family::Clip => Ok(Self::Clip),
            Family::Siglip => Ok(Self::Siglip),
            family => Err(ZooError::Task { family, found: family.task(), wanted: Task::Score }),
        }
    }

    pub const fn family(self) -> &'static str {
        match self {
            Self::Clip => "clip",
            Self::Siglip => "siglip",
        }
    }

    pub const fn text_output(self) -> &'static str {
        match self {
            Self::Clip => "text_embeds",
            Self::Siglip => "pooler_output",
        }
    }

    pub const fn image_output(self) -> &'static str {
        match self {
            Self::Clip => "image_embeds",
            Self::Siglip => "pooler_output",
        }
    }

    /// Whether the probabilities of prompts are shares of one.
    pub const fn prompts_compete(self) -> bool {
        matches!(self, Self::Clip)
    }

    /// Tokens of the vocabulary and of a text, where `config.json` does not say it.
    pub const fn usual_text(self) -> [usize; 2] {
        match self {
            Self::Clip => [49_408, 77],
            Self::Siglip => [32_000, 64],
        }
    }
}

/// Brings one vector of an output to length 1.
///
/// # Errors
/// [`ZooError::NotANumber`], and [`ZooError::NoDirection`] when it has no length, or one beyond all numbers.
pub(super) fn normalize(vector: &mut [f32], output: &str) -> Result<(), ZooError> {
    numbers::check(vector, &[1, vector.len()], output)?;
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if !(length > 0.0 && length.is_finite()) {
        return Err(ZooError::NoDirection { output: output.to_owned(), length });
    }
    vector.iter_mut().for_each(|value| *value /= length);
    Ok(())
}

/// Logits of one picture become probabilities.
pub(in crate::zoo) fn probabilities(kind: Kind, logits: &mut [f32]) {
    match kind {
        Kind::Siglip => logits.iter_mut().for_each(|logit| *logit = sigmoid(*logit)),
        Kind::Clip => {
            let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            logits.iter_mut().for_each(|logit| *logit = (*logit - highest).exp());
            let sum: f32 = logits.iter().sum();
            logits.iter_mut().for_each(|share| *share /= sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_compete_in_clip_and_stand_alone_in_siglip() {
        let mut logits = [1.0, 1.0, 300.0];
        probabilities(Kind::Clip, &mut logits);
        assert_eq!(logits, [0.0, 0.0, 1.0]);
        let mut logits = [0.0, 0.0, -300.0];
        probabilities(Kind::Siglip, &mut logits);
        assert_eq!(logits, [0.5, 0.5, 0.0]);
    }

    #[test]
    fn a_vector_comes_to_length_1_or_is_refused() {
        let mut vector = [3.0, 4.0];
        normalize(&mut vector, "image_embeds").unwrap();
        assert_eq!(vector, [0.6, 0.8]);
        for (mut vector, expected) in [
            ([1.0, f32::NAN], "the model's image_embeds are NaN at [0, 1], expected numbers: 1 of 2 are none"),
            ([0.0, 0.0], "the model's image_embeds have a vector of length 0, expected a direction"),
            ([2e38, 2e38], "the model's image_embeds have a vector of length inf, expected a direction"),
        ] {
            assert_eq!(normalize(&mut vector, "image_embeds").unwrap_err().to_string(), expected);
        }
    }
}
