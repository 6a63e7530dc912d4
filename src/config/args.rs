//! The command line of a ROS node: its own arguments, and those between `--ros-args` and `--`.
//!
//! Enters the whole line without the program's name, leaves the program's own arguments and what ROS's say. As in
//! rcl there may be several stretches of ROS arguments, `--` ends one, and the order of `--params-file` and `-p` is
//! kept. What this program has no use for (`--enclave`, `--log-config-file`, …) is left to rcl, which reads the same line;
//! what rcl does not know either is refused, as rclcpp and rclpy do.

use super::error::{ConfigError, near};
use super::naming::{NameError, RemapRule};
use super::sources::ParameterSource;
use std::ffi::OsString;
use std::path::PathBuf;

/// What the ROS arguments of a command line say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RosArgs {
    /// `--params-file` and `-p`, in the order given.
    pub parameters: Vec<ParameterSource>,
    /// `-r`, in the order given.
    pub remaps: Vec<RemapRule>,
    /// `--log-level LEVEL`, the last one given.
    pub log_level: Option<LogLevel>,
    /// `--log-level LOGGER:=LEVEL`, in the order given.
    pub logger_levels: Vec<(String, LogLevel)>,
    /// What rcl alone reads, as it is.
    pub others: Vec<OsString>,
}

/// A severity of ROS logging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What a user wants to see.
    Info,
    /// What may be wrong.
    Warn,
    /// What is wrong.
    Error,
    /// What ends the node.
    Fatal,
}

/// Why a command line cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArgsError {
    /// A flag is the last word.
    #[error("{flag} is followed by nothing, expected {expected}")]
    MissingValue {
        /// The flag.
        flag: String,
        /// What belongs behind it.
        expected: &'static str,
    },
    /// ROS names and values are UTF-8.
    #[error("{flag} {value:?} is not UTF-8, expected {expected}")]
    NotUtf8 {
        /// The flag.
        flag: String,
        /// What stands behind it.
        value: OsString,
        /// What belongs behind it.
        expected: &'static str,
    },
    /// A severity that there is not.
    #[error("--log-level {found:?} names no level, expected debug, info, warn, error or fatal, or logger:=level")]
    LogLevel {
        /// What stands there.
        found: String,
    },
    /// No ROS argument.
    #[error("{found:?} is no ROS argument, {expected}")]
    Unknown {
        /// The word.
        found: String,
        /// What its writer may have meant.
        expected: String,
    },
    /// A bad `-r`.
    #[error(transparent)]
    Remap(#[from] NameError),
    /// A bad `-p`.
    #[error(transparent)]
    Parameter(#[from] ConfigError),
}

/// Flags with a word behind them that are read here.
const READ: [&str; 6] = ["-p", "--param", "-r", "--remap", "--params-file", "--log-level"];

/// Flags with a word behind them that rcl alone reads.
const PASSED_WITH_VALUE: [&str; 4] = ["-e", "--enclave", "--log-config-file", "--log-file-name"];

/// Flags that rcl alone reads.
const PASSED: [&str; 6] = [
    "--enable-rosout-logs",
    "--disable-rosout-logs",
    "--enable-stdout-logs",
    "--disable-stdout-logs",
    "--enable-external-lib-logs",
    "--disable-external-lib-logs",
];

impl RosArgs {
    /// Splits a command line (without the program's name) into the program's own arguments and ROS's.
    ///
    /// # Errors
    /// [`ArgsError`] with the word that cannot be read and what belongs there.
    pub fn split(args: impl IntoIterator<Item = OsString>) -> Result<(Vec<OsString>, Self), ArgsError> {
        let mut own = Vec::new();
        let mut ros = Self::default();
        let mut in_ros_args = false;
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match arg.to_str() {
                Some("--ros-args") => in_ros_args = true,
                Some("--") if in_ros_args => in_ros_args = false,
                _ if !in_ros_args => own.push(arg),
                Some(flag) => ros.take(flag, &mut args)?,
                None => return Err(unknown(&arg.to_string_lossy())),
            }
        }
        Ok((own, ros))
    }

    /// One flag, and the word behind it where one belongs there.
    fn take(&mut self, flag: &str, rest: &mut impl Iterator<Item = OsString>) -> Result<(), ArgsError> {
        let word = |rest: &mut dyn Iterator<Item = OsString>, expected| {
            rest.next().ok_or_else(|| ArgsError::MissingValue { flag: flag.to_owned(), expected })
        };
        let text = |rest: &mut dyn Iterator<Item = OsString>, expected| {
            let not_utf8 = |value| ArgsError::NotUtf8 { flag: flag.to_owned(), value, expected };
            word(rest, expected)?.into_string().map_err(not_utf8)
        };
        match flag {
            "--params-file" => {
                let path = PathBuf::from(word(rest, "a parameter file")?);
                self.parameters.push(ParameterSource::File(path));
            }
            "-p" | "--param" => {
                let over = text(rest, "key:=value")?.parse()?;
                self.parameters.push(ParameterSource::Override(over));
            }
            "-r" | "--remap" => self.remaps.push(text(rest, "from:=to")?.parse()?),
            "--log-level" => self.set_log_level(&text(rest, "a level")?)?,
            flag if PASSED.contains(&flag) => self.others.push(flag.into()),
            flag if PASSED_WITH_VALUE.contains(&flag) => {
                let value = word(rest, "a value")?;
                self.others.extend([flag.into(), value]);
            }
            flag => return Err(unknown(flag)),
        }
        Ok(())
    }

    fn set_log_level(&mut self, text: &str) -> Result<(), ArgsError> {
        let (logger, level) = text.split_once(":=").map_or((None, text), |(logger, level)| (Some(logger), level));
        let level = match level.to_ascii_lowercase().as_str() {
            "debug" => LogLevel::Debug,
            "info" => LogLevel::Info,
            "warn" => LogLevel::Warn,
            "error" => LogLevel::Error,
            "fatal" => LogLevel::Fatal,
            _ => return Err(ArgsError::LogLevel { found: text.to_owned() }),
        };
        match logger {
            None => self.log_level = Some(level),
            Some(logger) => self.logger_levels.push((logger.to_owned(), level)),
        }
        Ok(())
    }
}

/// A word between `--ros-args` and `--` that stands for nothing.
fn unknown(word: &str) -> ArgsError {
    let found: String = word.chars().take(80).collect();
    let known = READ.into_iter().chain(PASSED_WITH_VALUE).chain(PASSED);
    let expected = if !found.starts_with('-') && found.contains(":=") {
        "expected -r before a remap rule and -p before a parameter".to_owned()
    } else if let Some(nearest) = near(&found, known) {
        format!("the nearest is {nearest}")
    } else {
        format!("expected {}, or -- before the node's own arguments", READ.join(", "))
    };
    ArgsError::Unknown { found, expected }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(line: &str) -> Result<(Vec<String>, RosArgs), ArgsError> {
        let (own, ros) = RosArgs::split(line.split_whitespace().map(OsString::from))?;
        Ok((own.into_iter().map(|word| word.into_string().unwrap()).collect(), ros))
    }

    #[test]
    fn own_arguments_stand_around_those_of_ros() {
        let (own, ros) =
            split("--json --ros-args -r image:=/cam -- bag -- x --ros-args -p a:=1 --params-file f").unwrap();
        assert_eq!(own, ["--json", "bag", "--", "x"]);
        assert_eq!(ros.remaps, ["image:=/cam".parse().unwrap()]);
        let expected = [ParameterSource::Override("a:=1".parse().unwrap()), ParameterSource::File(PathBuf::from("f"))];
        assert_eq!(ros.parameters, expected);
    }

    #[test]
    fn outside_of_ros_args_nothing_is_read() {
        let (own, ros) = split("-p a --params-file f -r x").unwrap();
        assert_eq!((own.len(), ros), (6, RosArgs::default()));
    }

    #[test]
    fn what_only_rcl_reads_is_passed_through_with_its_value() {
        let (_, ros) = split("--ros-args --enclave -p --log-config-file -r --disable-stdout-logs").unwrap();
        assert_eq!(ros.others, ["--enclave", "-p", "--log-config-file", "-r", "--disable-stdout-logs"]);
        assert!(ros.parameters.is_empty() && ros.remaps.is_empty());
    }

    #[test]
    fn the_last_log_level_counts_and_loggers_have_their_own() {
        let (_, ros) = split("--ros-args --log-level INFO --log-level debug --log-level rcl:=Fatal").unwrap();
        assert_eq!((ros.log_level, ros.logger_levels), (Some(LogLevel::Debug), vec![("rcl".into(), LogLevel::Fatal)]));
    }

    #[test]
    fn each_malformed_line_is_refused_with_what_belongs_there() {
        for (line, error) in [
            ("--ros-args --params-file", "--params-file is followed by nothing, expected a parameter file"),
            ("--ros-args -p", "-p is followed by nothing, expected key:=value"),
            ("--ros-args -r", "-r is followed by nothing, expected from:=to"),
            ("--ros-args --enclave", "--enclave is followed by nothing, expected a value"),
            ("--ros-args --log-level loud", "--log-level \"loud\" names no level"),
            ("--ros-args -r image=/x", "remap rule \"image=/x\" has nothing on one side"),
            ("--ros-args -p x=1", "parameter override \"x=1\": there is no :="),
            ("--ros-args --params_file f.yaml", "\"--params_file\" is no ROS argument, the nearest is --params-file"),
            (
                "--ros-args --disable-rosout-log",
                "\"--disable-rosout-log\" is no ROS argument, the nearest is --disable-rosout-logs",
            ),
            ("--ros-args image:=/x", "\"image:=/x\" is no ROS argument, expected -r before a remap rule and -p before"),
            ("--ros-args --json", "\"--json\" is no ROS argument, expected -p, --param, -r, --remap, --params-file, "),
        ] {
            let found = split(line).unwrap_err().to_string();
            assert!(found.starts_with(error), "{found}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_split_or_refused(words in prop::collection::vec("--ros-args|--|-p|-r|--log-level|.{0,12}", 0..12)) {
            let _ = RosArgs::split(words.into_iter().map(OsString::from));
        }
    }
}
