//! What ONNX Runtime's refusal of a model means: what was found, what it supports, what to do.
//!
//! Its messages are read, for it has no other words for these. They are the same from 1.17 to 1.32, but for the numbers.
//! One that is not known passes on as it is.

use crate::infer::providers::cure::one_line;
use crate::infer::{InferError, Unsupported};
use std::path::Path;

/// The error for a model that ONNX Runtime of version `runtime` refused with `message`.
pub(in crate::infer) fn in_words(path: &Path, runtime: &str, message: &str) -> InferError {
    let path = path.to_path_buf();
    match unsupported(message) {
        Some(Complaint { what, supported, cure }) => {
            InferError::Unsupported(Box::new(Unsupported { path, what, runtime: runtime.to_owned(), supported, cure }))
        }
        None => InferError::ModelBroken { path, reason: one_line(message) },
    }
}

/// Whether a message is about the model, so that no other provider would take it.
pub(in crate::infer) fn is_about_the_model(message: &str) -> bool {
    unsupported(message).is_some()
}

/// What the runtime does not support.
struct Complaint {
    /// `IR version 99`.
    what: String,
    /// `reads up to 14`.
    supported: String,
    cure: String,
}

fn unsupported(message: &str) -> Option<Complaint> {
    compiled_already(message)
        .or_else(|| too_new_a_format(message))
        .or_else(|| too_new_an_opset(message))
        .or_else(|| unknown_operator(message))
        .or_else(|| foreign_operator(message))
        .or_else(|| unimplemented_operator(message))
}

/// `Could not find an implementation for EPContext(1) node with name ''`: a program wrote an engine into the model.
fn compiled_already(message: &str) -> Option<Complaint> {
    message.contains("EPContext").then(|| Complaint {
        what: "a model that was compiled for one GPU (a node EPContext)".to_owned(),
        supported: "cannot run it here".to_owned(),
        cure: "give the model that it was compiled from: `vedette models compile` builds its engines ahead of time"
            .to_owned(),
    })
}

/// `Unsupported model IR version: 99, max supported IR version: 14`.
fn too_new_a_format(message: &str) -> Option<Complaint> {
    let (found, rest) = number_behind(message, "Unsupported model IR version: ")?;
    let (supported, _) = number_behind(rest, "max supported IR version: ")?;
    Some(Complaint {
        what: format!("IR version {found}"),
        supported: format!("reads up to {supported}"),
        cure: "export with an older opset or take a newer runtime".to_owned(),
    })
}

/// `Opset 99 is under development and support for this is limited. ... Current official support for domain ai.onnx is
/// till opset 28.`
fn too_new_an_opset(message: &str) -> Option<Complaint> {
    let (found, rest) = number_behind(message, "Opset ")?;
    let rest = rest.split_once("Current official support for domain ")?.1;
    let (domain, rest) = rest.split_once(" is till opset ")?;
    let (supported, _) = leading_number(rest)?;
    Some(Complaint {
        what: format!("opset {found} of {domain}"),
        supported: format!("reads up to {supported}"),
        cure: format!("export with opset {supported} or an older one, or take a newer runtime"),
    })
}

/// `No Op registered for Gelu with domain_version of 13`.
fn unknown_operator(message: &str) -> Option<Complaint> {
    let rest = message.split_once("No Op registered for ")?.1;
    let (operator, rest) = rest.split_once(" with domain_version of ")?;
    let (opset, _) = leading_number(rest)?;
    Some(Complaint {
        what: format!("operator {} of opset {opset}", name(operator)?),
        supported: "has no such operator there".to_owned(),
        cure: "export with an opset that has it, or without it, or take a newer runtime".to_owned(),
    })
}

/// `com.acme:Frob(-1) is not a registered function/op`, and in a node list `("/model/op", Frob, "com.acme", -1) : ...
/// Error No opset import for domain 'com.acme'`.
fn foreign_operator(message: &str) -> Option<Complaint> {
    let registered = message.split_once("(-1) is not a registered function/op").or_else(|| {
        let (before, after) = message.split_once(") is not a registered function/op")?;
        let (operator, version) = before.rsplit_once('(')?;
        version.bytes().all(|c| c.is_ascii_digit()).then_some((operator, after))
    });
    let operator = match registered {
        Some((before, _)) => before.rsplit(' ').next()?.to_owned(),
        None => {
            let domain = message.split_once("No opset import for domain '")?.1.split('\'').next()?;
            let operator = message.split_once("In Node, (\"")?.1.split(", ").nth(1)?;
            format!("{domain}:{operator}")
        }
    };
    Some(Complaint {
        what: format!("operator {}", name(&operator)?),
        supported: "does not know it".to_owned(),
        cure: "it is none of ONNX's own: export without operators of another library (those of TensorRT and MMDeploy \
               suppress boxes, which Vedette does itself)"
            .to_owned(),
    })
}

/// `Could not find an implementation for EfficientNMS_TRT(1) node with name '/model/op'`.
fn unimplemented_operator(message: &str) -> Option<Complaint> {
    let rest = message.split_once("Could not find an implementation for ")?.1;
    let (operator, version) = rest.split_once('(')?;
    let (version, _) = leading_number(version)?;
    Some(Complaint {
        what: format!("operator {} of version {version}", name(operator)?),
        supported: "has no implementation of it for these types".to_owned(),
        cure: "export with other types (float32) or without it, or take a newer runtime".to_owned(),
    })
}

fn number_behind<'a>(message: &'a str, words: &str) -> Option<(&'a str, &'a str)> {
    leading_number(message.split_once(words)?.1)
}

fn leading_number(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// A name as a file holds it, short enough to be said.
fn name(text: &str) -> Option<String> {
    let name: String = text.trim().chars().filter(|c| !c.is_control()).take(100).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(message: &str) -> String {
        in_words(Path::new("best.onnx"), "1.32.0", message).to_string()
    }

    // The messages are those of ONNX Runtime 1.32.0.

    #[test]
    fn a_format_and_an_opset_that_are_too_new_are_told_with_what_is_read() {
        let message = "Load model from ir99.onnx failed:/onnxruntime_src/onnxruntime/core/graph/model.cc:256 \
                       onnxruntime::Model::Model(onnx::ModelProto&&, const onnxruntime::PathString&) Unsupported model \
                       IR version: 99, max supported IR version: 14";
        assert_eq!(
            told(message),
            "model file best.onnx: IR version 99, this ONNX Runtime (1.32.0) reads up to 14: export with an older opset \
             or take a newer runtime"
        );
        let message = "Load model from opset99.onnx failed:/onnxruntime_src/model_load_utils.h:46 void f(bool) ONNX \
                       Runtime only *guarantees* support for models stamped with official released onnx opset \
                       versions. Opset 99 is under development and support for this is limited. The operator schemas \
                       may change. Current official support for domain ai.onnx is till opset 28.";
        assert_eq!(
            told(message),
            "model file best.onnx: opset 99 of ai.onnx, this ONNX Runtime (1.32.0) reads up to 28: export with opset 28 \
             or an older one, or take a newer runtime"
        );
    }

    #[test]
    fn an_operator_that_is_not_known_is_named() {
        for (message, expected) in [
            (
                "Load model from a.onnx failed:This is an invalid model. In Node, (\"/model/op\", Gelu, \"\", -1) : \
                 (\"x\": tensor(float),) -> (\"y\": tensor(float),) , Error No Op registered for Gelu with \
                 domain_version of 13",
                "operator Gelu of opset 13, this ONNX Runtime (1.32.0) has no such operator there: export with an opset",
            ),
            (
                "Load model from a.onnx failed:Fatal error: com.acme:Frob(-1) is not a registered function/op",
                "operator com.acme:Frob, this ONNX Runtime (1.32.0) does not know it: it is none of ONNX's own",
            ),
            (
                "Load model from a.onnx failed:Fatal error: mmdeploy:TRTBatchedNMS(1) is not a registered function/op",
                "operator mmdeploy:TRTBatchedNMS, this",
            ),
            (
                "This is an invalid model. In Node, (\"/model/op\", EfficientNMS_TRT, \"TRT\", -1) : (\"x\": \
                 tensor(float),) -> (\"y\": tensor(float),) , Error No opset import for domain 'TRT'",
                "operator TRT:EfficientNMS_TRT, this",
            ),
            (
                "Could not find an implementation for EfficientNMS_TRT(1) node with name '/model/op'",
                "operator EfficientNMS_TRT of version 1, this ONNX Runtime (1.32.0) has no implementation of it",
            ),
        ] {
            let told = told(message);
            assert!(told.starts_with(&format!("model file best.onnx: {expected}")), "{told}");
            assert!(is_about_the_model(message));
        }
    }

    #[test]
    fn other_words_pass_on_in_one_line() {
        assert_eq!(told("Protobuf parsing failed."), "model file best.onnx does not load: Protobuf parsing failed");
        for message in
            ["", "Opset ", "Opset 9", "In Node, (\"", " is not a registered function/op", "No Op registered for "]
        {
            assert!(!is_about_the_model(message), "{message}");
        }
    }
}
