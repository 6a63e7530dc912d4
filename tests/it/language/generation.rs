//! The generation loop, on a decoder that shows each fault of its cache.

use super::data;
use super::toy::{Layout, TOKENS, Toy, ToyEmbedding, next_token};
use crate::allocations::allocations_in;
use vedette::language::{
    CacheLayout, Decoder, EmbeddingGraph, Generated, GenerationConfig, GenerationOptions, GrammarVocabulary,
    LanguageError, Prompt, ProposalForm, Sampler, Tokenizer, generate,
};
use vedette::types::{Cancel, CancelReason, FinishReason, InView, Sampling, TensorData, TensorMut, TensorRef, TrackId};

const PROMPT: [u32; 5] = [11, 42, 7, 7, 90];

fn decoder(layout: Layout) -> Decoder {
    let cache = if layout.shared { CacheLayout::Shared { capacity: 64 } } else { CacheLayout::Growing };
    let given: &[&str] = if layout.encoder { &["encoder_hidden_states"] } else { &[] };
    Decoder::new(Box::new(Toy::new(layout)), embedding(TOKENS), cache, given).unwrap()
}

fn embedding(vocabulary: usize) -> EmbeddingGraph {
    EmbeddingGraph::new(Box::new(ToyEmbedding::new(vocabulary))).unwrap()
}

fn options(config: &GenerationConfig) -> GenerationOptions<'_> {
    GenerationOptions {
        sampling: Sampling::Greedy,
        max_tokens: 24,
        context_tokens: 1000,
        config,
        forced_together: false,
    }
}

fn words(ids: &[u32]) -> Prompt<'_> {
    Prompt { ids, embeddings: None }
}

fn say(
    decoder: &mut Decoder,
    prompt: &Prompt<'_>,
    options: &GenerationOptions<'_>,
) -> Result<Generated, LanguageError> {
    let mut heard = Vec::new();
    let generated = generate(decoder, prompt, options, None, &Cancel::new(), &mut |token| {
        heard.push(token);
        Ok(())
    })?;
    assert_eq!(heard, generated.tokens);
    Ok(generated)
}

/// What a decoder without a cache says: all of it anew for each token.
fn from_scratch(prompt: &[(f32, f32)], next_position: f32, step: f32, encoder: f32, tokens: usize) -> Vec<u32> {
    let mut said = prompt.to_vec();
    (0..tokens)
        .map(|count| {
            let next = next_token(&said, encoder);
            said.push((next as f32, next_position + step * count as f32));
            u32::try_from(next).unwrap()
        })
        .collect()
}

fn counted(prompt: &[u32]) -> Vec<(f32, f32)> {
    prompt.iter().enumerate().map(|(position, id)| (*id as f32, position as f32)).collect()
}

#[test]
fn the_cache_gives_what_a_run_from_scratch_gives() {
    let expected = from_scratch(&counted(&PROMPT), 5.0, 1.0, 0.0, 24);
    for layout in [
        Layout::default(),
        Layout { positions: true, ..Layout::default() },
        Layout { shared: true, ..Layout::default() },
        Layout { shared: true, positions: true, ..Layout::default() },
    ] {
        let config = GenerationConfig::default();
        let mut decoder = decoder(layout);
        // Twice: the second answer must not remember the first.
        for _ in 0..2 {
            let generated = say(&mut decoder, &words(&PROMPT), &options(&config)).unwrap();
            assert_eq!(generated, Generated { tokens: expected.clone(), finish: FinishReason::Length }, "{layout:?}");
        }
        assert_eq!(decoder.past(), PROMPT.len() + 23, "the last token is not run");
    }
}

#[test]
fn an_encoders_cache_is_the_first_steps() {
    let layout = Layout { encoder: true, ..Layout::default() };
    let mut decoder = decoder(layout);
    let config = GenerationConfig::default();
    for states in [[1.0, 2.0, 4.0], [5.0, 0.0, 1.0]] {
        let input = decoder.backend().signature().input("encoder_hidden_states").unwrap();
        decoder.backend().reshape(input, &[1, 3, 1]).unwrap();
        let TensorMut::F32(values) = decoder.backend().input(input) else { panic!() };
        values.copy_from_slice(&states);
        let generated = say(&mut decoder, &words(&[2]), &options(&config)).unwrap();
        assert_eq!(generated.tokens, from_scratch(&[(2.0, 0.0)], 1.0, 1.0, states.iter().sum(), 24));
    }
}

#[test]
fn embeddings_of_a_prompt_are_the_callers() {
    let layout = Layout { positions: true, ..Layout::default() };
    let mut decoder = decoder(layout);
    let rows = [11.0, 0.0, 60.5, 0.0, 61.5, 0.0];
    let embeddings = TensorRef { shape: &[1, 3, 2], data: TensorData::F32(&rows) };
    let prompt = Prompt { ids: &[11, 50, 50], embeddings: Some(embeddings) };
    let config = GenerationConfig::default();
    let generated = say(&mut decoder, &prompt, &options(&config)).unwrap();
    assert_eq!(generated.tokens, from_scratch(&[(11.0, 0.0), (60.5, 1.0), (61.5, 2.0)], 3.0, 1.0, 0.0, 24));

    let refusal = |prompt: &Prompt<'_>, decoder: &mut Decoder| {
        say(decoder, prompt, &options(&GenerationConfig::default())).unwrap_err().to_string()
    };
    let fewer = Prompt { ids: &[11, 50], ..prompt };
    assert!(refusal(&fewer, &mut decoder).contains("embeddings of 3 tokens, expected float [1, 2, width]"));
    let wide = TensorRef { shape: &[1, 3, 3], data: TensorData::F32(&[0.0; 9]) };
    let message = refusal(&Prompt { embeddings: Some(wide), ..prompt }, &mut decoder);
    assert!(message.contains("inputs_embeds") && message.contains("[1, 3, 3]"), "{message}");
    assert!(say(&mut decoder, &prompt, &options(&config)).is_ok(), "it stays usable");
}

#[test]
fn an_answer_ends_by_its_stop_token_its_limit_or_its_context() {
    let said = from_scratch(&counted(&PROMPT), 5.0, 1.0, 0.0, 24);
    let end = said.iter().position(|token| *token == said[9]).unwrap();
    let mut decoder = decoder(Layout::default());
    let stops = GenerationConfig { eos: vec![400, said[9]], ..GenerationConfig::default() };
    let generated = say(&mut decoder, &words(&PROMPT), &options(&stops)).unwrap();
    assert_eq!(generated, Generated { tokens: said[..=end].to_vec(), finish: FinishReason::Stop });

    let config = GenerationConfig::default();
    let short = GenerationOptions { context_tokens: 9, ..options(&config) };
    let generated = say(&mut decoder, &words(&PROMPT), &short).unwrap();
    assert_eq!(generated, Generated { tokens: said[..4].to_vec(), finish: FinishReason::Length });
    let one = say(&mut decoder, &words(&PROMPT), &GenerationOptions { max_tokens: 1, ..options(&config) }).unwrap();
    assert_eq!(one.tokens, said[..1]);

    let mut fixed = self::decoder(Layout { shared: true, ..Layout::default() });
    let endless = GenerationOptions { max_tokens: usize::MAX, ..options(&config) };
    let generated = say(&mut fixed, &words(&PROMPT), &endless).unwrap();
    assert_eq!((generated.tokens.len(), generated.finish), (64 - PROMPT.len(), FinishReason::Length));
}

#[test]
fn prompts_that_do_not_fit_and_limits_of_nothing_are_refused() {
    let mut decoder = decoder(Layout::default());
    let config = GenerationConfig::default();
    let small = GenerationOptions { context_tokens: 5, ..options(&config) };
    let refusal = say(&mut decoder, &words(&PROMPT), &small).unwrap_err().to_string();
    assert_eq!(refusal, "the prompt has 5 tokens, expected fewer than the model's context of 5");
    assert_eq!(say(&mut decoder, &words(&[]), &options(&config)), Err(LanguageError::EmptyPrompt));
    let none = GenerationOptions { max_tokens: 0, ..options(&config) };
    let refusal = say(&mut decoder, &words(&PROMPT), &none).unwrap_err().to_string();
    assert_eq!(refusal, "max_tokens is 0, expected at least 1");
    let refusal = say(&mut decoder, &words(&[1, 400]), &options(&config)).unwrap_err().to_string();
    assert_eq!(refusal, "inference failed: index 400 is out of bounds");
}

#[test]
fn cancelling_ends_between_tokens_and_the_model_stays_usable() {
    let mut decoder = decoder(Layout::default());
    let config = GenerationConfig::default();
    let cancel = Cancel::new();
    let mut heard = 0;
    let generated = generate(&mut decoder, &words(&PROMPT), &options(&config), None, &cancel, &mut |_| {
        heard += 1;
        if heard == 3 {
            cancel.cancel(CancelReason::Superseded);
        }
        Ok(())
    })
    .unwrap();
    assert_eq!((generated.tokens.len(), generated.finish), (3, FinishReason::Cancelled(CancelReason::Superseded)));
    let at_once = generate(&mut decoder, &words(&PROMPT), &options(&config), None, &cancel, &mut |_| Ok(()));
    assert!(at_once.unwrap().tokens.is_empty());
    let again = say(&mut decoder, &words(&PROMPT), &options(&config)).unwrap();
    assert_eq!(again.tokens, from_scratch(&counted(&PROMPT), 5.0, 1.0, 0.0, 24));
}

#[test]
fn nan_logits_are_an_error_and_so_is_a_listeners() {
    let mut decoder = decoder(Layout { nan_from_run: Some(3), ..Layout::default() });
    let config = GenerationConfig { suppressed: vec![0], ..GenerationConfig::default() };
    let refusal = say(&mut decoder, &words(&PROMPT), &options(&config)).unwrap_err();
    assert_eq!(refusal, LanguageError::NanLogits { token: 0, tokens: TOKENS });
    let mut decoder = self::decoder(Layout::default());
    let stopped = generate(&mut decoder, &words(&PROMPT), &options(&config), None, &Cancel::new(), &mut |_| {
        Err(LanguageError::EmptyPrompt)
    });
    assert_eq!(stopped, Err(LanguageError::EmptyPrompt));
}

#[test]
fn the_first_token_is_forced_and_no_pair_comes_twice() {
    let mut decoder = decoder(Layout::default());
    let config = GenerationConfig { forced_bos: Some(13), no_repeat_ngram: 2, ..GenerationConfig::default() };
    let long = GenerationOptions { max_tokens: 300, ..options(&config) };
    let tokens = say(&mut decoder, &words(&[2]), &long).unwrap().tokens;
    assert_eq!(tokens[0], 13);
    let mut pairs: Vec<&[u32]> = tokens.windows(2).collect();
    pairs.sort();
    pairs.dedup();
    assert_eq!(pairs.len(), 299);
    assert_ne!(say(&mut decoder, &words(&PROMPT), &long).unwrap().tokens[0], 13, "only behind a start token alone");
}

#[test]
fn under_a_grammar_the_answer_is_a_proposal_or_refused_beforehand() {
    let tokenizer = Tokenizer::open(&data("tokenizer.json")).unwrap();
    let vocabulary = GrammarVocabulary::new(&tokenizer).unwrap();
    let form = ProposalForm::new(&InView { tracks: vec![(TrackId(5), "dog".into())] });
    let needed = form.longest_answer_bytes();
    // A decoder of more tokens than the tokenizer has, all equally likely.
    let config = GenerationConfig::default();
    let random = Sampling::Random { temperature: 50.0, top_p: 1.0, seed: 3 };
    for forced_together in [false, true] {
        let mut decoder = wide_decoder();
        let options = GenerationOptions { sampling: random, max_tokens: needed, forced_together, ..options(&config) };
        let mut run = |options: &GenerationOptions<'_>| {
            let mut state = vocabulary.start(&form).unwrap();
            generate(&mut decoder, &words(&PROMPT), options, Some(&mut state), &Cancel::new(), &mut |_| Ok(()))
        };
        let generated = run(&options).unwrap();
        assert_eq!(generated.finish, FinishReason::Stop);
        let text = tokenizer.decode(&generated.tokens, true).unwrap();
        assert!(text.starts_with("{\"decision\":\"") && text.ends_with("\"}"), "{text}");
        let refusal = run(&GenerationOptions { max_tokens: needed - 1, ..options }).unwrap_err();
        assert_eq!(refusal, LanguageError::TokenLimit { limit: needed - 1, needed });
        let context = needed + PROMPT.len() - 1;
        assert!(run(&GenerationOptions { context_tokens: context, ..options }).is_err(), "the context counts too");
    }
}

/// A decoder with as many tokens as the test's tokenizer and some more, whose logits are all 0.
fn wide_decoder() -> Decoder {
    use std::collections::BTreeMap;
    use vedette::infer::{FakeBackend, OwnedTensor};
    let cache = || OwnedTensor::F32(Vec::new());
    let fake = FakeBackend::new(
        vec![
            ("inputs_embeds", vec![1, 0, 2], cache()),
            ("past_key_values.0.key", vec![1, 1, 0, 4], cache()),
            ("past_key_values.0.value", vec![1, 1, 0, 4], cache()),
        ],
        vec![
            ("logits", vec![1, 1, 500], OwnedTensor::F32(vec![0.0; 500])),
            ("present.0.key", vec![1, 1, 0, 4], cache()),
            ("present.0.value", vec![1, 1, 0, 4], cache()),
        ],
        BTreeMap::new(),
    );
    Decoder::new(Box::new(fake), embedding(500), CacheLayout::Growing, &[]).unwrap()
}

#[test]
fn a_graph_that_is_no_decoder_is_refused_with_what_was_found() {
    let refusal = |change: &dyn Fn(&mut Toy)| {
        let mut toy = Toy::new(Layout { encoder: true, ..Layout::default() });
        change(&mut toy);
        let made = Decoder::new(Box::new(toy), embedding(TOKENS), CacheLayout::Growing, &["encoder_hidden_states"]);
        made.err().unwrap().to_string()
    };
    let rename = |toy: &mut Toy, from: &str, to: &str| {
        let signature = toy.signature_mut();
        let specs = signature.inputs.iter_mut().chain(&mut signature.outputs);
        specs.filter(|spec| spec.name == from).for_each(|spec| spec.name = to.to_owned());
    };
    type Case<'a> = (&'a dyn Fn(&mut Toy), &'a str);
    let cases: [Case<'_>; 6] = [
        (&|toy| rename(toy, "logits", "scores"), "decoder has outputs [scores, present.0.decoder.key"),
        (&|toy| rename(toy, "inputs_embeds", "tokens"), "expected inputs_embeds"),
        (&|toy| rename(toy, "present.0.encoder.value", "x"), "expected present.0.encoder.value"),
        (
            &|toy| rename(toy, "attention_mask", "mask"),
            "decoder has input mask int64 [1, ?], expected only inputs that",
        ),
        (&|toy| toy.signature_mut().inputs[2].shape.truncate(3), "with numbers for heads and width"),
        (&|toy| toy.signature_mut().inputs.retain(|spec| !spec.name.starts_with("past")), "expected a cache in"),
    ];
    for (change, reason) in cases {
        let message = refusal(change);
        assert!(message.contains(reason), "{message}");
    }
    assert!(EmbeddingGraph::new(Box::new(Toy::new(Layout::default()))).is_err());
}

#[test]
fn choosing_a_token_allocates_nothing_after_the_first() {
    let logits: Vec<f32> = (0..5000_u16).map(|id| f32::from(id % 1009 * 37 % 1009) / 100.0).collect();
    for sampling in [Sampling::Greedy, Sampling::Random { temperature: 0.7, top_p: 0.9, seed: 1 }] {
        let mut sampler = Sampler::new(sampling).unwrap();
        sampler.next(&logits).unwrap();
        let counted = allocations_in(|| (0..20).for_each(|_| assert!(sampler.next(&logits).is_ok())));
        assert_eq!(counted, 0, "{sampling:?}");
    }
}

#[test]
fn a_models_parts_move_between_threads() {
    fn moves<T: Send>() {}
    moves::<Decoder>();
    moves::<EmbeddingGraph>();
    moves::<Tokenizer>();
    moves::<GrammarVocabulary>();
    moves::<vedette::language::GrammarState>();
    moves::<vedette::language::ChatTemplate>();
}
