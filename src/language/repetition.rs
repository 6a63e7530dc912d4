//! Rules against saying the same again, as transformers defines them: `no_repeat_ngram_size`, `repetition_penalty`
//! (Keskar et al. 2019), and tokens that never come.

use super::GenerationConfig;

/// What was said, prompt included, and the rules about it.
#[derive(Debug)]
pub(super) struct Repetition<'a> {
    config: &'a GenerationConfig,
    said: Vec<u32>,
    /// Each of them once, for the penalty.
    distinct: Vec<u32>,
    is_said: Vec<bool>,
}

impl<'a> Repetition<'a> {
    pub(super) fn new(config: &'a GenerationConfig, prompt: &[u32]) -> Self {
        let mut this = Self { config, said: Vec::new(), distinct: Vec::new(), is_said: Vec::new() };
        prompt.iter().for_each(|token| this.saw(*token));
        this
    }

    pub(super) fn saw(&mut self, token: u32) {
        if self.config.no_repeat_ngram > 0 {
            self.said.push(token);
        }
        if self.penalizes() {
            let index = token as usize;
            if index >= self.is_said.len() {
                self.is_said.resize(index + 1, false);
            }
            if !std::mem::replace(&mut self.is_said[index], true) {
                self.distinct.push(token);
            }
        }
    }

    /// Lowers the logits of what the rules disfavor, to negative infinity where they exclude it.
    pub(super) fn apply(&self, logits: &mut [f32]) {
        if self.penalizes() {
            let penalty = self.config.repetition_penalty;
            for &token in &self.distinct {
                if let Some(logit) = logits.get_mut(token as usize) {
                    *logit = if *logit < 0.0 { *logit * penalty } else { *logit / penalty };
                }
            }
        }
        let mut exclude = |token: u32| {
            if let Some(logit) = logits.get_mut(token as usize)
                // NaN stays to be seen.
                && !logit.is_nan()
            {
                *logit = f32::NEG_INFINITY;
            }
        };
        self.config.suppressed.iter().for_each(|token| exclude(*token));
        let Some(before) = self.config.no_repeat_ngram.checked_sub(1) else { return };
        let Some(start) = self.said.len().checked_sub(before) else { return };
        let last = &self.said[start..];
        for ngram in self.said.windows(before + 1) {
            if ngram[..before] == *last {
                exclude(ngram[before]);
            }
        }
    }

    fn penalizes(&self) -> bool {
        self.config.repetition_penalty != 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(config: &GenerationConfig, said: &[u32], logits: &[f32]) -> Vec<f32> {
        let mut logits = logits.to_vec();
        Repetition::new(config, said).apply(&mut logits);
        logits
    }

    const OUT: f32 = f32::NEG_INFINITY;

    #[test]
    fn no_sequence_of_that_length_comes_twice() {
        let config = GenerationConfig { no_repeat_ngram: 3, ..Default::default() };
        assert_eq!(after(&config, &[1, 2, 3, 0, 1, 2], &[0.0; 5]), [0.0, 0.0, 0.0, OUT, 0.0]);
        assert_eq!(after(&config, &[1, 2, 3, 1], &[0.0; 5]), [0.0; 5]);
        assert_eq!(after(&config, &[1], &[0.0; 5]), [0.0; 5]);
        let config = GenerationConfig { no_repeat_ngram: 1, ..Default::default() };
        assert_eq!(after(&config, &[1, 4, 9], &[0.0; 5]), [0.0, OUT, 0.0, 0.0, OUT]);
    }

    #[test]
    fn the_penalty_lowers_what_was_said_once_however_often_it_was() {
        let config = GenerationConfig { repetition_penalty: 2.0, ..Default::default() };
        assert_eq!(after(&config, &[0, 1, 1, 9], &[3.0, -3.0, 3.0]), [1.5, -6.0, 3.0]);
        assert_eq!(after(&GenerationConfig::default(), &[0, 1], &[3.0, -3.0]), [3.0, -3.0]);
    }

    #[test]
    fn suppressed_tokens_are_excluded_and_nan_stays() {
        let config = GenerationConfig { suppressed: vec![0, 1, 7], ..Default::default() };
        let logits = after(&config, &[], &[f32::NAN, 1.0, 2.0]);
        assert!(logits[0].is_nan());
        assert_eq!(logits[1..], [OUT, 2.0]);
    }
}
