//! What a manifest may say about pixels: keys of its table `input`, all of them optional. What it does not say is the
//! layout's.

use crate::vision::{Colors, Fit, Normalize, TensorForm};

/// What the manifest says instead of the layout.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pixels {
    /// `fit`: where a picture goes.
    pub fit: Option<Fit>,
    /// `colors`: the order of the channels.
    pub colors: Option<Colors>,
    /// `mean` and `std`, or `range`: what bytes become.
    pub normalize: Option<Normalize>,
}

impl Pixels {
    /// Whether it says nothing.
    pub fn is_silent(&self) -> bool {
        *self == Self::default()
    }

    /// A form with what is said here in place of its own.
    pub fn over(self, form: TensorForm) -> TensorForm {
        TensorForm {
            fit: self.fit.unwrap_or(form.fit),
            colors: self.colors.unwrap_or(form.colors),
            normalize: self.normalize.unwrap_or(form.normalize),
        }
    }
}
