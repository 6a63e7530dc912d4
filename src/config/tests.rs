//! The whole room: files and overrides in, a configuration or a refusal out.

use super::parameters::PARAMETERS;
use super::sources::sheet::{Effective, Sheet};
use super::*;
use proptest::prelude::*;
use std::path::Path;

fn load(text: &str) -> Result<Loaded, ConfigError> {
    let mut sheet = Sheet::default();
    sheet.add_text(Path::new("robot.yaml"), text).unwrap();
    Config::from_sheet(sheet, &NodeName::default())
}

fn own(lines: &[&str]) -> Result<Loaded, ConfigError> {
    load(&format!("vedette:\n  ros__parameters:\n    {}\n", lines.join("\n    ")))
}

fn refusal(lines: &[&str]) -> String {
    own(lines).unwrap_err().to_string()
}

#[test]
fn nothing_given_is_the_default() {
    let loaded = Config::load(&NodeName::default(), &[]).unwrap();
    assert_eq!(loaded, Loaded { config: Config::default(), warnings: Vec::new() });
}

#[test]
fn values_reach_their_fields() {
    let lines = [
        "model: /models/a",
        "providers: [cpu]",
        "provider_policy: strict",
        "intra_op_threads: 4",
        "corridor_length_m: 30",
        "classes: [person, \"dining table\"]",
        "use_sim_time: true",
        "engine_cache_dir: /var/cache",
    ];
    let config = own(&lines).unwrap().config;
    let expected = Config {
        model: "/models/a".into(),
        providers: vec![ProviderName::Cpu],
        provider_policy: ProviderPolicy::Strict,
        intra_op_threads: 4,
        corridor_length_m: 30.0,
        classes: vec!["person".into(), "dining table".into()],
        use_sim_time: true,
        engine_cache_dir: "/var/cache".into(),
        ..Config::default()
    };
    assert_eq!(config, expected);
}

#[test]
fn a_section_of_another_node_is_not_read() {
    let loaded = load("other:\n  ros__parameters: {score_threshold: x, no_such: 1}\n").unwrap();
    assert_eq!(loaded, Loaded { config: Config::default(), warnings: Vec::new() });
}

/// For each parameter, each kind of value that it must refuse.
#[test]
fn every_parameter_refuses_other_types_and_what_lies_outside() {
    for parameter in Config::parameters() {
        let (name, expected) = (parameter.name, parameter.domain.expected());
        let (types, values): (&[&str], Vec<String>) = match parameter.domain {
            Domain::Flag => (&["1", "1.0", "\"true\"", "[true]"], vec![]),
            Domain::Integers { min, max } => {
                (&["1.0", "\"1\"", "true", "[1]", "1e3"], vec![format!("{}", min - 1), format!("{}", max + 1)])
            }
            Domain::Numbers { min, max } => (
                &["\"1\"", "true", "[1.0]", "1_000"],
                vec![format!("{:?}", min - 0.001), format!("{:?}", max + 0.001), ".nan".into(), "-.inf".into()],
            ),
            Domain::Text { may_be_empty: true } => (&["1", "1.0", "yes", "[a]"], vec![]),
            Domain::Text { may_be_empty: false } => (&["1", "1.0", "yes", "[a]"], vec!["\"\"".into()]),
            Domain::FrameId => (&["1", "on", "[a]"], vec!["/base_link".into()]),
            Domain::Texts { may_be_empty: true } => (&["a", "[1, 2]", "[true]"], vec!["[a, \"\"]".into()]),
            Domain::Texts { may_be_empty: false } => (&["a", "[1.5]"], vec!["[]".into(), "[\"\"]".into()]),
            Domain::Names => (&["front", "[1]"], vec!["[a, a]".into(), "[a.b]".into(), "[1st]".into()]),
            Domain::OneOf(_) => (&["1", "[a]"], vec!["other".into(), "\"\"".into()]),
            Domain::SomeOf(_) => (&["cpu", "[1]"], vec!["[]".into(), "[rocm]".into(), "[cpu, cpu]".into()]),
        };
        for value in types {
            let error = own(&[&format!("{name}: {value}")]).unwrap_err();
            assert!(matches!(&error, ConfigError::WrongType { .. }), "{name}: {value}: {error}");
        }
        for value in &values {
            let error = own(&[&format!("{name}: {value}")]).unwrap_err();
            assert!(matches!(&error, ConfigError::OutOfRange { .. }), "{name}: {value}: {error}");
            let text = error.to_string();
            assert!(text.starts_with(&format!("robot.yaml:3: {name} is ")), "{text}");
            assert!(text.ends_with(&format!(", expected {expected}")), "{text}");
        }
    }
}

#[test]
fn a_wrong_type_and_a_value_out_of_range_name_place_value_and_expectation() {
    assert_eq!(
        refusal(&["max_detections: 1.5"]),
        "robot.yaml:3: max_detections is 1.5 (double), expected an integer from 1 to 10000"
    );
    assert_eq!(
        refusal(&["model: a", "score_threshold: 1.5"]),
        "robot.yaml:4: score_threshold is 1.5, expected a number from 0 to 1"
    );
    let error =
        Config::load(&NodeName::default(), &[ParameterSource::Override("provider_policy:=hope".parse().unwrap())]);
    assert_eq!(
        error.unwrap_err().to_string(),
        "-p provider_policy:=hope: provider_policy is \"hope\", expected one of fallback, strict"
    );
}

#[test]
fn an_unknown_key_is_refused_under_the_nodes_name_and_on_the_command_line() {
    assert_eq!(
        refusal(&["max_detection: 3"]),
        "robot.yaml:3: there is no parameter max_detection, the nearest is max_detections"
    );
    let over = ParameterSource::Override("scoer_threshold:=0.3".parse().unwrap());
    let error = Config::load(&NodeName::default(), &[over]).unwrap_err();
    assert!(matches!(error, ConfigError::UnknownKey { nearest, .. } if nearest == "score_threshold"));
}

#[test]
fn an_unknown_key_under_a_wildcard_is_a_warning() {
    let loaded = load("/**:\n  ros__parameters:\n    robot_radius: 0.3\n    model: m\n").unwrap();
    assert_eq!(loaded.config.model, "m");
    let [ConfigWarning::UnknownKey { key, .. }] = loaded.warnings.as_slice() else { panic!("{loaded:?}") };
    assert_eq!(key, "robot_radius");
}

#[test]
fn a_repeated_key_takes_its_last_value_with_a_warning() {
    let loaded = own(&["model: a", "model: b"]).unwrap();
    assert_eq!(loaded.config.model, "b");
    assert_eq!(loaded.warnings[0].to_string(), "robot.yaml:4: model was set in line 3 already, this value counts");
}

#[test]
fn what_every_ros_node_has_is_known() {
    let loaded = own(&["start_type_description_service: false"]).unwrap();
    assert_eq!(loaded, Loaded { config: Config::default(), warnings: Vec::new() });
    assert!(refusal(&["start_type_description_service: 1"]).contains("expected true or false"));
}

#[test]
fn values_that_do_not_go_together_are_refused_with_both_places() {
    for (lines, start) in [
        (
            &["max_age_ms: 20"],
            "camera_info_wait_ms is 50 (default), expected at most max_age_ms, which is 20 (robot.yaml:3)",
        ),
        (
            &["track_low_score: 0.4"],
            "track_low_score is 0.4 (robot.yaml:3), expected below track_high_score, which is 0.4",
        ),
        (
            &["track_new_score: 0.3"],
            "track_high_score is 0.4 (default), expected at most track_new_score, which is 0.3",
        ),
        (
            &["track_new_score: 0.6"],
            "track_new_score is 0.6 (robot.yaml:3), expected at most obstacle_score, which is 0.5 (default)",
        ),
        (
            &["plan_valid_for_ms: 600"],
            "plan_valid_for_ms is 600 (robot.yaml:3), expected at most max_age_ms, which is 500 (default)",
        ),
        (
            &["assumed_speed_mps: 2"],
            "assumed_speed_mps is 2.0 (robot.yaml:3), expected at most max_speed_mps, which is 1.5",
        ),
        (&["path_spacing_m: 21"], "path_spacing_m is 21.0 (robot.yaml:3), expected at most corridor_length_m"),
        (&["distance_hysteresis_m: 21"], "distance_hysteresis_m is 21.0 (robot.yaml:3), expected at most corridor"),
        (&["max_speed_mps: 10"], "corridor_length_m is 20.0 (default), expected at least 53.50, the way to stop"),
    ] {
        let error = refusal(lines);
        assert!(error.starts_with(start), "{error}");
    }
}

#[test]
fn a_plan_holds_no_longer_than_a_frame_may_be_old_where_nobody_says_for_how_long() {
    let valid_for_ms = |lines: &[&str]| own(lines).unwrap().config.plan_valid_for_ms;
    assert_eq!(valid_for_ms(&["max_age_ms: 200"]), 200);
    assert_eq!(valid_for_ms(&["max_age_ms: 2000"]), 500);
    assert_eq!(valid_for_ms(&["max_age_ms: 2000", "plan_valid_for_ms: 1500"]), 1500);
}

#[test]
fn qos_overrides_reach_the_topic_and_show_as_parameters() {
    let lines =
        ["qos_overrides:", "  /cam/image:", "    subscription:", "      reliability: reliable", "      depth: 3"];
    let loaded = own(&lines).unwrap();
    let expected = QosOverride { reliability: Some(Reliability::Reliable), depth: Some(3), ..Default::default() };
    assert_eq!(loaded.config.qos_overrides.subscriptions["/cam/image"], expected);
    let entries: Vec<_> = loaded.config.entries().skip(Config::parameters().len()).collect();
    assert_eq!(entries[0].0, "qos_overrides./cam/image.subscription.reliability");
    assert_eq!(entries[1], ("qos_overrides./cam/image.subscription.depth".into(), ParameterValue::Integer(3)));
    let loaded = own(&["qos_overrides./vedette/plan.publisher.durability: transient_local"]).unwrap();
    let expected = QosOverride { durability: Some(Durability::TransientLocal), ..Default::default() };
    assert_eq!(loaded.config.qos_overrides.publishers["/vedette/plan"], expected);
    assert!(loaded.config.entries().any(|(key, _)| key == "qos_overrides./vedette/plan.publisher.durability"));
}

#[test]
fn each_bad_qos_override_is_refused_or_warned_about() {
    let key = |rest: &str| format!("qos_overrides.{rest}");
    for (line, error) in [
        (key("/i.subscription.reliability: sure"), "is \"sure\", expected one of reliable, best_effort"),
        (key("/i.subscription.durability: 1"), "is 1 (integer), expected one of transient_local, volatile"),
        (key("/i.subscription.history: none"), "is \"none\", expected one of keep_last"),
        (key("/i.subscription.depth: 0"), "is 0, expected an integer from 1 to 10000"),
        (key("/i.subscription.reliabilty: reliable"), "the nearest is qos_overrides./i.subscription.reliability"),
        (key("/i.subscriber.depth: 1"), "the nearest is qos_overrides./i.subscription.depth"),
        (key("image.subscription.depth: 1"), "the nearest is qos_overrides./<topic>.subscription.reliability"),
        (key("depth: 1"), "the nearest is qos_overrides./<topic>.subscription.reliability"),
    ] {
        let found = refusal(&[&line]);
        assert!(found.contains(error), "{found}");
    }
    for line in [key("/i.subscription.deadline: 1"), key("/i.publisher.deadline: 1"), key("/i.subscription_a.depth: 1")]
    {
        let loaded = own(&[&line]).unwrap();
        assert!(matches!(loaded.warnings.as_slice(), [ConfigWarning::NotApplied { .. }]), "{line}");
        assert_eq!(loaded.config.qos_overrides, QosOverrides::default());
    }
}

#[test]
fn a_file_that_cannot_be_read_or_is_no_yaml_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let load = |name: &str| Config::load(&NodeName::default(), &[ParameterSource::File(folder.path().join(name))]);
    std::fs::write(folder.path().join("bad.yaml"), "/**:\n  ros__parameters:\n    a: [1\n").unwrap();
    std::fs::write(folder.path().join("binary.yaml"), [0xff, 0xfe, 0x00]).unwrap();
    std::fs::write(folder.path().join("large.yaml"), vec![b'#'; (1 << 20) + 1]).unwrap();
    assert!(matches!(load("absent.yaml"), Err(ConfigError::Unreadable { path, .. }) if path.ends_with("absent.yaml")));
    assert!(matches!(load("."), Err(ConfigError::Unreadable { .. })));
    assert!(matches!(load("binary.yaml"), Err(ConfigError::Unreadable { .. })));
    let told = |name: &str| load(name).unwrap_err().to_string();
    assert!(told("large.yaml").ends_with("large.yaml: holds more than 1048576 bytes, expected at most so many"));
    // A pipe that nobody writes to would be waited on for ever.
    assert!(std::process::Command::new("mkfifo").arg(folder.path().join("pipe.yaml")).status().unwrap().success());
    assert!(told("pipe.yaml").ends_with("pipe.yaml: a pipe, socket or device, expected a file"));
    assert!(matches!(load("bad.yaml"), Err(ConfigError::Yaml { problem, .. }) if problem.line >= 3));
}

#[test]
fn the_engine_cache_is_where_it_is_said_or_in_the_users_cache() {
    let with = |pairs: &[(&str, &str)], dir: &str| {
        let config = Config { engine_cache_dir: dir.into(), ..Config::default() };
        config.engine_cache_folder(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    };
    let both = [("XDG_CACHE_HOME", "/c"), ("HOME", "/h")];
    assert_eq!(with(&both, "/e"), Some("/e".into()));
    assert_eq!(with(&both, ""), Some("/c/vedette/engines".into()));
    assert_eq!(with(&[("XDG_CACHE_HOME", "relative"), ("HOME", "/h")], ""), Some("/h/.cache/vedette/engines".into()));
    assert_eq!(with(&[], ""), None);
}

fn any_value() -> impl Strategy<Value = ParameterValue> {
    prop_oneof![
        any::<bool>().prop_map(ParameterValue::Bool),
        any::<i64>().prop_map(ParameterValue::Integer),
        any::<f64>().prop_map(ParameterValue::Double),
        any::<String>().prop_map(ParameterValue::String),
        prop::collection::vec(any::<String>(), 0..4).prop_map(ParameterValue::StringArray),
        prop::collection::vec(any::<i64>(), 1..4).prop_map(ParameterValue::IntegerArray),
    ]
}

proptest! {
    #[test]
    fn any_value_of_any_key_is_taken_or_refused(index in 0..PARAMETERS.len(), value in any_value(), is_own: bool) {
        let setting = Effective { value, origin: Origin::Default, is_own };
        let mut config = Config::default();
        if config.apply(PARAMETERS[index].name, &setting).is_ok() {
            let held = (PARAMETERS[index].get)(&config);
            prop_assert_eq!(PARAMETERS[index].domain.check(&setting.value), Ok(held));
        }
    }

    #[test]
    fn any_key_is_taken_or_refused(key in "(qos_overrides\\.)?.{0,40}", value in any_value(), is_own: bool) {
        let setting = Effective { value, origin: Origin::Default, is_own };
        let _ = Config::default().apply(&key, &setting);
    }

    #[test]
    fn the_entries_written_to_a_file_read_as_the_same_configuration(
        model in "[ -~\u{a1}-\u{2ff}]{1,12}", share in 0.0..0.1f64, count in 1..=10_000usize, wait in 0..=500i64,
        classes in prop::collection::vec("[a-z \"'\\\\:#]{1,8}", 0..4), sim: bool, depth in 1..=10_000usize,
    ) {
        let qos = QosOverride { depth: Some(depth), durability: Some(Durability::Volatile), ..Default::default() };
        let config = Config {
            model, classes, track_low_score: share, max_detections: count, camera_info_wait_ms: wait,
            use_sim_time: sim, qos_overrides: QosOverrides { subscriptions: [("/a/image".to_owned(), qos)].into(),
            publishers: [("/v/plan".to_owned(), qos)].into() }, ..Config::default()
        };
        let lines: Vec<String> = config.entries().map(|(key, value)| format!("{key}: {value}")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let loaded = own(&lines).unwrap();
        prop_assert_eq!((loaded.config, loaded.warnings), (config, vec![]));
    }
}

fn load_file(node: &NodeName, text: &str) -> Vec<String> {
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let loaded = Config::load(node, &[ParameterSource::File(file.path().to_owned())]).unwrap();
    let name = file.path().display().to_string();
    loaded.warnings.iter().map(|warning| warning.to_string().replace(&name, "robot.yaml")).collect()
}

#[test]
fn a_file_of_which_no_section_fits_the_node_is_told_with_its_sections() {
    let robot1 = NodeName::new("/robot1", "vedette").unwrap();
    let of = |section: &str| format!("{section}:\n  ros__parameters: {{score_threshold: 0.5}}\n");
    for (node, text, expected) in [
        (
            &NodeName::default(),
            of("vedete"),
            "parameter file robot.yaml: nothing in it is for /vedette: its sections are vedete, the nearest is vedete, \
             expected /vedette or /**",
        ),
        (
            &robot1,
            of("vedette"),
            "parameter file robot.yaml: nothing in it is for /robot1/vedette: its sections are vedette, expected \
             /robot1/vedette, or /**/vedette for the node in any namespace",
        ),
        (
            &NodeName::default(),
            ["amcl", "map_server", "a", "b", "c", "d"].map(of).concat(),
            "parameter file robot.yaml: nothing in it is for /vedette: its sections are amcl, map_server, a, b, c and 1 \
             more, expected /vedette or /**",
        ),
    ] {
        assert_eq!(load_file(node, &text), [expected]);
    }
    for text in ["".to_owned(), of("/**"), of("vedette"), of("amcl") + &of("/vedette")] {
        assert_eq!(load_file(&NodeName::default(), &text), [""; 0], "{text}");
    }
}

#[test]
fn a_prompt_with_commas_is_told_as_the_list_that_may_be_meant() {
    let loaded = own(&["prompts: [\"pedestrian, delivery van\", dog]"]).unwrap();
    let [warning] = loaded.warnings.as_slice() else { panic!("{:?}", loaded.warnings) };
    assert_eq!(
        warning.to_string(),
        "robot.yaml:3: the prompt \"pedestrian, delivery van\" has a comma in it and is one prompt; several are \
         [\"pedestrian\", \"delivery van\"]"
    );
    assert_eq!(loaded.config.prompts, ["pedestrian, delivery van", "dog"]);
}
