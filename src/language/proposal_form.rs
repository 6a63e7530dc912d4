//! The form of a plan proposal: what a model may say about what is in view, and reading it back.
//!
//! One description gives both the JSON schema, from which the grammar is made, and the length of its longest answer, so
//! that the two cannot disagree. Nothing in it is open: no white space between values, enumerated numbers, bounded lists,
//! and texts of characters that are one byte long and need no escape. An answer is one line:
//!
//! ```json
//! {"decision":"slow","speed_limit_mps":0.5,"steps":[{"track":7,"class":"person","action":"yield","reason":"it crosses"}],"reason":"a person ahead"}
//! ```

use super::LanguageError;
use super::error::start_of;
use crate::types::{Decision, InView, Labels, Proposal, ProposedStep, Stamp, TrackId};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What may be proposed about what is in view.
#[derive(Debug, Clone, PartialEq)]
pub struct ProposalForm {
    in_view: InView,
    bounds: Bounds,
}

/// How much a proposal may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bounds {
    steps: usize,
    step_reason_chars: usize,
    reason_chars: usize,
}

/// From the most that a proposal says to the least.
const BOUNDS: [Bounds; 8] = [
    Bounds { steps: 4, step_reason_chars: 48, reason_chars: 96 },
    Bounds { steps: 3, step_reason_chars: 48, reason_chars: 96 },
    Bounds { steps: 2, step_reason_chars: 48, reason_chars: 80 },
    Bounds { steps: 2, step_reason_chars: 32, reason_chars: 48 },
    Bounds { steps: 1, step_reason_chars: 48, reason_chars: 64 },
    Bounds { steps: 1, step_reason_chars: 24, reason_chars: 32 },
    Bounds { steps: 0, step_reason_chars: 0, reason_chars: 48 },
    Bounds { steps: 0, step_reason_chars: 0, reason_chars: 16 },
];

/// Where a proposal comes from, for [`ProposalForm::parse`].
#[derive(Debug, Clone)]
pub struct ProposalOrigin<'a> {
    /// The stamp of the picture.
    pub stamp: Stamp,
    /// The classes whose names are in view, and their prompts' version.
    pub labels: &'a Labels,
    /// Name of the model.
    pub model: Arc<str>,
}

impl ProposalForm {
    /// Highest speed limit that is proposed, in metres per second; limits have one decimal.
    pub const MAX_SPEED_MPS: f32 = 20.0;
    /// Most steps.
    pub const MAX_STEPS: usize = BOUNDS[0].steps;

    /// The form that says the most.
    pub fn new(in_view: &InView) -> Self {
        Self { in_view: in_view.clone(), bounds: BOUNDS[0] }
    }

    /// The form that says the most and whose longest answer surely fits: with fewer steps and shorter reasons where the
    /// token limit is small.
    ///
    /// # Errors
    /// [`LanguageError::TokenLimit`] with what the shortest form needs.
    pub fn fitting(in_view: &InView, max_tokens: usize) -> Result<Self, LanguageError> {
        let mut needed = 0;
        for bounds in BOUNDS {
            let form = Self { in_view: in_view.clone(), bounds };
            needed = form.longest_answer_bytes();
            if needed <= max_tokens {
                return Ok(form);
            }
        }
        Err(LanguageError::TokenLimit { limit: max_tokens, needed })
    }

    /// No answer has more bytes. As each token of the grammar covers at least one, none has more tokens either.
    pub fn longest_answer_bytes(&self) -> usize {
        self.shape().longest_bytes()
    }

    /// The JSON schema of an answer.
    pub fn schema(&self) -> Value {
        self.shape().schema()
    }

    /// The first class in view whose name has a character that JSON would have to write as an escape of many bytes.
    pub(super) fn unwritable_class(&self) -> Option<&str> {
        let mut names = self.in_view.tracks.iter().map(|(_, name)| &**name);
        names.find(|name| name.chars().any(char::is_control))
    }

    /// Reads an answer. It is checked against the same bounds as the grammar's, whoever made it.
    ///
    /// # Errors
    /// [`LanguageError::Cut`] when the answer ends too early; [`LanguageError::Proposal`] with what is wrong.
    pub fn parse(&self, text: &str, origin: &ProposalOrigin<'_>) -> Result<Proposal, LanguageError> {
        let refuse = |reason: String| LanguageError::Proposal { start: start_of(text), reason };
        let answer: RawProposal = serde_json::from_str(text).map_err(|error| {
            if error.is_eof() {
                let ending: String = text.chars().skip(text.chars().count().saturating_sub(24)).collect();
                return LanguageError::Cut { bytes: text.len(), ending };
            }
            refuse(error.to_string())
        })?;
        if let Some(limit) = answer.speed_limit_mps
            && !(0.0..=Self::MAX_SPEED_MPS).contains(&limit)
        {
            return Err(refuse(format!("speed_limit_mps is {limit}, expected 0..={}", Self::MAX_SPEED_MPS)));
        }
        let Bounds { steps, step_reason_chars, reason_chars } = self.bounds;
        if answer.steps.len() > steps {
            return Err(refuse(format!("there are {} steps, expected at most {steps}", answer.steps.len())));
        }
        check_reason(&answer.reason, reason_chars).map_err(refuse)?;
        let mut proposed = Vec::with_capacity(answer.steps.len());
        for step in answer.steps {
            check_reason(&step.reason, step_reason_chars).map_err(refuse)?;
            let class = match (step.track, &step.class) {
                (None, None) => None,
                (None, Some(class)) => return Err(refuse(format!("class {class:?} has no track"))),
                (Some(id), class) => {
                    let name = self.in_view.tracks.iter().find(|(track, _)| track.0 == id).map(|(_, name)| &**name);
                    let name = name.ok_or_else(|| refuse(format!("track {id} is not in view")))?;
                    if class.as_deref() != Some(name) {
                        return Err(refuse(format!("track {id} has class {class:?}, expected {name:?}")));
                    }
                    let known = origin.labels.find(name);
                    Some(known.ok_or_else(|| refuse(format!("class {name:?} is none of the detector's")))?)
                }
            };
            let action = decision(&step.action).map_err(refuse)?;
            proposed.push(ProposedStep { action, track: step.track.map(TrackId), class, reason: step.reason });
        }
        Ok(Proposal {
            stamp: origin.stamp,
            decision: decision(&answer.decision).map_err(refuse)?,
            speed_limit_mps: answer.speed_limit_mps,
            steps: proposed,
            reason: answer.reason,
            model: Arc::clone(&origin.model),
            prompt_version: origin.labels.version(),
            text: text.to_owned(),
        })
    }

    fn shape(&self) -> Shape {
        let words = || Shape::one_of(Decision::ALL.map(|decision| json!(decision.as_str())));
        let speeds = (0..=200_u16).map(|tenths| match tenths % 10 {
            0 => json!(tenths / 10),
            _ => json!(f64::from(tenths) / 10.0),
        });
        let about_a_track = self.in_view.tracks.iter().map(|(track, class)| {
            vec![("track", Shape::Literal(json!(track.0))), ("class", Shape::Literal(json!(class)))]
        });
        let about_none = vec![("track", Shape::Literal(Value::Null))];
        let steps = about_a_track.chain([about_none]).map(|mut about| {
            about.extend([("action", words()), ("reason", Shape::Text { chars: self.bounds.step_reason_chars })]);
            Shape::Object(about)
        });
        Shape::Object(vec![
            ("decision", words()),
            ("speed_limit_mps", Shape::one_of(speeds.chain([Value::Null]))),
            ("steps", Shape::List { item: Box::new(Shape::OneOf(steps.collect())), most: self.bounds.steps }),
            ("reason", Shape::Text { chars: self.bounds.reason_chars }),
        ])
    }
}

/// Printable ASCII but `"` and `\`: one byte each, in JSON too.
pub(super) const TEXT_CHARACTERS: &str = r"[ !#-\[\]-~]";

/// A set of JSON values, each written in one way.
enum Shape {
    Literal(Value),
    OneOf(Vec<Shape>),
    Object(Vec<(&'static str, Shape)>),
    List { item: Box<Shape>, most: usize },
    Text { chars: usize },
}

impl Shape {
    fn one_of(values: impl IntoIterator<Item = Value>) -> Self {
        Self::OneOf(values.into_iter().map(Self::Literal).collect())
    }

    fn schema(&self) -> Value {
        match self {
            Self::Literal(value) => json!({"const": value}),
            Self::OneOf(shapes) => json!({"anyOf": shapes.iter().map(Self::schema).collect::<Vec<_>>()}),
            Self::Object(members) => {
                let properties: Map<String, Value> =
                    members.iter().map(|(name, shape)| ((*name).to_owned(), shape.schema())).collect();
                let required: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
                json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
            }
            Self::List { item, most } => json!({"type": "array", "items": item.schema(), "maxItems": most}),
            Self::Text { chars } => json!({"type": "string", "pattern": format!("^{TEXT_CHARACTERS}{{0,{chars}}}$")}),
        }
    }

    fn longest_bytes(&self) -> usize {
        match self {
            Self::Literal(value) => value.to_string().len(),
            Self::OneOf(shapes) => shapes.iter().map(Self::longest_bytes).max().unwrap_or_default(),
            Self::Object(members) => {
                // Quotes and colon around a name, commas between members, braces.
                let inside: usize = members.iter().map(|(name, shape)| name.len() + 3 + shape.longest_bytes()).sum();
                inside + members.len().saturating_sub(1) + 2
            }
            Self::List { item, most } => most * item.longest_bytes() + most.saturating_sub(1) + 2,
            Self::Text { chars } => chars + 2,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProposal {
    decision: String,
    speed_limit_mps: Option<f32>,
    steps: Vec<RawStep>,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    track: Option<u64>,
    class: Option<String>,
    action: String,
    reason: String,
}

fn decision(word: &str) -> Result<Decision, String> {
    let known = Decision::ALL.into_iter().find(|decision| decision.as_str() == word);
    known.ok_or_else(|| format!("{word:?} is none of {}", Decision::ALL.map(Decision::as_str).join(", ")))
}

fn check_reason(reason: &str, most: usize) -> Result<(), String> {
    if reason.len() > most {
        return Err(format!("a reason has {} bytes, expected at most {most}", reason.len()));
    }
    match reason.chars().find(|character| !matches!(character, ' '..='~') || matches!(character, '"' | '\\')) {
        Some(other) => {
            Err(format!("a reason holds {other:?}, expected printable ASCII without quotes and backslashes"))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn in_view() -> InView {
        InView { tracks: vec![(TrackId(7), "person".into()), (TrackId(12), "delivery \"van\"".into())] }
    }

    fn parse(text: &str) -> Result<Proposal, LanguageError> {
        let labels = Labels::new(["person", "delivery \"van\""], 3);
        let origin = ProposalOrigin { stamp: Stamp::default(), labels: &labels, model: "tiny".into() };
        ProposalForm::new(&in_view()).parse(text, &origin)
    }

    const STEP: &str = r#"{"track":7,"class":"person","action":"yield","reason":"it crosses"}"#;

    fn with(speed: &str, steps: &str) -> String {
        format!(r#"{{"decision":"slow","speed_limit_mps":{speed},"steps":[{steps}],"reason":"near"}}"#)
    }

    #[test]
    fn an_answer_becomes_a_proposal() {
        let text = with("0.5", STEP);
        let proposal = parse(&text).unwrap();
        assert_eq!((proposal.decision, proposal.speed_limit_mps), (Decision::Slow, Some(0.5)));
        assert_eq!(proposal.steps[0].track, Some(TrackId(7)));
        assert_eq!(proposal.steps[0].class.map(|class| class.0), Some(0));
        assert_eq!((proposal.prompt_version, &*proposal.model, &proposal.text), (3, "tiny", &text));
        let nothing = parse(&with("null", r#"{"track":null,"action":"hover","reason":""}"#)).unwrap();
        assert_eq!((nothing.speed_limit_mps, nothing.steps[0].track), (None, None));
    }

    #[test]
    fn what_no_grammar_gives_is_refused_with_the_reason() {
        let track = |track: &str, class: &str| STEP.replace('7', track).replace("person", class);
        for (text, reason) in [
            (with("0.5", &track("8", "person")), "track 8 is not in view"),
            (with("0.5", &track("12", "person")), "track 12 has class Some(\"person\")"),
            (with("0.5", &track("7", "car")), "expected \"person\""),
            (with("0.5", &track("null", "car")), "class \"car\" has no track"),
            (with("-0.5", ""), "speed_limit_mps is -0.5, expected 0..=20"),
            (with("1e39", ""), "speed_limit_mps is inf"),
            (with("21", ""), "speed_limit_mps is 21"),
            (with("1", &[STEP; 5].join(",")), "there are 5 steps, expected at most 4"),
            (with("1", &STEP.replace("yield", "jump")), "\"jump\" is none of proceed, slow, stop"),
            (with("1", &STEP.replace("crosses", "crosses\\n")), "a reason holds '\\n'"),
            (with("1", &STEP.replace("crosses", &"x".repeat(99))), "a reason has 102 bytes, expected at most 48"),
            (with("1", "").replace("near", "nah\"dran"), "expected `,` or `}`"),
            (with("1", "").replace("reason", "because"), "unknown field `because`"),
            (format!("{} ok", with("1", "")), "trailing characters"),
            ("I would stop.".to_owned(), "expected value"),
        ] {
            let message = parse(&text).unwrap_err().to_string();
            assert!(message.contains(reason), "{message}");
        }
    }

    #[test]
    fn an_answer_that_was_cut_says_so() {
        let text = with("0.5", STEP);
        for end in 0..text.len() {
            let refusal = parse(&text[..end]).unwrap_err();
            assert!(matches!(refusal, LanguageError::Cut { .. }), "{end}: {refusal}");
        }
        let message = parse(&text[..60]).unwrap_err().to_string();
        assert_eq!(
            message,
            "answer of 60 bytes ends inside of its proposal (\":0.5,\\\"steps\\\":[{\\\"track\\\":7\")"
        );
    }

    #[test]
    fn a_form_fits_the_token_limit_or_says_what_is_needed() {
        let mut lengths = Vec::new();
        for limit in (80..1500).step_by(10) {
            match ProposalForm::fitting(&in_view(), limit) {
                Ok(form) => {
                    assert!(form.longest_answer_bytes() <= limit);
                    lengths.push(form.longest_answer_bytes());
                }
                Err(refusal) => {
                    assert!(matches!(refusal, LanguageError::TokenLimit { needed: 81..=120, .. }), "{refusal}")
                }
            }
        }
        assert!(lengths.is_sorted());
        assert_eq!(lengths.last(), Some(&ProposalForm::new(&in_view()).longest_answer_bytes()));
        assert!(ProposalForm::fitting(&in_view(), 256).unwrap().bounds.steps >= 1);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,60}", at in 0usize..100, byte: char) {
            let _ = parse(&text);
            let mut near: Vec<char> = with("0.5", STEP).chars().collect();
            let place = at % near.len();
            near[place] = byte;
            let _ = parse(&near.into_iter().collect::<String>());
        }
    }
}
