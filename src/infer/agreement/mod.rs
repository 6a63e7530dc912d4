//! Whether a GPU provider computes what the CPU computes.
//!
//! A graph that runs need not be right: engines of 16 bits lose detections or overflow, new chips have had wrong kernels.
//! So a session that opened on a GPU provider is compared with one on the CPU before it is used, on the same inputs: a
//! detector by its boxes in a few pictures, any other graph by the numbers of its outputs. What is too far off counts as a
//! refusal of that provider.

mod judge;
mod outputs_apart;
mod remembered;

pub use judge::{Judge, Judged};

use serde::{Deserialize, Serialize};
use std::fmt;

/// The least overlap of boxes that are the same.
const LEAST_IOU: f32 = 0.9;

/// The most that their scores may differ.
const MOST_SCORE: f32 = 0.05;

/// The most that numbers may differ, as a share of the output's largest.
const MOST_OF_LARGEST: f32 = 0.05;

/// How far what a provider computes is from what the CPU computes with the same inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// Of a detector, by its boxes.
    Boxes(BoxDistance),
    /// Of any other graph, by its outputs.
    Numbers {
        /// The largest difference in an output, as a share of that output's largest number.
        of_largest: f32,
    },
    /// The CPU has an answer and the provider has none: why.
    Broken(String),
    /// The provider's run failed: why. It may be that of a device without memory at that moment, and is not remembered.
    Failed(String),
}

/// How far boxes are from those of the CPU.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BoxDistance {
    /// Boxes that both have: of one class, in one place.
    pub compared: usize,
    /// Boxes of either that the other has not.
    pub unmatched: usize,
    /// The least IoU of those that are the same; 1 without any.
    pub least_iou: f32,
    /// The largest difference of their scores.
    pub score: f32,
}

impl BoxDistance {
    /// Of no boxes at all.
    pub const NONE: Self = Self { compared: 0, unmatched: 0, least_iou: 1.0, score: 0.0 };

    /// That of both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            compared: self.compared + other.compared,
            unmatched: self.unmatched + other.unmatched,
            least_iou: self.least_iou.min(other.least_iou),
            score: self.score.max(other.score),
        }
    }
}

impl Agreement {
    /// Whether the provider may be used: IoU of 0.9 or more and scores within 0.05 for every box, and none of either
    /// alone; numbers within 5 % of the largest.
    pub fn is_near(&self) -> bool {
        match self {
            Self::Boxes(BoxDistance { unmatched, least_iou, score, .. }) => {
                *unmatched == 0 && *least_iou >= LEAST_IOU && *score <= MOST_SCORE
            }
            Self::Numbers { of_largest } => *of_largest <= MOST_OF_LARGEST,
            Self::Broken(_) | Self::Failed(_) => false,
        }
    }
}

impl fmt::Display for Agreement {
    /// `beside the CPU: 9 boxes with IoU 0.9987 or more and scores within 0.0021, 0 of either alone`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("beside the CPU: ")?;
        match self {
            Self::Boxes(BoxDistance { compared: 0, unmatched: 0, .. }) => f.write_str("no box to compare"),
            Self::Boxes(BoxDistance { compared, unmatched, least_iou, score }) => write!(
                f,
                "{compared} boxes with IoU {least_iou:.4} or more and scores within {score:.4}, {unmatched} of either alone"
            ),
            Self::Numbers { of_largest } => write!(f, "outputs within {:.4} % of their largest", of_largest * 100.0),
            Self::Broken(reason) => write!(f, "no answer where it has one: {reason}"),
            Self::Failed(reason) => write!(f, "a run failed that goes through there: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_far_off_by_any_measure_is_not_near() {
        let boxes = |compared, unmatched, least_iou, score| {
            Agreement::Boxes(BoxDistance { compared, unmatched, least_iou, score })
        };
        let numbers = |of_largest| Agreement::Numbers { of_largest };
        for (agreement, is_near) in [
            (boxes(9, 0, 0.97, 0.01), true),
            (Agreement::Boxes(BoxDistance::NONE), true),
            (boxes(9, 1, 0.97, 0.01), false),
            (boxes(9, 0, 0.80, 0.01), false),
            (boxes(9, 0, 0.97, 0.20), false),
            (boxes(9, 0, f32::NAN, 0.01), false),
            (numbers(0.001), true),
            (numbers(0.2), false),
            (numbers(f32::NAN), false),
            (Agreement::Broken("output logits is not a number".to_owned()), false),
            (Agreement::Failed("CUDA failure 2: out of memory".to_owned()), false),
        ] {
            assert_eq!(agreement.is_near(), is_near, "{agreement}");
        }
    }
}
