//! Plan proposals under a grammar: every answer parses, whatever the model.

use super::data;
use std::sync::LazyLock;
use vedette::language::{GrammarVocabulary, LanguageError, ProposalForm, ProposalOrigin, Sampler, Tokenizer};
use vedette::types::{InView, Labels, Proposal, Sampling, Stamp, TrackId};

struct Model {
    tokenizer: Tokenizer,
    vocabulary: GrammarVocabulary,
}

static MODELS: LazyLock<Vec<Model>> = LazyLock::new(|| {
    let open = |file| {
        let tokenizer = Tokenizer::open(&data(file)).unwrap();
        let vocabulary = GrammarVocabulary::new(&tokenizer).unwrap();
        Model { tokenizer, vocabulary }
    };
    ["tokenizer.json", "sentencepiece.json"].map(open).into()
});

const CLASSES: [&str; 5] = ["person", "delivery van", "Straßenbahn", "sign \"A\\B\"", "犬"];

/// SplitMix64: numbers without a pattern, from a seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

fn in_view(numbers: &mut Numbers) -> InView {
    let (mut id, mut tracks) = (0, Vec::new());
    for _ in 0..numbers.below(13) {
        id += 1 + numbers.below(400);
        tracks.push((TrackId(id), numbers.choose(&CLASSES).into()));
    }
    InView { tracks }
}

fn parse(form: &ProposalForm, text: &str) -> Result<Proposal, LanguageError> {
    let labels = Labels::new(CLASSES, 1);
    form.parse(text, &ProposalOrigin { stamp: Stamp::default(), labels: &labels, model: "random".into() })
}

/// Tokens of one answer from logits without a pattern. `together`: forced tokens are taken at once.
fn answer(model: &Model, form: &ProposalForm, seed: u64, together: bool) -> Vec<u32> {
    let mut numbers = Numbers(seed);
    let mut state = model.vocabulary.start(form).unwrap();
    let mut sampler = Sampler::new(Sampling::Random { temperature: 1.0, top_p: 0.95, seed }).unwrap();
    let mut logits = vec![0.0; model.tokenizer.vocab_size() + 7];
    let mut tokens = Vec::new();
    while !state.is_complete() {
        logits.iter_mut().for_each(|logit| *logit = (numbers.below(2000) as f32 - 1000.0) / 250.0);
        state.mask(&mut logits).unwrap();
        let token = sampler.next(&logits).unwrap();
        state.accept(token).unwrap();
        tokens.push(token);
        if together {
            state.accept_forced(&mut tokens).unwrap();
        }
        assert!(tokens.len() <= state.longest_answer_tokens(), "no end after {} tokens", tokens.len());
    }
    tokens
}

#[test]
fn a_thousand_random_answers_are_proposals_about_tracks_in_view() {
    let (mut steps, mut tracks, mut limits, mut longest) = (0, 0, 0, 0);
    for (seed, model) in (0..1000).zip(MODELS.iter().cycle()) {
        let in_view = in_view(&mut Numbers(seed ^ 0xABCD));
        let form = ProposalForm::fitting(&in_view, if seed % 3 == 0 { 2048 } else { 200 }).unwrap();
        let tokens = answer(model, &form, seed, seed % 2 == 0);
        let text = model.tokenizer.decode(&tokens, true).unwrap();
        assert!(text.len() <= form.longest_answer_bytes(), "{text}");
        let proposal = parse(&form, &text).unwrap_or_else(|refusal| panic!("seed {seed}: {refusal}\n{text}"));
        for step in &proposal.steps {
            let Some(track) = step.track else { continue };
            let (_, name) = in_view.tracks.iter().find(|(id, _)| *id == track).unwrap();
            assert_eq!(step.class.map(|class| CLASSES[usize::from(class.0)]), Some(&**name));
            tracks += 1;
        }
        steps += proposal.steps.len();
        limits += usize::from(proposal.speed_limit_mps.is_some());
        longest = longest.max(text.len());
    }
    assert!(steps > 300 && tracks > 100 && limits > 100, "{steps} steps, {tracks} tracks, {limits} limits, {longest}");
}

/// The grammar takes an answer as it is written, token by token of its bytes.
fn is_taken(model: &Model, form: &ProposalForm, text: &str) -> bool {
    let mut state = model.vocabulary.start(form).unwrap();
    let ids = text.bytes().map(|byte| match byte {
        b'!'..=b'~' => model.tokenizer.token_id(&char::from(byte).to_string()).unwrap(),
        b' ' => model.tokenizer.token_id("Ġ").unwrap(),
        other => panic!("{other}"),
    });
    for id in ids {
        if state.is_complete() || state.accept(id).is_err() {
            return false;
        }
    }
    state.is_complete()
}

#[test]
fn the_longest_answer_has_as_many_bytes_as_was_said() {
    let tracks = vec![(TrackId(7), "person".into()), (TrackId(1234), "delivery van".into())];
    for limit in [100, 160, 256, 512, 2048] {
        let form = ProposalForm::fitting(&InView { tracks: tracks.clone() }, limit).unwrap();
        let longest = |steps: usize, step_reason: usize, reason: usize| {
            let step = format!(
                r#"{{"track":1234,"class":"delivery van","action":"proceed","reason":"{}"}}"#,
                "x".repeat(step_reason)
            );
            let steps = vec![step; steps].join(",");
            let reason = "y".repeat(reason);
            format!(r#"{{"decision":"proceed","speed_limit_mps":10.5,"steps":[{steps}],"reason":"{reason}"}}"#)
        };
        let taken: Vec<String> = (0..=5)
            .flat_map(|steps| [0, 24, 32, 48, 49].map(|step_reason| (steps, step_reason)))
            .flat_map(|(steps, step_reason)| {
                [16, 32, 48, 64, 80, 96, 97].map(|reason| longest(steps, step_reason, reason))
            })
            .filter(|text| text.len() >= form.longest_answer_bytes() && is_taken(&MODELS[0], &form, text))
            .collect();
        assert!(!taken.is_empty(), "limit {limit}: none as long as {}", form.longest_answer_bytes());
        assert!(taken.iter().all(|text| text.len() == form.longest_answer_bytes()), "{taken:?}");
        assert!(taken.iter().all(|text| parse(&form, text).is_ok()));
    }
}

#[test]
fn what_is_not_in_view_is_not_taken() {
    let tracks = vec![(TrackId(7), "person".into()), (TrackId(71), "dog".into())];
    let form = ProposalForm::new(&InView { tracks });
    let with = |speed: &str, track: &str, class: &str, reason: &str| {
        format!(
            r#"{{"decision":"slow","speed_limit_mps":{speed},"steps":[{{"track":{track},"class":"{class}","action":"stop","reason":"{reason}"}}],"reason":"r"}}"#
        )
    };
    for (text, expected) in [
        (with("0.5", "7", "person", "near"), true),
        (with("null", "71", "dog", "near"), true),
        (with("20", "71", "dog", ""), true),
        (with("0.5", "8", "person", "near"), false),
        (with("0.5", "717", "person", "near"), false),
        (with("0.5", "7", "dog", "near"), false),
        (with("0.5", "7.0", "person", "near"), false),
        (with("0.50", "7", "person", "near"), false),
        (with("0.500000000000000001", "7", "person", "near"), false),
        (with("1.0", "7", "person", "near"), false),
        (with("5e-1", "7", "person", "near"), false),
        (with("20.1", "7", "person", "near"), false),
        (with("-1", "7", "person", "near"), false),
        (with("0.5", "7", "person", "say \\u0041"), false),
        (with("0.5", "7", "person", "a\\nb"), false),
        (with("0.5", "7", "person", "a\\\"b"), false),
        (with("0.5", " 7", "person", "near"), false),
        (with("0.5", "7", "p\\u0065rson", "near"), false),
        (with("0.5", "7", "person", &"x".repeat(49)), false),
    ] {
        assert_eq!(is_taken(&MODELS[0], &form, &text), expected, "{text}");
    }
}

#[test]
fn nothing_follows_a_complete_answer_and_nothing_foreign_is_accepted() {
    let model = &MODELS[0];
    let form = ProposalForm::new(&InView::default());
    let mut state = model.vocabulary.start(&form).unwrap();
    let refusal = state.accept(model.tokenizer.token_id("A").unwrap()).unwrap_err();
    assert!(matches!(refusal, LanguageError::Grammar { .. }), "{refusal}");
    let mut logits = vec![0.0; model.tokenizer.vocab_size() + 100];
    let mut state = model.vocabulary.start(&form).unwrap();
    state.mask(&mut logits).unwrap();
    let allowed = (0..).zip(&logits).filter(|(_, logit)| **logit == 0.0);
    let texts: Vec<String> = allowed.map(|(id, _)| model.tokenizer.token(id).unwrap()).collect();
    assert!(texts.iter().all(|text| "{\"decision\":\"".starts_with(text.as_str())), "{texts:?}");
    let mut short = vec![0.0; 3];
    state.mask(&mut short).unwrap();
    assert_eq!(short, [f32::NEG_INFINITY; 3]);
}

#[test]
fn a_vocabulary_without_bytes_and_a_name_that_cannot_be_written_are_refused() {
    let pieces = Tokenizer::open(&data("wordpiece.json")).unwrap();
    let refusal = GrammarVocabulary::new(&pieces).err().unwrap().to_string();
    assert!(refusal.contains("wordpiece.json is neither byte-level nor SentencePiece's"), "{refusal}");
    let in_view = InView { tracks: vec![(TrackId(1), "a\nb".into())] };
    let refusal = MODELS[0].vocabulary.start(&ProposalForm::new(&in_view)).err().unwrap();
    assert!(matches!(refusal, LanguageError::Grammar { .. }), "{refusal}");
}
