//! The pictures by which a detector on a GPU is compared with the same on the CPU.

use super::{Detector, boxes_apart};
use crate::infer::{Agreement, BoxDistance, file_sha256, read_short};
use crate::types::{Detection, ImageView, PixelFormat};
use crate::vision::{PictureDecoder, picture_of_nothing};
use crate::zoo::{Manifest, Thresholds, ZooError};
use std::path::{Path, PathBuf};

/// Eileen Collins, by NASA; in the public domain.
const ASTRONAUT: &[u8] = include_bytes!("astronaut.jpg");

/// The endings of pictures among a manifest's files.
const ENDINGS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// A larger file is no picture.
const MOST_BYTES: u64 = 64 << 20;

/// Boxes count from this score on, or from half of the best one where that is lower, and never below the last.
const FROM_SCORE: std::ops::RangeInclusive<f32> = 0.1..=0.25;

/// How far the boxes of `judged` are from those of the `reference` in the pictures that the manifest lists, one of a person,
/// and one of nothing. A picture that the reference itself fails on is passed over; `None` where that is each of them.
pub(super) fn compare(
    manifest: &Manifest,
    reference: &mut dyn Detector,
    judged: &mut dyn Detector,
) -> Option<Agreement> {
    let mut all: Option<BoxDistance> = None;
    let mut decoder = PictureDecoder::default();
    let mut see = |name: &str, image: &ImageView| -> Result<(), Agreement> {
        let expected = match seen(reference, image) {
            Ok(expected) => expected,
            Err(error) => {
                tracing::warn!(model = manifest.name, picture = name, %error, "not compared, the CPU does not take it");
                return Ok(());
            }
        };
        let found = seen(judged, image).map_err(|error| match error {
            ZooError::Infer(error) => Agreement::Failed(error.into_reason()),
            error => Agreement::Broken(error.to_string()),
        })?;
        let best = expected.first().map_or(0.0, |best| best.score);
        let from_score = (best / 2.0).clamp(*FROM_SCORE.start(), *FROM_SCORE.end());
        let apart = boxes_apart(&expected, &found, from_score);
        all = Some(all.map_or(apart, |all| all.and(apart)));
        Ok(())
    };
    let (nothing, size) = picture_of_nothing();
    let nothing = ImageView::new(&nothing, size, size.width_px * 3, PixelFormat::Rgb8).ok();
    let mut looked = nothing.as_ref().map_or(Ok(()), |nothing| see("of nothing", nothing));
    let own = own_pictures(manifest).filter_map(|path| Some((path.display().to_string(), picture(&path)?)));
    for (name, bytes) in own.chain([("of a person".to_owned(), ASTRONAUT.to_vec())]) {
        looked = looked.and_then(|()| match decoder.decode("", &bytes) {
            Ok(decoded) => see(&name, &decoded.image),
            Err(error) => {
                tracing::warn!(model = manifest.name, picture = name, %error, "not compared");
                Ok(())
            }
        });
    }
    looked.err().or(all.map(Agreement::Boxes))
}

/// What a result that is remembered depends on beside the graph: what the manifest says of its tensors, and the bytes of the
/// files that it lists beside those of the graph, as they are now.
pub(super) fn in_words(manifest: &Manifest) -> String {
    let Manifest { family, layout, input, labels, .. } = manifest;
    let beside = manifest.files.iter().skip(1).filter(|file| file.role().is_some());
    let hashes = beside.map(|file| file_sha256(&manifest.folder.join(&file.path)).unwrap_or_default());
    let hashes = hashes.collect::<Vec<_>>().join(" ");
    format!("{family} {layout:?} {input:?} {labels:?} {hashes}")
}

/// The pictures among the files of the manifest.
fn own_pictures(manifest: &Manifest) -> impl Iterator<Item = PathBuf> {
    let is_picture = |path: &Path| {
        let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase);
        ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
    };
    let paths = manifest.files.iter().map(|file| &file.path).filter(move |path| is_picture(path));
    paths.map(|path| manifest.folder.join(path))
}

fn picture(path: &Path) -> Option<Vec<u8>> {
    let bytes = read_short(path, MOST_BYTES);
    bytes.inspect_err(|error| tracing::warn!(picture = %path.display(), %error, "not compared")).ok()
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
    use crate::infer::{InferError, Proof, Provider, Runtime, SessionOptions};
    use crate::types::{BBox, ClassId, Labels, Size};
    use crate::vision::{Candidate, Colors};
    use crate::zoo::manifest::samples::{MINIMAL, loaded};
    use crate::zoo::{Pixels, constant_detector, load};

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

    /// A detector that takes no picture of this width.
    struct Picky(Box<dyn Detector>, u32);

    impl Detector for Picky {
        fn labels(&self) -> &Labels {
            self.0.labels()
        }

        fn input_size(&self) -> Size {
            self.0.input_size()
        }

        fn detect(&mut self, image: &ImageView, bounds: &Thresholds, out: &mut Vec<Detection>) -> Result<(), ZooError> {
            match image.size().width_px == self.1 {
                true => Err(ZooError::Infer(InferError::Run { reason: "out of memory".to_owned() })),
                false => self.0.detect(image, bounds, out),
            }
        }

        fn proof(&self) -> &Proof {
            self.0.proof()
        }
    }

    #[test]
    fn a_picture_that_the_cpu_does_not_take_does_not_spare_the_others() {
        let manifest = loaded(MINIMAL);
        let (boxes, others) = ([(0.0, 0.9)], [(30.0, 0.9)]);
        let far = compare(&manifest, &mut Picky(sees(&boxes), 640), &mut *sees(&others)).unwrap();
        assert!(matches!(&far, Agreement::Boxes(found) if found.unmatched == 2), "of the person alone: {far}");
    }

    #[test]
    fn a_run_that_fails_on_the_provider_alone_is_told_from_a_wrong_answer() {
        let manifest = loaded(MINIMAL);
        let failed = compare(&manifest, &mut *sees(&[(0.0, 0.9)]), &mut Picky(sees(&[(0.0, 0.9)]), 640)).unwrap();
        assert_eq!(failed, Agreement::Failed("out of memory".to_owned()));
    }

    #[test]
    fn a_result_is_of_the_pictures_as_they_are_and_of_what_is_done_to_their_pixels() {
        let root = tempfile::tempdir().unwrap();
        let mut manifest = loaded(MINIMAL);
        manifest.folder = root.path().to_owned();
        let mut listed = manifest.files[0].clone();
        (listed.path, listed.sha256) = (PathBuf::from("mine.jpg"), None);
        manifest.files.push(listed);
        std::fs::write(root.path().join("mine.jpg"), "one").unwrap();
        let before = in_words(&manifest);
        assert_eq!(in_words(&manifest), before);
        std::fs::write(root.path().join("mine.jpg"), "another").unwrap();
        let after = in_words(&manifest);
        assert_ne!(after, before);
        let pixels = Pixels { colors: Some(Colors::Bgr), ..Pixels::default() };
        manifest.input.as_mut().unwrap().pixels = pixels;
        assert_ne!(in_words(&manifest), after);
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
