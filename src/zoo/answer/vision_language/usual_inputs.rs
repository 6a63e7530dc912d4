//! What the inputs of exported graphs are like in use, where the graphs leave their shapes open: with that a session is
//! tried when it is opened, so that a provider that cannot run it is left at the start.
//!
//! Names as Optimum and transformers.js export them. Of a width that a graph does not tell nothing is guessed: a run that
//! fails for a wrong guess would cost a provider that can.

use crate::infer::{TensorSpec, Trial, TrialInput};

/// Tokens of a short text.
const TOKENS: usize = 8;

/// A few tokens, and an empty cache.
pub(in crate::zoo) fn usual_inputs() -> Trial {
    Trial::new(|spec| {
        let tokens = [Some(1), Some(TOKENS)];
        let rows = [Some(1), Some(TOKENS), None];
        match spec.name.as_str() {
            "input_ids" | "token_type_ids" | "position_ids" => Some(TrialInput::zeros(filled(spec, &tokens)?)),
            "attention_mask" | "encoder_attention_mask" => Some(TrialInput::ones(filled(spec, &tokens)?)),
            "inputs_embeds" | "encoder_hidden_states" => Some(TrialInput::zeros(filled(spec, &rows)?)),
            "use_cache_branch" => Some(TrialInput::zeros(filled(spec, &[Some(1)])?)),
            "num_logits_to_keep" => Some(TrialInput::ones(filled(spec, &[])?)),
            name if name.starts_with("past_key_values.") => {
                Some(TrialInput::zeros(filled(spec, &[Some(1), None, Some(0), None])?))
            }
            _ => None,
        }
    })
}

/// The declared shape with what it leaves open; `None` where that leaves a dimension, or the number of them differs.
fn filled(spec: &TensorSpec, usual: &[Option<usize>]) -> Option<Vec<usize>> {
    let fits = spec.shape.len() == usual.len();
    let fill = |(declared, usual): (&Option<usize>, &Option<usize>)| declared.or(*usual);
    spec.shape.iter().zip(usual).map(fill).collect::<Option<_>>().filter(|_| fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::{Backend, OrtBackend, Provider, Runtime, SessionOptions};
    use std::path::Path;

    /// Runs a graph of the parity tests as it would be tried.
    fn run(graph: &str) {
        let Some(runtime) = Runtime::or_skip(graph) else { return };
        let options = SessionOptions { providers: vec![Provider::Cpu], ..SessionOptions::default() };
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/parity").join(graph);
        let mut backend = OrtBackend::open(runtime, &model, &options, &[]).unwrap();
        let trial = usual_inputs();
        for (place, spec) in backend.signature().inputs.clone().iter().enumerate() {
            let input = trial.of(spec).unwrap_or_else(|| panic!("{graph}: nothing is known of {spec}"));
            backend.reshape(place, &input.shape).unwrap();
            if input.is_one {
                backend.input(place).fill_with_one();
            }
        }
        backend.run().unwrap_or_else(|error| panic!("{graph}: {error}"));
    }

    #[test]
    fn what_is_usual_runs_through_the_graphs_that_are_tried_with_it() {
        run("smolvlm/checkpoint/onnx/embed_tokens.onnx");
        run("smolvlm/checkpoint/onnx/decoder_model_merged.onnx");
        run("florence2/checkpoint/onnx/embed_tokens.onnx");
        run("florence2/checkpoint/onnx/encoder_model.onnx");
        run("florence2/checkpoint/onnx/decoder_model_merged.onnx");
    }

    #[test]
    fn an_unknown_width_is_not_guessed() {
        let spec = |shape: &[Option<usize>]| TensorSpec {
            name: "inputs_embeds".to_owned(),
            element: crate::types::Element::F32,
            shape: shape.to_vec(),
        };
        let usual = usual_inputs();
        assert_eq!(usual.of(&spec(&[None, None, Some(64)])), Some(TrialInput::zeros([1, TOKENS, 64])));
        assert_eq!(usual.of(&spec(&[None, None, None])), None);
        assert_eq!(usual.of(&spec(&[None, Some(64)])), None);
    }
}
