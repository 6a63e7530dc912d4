//! The pictures by which a detector on a GPU is compared with the same on the CPU.

use super::{Detector, boxes_apart};
use crate::infer::{Agreement, BoxDistance, read_short};
use crate::types::{Detection, ImageView, PixelFormat};
use crate::vision::{PictureDecoder, picture_of_nothing};
use crate::zoo::{Manifest, Thresholds, ZooError};
use std::path::Path;

/// Eileen Collins, by NASA; in the public domain.
const ASTRONAUT: &[u8] = include_bytes!("astronaut.jpg");

/// The endings of pictures among a manifest's files.
const ENDINGS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// A larger file is no picture.
const MOST_BYTES: u64 = 64 << 20;

/// Boxes count from this score on, or from half of the best one where that is lower, and never below the last.
const FROM_SCORE: std::ops::RangeInclusive<f32> = 0.1..=0.25;

/// How far the boxes of `judged` are from those of the `reference` in the pictures that the manifest lists, one of a person,
/// and one of nothing. `None` where the reference itself fails.
pub(super) fn compare(
    manifest: &Manifest,
    reference: &mut dyn Detector,
    judged: &mut dyn Detector,
) -> Option<Agreement> {
    let mut all = BoxDistance::NONE;
    let mut decoder = PictureDecoder::default();
    let (nothing, size) = picture_of_nothing();
    let nothing = ImageView::new(&nothing, size, size.width_px * 3, PixelFormat::Rgb8).ok();
    let mut see = |image: &ImageView| -> Result<(), Option<String>> {
        let expected = seen(reference, image).map_err(|_| None)?;
        let found = seen(judged, image).map_err(|error| Some(error.to_string()))?;
        let best = expected.first().map_or(0.0, |best| best.score);
        let from_score = (best / 2.0).clamp(*FROM_SCORE.start(), *FROM_SCORE.end());
        all = all.and(boxes_apart(&expected, &found, from_score));
        Ok(())
    };
    let own: Vec<Vec<u8>> = manifest.files.iter().filter_map(|file| picture(manifest, &file.path)).collect();
    let mut looked = nothing.as_ref().map_or(Ok(()), &mut see);
    for picture in own.iter().map(Vec::as_slice).chain([ASTRONAUT]) {
        looked = looked.and_then(|()| match decoder.decode("", picture) {
            Ok(decoded) => see(&decoded.image),
            Err(error) => {
                tracing::warn!(model = manifest.name, %error, "a picture of the manifest is not compared");
                Ok(())
            }
        });
    }
    match looked {
        Ok(()) => Some(Agreement::Boxes(all)),
        Err(reason) => reason.map(Agreement::Broken),
    }
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase);
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

/// What a result that is remembered depends on beside the model: the hashes of the manifest's pictures.
pub(super) fn in_words(manifest: &Manifest) -> String {
    let pictures = manifest.files.iter().filter(|file| is_picture(&file.path));
    pictures.map(|file| file.sha256.as_deref().unwrap_or_default()).collect::<Vec<_>>().join(" ")
}

/// The bytes of a file of the manifest that is a picture.
fn picture(manifest: &Manifest, path: &Path) -> Option<Vec<u8>> {
    let path = manifest.folder.join(path);
    let bytes = is_picture(&path).then(|| read_short(&path, MOST_BYTES))?;
    bytes.inspect_err(|error| tracing::warn!(path = %path.display(), %error, "a picture is not compared")).ok()
}

fn seen(detector: &mut dyn Detector, image: &ImageView) -> Result<Vec<Detection>, ZooError> {
    let thresholds = Thresholds { score: FROM_SCORE.start() / 2.0, ..Thresholds::default() };
    let mut boxes = Vec::new();
    detector.detect(image, &thresholds, &mut boxes)?;
    Ok(boxes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::{Provider, Runtime, SessionOptions};
    use crate::types::{BBox, ClassId, Labels, Size};
    use crate::vision::Candidate;
    use crate::zoo::manifest::samples::{MINIMAL, loaded};
    use crate::zoo::{constant_detector, load};
    use std::path::PathBuf;

    fn sees(boxes: &[(f32, f32)]) -> Box<dyn Detector> {
        let candidate = |&(x_min, score): &(f32, f32)| Candidate {
            bbox: BBox::from_corners(x_min, 10.0, x_min + 20.0, 30.0).unwrap(),
            class: ClassId(0),
            score,
            source: 0,
        };
        let boxes: Vec<Candidate> = boxes.iter().map(candidate).collect();
        let size = Size { width_px: 64, height_px: 64 };
        constant_detector(size, &Labels::new(["person"], 0), &boxes).unwrap()
    }

    fn apart(manifest: &Manifest, reference: &[(f32, f32)], judged: &[(f32, f32)]) -> Option<Agreement> {
        compare(manifest, &mut *sees(reference), &mut *sees(judged))
    }

    #[test]
    fn boxes_are_compared_in_each_picture() {
        let manifest = loaded(MINIMAL);
        let same = apart(&manifest, &[(0.0, 0.9), (30.0, 0.5)], &[(0.0, 0.9), (30.0, 0.5)]).unwrap();
        let expected = BoxDistance { compared: 4, unmatched: 0, least_iou: 1.0, score: 0.0 };
        assert_eq!(same, Agreement::Boxes(expected), "of the person and of nothing");
        for judged in [&[(0.0, 0.9)][..], &[(0.0, 0.9), (30.0, 0.2)], &[(0.0, 0.9), (33.0, 0.5)]] {
            let far = apart(&manifest, &[(0.0, 0.9), (30.0, 0.5)], judged).unwrap();
            assert!(!far.is_near(), "{far}");
        }
    }

    #[test]
    fn an_answer_that_is_none_is_broken_where_the_cpu_has_one() {
        let manifest = loaded(MINIMAL);
        let broken = apart(&manifest, &[(0.0, 0.9)], &[(0.0, f32::NAN)]).unwrap();
        let Agreement::Broken(reason) = &broken else { panic!("{broken}") };
        assert!(reason.contains("NaN"), "{reason}");
        assert_eq!(apart(&manifest, &[(0.0, f32::NAN)], &[(0.0, 0.9)]), None, "the model itself is at fault");
    }

    #[test]
    fn pictures_that_the_manifest_lists_are_compared_too_and_a_broken_one_is_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let mut manifest = loaded(MINIMAL);
        manifest.folder = root.path().to_owned();
        std::fs::write(root.path().join("mine.JPG"), ASTRONAUT).unwrap();
        std::fs::write(root.path().join("broken.png"), b"none").unwrap();
        let before = in_words(&manifest);
        for path in ["mine.JPG", "broken.png", "missing.webp"] {
            let file = manifest.files[0].clone();
            manifest.files.push(crate::zoo::ModelFile { path: PathBuf::from(path), ..file });
        }
        assert_ne!(in_words(&manifest), before);
        let Some(Agreement::Boxes(found)) = apart(&manifest, &[(0.0, 0.9)], &[(0.0, 0.9)]) else { panic!("no boxes") };
        assert_eq!(found.compared, 3);
    }

    #[test]
    fn a_real_detector_sees_the_person() {
        let Some(runtime) = Runtime::or_skip("the person") else { return };
        let Ok(manifest) = crate::zoo::find(&[PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models")], "yolov12n")
        else {
            panic!("models/yolov12n is committed")
        };
        if !manifest.model_path().is_file() {
            eprintln!("skipped: the weights of yolov12n are not fetched");
            return;
        }
        let options = SessionOptions { providers: vec![Provider::Cpu], ..SessionOptions::default() };
        let mut detector = load(&manifest, runtime, &options).unwrap();
        let mut other = load(&manifest, runtime, &options).unwrap();
        let Some(Agreement::Boxes(found)) = compare(&manifest, &mut *detector, &mut *other) else { panic!("no boxes") };
        assert!(found.compared >= 1 && found.unmatched == 0 && found.score == 0.0, "{found:?}");
    }
}
