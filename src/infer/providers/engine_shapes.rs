//! Which sizes a TensorRT engine is built for.
//!
//! An engine is built for sizes that are known: those of the file, those that a dimension of the graph is fixed to by its
//! name, and the ranges of a profile. For any other size ONNX Runtime would build a new engine in the middle of a run,
//! which takes minutes, and one for each new size: TensorRT is refused instead.
//!
//! Source: ONNX Runtime's documentation of the TensorRT execution provider, "Explicit shape range for dynamic shape input".

use super::cure::OPEN_SIZES;
use crate::infer::OnnxFile;
use std::collections::{BTreeMap, BTreeSet};

/// The sizes of an input that change from run to run, within bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeRange {
    /// The input.
    pub input: String,
    /// The smallest of each dimension.
    pub min: Vec<usize>,
    /// Those that the engine is tuned for.
    pub opt: Vec<usize>,
    /// The largest of each dimension.
    pub max: Vec<usize>,
}

impl ShapeRange {
    /// Of an input that has one shape.
    pub fn only(input: &str, shape: &[usize]) -> Self {
        Self { input: input.to_owned(), min: shape.to_vec(), opt: shape.to_vec(), max: shape.to_vec() }
    }

    /// The one size of a dimension.
    fn fixed(&self, dimension: usize) -> Option<usize> {
        let sizes = (self.min.get(dimension)?, self.opt.get(dimension)?, self.max.get(dimension)?);
        (sizes.0 == sizes.1 && sizes.1 == sizes.2).then_some(*sizes.0)
    }
}

/// All that an engine is told about sizes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::infer) struct EngineShapes {
    /// Dimensions that the graph names and leaves open, with their sizes.
    pub fixed: BTreeMap<String, usize>,
    /// Of the inputs that still have an open dimension, all of them or none.
    pub profile: Vec<ShapeRange>,
}

impl EngineShapes {
    /// For the graph of `file`, whose inputs will be bound with `shapes`, or within `ranges`.
    ///
    /// # Errors
    /// The reason against TensorRT: an input has an open dimension and stands in neither.
    pub fn of(file: &OnnxFile, shapes: &[(String, Vec<usize>)], ranges: &[ShapeRange]) -> Result<Self, String> {
        let mut known = Vec::new();
        for input in file.signature.inputs.iter().filter(|input| input.shape.contains(&None)) {
            let range = ranges.iter().find(|range| range.input == input.name).cloned();
            let exact = || shapes.iter().find(|(name, _)| *name == input.name);
            match range.or_else(|| exact().map(|(name, shape)| ShapeRange::only(name, shape))) {
                Some(range) => known.push((input, range)),
                None => return Err(format!("{OPEN_SIZES} ({input})")),
            }
        }
        let names = |input: &str, dimension: usize| file.dimension_name(input, dimension);
        let (mut sizes, mut varying) = (BTreeMap::<&str, BTreeSet<usize>>::new(), BTreeSet::new());
        for (input, range) in &known {
            for dimension in (0..input.shape.len()).filter(|&dimension| input.shape[dimension].is_none()) {
                let Some(name) = names(&input.name, dimension) else { continue };
                match range.fixed(dimension).filter(|size| *size > 0) {
                    Some(size) => _ = sizes.entry(name).or_default().insert(size),
                    None => _ = varying.insert(name),
                }
            }
        }
        let only_size = |(name, sizes): (&&str, &BTreeSet<usize>)| match sizes.first() {
            Some(size) if sizes.len() == 1 && !varying.contains(name) => Some(((*name).to_owned(), *size)),
            _ => None,
        };
        let fixed: BTreeMap<String, usize> = sizes.iter().filter_map(only_size).collect();
        let is_open =
            |input: &str, dimension: usize| names(input, dimension).is_none_or(|name| !fixed.contains_key(name));
        let profile = known.into_iter().filter_map(|(input, range)| {
            let mut open = input.shape.iter().enumerate().filter(|(_, size)| size.is_none());
            open.any(|(dimension, _)| is_open(&input.name, dimension)).then_some(range)
        });
        let profile = profile.collect();
        Ok(Self { fixed, profile })
    }

    /// Min, opt and max shapes in the words of ONNX Runtime, `images:1x3x640x640,sizes:1x2` each.
    pub fn profile_texts(&self) -> [String; 3] {
        let text = |of: fn(&ShapeRange) -> &[usize]| {
            let input = |range: &ShapeRange| {
                let sizes: Vec<String> = of(range).iter().map(ToString::to_string).collect();
                format!("{}:{}", range.input, sizes.join("x"))
            };
            self.profile.iter().map(input).collect::<Vec<_>>().join(",")
        };
        [text(|range| &range.min), text(|range| &range.opt), text(|range| &range.max)]
    }

    /// All of it as text, for the engine's key.
    pub fn key(&self) -> String {
        let fixed: Vec<String> = self.fixed.iter().map(|(name, size)| format!("{name}={size}")).collect();
        format!("{} {}", fixed.join(" "), self.profile_texts().join(" ")).trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::TensorSpec;
    use crate::types::Element;

    /// Inputs as `name`, and dimensions: a number, a name, or `?` for one that is open and has none.
    fn file(inputs: &[(&str, &str)]) -> OnnxFile {
        let mut file = OnnxFile::default();
        for (name, dimensions) in inputs {
            let dimensions: Vec<&str> = dimensions.split_whitespace().collect();
            let shape = dimensions.iter().map(|dimension| dimension.parse().ok()).collect();
            file.signature.inputs.push(TensorSpec { name: (*name).to_owned(), element: Element::F32, shape });
            let named = |dimension: &&str| dimension.parse::<usize>().is_err() && *dimension != "?";
            let names = dimensions.iter().map(|dimension| named(dimension).then(|| (*dimension).to_owned()));
            file.dimension_names.insert((*name).to_owned(), names.collect());
        }
        file
    }

    fn shapes(shapes: &[(&str, &[usize])]) -> Vec<(String, Vec<usize>)> {
        shapes.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec())).collect()
    }

    fn of(inputs: &[(&str, &str)], given: &[(&str, &[usize])], ranges: &[ShapeRange]) -> Result<String, String> {
        EngineShapes::of(&file(inputs), &shapes(given), ranges).map(|shapes| shapes.key())
    }

    #[test]
    fn a_graph_without_open_sizes_needs_nothing() {
        assert_eq!(of(&[("images", "1 3 640 640")], &[], &[]), Ok(String::new()));
    }

    #[test]
    fn named_sizes_are_fixed_and_leave_nothing_to_a_profile() {
        let inputs = [("images", "batch 3 height width"), ("sizes", "batch 2")];
        let given: [(&str, &[usize]); 2] = [("images", &[1, 3, 480, 640]), ("sizes", &[1, 2])];
        assert_eq!(of(&inputs, &given, &[]), Ok("batch=1 height=480 width=640".to_owned()));
    }

    #[test]
    fn sizes_without_a_name_or_with_one_for_two_sizes_get_a_profile_of_that_size() {
        let inputs = [("images", "? 3 side side"), ("sizes", "batch 2")];
        let given: [(&str, &[usize]); 2] = [("images", &[1, 3, 480, 640]), ("sizes", &[1, 2])];
        let images = "images:1x3x480x640";
        assert_eq!(of(&inputs, &given, &[]), Ok(format!("batch=1 {images} {images} {images}")));
    }

    #[test]
    fn a_size_that_varies_keeps_its_name_open_wherever_it_stands() {
        let inputs = [("ids", "prompts 16"), ("mask", "prompts 16"), ("pixels", "batch 3 768 768")];
        let range =
            |input: &str| ShapeRange { input: input.to_owned(), min: vec![1, 16], opt: vec![4, 16], max: vec![64, 16] };
        let told = of(&inputs, &[("pixels", &[1, 3, 768, 768])], &[range("ids"), range("mask")]).unwrap();
        assert_eq!(told, "batch=1 ids:1x16,mask:1x16 ids:4x16,mask:4x16 ids:64x16,mask:64x16");
        // The same name elsewhere with one size is not fixed to it.
        let inputs = [("ids", "n 16"), ("pixels", "n 3 768 768")];
        let told = of(&inputs, &[("pixels", &[1, 3, 768, 768])], &[range("ids")]).unwrap();
        assert!(!told.contains('='), "{told}");
        assert!(told.contains("ids:4x16,pixels:1x3x768x768"), "{told}");
    }

    #[test]
    fn an_empty_size_is_no_fixed_one() {
        let told = of(&[("past", "1 2 length 8")], &[("past", &[1, 2, 0, 8])], &[]).unwrap();
        assert_eq!(told, "past:1x2x0x8 past:1x2x0x8 past:1x2x0x8");
    }

    #[test]
    fn a_size_that_nobody_knows_is_a_reason_against_tensorrt() {
        let inputs = [("input_ids", "1 tokens"), ("images", "1 3 64 64")];
        let reason = of(&inputs, &[], &[]).unwrap_err();
        assert_eq!(reason, format!("{OPEN_SIZES} (input_ids float32 [1, ?])"));
    }
}
