//! CLIP and SigLIP.

use super::fixture::float;
use super::watched::Watch;
use super::{Fixture, PIXELS, Picture, SPLIT, assert_close, assert_pixels, watched};
use crate::onnx_runtime::{cpu, runtime_or_skip};
use vedette::infer::Runtime;
use vedette::types::{BBox, ImagePx, Size};
use vedette::zoo::prompt::clip::{CropScorer, TextEncoder, TextVectors};
use vedette::zoo::{Family, Manifest};

/// Fixtures with the outputs of their graphs.
const FIXTURES: [(&str, Family, [&str; 2]); 2] = [
    ("clip", Family::Clip, ["text_embeds", "image_embeds"]),
    ("siglip", Family::Siglip, ["pooler_output", "pooler_output"]),
];

struct Opened {
    text: TextEncoder,
    text_watch: Watch,
    scorer: CropScorer,
    watch: Watch,
}

fn open(manifest: &Manifest, runtime: &'static Runtime) -> Opened {
    let (text, text_watch) = watched(manifest, "text_model", runtime);
    let (vision, watch) = watched(manifest, "vision_model", runtime);
    let (text, scorer) = (TextEncoder::new(manifest, text).unwrap(), CropScorer::new(manifest, vision).unwrap());
    Opened { text, text_watch, scorer, watch }
}

pub fn embedded(text: &mut TextEncoder, texts: &[&str]) -> TextVectors {
    let rows: Vec<Vec<f32>> = texts.iter().map(|words| text.embed(words).unwrap()).collect();
    TextVectors { dimensions: rows[0].len(), values: rows.concat() }
}

/// All of a picture: its processor cuts out what it shows.
fn whole(picture: &Picture) -> BBox<ImagePx> {
    let Size { width_px, height_px } = picture.size();
    BBox::from_corners(0.0, 0.0, width_px as f32, height_px as f32).unwrap()
}

fn probabilities_of(
    scorer: &mut CropScorer,
    picture: &Picture,
    boxes: &[BBox<ImagePx>],
    texts: &TextVectors,
) -> Vec<f32> {
    let mut logits = scorer.logits(&picture.view(), boxes, texts).unwrap().to_vec();
    logits.chunks_exact_mut(texts.values.len() / texts.dimensions).for_each(|row| scorer.probabilities(row));
    logits
}

#[test]
fn words_and_pictures_agree_with_their_reference() {
    let Some(runtime) = runtime_or_skip("parity of clip and siglip") else { return };
    for (name, family, [text_output, image_output]) in FIXTURES {
        let fixture = Fixture::open(name);
        let Opened { mut text, text_watch, mut scorer, watch } = open(&fixture.manifest(family, &SPLIT), runtime);
        for case in fixture.cases() {
            let what = format!("{name} {}", case.name);
            let texts = case.texts("prompts");
            let embeds = fixture.floats(case.tensor("text_embeds"));
            let dimensions = embeds.len() / texts.len();
            let ids = fixture.floats(case.tensor("input_ids"));
            for (index, prompt) in texts.iter().enumerate() {
                text.embed(prompt).unwrap();
                let log = text_watch.log();
                // The reference pads CLIP's to the longest; alone there is nothing to pad.
                let ours = &log.fed["input_ids"].1;
                let row = &ids[index * ids.len() / texts.len()..];
                assert_eq!(*ours, row[..ours.len()], "{what} {prompt}");
                let theirs = &embeds[index * dimensions..(index + 1) * dimensions];
                assert_close(&format!("{what} {prompt}"), &log.given[text_output].1, theirs, 1e-3);
            }
            let vectors = embedded(&mut text, &texts);
            for vector in vectors.values.chunks_exact(dimensions) {
                assert!((vector.iter().map(|value| value * value).sum::<f32>() - 1.0).abs() < 1e-5);
            }

            let pixels = fixture.pixels(&case);
            let one = pixels.len() / 3;
            let given = fixture.floats(case.tensor("pixel_values"));
            let probabilities = fixture.floats(case.tensor("probabilities"));
            let images = fixture.floats(case.tensor("image_embeds"));
            let boxes: Vec<_> = case
                .value("crops")
                .as_array()
                .unwrap()
                .iter()
                .map(|crop| {
                    BBox::from_corners(float(&crop[0]), float(&crop[1]), float(&crop[2]), float(&crop[3])).unwrap()
                })
                .collect();
            for same_tensors in [true, false] {
                let within = if same_tensors { 1e-3 } else { 5e-3 };
                let put = |values: &[f32]| {
                    if same_tensors {
                        watch.log().replace.insert("pixel_values".to_owned(), values.to_vec());
                    }
                };
                put(&given[..one]);
                let ours = probabilities_of(&mut scorer, &case.picture, &[whole(&case.picture)], &vectors);
                assert_close(&what, &ours, &probabilities[..texts.len()], within);
                assert_close(&what, &watch.log().given[image_output].1, &images[..dimensions], within);
                let fed = watch.log().fed["pixel_values"].1.clone();
                assert_pixels(&what, &fed, fixture.normalize(), &pixels[..one], PIXELS);

                put(&given[one..]);
                let ours = probabilities_of(&mut scorer, &case.picture, &boxes, &vectors);
                assert_close(&what, &ours, &probabilities[texts.len()..], within);
                let fed = watch.log().fed["pixel_values"].1.clone();
                for (crop, fed) in fed.chunks_exact(one).enumerate() {
                    let theirs = &pixels[(crop + 1) * one..(crop + 2) * one];
                    assert_pixels(&format!("{what} crop {crop}"), fed, fixture.normalize(), theirs, PIXELS);
                }
                watch.log().replace.clear();
            }
        }
    }
}

#[test]
fn more_boxes_than_a_batch_are_scored_like_each_alone() {
    let Some(runtime) = runtime_or_skip("batches of clip") else { return };
    for (name, family, _) in FIXTURES {
        let fixture = Fixture::open(name);
        let manifest = fixture.manifest(family, &SPLIT);
        let mut text = TextEncoder::load(&manifest, runtime).unwrap();
        let mut scorer = CropScorer::load(&manifest, runtime, &cpu()).unwrap();
        let picture = &fixture.cases()[0].picture;
        let vectors = embedded(&mut text, &["cat", "spoon", "cup"]);
        let boxes: Vec<_> = (1_u8..40)
            .map(|n| BBox::from_corners(f32::from(n), 2.0, 3.0 * f32::from(n) + 4.0, 60.0 + f32::from(n)).unwrap())
            .collect();
        let together = probabilities_of(&mut scorer, picture, &boxes, &vectors);
        assert_eq!(together.len(), 39 * 3);
        for (bbox, row) in boxes.iter().zip(together.chunks_exact(3)) {
            assert_close(name, &probabilities_of(&mut scorer, picture, &[*bbox], &vectors), row, 1e-5);
        }
        assert!(scorer.logits(&picture.view(), &[], &vectors).unwrap().is_empty());
        let outside = BBox::from_corners(-9.0, -9.0, -1.0, -1.0).unwrap();
        assert!(scorer.logits(&picture.view(), &[outside], &vectors).is_err());
    }
}
