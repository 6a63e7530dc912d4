//! A decoder small enough to check by hand. What it says depends on every token in its cache, on where each stood, and
//! on its encoder: a cache that is wrong anywhere gives other words.

use std::collections::BTreeMap;
use vedette::infer::{Backend, InferError, OwnedTensor, Proof, Provider, Signature, TensorSpec};
use vedette::types::{Element, TensorMut, TensorRef};

pub const TOKENS: usize = 97;

/// What a toy decoder has.
#[derive(Debug, Clone, Copy, Default)]
pub struct Layout {
    /// An encoder, and a switch between first and later runs.
    pub encoder: bool,
    /// Whether it takes `position_ids`.
    pub positions: bool,
    /// Cache in place.
    pub shared: bool,
    /// From this run on, counted from 1, logits are NaN.
    pub nan_from_run: Option<usize>,
}

#[derive(Debug, Clone)]
struct Tensor {
    shape: Vec<usize>,
    data: OwnedTensor,
}

pub struct Toy {
    layout: Layout,
    signature: Signature,
    inputs: Vec<Tensor>,
    outputs: Vec<Option<Tensor>>,
    shared: Vec<(usize, usize)>,
    proof: Proof,
    runs: usize,
}

/// The next token after tokens at their positions, with what the encoder said: the decoder's whole behavior.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of some thousands")]
pub fn next_token(said: &[(f32, f32)], encoder: f32) -> usize {
    let sum: f32 =
        (1_u16..).zip(said).map(|(place, (token, position))| f32::from(place) * (token + 3.0) + position).sum();
    (sum * 7.0 + encoder * 11.0) as usize % TOKENS
}

impl Toy {
    pub fn new(layout: Layout) -> Self {
        let spec = |name: &str, element, shape: &[Option<usize>]| TensorSpec {
            name: name.to_owned(),
            element,
            shape: shape.to_vec(),
        };
        let cache = [Some(1), Some(1), None, Some(1)];
        let mut inputs = vec![
            spec("inputs_embeds", Element::F32, &[Some(1), None, Some(2)]),
            spec("attention_mask", Element::I64, &[Some(1), None]),
        ];
        let mut outputs = vec![spec("logits", Element::F32, &[Some(1), None, Some(TOKENS)])];
        let parts: &[&str] = if layout.encoder { &[".decoder", ".encoder"] } else { &[""] };
        for part in parts {
            for side in ["key", "value"] {
                inputs.push(spec(&format!("past_key_values.0{part}.{side}"), Element::F32, &cache));
                outputs.push(spec(&format!("present.0{part}.{side}"), Element::F32, &cache));
            }
        }
        if layout.encoder {
            inputs.push(spec("encoder_hidden_states", Element::F32, &[Some(1), None, Some(1)]));
            inputs.push(spec("use_cache_branch", Element::Bool, &[Some(1)]));
        }
        if layout.positions {
            inputs.push(spec("position_ids", Element::I64, &[Some(1), None]));
        }
        let empty = |spec: &TensorSpec| Tensor { shape: Vec::new(), data: OwnedTensor::zeros(spec.element, 0) };
        Self {
            layout,
            inputs: inputs.iter().map(empty).collect(),
            outputs: outputs.iter().map(|_| None).collect(),
            signature: Signature { inputs, outputs, metadata: BTreeMap::new() },
            shared: Vec::new(),
            proof: Proof {
                requested: vec![Provider::Cpu],
                running: Provider::Cpu,
                nodes: Some(Vec::new()),
                refused: Vec::new(),
                agreement: None,
                engines: None,
            },
            runs: 0,
        }
    }

    pub fn signature_mut(&mut self) -> &mut Signature {
        &mut self.signature
    }

    fn place(&self, name: &str) -> usize {
        self.signature.input(name).unwrap_or_else(|| panic!("no input {name}"))
    }

    fn floats(&self, input: usize) -> &[f32] {
        let OwnedTensor::F32(values) = &self.inputs[input].data else { panic!("input {input} is no float") };
        values
    }

    fn integers(&self, name: &str) -> &[i64] {
        let OwnedTensor::I64(values) = &self.inputs[self.place(name)].data else { panic!("{name} is no integer") };
        values
    }

    fn tokens(&self) -> Vec<f32> {
        self.floats(0).chunks(2).map(|row| row[0]).collect()
    }

    fn set(&mut self, output: &str, shape: Vec<usize>, values: Vec<f32>) {
        let place = self.signature.output(output).unwrap();
        self.outputs[place] = Some(Tensor { shape, data: OwnedTensor::F32(values) });
    }
}

impl Backend for Toy {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn input(&mut self, index: usize) -> TensorMut<'_> {
        self.inputs[index].data.as_mut()
    }

    fn reshape(&mut self, input: usize, shape: &[usize]) -> Result<(), InferError> {
        let spec = &self.signature.inputs[input];
        let fits = spec.shape.len() == shape.len()
            && spec.shape.iter().zip(shape).all(|(declared, given)| declared.is_none_or(|declared| declared == *given));
        if !fits {
            return Err(InferError::Shape { input: spec.to_string(), given: shape.to_vec() });
        }
        if self.inputs[input].shape != shape {
            let data = OwnedTensor::zeros(spec.element, shape.iter().product());
            self.inputs[input] = Tensor { shape: shape.to_vec(), data };
        }
        Ok(())
    }

    fn carry(&mut self, output: usize, input: usize) -> Result<(), InferError> {
        let spec = &self.signature.outputs[output];
        let value = self.outputs[output].take().ok_or_else(|| InferError::NoValue { output: spec.to_string() })?;
        self.inputs[input] = value;
        Ok(())
    }

    fn share(&mut self, output: usize, input: usize) -> Result<(), InferError> {
        self.shared.push((output, input));
        Ok(())
    }

    fn keep_on_device(&mut self, _: usize) {}

    fn run(&mut self) -> Result<(), InferError> {
        self.runs += 1;
        let part = if self.layout.encoder { ".decoder" } else { "" };
        let [keys, values] = ["key", "value"].map(|side| self.place(&format!("past_key_values.0{part}.{side}")));
        let new = self.tokens();
        let seen = self.integers("attention_mask");
        assert!(seen.iter().all(|mask| *mask == 1) && seen.len() >= new.len());
        let past = seen.len() - new.len();
        let positions: Vec<f32> = match self.layout.positions {
            false => (past..seen.len()).map(|position| position as f32).collect(),
            true => self.integers("position_ids").iter().map(|position| *position as f32).collect(),
        };
        assert_eq!(positions.len(), new.len());
        let (mut all_keys, mut all_values) = (self.floats(keys).to_vec(), self.floats(values).to_vec());
        if self.layout.shared {
            assert_eq!(self.shared.len(), 2);
            all_keys[past..past + new.len()].copy_from_slice(&new);
            all_values[past..past + new.len()].copy_from_slice(&positions);
        } else {
            assert_eq!(all_keys.len(), past, "the cache holds what the mask says");
            all_keys.extend(&new);
            all_values.extend(&positions);
        }
        let mut encoder = 0.0;
        if self.layout.encoder {
            let [encoder_keys, encoder_values] = ["key", "value"].map(|side| format!("0.encoder.{side}"));
            let OwnedTensor::Bool(uses_cache) = &self.inputs[self.place("use_cache_branch")].data else { panic!() };
            if uses_cache[0] {
                let cached = self.floats(self.place(&format!("past_key_values.{encoder_keys}")));
                encoder = cached.iter().sum();
                for name in [encoder_keys, encoder_values] {
                    self.set(&format!("present.{name}"), vec![1, 1, 1, 1], vec![-999.0]);
                }
            } else {
                assert_eq!(past, 0);
                let states = self.floats(self.place("encoder_hidden_states")).to_vec();
                encoder = states.iter().sum();
                for name in [encoder_keys, encoder_values] {
                    self.set(&format!("present.{name}"), vec![1, 1, states.len(), 1], states.clone());
                }
            }
        }
        let mut logits = Vec::new();
        for end in past + 1..=past + new.len() {
            let said: Vec<(f32, f32)> = all_keys.iter().copied().zip(all_values.iter().copied()).take(end).collect();
            let next = next_token(&said, encoder);
            logits.extend((0..TOKENS).map(|token| -(token.abs_diff(next) as f32)));
        }
        if self.layout.nan_from_run.is_some_and(|run| self.runs >= run) {
            logits.fill(f32::NAN);
        }
        self.set("logits", vec![1, new.len(), TOKENS], logits);
        let shape = vec![1, 1, all_keys.len(), 1];
        if self.layout.shared {
            self.inputs[keys] = Tensor { shape: shape.clone(), data: OwnedTensor::F32(all_keys) };
            self.inputs[values] = Tensor { shape, data: OwnedTensor::F32(all_values) };
        } else {
            self.set(&format!("present.0{part}.key"), shape.clone(), all_keys);
            self.set(&format!("present.0{part}.value"), shape, all_values);
        }
        Ok(())
    }

    fn output(&self, index: usize) -> TensorRef<'_> {
        let Tensor { shape, data } = self.outputs[index].as_ref().unwrap();
        TensorRef { shape, data: data.as_data() }
    }

    fn proof(&self) -> &Proof {
        &self.proof
    }
}

/// Embeds a token as itself and 1; ids over the vocabulary are refused, as a graph's lookup does.
pub struct ToyEmbedding {
    vocabulary: usize,
    signature: Signature,
    ids: Vec<i64>,
    rows: Vec<f32>,
    shape: [usize; 3],
    proof: Proof,
}

impl ToyEmbedding {
    pub fn new(vocabulary: usize) -> Self {
        let input = TensorSpec { name: "input_ids".to_owned(), element: Element::I64, shape: vec![None, None] };
        let rows =
            TensorSpec { name: "inputs_embeds".to_owned(), element: Element::F32, shape: vec![None, None, Some(2)] };
        Self {
            vocabulary,
            signature: Signature { inputs: vec![input], outputs: vec![rows], metadata: BTreeMap::new() },
            ids: Vec::new(),
            rows: Vec::new(),
            shape: [1, 0, 2],
            proof: Proof {
                requested: vec![Provider::Cpu],
                running: Provider::Cpu,
                nodes: Some(Vec::new()),
                refused: Vec::new(),
                agreement: None,
                engines: None,
            },
        }
    }
}

impl Backend for ToyEmbedding {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn input(&mut self, _: usize) -> TensorMut<'_> {
        TensorMut::I64(&mut self.ids)
    }

    fn reshape(&mut self, _: usize, shape: &[usize]) -> Result<(), InferError> {
        self.ids.resize(shape.iter().product(), 0);
        Ok(())
    }

    fn carry(&mut self, _: usize, _: usize) -> Result<(), InferError> {
        panic!("an embedding has no cache")
    }

    fn share(&mut self, _: usize, _: usize) -> Result<(), InferError> {
        panic!("an embedding has no cache")
    }

    fn keep_on_device(&mut self, _: usize) {}

    fn run(&mut self) -> Result<(), InferError> {
        if let Some(id) = self.ids.iter().find(|id| **id >= self.vocabulary as i64) {
            return Err(InferError::Run { reason: format!("index {id} is out of bounds") });
        }
        self.rows = self.ids.iter().flat_map(|id| [*id as f32, 1.0]).collect();
        self.shape = [1, self.ids.len(), 2];
        Ok(())
    }

    fn output(&self, _: usize) -> TensorRef<'_> {
        TensorRef { shape: &self.shape, data: vedette::types::TensorData::F32(&self.rows) }
    }

    fn proof(&self) -> &Proof {
        &self.proof
    }
}
