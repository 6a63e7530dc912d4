//! Rust types that a parameter can have, to and from ROS values.

use crate::types::ParameterValue;
use std::path::PathBuf;

/// A type of a field of [`Config`](super::Config).
pub(super) trait Field: Sized {
    /// None when the value has another type (a [`Domain`](super::domain::Domain) refuses such values first).
    fn from_value(value: &ParameterValue) -> Option<Self>;
    /// The value that `ros2 param get` shows.
    fn to_value(&self) -> ParameterValue;
}

impl Field for bool {
    fn from_value(value: &ParameterValue) -> Option<Self> {
        if let ParameterValue::Bool(value) = value { Some(*value) } else { None }
    }
    fn to_value(&self) -> ParameterValue {
        ParameterValue::Bool(*self)
    }
}

impl Field for i64 {
    fn from_value(value: &ParameterValue) -> Option<Self> {
        if let ParameterValue::Integer(value) = value { Some(*value) } else { None }
    }
    fn to_value(&self) -> ParameterValue {
        ParameterValue::Integer(*self)
    }
}

impl Field for usize {
    fn from_value(value: &ParameterValue) -> Option<Self> {
        i64::from_value(value).and_then(|value| value.try_into().ok())
    }
    fn to_value(&self) -> ParameterValue {
        ParameterValue::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
    }
}

impl Field for f64 {
    fn from_value(value: &ParameterValue) -> Option<Self> {
        if let ParameterValue::Double(value) = value { Some(*value) } else { None }
    }
    fn to_value(&self) -> ParameterValue {
        ParameterValue::Double(*self)
    }
}

impl Field for String {
    fn from_value(value: &ParameterValue) -> Option<Self> {
        if let ParameterValue::String(value) = value { Some(value.clone()) } else { None }
    }
    fn to_value(&self) -> ParameterValue {
        ParameterValue::String(self.clone())
    }
}

/// A folder or file; the empty string is the empty path.
impl Field for PathBuf {
    fn from_value(value: &ParameterValue) -> Option<Self> {
        String::from_value(value).map(Self::from)
    }
    fn to_value(&self) -> ParameterValue {
        ParameterValue::String(self.to_string_lossy().into_owned())
    }
}

/// Each item is a string for ROS.
impl<T: Field> Field for Vec<T> {
    fn from_value(value: &ParameterValue) -> Option<Self> {
        let ParameterValue::StringArray(items) = value else { return None };
        items.iter().map(|item| T::from_value(&ParameterValue::String(item.clone()))).collect()
    }
    fn to_value(&self) -> ParameterValue {
        let text = |item: &T| if let ParameterValue::String(text) = item.to_value() { Some(text) } else { None };
        ParameterValue::StringArray(self.iter().filter_map(text).collect())
    }
}

/// An enum whose variants have names in parameter files; they are its `NAMES`.
macro_rules! choices {
    ($(#[$doc:meta])* pub enum $choice:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $choice { $($(#[$variant_doc])* $variant,)+ }

        impl $choice {
            /// The names, in the order of the variants.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The name in parameter files.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }

        impl $crate::config::field::Field for $choice {
            fn from_value(value: &$crate::config::ParameterValue) -> Option<Self> {
                match value {
                    $($crate::config::ParameterValue::String(name) if name == $name => Some(Self::$variant),)+
                    _ => None,
                }
            }
            fn to_value(&self) -> $crate::config::ParameterValue {
                $crate::config::ParameterValue::String(self.name().to_owned())
            }
        }
    };
}
pub(super) use choices;
