//! The inputs of a detector with fixed classes: one picture, and what some exports want to know beside it.

use super::Hints;
use crate::infer::{Backend, BytesIn, GraphEdit, Signature, TensorSpec};
use crate::types::{ChannelStep, Element, Size, TensorMut};
use crate::zoo::ZooError;
use crate::zoo::detect::queries::tensors;
use half::f16;

/// The size of a picture where neither the graph nor anybody else says it.
const USUAL: Size = Size { width_px: 640, height_px: 640 };

/// The input that takes the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::zoo) struct PictureTensor {
    /// Among the graph's inputs.
    pub place: usize,
    pub name: String,
    pub element: Element,
    /// `[1, H, W, 3]` instead of `[1, 3, H, W]`.
    pub channels_last: bool,
    pub size: Size,
}

impl PictureTensor {
    /// The edit with which it takes bytes, where it takes floats in planes and `steps` make these of bytes.
    pub fn bytes_in(&self, wished: BytesIn, steps: Option<Vec<ChannelStep>>) -> Option<GraphEdit> {
        let is_of_planes = matches!(self.element, Element::F32 | Element::F16) && !self.channels_last;
        wished.edit(&self.name, steps.filter(|_| is_of_planes))
    }

    /// Its dimensions.
    pub fn shape(&self) -> Vec<usize> {
        let (height, width) = (self.size.height_px as usize, self.size.width_px as usize);
        if self.channels_last { vec![1, height, width, 3] } else { vec![1, 3, height, width] }
    }
}

/// What an export wants to know beside the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::zoo) enum Beside {
    /// `orig_target_sizes`, int64 `[1, 2]`: width and height to which boxes are scaled. Takes the image's.
    TargetSizes,
    /// `scale_factor`, floats `[1, 2]`: by how much the picture was scaled, height and width. Takes ones, so that boxes
    /// stay in pixels of the tensor.
    ScaleFactor,
    /// `im_shape`, floats `[1, 2]`: height and width of the picture in the tensor. Takes the tensor's.
    ImageShape,
    /// `pixel_mask`, int64 `[1, 64, 64]`: where the tensor is picture. Takes ones.
    Mask,
}

impl Beside {
    /// Its dimensions.
    fn shape(self) -> &'static [usize] {
        if self == Self::Mask { &[1, 64, 64] } else { &[1, 2] }
    }

    /// Writes its two numbers.
    pub fn fill(self, input: &mut TensorMut, numbers: [u32; 2]) {
        match input {
            TensorMut::F32(values) => values.iter_mut().zip(numbers).for_each(|(value, number)| *value = number as f32),
            TensorMut::F16(values) => {
                values.iter_mut().zip(numbers).for_each(|(value, number)| *value = f16::from_f32(number as f32));
            }
            TensorMut::I64(values) => values.iter_mut().zip(numbers).for_each(|(value, number)| *value = number.into()),
            TensorMut::I32(values) => {
                values.iter_mut().zip(numbers).for_each(|(value, number)| *value = number.cast_signed());
            }
            // Its type was checked with the signature.
            _ => {}
        }
    }

    fn of(spec: &TensorSpec) -> Option<Self> {
        let floats = matches!(spec.element, Element::F32 | Element::F16);
        match spec.name.as_str() {
            "orig_target_sizes" if matches!(spec.element, Element::I64 | Element::I32) => Some(Self::TargetSizes),
            "scale_factor" if floats => Some(Self::ScaleFactor),
            "im_shape" if floats => Some(Self::ImageShape),
            "pixel_mask" if spec.element == Element::I64 => Some(Self::Mask),
            _ => None,
        }
        .filter(|kind| {
            let agree = |(declared, side): (&Option<usize>, &usize)| declared.is_none_or(|declared| declared == *side);
            spec.shape.len() == kind.shape().len() && spec.shape.iter().zip(kind.shape()).all(agree)
        })
    }
}

/// The inputs of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::zoo) struct Inputs {
    pub picture: PictureTensor,
    /// With their places.
    pub beside: Vec<(usize, Beside)>,
    /// What was taken where nobody says it.
    pub note: Option<String>,
}

impl Inputs {
    /// # Errors
    /// [`ZooError::Inputs`] when the graph takes none or several pictures, or something else; [`ZooError::InputSize`]
    /// when its pictures have another size than the hints say.
    pub fn of(signature: &Signature, hints: &Hints, family: &'static str) -> Result<Self, ZooError> {
        let refused = |expected: &str| ZooError::Inputs {
            family,
            found: tensors(&signature.inputs),
            expected: expected.to_owned(),
        };
        let mut picture = None;
        let mut beside = Vec::new();
        for (place, spec) in signature.inputs.iter().enumerate() {
            if let Some(kind) = Beside::of(spec) {
                beside.push((place, kind));
            } else if let (None, true) = (&picture, is_picture(spec)) {
                picture = Some((place, spec));
            } else {
                return Err(refused(EXPECTED));
            }
        }
        let (place, spec) = picture.ok_or_else(|| refused(EXPECTED))?;
        if !matches!(spec.shape[0], None | Some(1)) {
            return Err(refused("one picture at a time: export with batch 1 or a dynamic batch"));
        }
        let channels_last = spec.shape[1] != Some(3) && spec.shape[3] == Some(3);
        let [height, width] =
            if channels_last { [spec.shape[1], spec.shape[2]] } else { [spec.shape[2], spec.shape[3]] };
        let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
        // The sides that the graph has are its own, whoever says the others.
        let of_graph = |said: Size| Size {
            width_px: width.map_or(said.width_px, side),
            height_px: height.map_or(said.height_px, side),
        };
        if let Some(manifest) = hints.size
            && of_graph(manifest) != manifest
        {
            return Err(ZooError::InputSize { model: of_graph(manifest), manifest });
        }
        let noted = signature.metadata.get("imgsz").and_then(|text| size_of(text));
        let noted = noted.filter(|noted| of_graph(*noted) == *noted);
        let is_said = (height.is_some() && width.is_some()) || hints.size.is_some() || noted.is_some();
        // Where one side is known, a square of it.
        let square = height.or(width).map_or(USUAL, |known| Size { width_px: side(known), height_px: side(known) });
        let size = of_graph(hints.size.or(noted).unwrap_or(square));
        let note = (!is_said).then(|| {
            format!("the graph leaves the size of its pictures open and nobody says it: {size} px are taken (input.width_px, input.height_px)")
        });
        if size.width_px == 0 || size.height_px == 0 {
            return Err(refused("pictures with pixels"));
        }
        let picture = PictureTensor { place, name: spec.name.clone(), element: spec.element, channels_last, size };
        Ok(Self { picture, beside, note })
    }

    /// The shapes of all inputs by name, for the opening of a session.
    pub fn shapes(&self, signature: &Signature) -> Vec<(String, Vec<usize>)> {
        let beside =
            self.beside.iter().map(|(place, kind)| (signature.inputs[*place].name.clone(), kind.shape().to_vec()));
        std::iter::once((self.picture.name.clone(), self.picture.shape())).chain(beside).collect()
    }

    /// Gives the inputs beside the picture their shapes and numbers: boxes come in pixels of the tensor.
    ///
    /// # Errors
    /// [`ZooError::Infer`] when the graph does not take them.
    pub fn prepare_beside(&self, backend: &mut dyn Backend) -> Result<(), ZooError> {
        for (place, kind) in &self.beside {
            backend.reshape(*place, kind.shape())?;
            if *kind == Beside::Mask {
                backend.input(*place).fill_with_one();
                continue;
            }
            let Size { width_px, height_px } = self.picture.size;
            kind.fill(
                &mut backend.input(*place),
                match kind {
                    Beside::TargetSizes => [width_px, height_px],
                    Beside::ScaleFactor | Beside::Mask => [1, 1],
                    Beside::ImageShape => [height_px, width_px],
                },
            );
        }
        Ok(())
    }
}

const EXPECTED: &str = "one picture [1, 3, H, W] or [1, H, W, 3] of float32, float16 or uint8, beside it at most \
                        orig_target_sizes, scale_factor and im_shape [1, 2], pixel_mask [1, 64, 64]";

fn is_picture(spec: &TensorSpec) -> bool {
    let channels = |place: usize| matches!(spec.shape.get(place), Some(None | Some(3)));
    matches!(spec.element, Element::F32 | Element::F16 | Element::U8)
        && spec.shape.len() == 4
        && (channels(1) || spec.shape[3] == Some(3))
}

/// Ultralytics' `imgsz`: a side, or `[height, width]`.
fn size_of(text: &str) -> Option<Size> {
    let inner = text.trim().trim_start_matches(['[', '(']).trim_end_matches([']', ')']);
    let sides: Vec<u32> = inner.split(',').map(|side| side.trim().parse().ok()).collect::<Option<_>>()?;
    match sides[..] {
        [side] => Some(Size { width_px: side, height_px: side }),
        [height_px, width_px] => Some(Size { width_px, height_px }),
        _ => None,
    }
    .filter(|size| (1..=8192).contains(&size.width_px) && (1..=8192).contains(&size.height_px))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn inputs(specs: &[(&str, Element, &[usize])], imgsz: Option<&str>, size: Option<Size>) -> Result<Inputs, String> {
        let spec = |(name, element, shape): &(&str, Element, &[usize])| TensorSpec {
            name: (*name).to_owned(),
            element: *element,
            shape: shape.iter().map(|side| Some(*side).filter(|side| *side != 9999)).collect(),
        };
        let signature = Signature {
            inputs: specs.iter().map(spec).collect(),
            outputs: Vec::new(),
            metadata: imgsz.iter().map(|text| ("imgsz".to_owned(), (*text).to_owned())).collect::<BTreeMap<_, _>>(),
        };
        Inputs::of(&signature, &Hints { size, ..Hints::default() }, "yolo").map_err(|error| error.to_string())
    }

    #[test]
    fn the_size_comes_from_the_graph_the_hints_the_metadata_or_is_said() {
        let fixed = inputs(&[("images", Element::F32, &[1, 3, 384, 640])], None, None).unwrap();
        assert_eq!((fixed.picture.size, fixed.note), (Size { width_px: 640, height_px: 384 }, None));
        let open: &[usize] = &[9999, 3, 9999, 9999];
        let side = Size { width_px: 320, height_px: 320 };
        assert_eq!(inputs(&[("x", Element::F32, open)], Some("[256, 512]"), Some(side)).unwrap().picture.size, side);
        let noted = inputs(&[("x", Element::F32, open)], Some("[256, 512]"), None).unwrap();
        assert_eq!(noted.picture.size, Size { width_px: 512, height_px: 256 });
        let taken = inputs(&[("x", Element::F32, open)], Some("large"), None).unwrap();
        assert_eq!(taken.picture.size, USUAL);
        assert!(taken.note.unwrap().contains("640x640 px are taken"));
        let half = &[("x", Element::F32, &[1, 3, 9999, 320][..])];
        let taken = inputs(half, Some("640"), None).unwrap();
        assert_eq!(taken.picture.size, side, "the side that is known, where the metadata says another");
        assert!(taken.note.unwrap().contains("320x320 px are taken"));
        let noted = inputs(half, Some("[256, 320]"), None).unwrap();
        assert_eq!((noted.picture.size, noted.note), (Size { width_px: 320, height_px: 256 }, None));
        let error = inputs(half, None, Some(USUAL)).unwrap_err();
        assert_eq!(error, "model takes pictures of 320x640 px, the manifest says 640x640 px");
        let error = inputs(&[("x", Element::F32, &[1, 3, 64, 64])], None, Some(side)).unwrap_err();
        assert_eq!(error, "model takes pictures of 64x64 px, the manifest says 320x320 px");
    }

    #[test]
    fn bytes_and_channels_at_the_end_are_told() {
        let bytes = inputs(&[("images", Element::U8, &[1, 64, 96, 3])], None, None).unwrap().picture;
        assert!(bytes.channels_last && bytes.element == Element::U8);
        assert_eq!((bytes.size, bytes.shape()), (Size { width_px: 96, height_px: 64 }, vec![1, 64, 96, 3]));
        assert!(!inputs(&[("images", Element::F32, &[1, 3, 64, 3])], None, None).unwrap().picture.channels_last);
    }

    #[test]
    fn what_is_no_picture_and_none_of_the_known_companions_is_refused() {
        let picture = ("image", Element::F32, &[1, 3, 64, 64][..]);
        let paddle = [picture, ("scale_factor", Element::F32, &[1, 2][..]), ("im_shape", Element::F32, &[9999, 2][..])];
        let kinds: Vec<_> = inputs(&paddle, None, None).unwrap().beside;
        assert_eq!(kinds, [(1, Beside::ScaleFactor), (2, Beside::ImageShape)]);
        for wrong in [
            vec![picture, picture],
            vec![("scale_factor", Element::F32, &[1, 2][..])],
            vec![picture, ("scale_factor", Element::F32, &[1, 4][..])],
            vec![picture, ("text", Element::I64, &[1, 16][..])],
            vec![("images", Element::F32, &[1, 1, 64, 64][..])],
            vec![("images", Element::I64, &[1, 3, 64, 64][..])],
            vec![],
        ] {
            let error = inputs(&wrong, None, None).unwrap_err();
            assert!(error.contains("family yolo expects one picture [1, 3, H, W]"), "{error}");
        }
        let error = inputs(&[("images", Element::F32, &[8, 3, 64, 64])], None, None).unwrap_err();
        assert!(error.contains("export with batch 1"), "{error}");
        assert!(inputs(&[("images", Element::F32, &[1, 3, 0, 64])], None, None).is_err());
    }
}
