//! From `preprocessor_config.json` as it is written to a validated configuration, and the defaults of the processors that it names.
//!
//! The names and defaults are those of the PIL-based image processors in transformers 5.

use super::config::{MAX_TENSOR_SIDE_PX, ProcessorConfig, ProcessorConfigError, Resize};
use super::size_rule::SizeRule;
use crate::types::Size;
use crate::vision::Normalize;
use crate::vision::kernels::Resample;
use serde::Deserialize;
use serde_json::{Map, Value};

type Error = ProcessorConfigError;

/// The file's keys that speak of pixels, any value; what is not named here is in `rest`.
#[derive(Debug, Deserialize)]
struct RawConfig {
    image_processor_type: Option<Value>,
    feature_extractor_type: Option<Value>,
    do_resize: Option<Value>,
    size: Option<Value>,
    max_size: Option<Value>,
    resample: Option<Value>,
    do_center_crop: Option<Value>,
    crop_size: Option<Value>,
    do_rescale: Option<Value>,
    /// An older name of `do_rescale`.
    rescale: Option<Value>,
    rescale_factor: Option<Value>,
    do_normalize: Option<Value>,
    image_mean: Option<Value>,
    image_std: Option<Value>,
    do_convert_rgb: Option<Value>,
    do_pad: Option<Value>,
    pad_size: Option<Value>,
    do_image_splitting: Option<Value>,
    max_image_size: Option<Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// Keys that say nothing about pixels.
const SILENT_KEYS: [&str; 8] = [
    "processor_class",
    "auto_map",
    "format",
    "do_convert_annotations",
    "_valid_processor_keys",
    "image_seq_length",
    "return_row_col_info",
    "video_sampling",
];

/// The processors that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Clip,
    Siglip,
    Vit,
    OwlVit,
    Owlv2,
    RtDetr,
    RfDetr,
    Detr,
    Idefics3,
}

const CLIP: Normalize =
    Normalize { mean: [0.481_454_66, 0.457_827_5, 0.408_210_73], std: [0.268_629_54, 0.261_302_6, 0.275_777_1] };
const IMAGENET: Normalize = Normalize { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const HALF: Normalize = Normalize { mean: [0.5; 3], std: [0.5; 3] };

impl Kind {
    const NAMES: [(&str, Self); 13] = [
        ("CLIP", Self::Clip),
        ("Siglip", Self::Siglip),
        ("ViT", Self::Vit),
        ("OwlViT", Self::OwlVit),
        ("Owlv2", Self::Owlv2),
        ("RTDetr", Self::RtDetr),
        ("RfDetr", Self::RfDetr),
        ("Detr", Self::Detr),
        ("ConditionalDetr", Self::Detr),
        ("DeformableDetr", Self::Detr),
        ("GroundingDino", Self::Detr),
        ("Idefics3", Self::Idefics3),
        ("SmolVLM", Self::Idefics3),
    ];

    /// From `CLIPImageProcessor`, `CLIPImageProcessorFast`, `CLIPFeatureExtractor` and the like.
    fn from_name(name: &str) -> Option<Self> {
        let stem = name
            .trim_end_matches("Fast")
            .trim_end_matches("Pil")
            .strip_suffix("ImageProcessor")
            .or_else(|| name.strip_suffix("FeatureExtractor"))?;
        Self::NAMES.into_iter().find_map(|(known, kind)| (known == stem).then_some(kind))
    }

    fn normalize(self) -> Normalize {
        match self {
            Self::Clip | Self::OwlVit | Self::Owlv2 => CLIP,
            Self::Siglip | Self::Vit | Self::Idefics3 => HALF,
            Self::RtDetr | Self::RfDetr | Self::Detr => IMAGENET,
        }
    }

    fn filter(self) -> Resample {
        match self {
            Self::Clip | Self::Siglip | Self::OwlVit => Resample::Bicubic,
            Self::Vit | Self::Owlv2 | Self::RtDetr | Self::RfDetr | Self::Detr => Resample::Bilinear,
            Self::Idefics3 => Resample::Lanczos,
        }
    }

    fn rule(self) -> SizeRule {
        match self {
            Self::Clip => SizeRule::Shortest(224),
            Self::Siglip | Self::Vit => SizeRule::Exact(square(224)),
            Self::OwlVit => SizeRule::Exact(square(768)),
            Self::Owlv2 => SizeRule::Exact(square(960)),
            Self::RtDetr => SizeRule::Exact(square(640)),
            Self::RfDetr | Self::Detr => SizeRule::Between { shortest_px: 800, longest_px: 1333 },
            Self::Idefics3 => SizeRule::Longest(4 * 364),
        }
    }

    fn crop(self) -> Option<Size> {
        match self {
            Self::Clip => Some(square(224)),
            Self::OwlVit => Some(square(768)),
            _ => None,
        }
    }

    /// Whether the processor can crop at all.
    fn crops(self) -> bool {
        matches!(self, Self::Clip | Self::Siglip | Self::Vit | Self::OwlVit)
    }

    /// What its `size` may be, in words.
    fn sizes(self) -> &'static str {
        match self {
            Self::Clip | Self::Siglip | Self::Vit | Self::OwlVit => {
                "a side, [height, width], {height, width}, {shortest_edge} or {shortest_edge, longest_edge}"
            }
            Self::RtDetr | Self::RfDetr => "[height, width], {height, width} or {shortest_edge, longest_edge}",
            Self::Detr => "a side, [height, width], {height, width} or {shortest_edge, longest_edge}",
            Self::Owlv2 => "a side, [height, width] or {height, width}",
            Self::Idefics3 => "{longest_edge} or {height, width}",
        }
    }

    fn takes(self, rule: SizeRule) -> bool {
        match rule {
            SizeRule::Exact(_) => true,
            SizeRule::Shortest(_) => self.crops(),
            SizeRule::Between { .. } => self.crops() || matches!(self, Self::RtDetr | Self::RfDetr | Self::Detr),
            SizeRule::Longest(_) => self == Self::Idefics3,
        }
    }
}

const fn square(side: u32) -> Size {
    Size { width_px: side, height_px: side }
}

impl ProcessorConfig {
    /// Reads the text of a checkpoint's `preprocessor_config.json`, or of a `processor_config.json` that holds an
    /// `image_processor`. A key that is missing or null has the default of the named processor.
    ///
    /// # Errors
    /// [`ProcessorConfigError`] for text that is no JSON object, an unknown processor, a value that is not understood,
    /// contradicts another or asks for more than [`MAX_TENSOR_SIDE_PX`], and an unknown step (`do_...`) switched on.
    pub fn from_json(text: &str) -> Result<Self, ProcessorConfigError> {
        RawConfig::parse(text)?.try_into()
    }
}

impl RawConfig {
    /// The object itself, or its `image_processor`.
    fn parse(text: &str) -> Result<Self, Error> {
        let json = |error: serde_json::Error| Error::Json { reason: error.to_string() };
        let mut object: Map<String, Value> = serde_json::from_str(text).map_err(json)?;
        let object = match object.remove("image_processor") {
            Some(inner @ Value::Object(_)) => inner,
            Some(other) => return Err(refused("image_processor", &other, "an object")),
            None => Value::Object(object),
        };
        serde_json::from_value(object).map_err(json)
    }

    fn kind(&self) -> Result<Kind, Error> {
        let expected = || {
            let names: Vec<String> = Kind::NAMES.iter().map(|(name, _)| format!("{name}ImageProcessor")).collect();
            format!("one of {}", names.join(", "))
        };
        let named = [
            ("image_processor_type", &self.image_processor_type),
            ("feature_extractor_type", &self.feature_extractor_type),
        ];
        let Some((key, value)) = named.into_iter().find_map(|(key, value)| Some((key, given(value)?))) else {
            return Err(Error::Missing { key: "image_processor_type".into(), expected: expected() });
        };
        value.as_str().and_then(Kind::from_name).ok_or_else(|| refused(key, value, expected()))
    }

    fn filter(&self, kind: Kind) -> Result<Resample, Error> {
        let Some(value) = given(&self.resample) else { return Ok(kind.filter()) };
        let filter = value.as_u64().and_then(|code| Resample::ALL.get(usize::try_from(code).ok()?).copied());
        filter.ok_or_else(|| {
            refused("resample", value, "0 (nearest), 1 (lanczos), 2 (bilinear), 3 (bicubic), 4 (box) or 5 (hamming)")
        })
    }

    fn rule(&self, kind: Kind) -> Result<SizeRule, Error> {
        let Some(value) = given(&self.size) else { return Ok(kind.rule()) };
        let wrong = || refused("size", value, kind.sizes());
        let rule = match value {
            Value::Number(_) => {
                let side = side("size", value)?;
                match kind {
                    Kind::Clip | Kind::Siglip => SizeRule::Shortest(side),
                    Kind::Vit | Kind::OwlVit | Kind::Owlv2 => SizeRule::Exact(square(side)),
                    Kind::Detr => {
                        let longest_px =
                            given(&self.max_size).map_or(Ok(1333), |value| self::side("max_size", value))?;
                        SizeRule::Between { shortest_px: side, longest_px }
                    }
                    Kind::RtDetr | Kind::RfDetr | Kind::Idefics3 => return Err(wrong()),
                }
            }
            Value::Object(sides) => {
                let mut keys: Vec<&str> =
                    sides.iter().filter(|(_, value)| !value.is_null()).map(|(key, _)| key.as_str()).collect();
                keys.sort_unstable();
                let named = |key: &str| side(&format!("size.{key}"), &sides[key]);
                match keys[..] {
                    ["height", "width"] => SizeRule::Exact(exact("size", value)?),
                    ["shortest_edge"] => SizeRule::Shortest(named("shortest_edge")?),
                    ["longest_edge"] => SizeRule::Longest(named("longest_edge")?),
                    ["longest_edge", "shortest_edge"] => {
                        SizeRule::Between { shortest_px: named("shortest_edge")?, longest_px: named("longest_edge")? }
                    }
                    _ => return Err(wrong()),
                }
            }
            _ => SizeRule::Exact(exact("size", value)?),
        };
        if let SizeRule::Between { shortest_px, longest_px } = rule
            && shortest_px > longest_px
        {
            return Err(refused("size", value, "a shortest edge of at most the longest edge"));
        }
        if kind.takes(rule) { Ok(rule) } else { Err(wrong()) }
    }

    fn resize(&self, kind: Kind) -> Result<Resize, Error> {
        let (rule, filter) = (self.rule(kind)?, self.filter(kind)?);
        let resizes = switch("do_resize", &self.do_resize, true)?;
        let pads = switch("do_pad", &self.do_pad, kind == Kind::Owlv2)?;
        if let Some(pad_size) = given(&self.pad_size).filter(|_| pads) {
            return Err(refused("pad_size", pad_size, "null: one picture needs no padding to others"));
        }
        match (kind, rule) {
            (Kind::Owlv2, SizeRule::Exact(size)) => {
                let filtered = self.resample.as_ref().is_some_and(|_| filter == Resample::Nearest);
                if !resizes {
                    return Err(refused("do_resize", &Value::Bool(false), "true for Owlv2ImageProcessor"));
                }
                if filtered {
                    return Err(refused("resample", &Value::from(0), "1 to 5 for Owlv2ImageProcessor"));
                }
                Ok(Resize::Smooth { size, padding: pads.then_some(ProcessorConfig::OWLV2_PADDING) })
            }
            (Kind::RfDetr, _) if resizes => Ok(Resize::Floats { rule, filter }),
            _ if resizes => Ok(Resize::Pillow { rule, filter }),
            _ => Ok(Resize::Keep),
        }
    }

    fn center_crop(&self, kind: Kind) -> Result<Option<Size>, Error> {
        let size = given(&self.crop_size).map(|value| exact("crop_size", value)).transpose()?.or(kind.crop());
        if !switch("do_center_crop", &self.do_center_crop, kind == Kind::Clip)? {
            return Ok(None);
        }
        if !kind.crops() {
            return Err(refused("do_center_crop", &Value::Bool(true), "false for this image processor"));
        }
        let missing = || Error::Missing { key: "crop_size".into(), expected: "a side or {height, width}".into() };
        size.ok_or_else(missing).map(Some)
    }

    fn rescale_factor(&self, kind: Kind) -> Result<f64, Error> {
        let written = if given(&self.do_rescale).is_some() { &self.do_rescale } else { &self.rescale };
        let rescales = switch("do_rescale", written, true)?;
        if !rescales && kind == Kind::Owlv2 {
            return Err(refused("do_rescale", &Value::Bool(false), "true for Owlv2ImageProcessor"));
        }
        let factor = match given(&self.rescale_factor) {
            None => 1.0 / 255.0,
            Some(value) => value
                .as_f64()
                .filter(|factor| factor.is_finite() && *factor > 0.0)
                .ok_or_else(|| refused("rescale_factor", value, "a number above 0"))?,
        };
        Ok(if rescales { factor } else { 1.0 })
    }

    fn normalize(&self, kind: Kind) -> Result<Normalize, Error> {
        let default = kind.normalize();
        let three = |key: &str, value: &Option<Value>, default: [f32; 3], above: f64| {
            let Some(value) = given(value) else { return Ok(default) };
            let expected = if above == 0.0 { "a number above 0, or three" } else { "a number, or three" };
            colors(value, above).ok_or_else(|| refused(key, value, expected))
        };
        let mean = three("image_mean", &self.image_mean, default.mean, f64::NEG_INFINITY)?;
        let std = three("image_std", &self.image_std, default.std, 0.0)?;
        let normalizes = switch("do_normalize", &self.do_normalize, kind != Kind::RtDetr)?;
        Ok(if normalizes { Normalize { mean, std } } else { Normalize::UNIT })
    }

    fn tile_px(&self, kind: Kind) -> Result<Option<u32>, Error> {
        if kind != Kind::Idefics3 {
            return match switch("do_image_splitting", &self.do_image_splitting, false)? {
                true => Err(refused("do_image_splitting", &Value::Bool(true), "false for this image processor")),
                false => Ok(None),
            };
        }
        let Some(value) = given(&self.max_image_size) else { return Ok(Some(364)) };
        match value.as_object().and_then(|sides| sides.get("longest_edge")) {
            Some(longest) => side("max_image_size.longest_edge", longest).map(Some),
            None => Err(refused("max_image_size", value, "{longest_edge}")),
        }
    }

    /// Keys without a meaning here; a step among them that is switched on is refused.
    fn unused_keys(&self) -> Result<Vec<String>, Error> {
        let unused = self.rest.iter().filter(|(key, value)| !value.is_null() && !SILENT_KEYS.contains(&key.as_str()));
        let name = |(key, value): (&String, &Value)| {
            if key.starts_with("do_") && value != &Value::Bool(false) {
                return Err(refused(key, value, "false: no such step is known"));
            }
            Ok(key.chars().take(80).collect())
        };
        unused.map(name).collect()
    }
}

impl TryFrom<RawConfig> for ProcessorConfig {
    type Error = Error;

    fn try_from(raw: RawConfig) -> Result<Self, Error> {
        let kind = raw.kind()?;
        switch("do_convert_rgb", &raw.do_convert_rgb, true)?;
        Ok(Self {
            resize: raw.resize(kind)?,
            center_crop: raw.center_crop(kind)?,
            tile_px: raw.tile_px(kind)?,
            splits: switch("do_image_splitting", &raw.do_image_splitting, kind == Kind::Idefics3)?,
            rescale_factor: raw.rescale_factor(kind)?,
            normalize: raw.normalize(kind)?,
            unused_keys: raw.unused_keys()?,
        })
    }
}

/// The value unless it is null.
fn given(value: &Option<Value>) -> Option<&Value> {
    value.as_ref().filter(|value| !value.is_null())
}

fn switch(key: &str, value: &Option<Value>, default: bool) -> Result<bool, Error> {
    let Some(value) = given(value) else { return Ok(default) };
    value.as_bool().ok_or_else(|| refused(key, value, "true, false or null"))
}

fn side(key: &str, value: &Value) -> Result<u32, Error> {
    let side = value.as_u64().and_then(|side| u32::try_from(side).ok());
    side.filter(|side| (1..=MAX_TENSOR_SIDE_PX).contains(side))
        .ok_or_else(|| refused(key, value, format!("a whole number of pixels from 1 to {MAX_TENSOR_SIDE_PX}")))
}

/// A side, `[height, width]` or `{height, width}`.
fn exact(key: &str, value: &Value) -> Result<Size, Error> {
    let sized = |height: &Value, width: &Value| {
        let (height_px, width_px) = (side(&format!("{key}.height"), height)?, side(&format!("{key}.width"), width)?);
        Ok(Size { width_px, height_px })
    };
    match value {
        Value::Number(_) => side(key, value).map(square),
        Value::Array(sides) => match &sides[..] {
            [height, width] => sized(height, width),
            _ => Err(refused(key, value, "[height, width]")),
        },
        Value::Object(sides) => match (sides.get("height"), sides.get("width")) {
            (Some(height), Some(width)) => sized(height, width),
            _ => Err(refused(key, value, "{height, width}")),
        },
        _ => Err(refused(key, value, "a side, [height, width] or {height, width}")),
    }
}

/// One number for all colors or three, finite and above `above`.
fn colors(value: &Value, above: f64) -> Option<[f32; 3]> {
    #[expect(clippy::cast_possible_truncation, reason = "the nearest single-precision number is meant")]
    let one = |value: &Value| {
        let number = value.as_f64()? as f32;
        (number.is_finite() && f64::from(number) > above).then_some(number)
    };
    match value {
        Value::Array(values) => match &values[..] {
            [red, green, blue] => Some([one(red)?, one(green)?, one(blue)?]),
            _ => None,
        },
        value => one(value).map(|number| [number; 3]),
    }
}

fn refused(key: &str, found: &Value, expected: impl Into<String>) -> Error {
    let found = found.to_string().chars().take(80).collect();
    Error::Value { key: key.chars().take(80).collect(), found, expected: expected.into() }
}

#[cfg(test)]
mod tests;
