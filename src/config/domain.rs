//! What a parameter may be, in a form that checks values and explains itself.

use super::naming::check_node_name;
use crate::types::ParameterValue;

/// The type of a parameter and the values that it allows. Bounds are inclusive, as in ROS descriptors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Domain {
    /// `true` or `false`.
    Flag,
    /// Integers.
    Integers {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// Finite numbers; an integer is taken as a number.
    Numbers {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
    },
    /// Any string, or any but the empty one.
    Text {
        /// Whether it may be empty.
        may_be_empty: bool,
    },
    /// The name of a TF frame, without a `/` at its beginning; empty where the frame is chosen otherwise.
    FrameId,
    /// Strings that are not empty. `[""]` is the empty list: the form in which rclcpp and launch files, which
    /// cannot write an empty list, write one.
    Texts {
        /// Whether the list may be empty.
        may_be_empty: bool,
    },
    /// One of these names.
    OneOf(&'static [&'static str]),
    /// Names of letters, digits and `_`, no digit first, each at most once. `[""]` is the empty list.
    Names,
    /// At least one of these names, each at most once.
    SomeOf(&'static [&'static str]),
}

/// A name is a part of topics, which have an end.
const LONGEST_NAME: usize = 64;
/// A robot has no more cameras.
const MOST_NAMES: usize = 16;

/// What YAML makes `false` and `true` of.
const YES_OR_NO: [&str; 2] = ["no", "yes"];

/// Why a value is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It has another type.
    Type,
    /// It has the type and is not allowed.
    Value,
}

impl Domain {
    /// The value as the parameter holds it (an integer given for a number is a number).
    pub(super) fn check(&self, value: &ParameterValue) -> Result<ParameterValue, Refusal> {
        use ParameterValue as V;
        let (value, allowed) = match (self, value) {
            (Self::Flag, V::Bool(_)) => (value.clone(), true),
            (Self::Integers { min, max }, V::Integer(number)) => (value.clone(), (min..=max).contains(&number)),
            (Self::Numbers { min, max }, V::Double(number)) => (value.clone(), (min..=max).contains(&number)),
            (Self::Numbers { .. }, V::Integer(number)) => return self.check(&V::Double(*number as f64)),
            (Self::Text { may_be_empty }, V::String(text)) => (value.clone(), *may_be_empty || !text.is_empty()),
            (Self::FrameId, V::String(text)) => (value.clone(), !text.starts_with('/')),
            (Self::OneOf(names), V::String(text)) => (value.clone(), names.contains(&text.as_str())),
            // YAML reads the words yes and no as flags.
            (Self::OneOf(names), V::Bool(flag)) if names.contains(&YES_OR_NO[usize::from(*flag)]) => {
                (V::String(YES_OR_NO[usize::from(*flag)].to_owned()), true)
            }
            (Self::Texts { may_be_empty }, V::StringArray(items)) => {
                let items: &[String] = if matches!(items.as_slice(), [only] if only.is_empty()) { &[] } else { items };
                let allowed = (*may_be_empty || !items.is_empty()) && items.iter().all(|item| !item.is_empty());
                (V::StringArray(items.to_vec()), allowed)
            }
            (Self::Names, V::StringArray(items)) => {
                let items: &[String] = if matches!(items.as_slice(), [only] if only.is_empty()) { &[] } else { items };
                let is_name =
                    |item: &String| check_node_name(item).is_ok() && !item.contains("__") && item.len() <= LONGEST_NAME;
                let are_names = items.iter().all(is_name);
                (V::StringArray(items.to_vec()), are_names && are_once(items) && items.len() <= MOST_NAMES)
            }
            (Self::SomeOf(names), V::StringArray(items)) => {
                let known = items.iter().all(|item| names.contains(&item.as_str()));
                (value.clone(), !items.is_empty() && known && are_once(items))
            }
            _ => return Err(Refusal::Type),
        };
        if allowed { Ok(value) } else { Err(Refusal::Value) }
    }

    /// The type's name in ROS: `bool`, `integer`, `double`, `string`, `string[]`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Flag => "bool",
            Self::Integers { .. } => "integer",
            Self::Numbers { .. } => "double",
            Self::Text { .. } | Self::FrameId | Self::OneOf(_) => "string",
            Self::Texts { .. } | Self::Names | Self::SomeOf(_) => "string[]",
        }
    }

    /// The allowed values in words: `a number from 0 to 1`.
    pub fn expected(&self) -> String {
        match self {
            Self::Flag => "true or false".to_owned(),
            Self::Integers { min, max } => format!("an integer from {min} to {max}"),
            Self::Numbers { min, max } => format!("a number from {min} to {max}"),
            Self::Text { may_be_empty: true } => "a string".to_owned(),
            Self::Text { may_be_empty: false } => "a string that is not empty".to_owned(),
            Self::FrameId => "the name of a TF frame, without a / at its beginning, or empty".to_owned(),
            Self::Texts { may_be_empty: true } => "a list of strings, none of them empty".to_owned(),
            Self::Texts { may_be_empty: false } => "a list of at least one string, none of them empty".to_owned(),
            Self::Names => format!(
                "a list of at most {MOST_NAMES} names of letters, digits and single _, no digit first, at most {LONGEST_NAME} long, \
                 each at most once"
            ),
            Self::OneOf(names) => format!("one of {}", names.join(", ")),
            Self::SomeOf(names) => format!("a list of at least one of {}, each at most once", names.join(", ")),
        }
    }
}

fn are_once(items: &[String]) -> bool {
    items.iter().enumerate().all(|(index, item)| !items[..index].contains(item))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(items: &[&str]) -> ParameterValue {
        ParameterValue::StringArray(items.iter().map(|&item| item.to_owned()).collect())
    }

    #[test]
    fn an_integer_is_a_number_and_a_number_is_no_integer() {
        let numbers = Domain::Numbers { min: 0.0, max: 1.0 };
        assert_eq!(numbers.check(&ParameterValue::Integer(1)), Ok(ParameterValue::Double(1.0)));
        let integers = Domain::Integers { min: 0, max: 1 };
        assert_eq!(integers.check(&ParameterValue::Double(1.0)), Err(Refusal::Type));
    }

    #[test]
    fn nan_and_the_infinities_are_in_no_range() {
        let numbers = Domain::Numbers { min: f64::MIN, max: f64::MAX };
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(numbers.check(&ParameterValue::Double(value)), Err(Refusal::Value));
        }
    }

    #[test]
    fn a_list_of_one_empty_string_is_the_empty_list() {
        assert_eq!(Domain::Texts { may_be_empty: true }.check(&texts(&[""])), Ok(texts(&[])));
        assert_eq!(Domain::Texts { may_be_empty: false }.check(&texts(&[""])), Err(Refusal::Value));
        assert_eq!(Domain::Texts { may_be_empty: true }.check(&texts(&["a", ""])), Err(Refusal::Value));
    }

    #[test]
    fn a_yes_that_yaml_read_as_a_flag_is_a_yes_where_that_is_a_name() {
        let text = |word: &str| Ok(ParameterValue::String(word.to_owned()));
        let domain = Domain::OneOf(&["auto", "yes", "no"]);
        assert_eq!(domain.check(&ParameterValue::Bool(true)), text("yes"));
        assert_eq!(domain.check(&ParameterValue::Bool(false)), text("no"));
        assert_eq!(Domain::OneOf(&["auto"]).check(&ParameterValue::Bool(true)), Err(Refusal::Type));
    }

    #[test]
    fn names_are_such_that_topics_can_have_them() {
        assert_eq!(Domain::Names.check(&texts(&["front", "rear_2"])), Ok(texts(&["front", "rear_2"])));
        assert_eq!(Domain::Names.check(&texts(&[""])), Ok(texts(&[])));
        for bad in [&["front", "front"][..], &["2nd"], &["a/b"], &["a.b"], &["a__b"], &["a", ""], &["vorn\u{e4}"]] {
            assert_eq!(Domain::Names.check(&texts(bad)), Err(Refusal::Value), "{bad:?}");
        }
        let many: Vec<String> = (0..17).map(|number| format!("camera{number}")).collect();
        assert_eq!(Domain::Names.check(&ParameterValue::StringArray(many)), Err(Refusal::Value));
    }

    #[test]
    fn names_come_once_and_from_the_list() {
        let domain = Domain::SomeOf(&["cuda", "cpu"]);
        assert_eq!(domain.check(&texts(&["cpu", "cuda"])), Ok(texts(&["cpu", "cuda"])));
        for bad in [&[][..], &["cpu", "cpu"], &["rocm"]] {
            assert_eq!(domain.check(&texts(bad)), Err(Refusal::Value), "{bad:?}");
        }
    }
}
