//! Tests that hold `config/vedette.yaml` and `docs/parameters.md` to the table of parameters, and the files for machines and
//! robots to their purpose.
//!
//! After a change of the table, `UPDATE_DOCUMENTS=1 cargo test --lib config::documents` writes both anew.

use super::{Config, Loaded, NodeName, Parameter, ParameterSource, ParameterValue};
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::path::PathBuf;

const YAML_HEAD: &str = "\
# All parameters of Vedette with their defaults: copy what you change.
#
#   vedette node --ros-args --params-file vedette.yaml -p score_threshold:=0.4
#   vedette replay BAG --params vedette.yaml
#
# The section /** holds for every node that reads this file; name the node (vedette: or /front/vedette:) to set
# values for it alone, and to have misspelled keys refused instead of warned about. docs/parameters.md says more.

/**:
  ros__parameters:
";

const YAML_TAIL: &str = "
    # -- Quality of service, by full topic name after remapping --
    # qos_overrides:
    #   /camera/image:
    #     subscription:
    #       reliability: reliable     # reliable, best_effort (as by default) or system_default
    #       durability: volatile      # volatile or transient_local or system_default
    #       history: keep_last        # keep_last or keep_all or system_default
    #       depth: 10                 # 1 to 10000
    #   /vedette/plan:
    #     publisher:
    #       durability: transient_local
";

const TABLE_BEGINS: &str =
    "<!-- The table is written from src/config/parameters.rs, see src/config/documents.rs. -->\n";
const TABLE_ENDS: &str = "<!-- End of the table. -->\n";

fn in_repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Compares, or writes when the environment asks for it.
fn hold(path: &str, expected: &str) {
    let path = in_repository(path);
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(found == expected, "{} differs from the table of parameters; see src/config/documents.rs", path.display());
}

fn default_of(parameter: &Parameter) -> String {
    match (parameter.get)(&Config::default()) {
        // An empty list makes rclcpp nodes that read the same file fail; this form is empty for us and valid for them.
        ParameterValue::StringArray(items) if items.is_empty() => "[\"\"]".to_owned(),
        value => value.to_string(),
    }
}

/// The documentation on one line.
fn doc(parameter: &Parameter) -> &'static str {
    parameter.doc.trim()
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().unwrap();
        if last.is_empty() {
            last.push_str(word);
        } else if last.chars().count() + 1 + word.chars().count() <= width {
            write!(last, " {word}").unwrap();
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

fn yaml() -> String {
    let mut text = YAML_HEAD.to_owned();
    let mut group = "";
    for parameter in Config::parameters() {
        if parameter.group != group {
            group = parameter.group;
            write!(text, "    # -- {group} --\n\n").unwrap();
        }
        for line in wrapped(doc(parameter), 108) {
            writeln!(text, "    # {line}").unwrap();
        }
        writeln!(text, "    # Allowed: {}. Changes {}.", parameter.domain.expected(), parameter.when.words()).unwrap();
        writeln!(text, "    {}: {}\n", parameter.name, default_of(parameter)).unwrap();
    }
    text.trim_end().to_owned() + "\n" + YAML_TAIL
}

fn table() -> String {
    let mut text = String::new();
    let mut group = "";
    for parameter in Config::parameters() {
        if parameter.group != group {
            group = parameter.group;
            write!(text, "\n### {group}\n\n| parameter | type | default | allowed | changes | meaning |\n").unwrap();
            text.push_str("| --- | --- | --- | --- | --- | --- |\n");
        }
        let (name, type_name, allowed) = (parameter.name, parameter.domain.type_name(), parameter.domain.expected());
        let default = default_of(parameter);
        let changes = parameter.when.words();
        writeln!(text, "| `{name}` | {type_name} | `{default}` | {allowed} | {changes} | {} |", doc(parameter))
            .unwrap();
    }
    text + "\n"
}

#[test]
fn the_parameter_file_is_the_table() {
    hold("config/vedette.yaml", &yaml());
}

#[test]
fn the_page_of_parameters_holds_the_table() {
    let page = std::fs::read_to_string(in_repository("docs/parameters.md")).unwrap();
    let (before, rest) = page.split_once(TABLE_BEGINS).unwrap();
    let (_, after) = rest.split_once(TABLE_ENDS).unwrap();
    hold("docs/parameters.md", &format!("{before}{TABLE_BEGINS}{}{TABLE_ENDS}{after}", table()));
}

#[test]
fn the_parameter_file_reads_as_the_defaults_without_a_warning() {
    let sources = [ParameterSource::File(in_repository("config/vedette.yaml"))];
    let loaded = Config::load(&NodeName::default(), &sources).unwrap();
    assert_eq!((loaded.config, loaded.warnings), (Config::default(), Vec::new()));
}

#[test]
fn every_parameter_is_set_in_the_parameter_file() {
    let text = std::fs::read_to_string(in_repository("config/vedette.yaml")).unwrap();
    let settings = super::sources::yaml::settings_from(&text).unwrap();
    let keys: Vec<&str> = settings.iter().map(|setting| setting.key.as_str()).collect();
    assert_eq!(keys, Config::parameters().iter().map(|parameter| parameter.name).collect::<Vec<_>>());
}

const MACHINES: [&str; 3] = ["laptop", "dgx_spark", "jetson_orin"];
const ROBOTS: [&str; 2] = ["drone", "delivery_robot"];

fn file_for(name: &str) -> PathBuf {
    in_repository(&format!("config/{name}.yaml"))
}

#[test]
fn each_file_for_a_machine_or_a_robot_holds_what_differs_from_the_defaults_and_says_why() {
    for name in MACHINES.into_iter().chain(ROBOTS) {
        let path = file_for(name);
        let loaded = Config::load(&NodeName::default(), &[ParameterSource::File(path.clone())]);
        let Loaded { config, warnings } = loaded.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(warnings, [], "{name}");
        let defaults: HashMap<_, _> = Config::default().entries().collect();
        let differing = config.entries().filter(|(key, value)| defaults[key] != *value).map(|(key, _)| key);
        let text = std::fs::read_to_string(path).unwrap();
        // What follows from another value is not written.
        let follows = |key: &String| key == "plan_valid_for_ms" && !text.contains(key.as_str());
        let differing: BTreeSet<String> = differing.filter(|key| !follows(key)).collect();
        let lines: Vec<&str> = text.lines().map(str::trim).skip_while(|line| *line != "ros__parameters:").collect();
        let keys = lines.iter().skip(1).filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(':'));
        assert_eq!(keys.map(|(key, _)| key.to_owned()).collect::<BTreeSet<_>>(), differing, "{name}");
        // One comment may stand above several keys that go together, never above more than three.
        let longest = lines[1..].split(|line| line.starts_with('#')).map(<[&str]>::len).max();
        assert!(lines[1].starts_with('#') && longest.is_some_and(|keys| keys <= 3), "{name}");
    }
}

#[test]
fn a_file_for_a_robot_goes_behind_each_one_for_a_machine() {
    for (machine, robot) in MACHINES.iter().flat_map(|machine| ROBOTS.map(|robot| (machine, robot))) {
        let alone = |name| Config::load(&NodeName::default(), &[ParameterSource::File(file_for(name))]).unwrap().config;
        let sources = [machine, robot].map(|name| ParameterSource::File(file_for(name)));
        let both = Config::load(&NodeName::default(), &sources).unwrap().config;
        assert_eq!((both.providers, both.max_age_ms), (alone(machine).providers, alone(machine).max_age_ms));
        assert_eq!((both.mount_z_m, both.max_speed_mps), (alone(robot).mount_z_m, alone(robot).max_speed_mps));
    }
}
