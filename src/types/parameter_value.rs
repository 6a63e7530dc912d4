//! A parameter's value, as rcl_interfaces/ParameterValue has it without byte arrays, which no parameter file can hold.

use std::fmt;

/// A value as ROS parameters have them. An empty list is an empty list of strings.
#[derive(Debug, Clone, PartialEq)]
pub enum ParameterValue {
    /// `true` or `false`.
    Bool(bool),
    /// A 64-bit integer.
    Integer(i64),
    /// A number, NaN and the infinities included.
    Double(f64),
    /// Text.
    String(String),
    /// A list of booleans.
    BoolArray(Vec<bool>),
    /// A list of integers.
    IntegerArray(Vec<i64>),
    /// A list of numbers.
    DoubleArray(Vec<f64>),
    /// A list of texts, or an empty list.
    StringArray(Vec<String>),
}

impl ParameterValue {
    /// The type's number in rcl_interfaces/ParameterType.
    pub fn type_number(&self) -> u8 {
        match self {
            Self::Bool(_) => 1,
            Self::Integer(_) => 2,
            Self::Double(_) => 3,
            Self::String(_) => 4,
            Self::BoolArray(_) => 6,
            Self::IntegerArray(_) => 7,
            Self::DoubleArray(_) => 8,
            Self::StringArray(_) => 9,
        }
    }

    /// The type's name as ROS documentation writes it: `bool`, `integer`, `double`, `string`, `string[]`…
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::Integer(_) => "integer",
            Self::Double(_) => "double",
            Self::String(_) => "string",
            Self::BoolArray(_) => "bool[]",
            Self::IntegerArray(_) => "integer[]",
            Self::DoubleArray(_) => "double[]",
            Self::StringArray(_) => "string[]",
        }
    }
}

impl fmt::Display for ParameterValue {
    /// As a parameter file holds it: `true`, `7`, `0.25`, `"yolov12n"`, `["car", "bus"]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list<T>(f: &mut fmt::Formatter<'_>, items: &[T], show: impl Fn(&T) -> String) -> fmt::Result {
            let items: Vec<String> = items.iter().map(show).collect();
            write!(f, "[{}]", items.join(", "))
        }
        // JSON's quoted string is a YAML double-quoted scalar.
        fn quoted(text: &str) -> String {
            serde_json::Value::from(text).to_string()
        }
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Double(value) => write!(f, "{value:?}"),
            Self::String(value) => f.write_str(&quoted(value)),
            Self::BoolArray(values) => list(f, values, bool::to_string),
            Self::IntegerArray(values) => list(f, values, i64::to_string),
            Self::DoubleArray(values) => list(f, values, |value| format!("{value:?}")),
            Self::StringArray(values) => list(f, values, |value| quoted(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ParameterValue::{self, Double};

    #[test]
    fn values_print_as_files_hold_them() {
        let names = ParameterValue::StringArray(vec!["car".into(), "say \"hi\"".into()]);
        assert_eq!(names.to_string(), r#"["car", "say \"hi\""]"#);
        assert_eq!((Double(1.0).to_string(), Double(1e-7).to_string()), ("1.0".into(), "1e-7".into()));
    }
}
