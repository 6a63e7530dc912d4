//! The configurations for viewers show what the node publishes, as what it is.

use serde_json::Value;
use std::collections::BTreeMap;
use vedette::config::{Names, NodeName};
use vedette::pipeline::Output;

/// The topics that a node of the usual name publishes, with their types; and those that every robot has.
fn published() -> BTreeMap<String, &'static str> {
    let names = Names::new(NodeName::default(), &[]);
    let outputs = Output::ALL.into_iter().map(|output| (names.resolve(output.name()), output.type_name()));
    outputs.chain([("/diagnostics".to_owned(), "diagnostic_msgs/msg/DiagnosticArray")]).collect()
}

fn read(name: &str) -> String {
    std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name)).unwrap()
}

#[test]
fn rviz_shows_topics_of_the_node_by_displays_of_their_types() {
    let config: Value = serde_saphyr::from_str(&read("vedette.rviz")).unwrap();
    let published = published();
    let displays = config["Visualization Manager"]["Displays"].as_array().unwrap();
    let mut shown = Vec::new();
    for display in displays.iter().filter(|display| display.get("Topic").is_some()) {
        let topic = display["Topic"]["Value"].as_str().unwrap();
        let expected = match display["Class"].as_str().unwrap() {
            "rviz_default_plugins/Image" => "sensor_msgs/msg/Image",
            "rviz_default_plugins/MarkerArray" => "visualization_msgs/msg/MarkerArray",
            "rviz_default_plugins/Path" => "nav_msgs/msg/Path",
            class => panic!("{class} shows {topic}"),
        };
        assert_eq!(published.get(topic), Some(&expected), "{topic}");
        shown.push(topic);
    }
    assert_eq!(shown, ["/vedette/markers", "/vedette/path", "/vedette/image_annotated"]);
    assert!(displays.iter().any(|display| display["Class"] == "rviz_default_plugins/TF"));
    assert_eq!(config["Visualization Manager"]["Global Options"]["Fixed Frame"], "base_link");
}

#[test]
fn foxglove_shows_topics_of_the_node_in_panels_of_their_types() {
    let layout: Value = serde_json::from_str(&read("vedette.foxglove.json")).unwrap();
    let published = published();
    let panels = layout["configById"].as_object().unwrap();
    let is = |topic: &str, types: &[&str]| {
        let found = published.get(topic).unwrap_or_else(|| panic!("{topic} is none of {:?}", published.keys()));
        assert!(types.contains(found), "{topic} is {found}, expected {types:?}");
    };
    let keys = |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    let image = &panels["Image!vedette"]["imageMode"];
    for topic in keys(&image["annotations"]) {
        is(&topic, &["foxglove_msgs/msg/ImageAnnotations"]);
    }
    assert_eq!(
        (&image["imageTopic"], &image["calibrationTopic"]),
        (&"/camera/image".into(), &"/camera/camera_info".into())
    );
    for topic in keys(&panels["3D!vedette"]["topics"]) {
        is(&topic, &["visualization_msgs/msg/MarkerArray", "nav_msgs/msg/Path"]);
    }
    is(panels["RawMessages!vedette"]["topicPath"].as_str().unwrap(), &["vedette_msgs/msg/Plan"]);
    is(
        panels["DiagnosticSummary!vedette"]["topicToRender"].as_str().unwrap(),
        &["diagnostic_msgs/msg/DiagnosticArray"],
    );
    let decision = panels["StateTransitions!vedette"]["paths"][0]["value"].as_str().unwrap();
    is(decision.strip_suffix(".decision").unwrap(), &["vedette_msgs/msg/Plan"]);
    let layout = layout["layout"].to_string();
    assert!(panels.keys().all(|panel| layout.contains(&format!("\"{panel}\""))), "every panel has a place: {layout}");
}
