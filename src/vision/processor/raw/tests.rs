use crate::types::Size;
use crate::vision::{Normalize, ProcessorConfig, ProcessorConfigError, Resample, Resize, SizeRule};

const fn size(width_px: u32, height_px: u32) -> Size {
    Size { width_px, height_px }
}

fn read(text: &str) -> ProcessorConfig {
    ProcessorConfig::from_json(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn resize(text: &str) -> Resize {
    read(text).resize
}

#[test]
fn a_named_processor_fills_in_its_defaults() {
    let clip = read(r#"{"image_processor_type": "CLIPImageProcessor"}"#);
    assert_eq!(clip.resize, Resize::Pillow { rule: SizeRule::Shortest(224), filter: Resample::Bicubic });
    assert_eq!((clip.center_crop, clip.rescale_factor, clip.tile_px), (Some(size(224, 224)), 1.0 / 255.0, None));
    assert_eq!(clip.normalize.mean, [0.481_454_66, 0.457_827_5, 0.408_210_73]);

    let detr = read(r#"{"image_processor_type": "RTDetrImageProcessorFast"}"#);
    assert_eq!(detr.resize, Resize::Pillow { rule: SizeRule::Exact(size(640, 640)), filter: Resample::Bilinear });
    assert_eq!((detr.normalize, detr.center_crop), (Normalize::UNIT, None));

    let rf_detr = read(r#"{"image_processor_type": "RfDetrImageProcessor", "do_pad": true, "size": [560, 512]}"#);
    let rule = SizeRule::Exact(size(512, 560));
    assert_eq!(rf_detr.resize, Resize::Floats { rule, filter: Resample::Bilinear });
    assert_eq!(rf_detr.normalize.std, [0.229, 0.224, 0.225]);

    let smol = read(r#"{"image_processor_type": "Idefics3ImageProcessor"}"#);
    assert_eq!(smol.resize, Resize::Pillow { rule: SizeRule::Longest(1456), filter: Resample::Lanczos });
    assert_eq!((smol.tile_px, smol.splits), (Some(364), true));

    let owl = read(r#"{"image_processor_type": "Owlv2ImageProcessor"}"#);
    assert_eq!(owl.resize, Resize::Smooth { size: size(960, 960), padding: Some(0.5) });
}

#[test]
fn older_files_with_plain_sides_are_understood() {
    let clip = read(
        r#"{"crop_size": 224, "do_center_crop": true, "do_normalize": true, "do_resize": true,
            "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": [0.5, 0.5, 0.5], "image_std": 0.25,
            "resample": 3, "size": 256}"#,
    );
    assert_eq!(clip.resize, Resize::Pillow { rule: SizeRule::Shortest(256), filter: Resample::Bicubic });
    assert_eq!((clip.center_crop, clip.normalize.std), (Some(size(224, 224)), [0.25; 3]));

    let owl = resize(r#"{"feature_extractor_type": "OwlViTFeatureExtractor", "size": [384, 768], "resample": 3}"#);
    assert_eq!(owl, Resize::Pillow { rule: SizeRule::Exact(size(768, 384)), filter: Resample::Bicubic });

    let detr = resize(r#"{"feature_extractor_type": "DetrFeatureExtractor", "size": 600, "max_size": 1000}"#);
    let rule = SizeRule::Between { shortest_px: 600, longest_px: 1000 };
    assert_eq!(detr, Resize::Pillow { rule, filter: Resample::Bilinear });
}

#[test]
fn an_image_processor_inside_a_processor_configuration_is_read() {
    let text = r#"{"processor_class": "X", "image_processor": {"image_processor_type": "SiglipImageProcessor"}}"#;
    assert_eq!(resize(text), Resize::Pillow { rule: SizeRule::Exact(size(224, 224)), filter: Resample::Bicubic });
}

#[test]
fn null_is_the_default_and_a_step_switched_off_is_left_out() {
    let config = read(
        r#"{"image_processor_type": "SiglipImageProcessor", "size": null, "resample": null, "do_convert_rgb": null,
            "do_resize": false, "do_rescale": false, "do_normalize": false, "pad_size": null}"#,
    );
    assert_eq!(config.resize, Resize::Keep);
    assert_eq!((config.rescale_factor, config.normalize, config.center_crop), (1.0, Normalize::UNIT, None));
}

#[test]
fn keys_that_say_nothing_known_are_listed() {
    let config = read(
        r#"{"image_processor_type": "CLIPImageProcessor", "processor_class": "CLIPProcessor", "device": "cuda",
            "do_thumbnail": false, "input_data_format": null}"#,
    );
    assert_eq!(config.unused_keys, ["device", "do_thumbnail"]);
}

#[test]
fn one_bad_value_is_refused_with_its_key_and_what_was_expected() {
    let cases = [
        ("CLIP", r#""resample": 6"#, "resample is 6, expected 0 (nearest), 1"),
        ("CLIP", r#""resample": "bicubic""#, "resample is \"bicubic\", expected 0 (nearest)"),
        ("CLIP", r#""do_resize": 1"#, "do_resize is 1, expected true, false or null"),
        ("CLIP", r#""do_convert_rgb": "yes""#, "do_convert_rgb is \"yes\", expected true, false or null"),
        ("CLIP", r#""size": 0"#, "size is 0, expected a whole number of pixels from 1 to 8192"),
        ("CLIP", r#""size": 224.5"#, "size is 224.5, expected a whole number of pixels from 1 to 8192"),
        ("CLIP", r#""size": {"height": 8193, "width": 4}"#, "size.height is 8193, expected a whole number"),
        ("CLIP", r#""size": {"shortest_edge": -1}"#, "size.shortest_edge is -1, expected a whole number"),
        (
            "CLIP",
            r#""size": {"longest_edge": 224}"#,
            "size is {\"longest_edge\":224}, expected a side, [height, width]",
        ),
        ("CLIP", r#""size": {"height": 224}"#, "size is {\"height\":224}, expected a side, [height, width]"),
        ("CLIP", r#""size": [1, 2, 3]"#, "size is [1,2,3], expected [height, width]"),
        ("CLIP", r#""size": true"#, "size is true, expected a side, [height, width]"),
        ("CLIP", r#""crop_size": {"width": 5}"#, "crop_size is {\"width\":5}, expected {height, width}"),
        ("CLIP", r#""rescale_factor": 0"#, "rescale_factor is 0, expected a number above 0"),
        ("CLIP", r#""rescale_factor": "1/255""#, "rescale_factor is \"1/255\", expected a number above 0"),
        ("CLIP", r#""image_mean": [0.5, 0.5]"#, "image_mean is [0.5,0.5], expected a number, or three"),
        ("CLIP", r#""image_mean": [0.5, 0.5, 1e99]"#, "image_mean is [0.5,0.5,1e+99], expected a number, or three"),
        ("CLIP", r#""image_std": [0.5, 0.0, 0.5]"#, "image_std is [0.5,0.0,0.5], expected a number above 0, or three"),
        (
            "CLIP",
            r#""do_image_splitting": true"#,
            "do_image_splitting is true, expected false for this image processor",
        ),
        ("CLIP", r#""do_flip": true"#, "do_flip is true, expected false: no such step is known"),
        ("CLIP", r#""do_pad": true, "pad_size": {"height": 9, "width": 9}"#, "pad_size is {\"height\":9,\"width\":9}"),
        ("RTDetr", r#""do_center_crop": true"#, "do_center_crop is true, expected false for this image processor"),
        ("RTDetr", r#""size": {"shortest_edge": 9}"#, "size is {\"shortest_edge\":9}, expected [height, width]"),
        ("RTDetr", r#""size": 640"#, "size is 640, expected [height, width], {height, width}"),
        ("GroundingDino", r#""size": {"shortest_edge": 9, "longest_edge": 8}"#, "expected a shortest edge of at most"),
        ("Detr", r#""size": 800, "max_size": "big""#, "max_size is \"big\", expected a whole number"),
        ("Siglip", r#""do_center_crop": true"#, "no crop_size, expected a side or {height, width}"),
        ("Owlv2", r#""size": {"shortest_edge": 960}"#, "size is {\"shortest_edge\":960}, expected a side"),
        ("Owlv2", r#""resample": 0"#, "resample is 0, expected 1 to 5 for Owlv2ImageProcessor"),
        ("Owlv2", r#""do_resize": false"#, "do_resize is false, expected true for Owlv2ImageProcessor"),
        ("Owlv2", r#""rescale": false"#, "do_rescale is false, expected true for Owlv2ImageProcessor"),
        ("SmolVLM", r#""max_image_size": 512"#, "max_image_size is 512, expected {longest_edge}"),
        ("SmolVLM", r#""max_image_size": {"longest_edge": 0}"#, "max_image_size.longest_edge is 0, expected a whole"),
        ("Idefics3", r#""size": {"shortest_edge": 364}"#, "size is {\"shortest_edge\":364}, expected {longest_edge}"),
    ];
    for (name, pair, expected) in cases {
        let text = format!(r#"{{"image_processor_type": "{name}ImageProcessor", {pair}}}"#);
        let error = ProcessorConfig::from_json(&text).expect_err(&text).to_string();
        assert!(error.starts_with("image processor configuration: ") && error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_file_without_a_known_processor_is_refused() {
    let message = |text: &str| ProcessorConfig::from_json(text).unwrap_err().to_string();
    let missing = message("{}");
    assert!(missing.contains("no image_processor_type, expected one of CLIPImageProcessor, Siglip"), "{missing}");
    let unknown = message(r#"{"image_processor_type": "Qwen2VLImageProcessor"}"#);
    assert!(unknown.contains("image_processor_type is \"Qwen2VLImageProcessor\", expected one of CLIP"), "{unknown}");
    assert!(message(r#"{"image_processor_type": 5}"#).contains("image_processor_type is 5"));
    assert!(message(r#"{"image_processor": []}"#).contains("image_processor is [], expected an object"));
}

#[test]
fn text_that_is_no_object_is_refused() {
    for text in ["", "[1]", "{\"size\": 1", "\u{0}", "null"] {
        let error = ProcessorConfig::from_json(text).unwrap_err();
        assert!(matches!(error, ProcessorConfigError::Json { .. }), "{text}: {error}");
    }
}

#[test]
fn a_long_value_is_cut_in_the_message() {
    let text = format!(r#"{{"image_processor_type": "{}"}}"#, "x".repeat(10_000));
    assert!(ProcessorConfig::from_json(&text).unwrap_err().to_string().len() < 600);
}
