//! From the bytes of a picture to the numbers of a model's input, in steps of arithmetic.

use std::fmt;

/// One step, with a number for each channel in the order of the tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ChannelStep {
    /// Times the number.
    Mul([f32; 3]),
    /// Divided by it.
    Div([f32; 3]),
    /// Plus the number.
    Add([f32; 3]),
    /// Minus the number.
    Sub([f32; 3]),
}

impl ChannelStep {
    /// ONNX's operator.
    pub const fn operator(&self) -> &'static str {
        match self {
            Self::Mul(_) => "Mul",
            Self::Div(_) => "Div",
            Self::Add(_) => "Add",
            Self::Sub(_) => "Sub",
        }
    }

    /// The numbers.
    pub const fn numbers(&self) -> [f32; 3] {
        match *self {
            Self::Mul(numbers) | Self::Div(numbers) | Self::Add(numbers) | Self::Sub(numbers) => numbers,
        }
    }

    /// What it makes of a value of a channel, in single precision.
    #[must_use]
    pub fn of(&self, value: f32, channel: usize) -> f32 {
        match self {
            Self::Mul(numbers) => value * numbers[channel],
            Self::Div(numbers) => value / numbers[channel],
            Self::Add(numbers) => value + numbers[channel],
            Self::Sub(numbers) => value - numbers[channel],
        }
    }

    /// Whether it leaves every byte, and what is made of one, as it is.
    pub fn is_nothing(&self) -> bool {
        match self {
            Self::Mul(numbers) | Self::Div(numbers) => *numbers == [1.0; 3],
            Self::Add(numbers) | Self::Sub(numbers) => *numbers == [0.0; 3],
        }
    }
}

impl fmt::Display for ChannelStep {
    /// `Mul [0.017, 0.018, 0.017]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.operator(), self.numbers())
    }
}
