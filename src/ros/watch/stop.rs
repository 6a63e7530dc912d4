//! The edge's own word: a stop plan and an empty path, the only messages without a source image.

use crate::config::Config;
use crate::config::assembly::settings;
use crate::pipeline::Output;
use crate::planning::watchdog::stop_plan;
use crate::ros::publishers::{NotPublished, Publish};
use crate::types::{FrameId, Labels, Stamp, Stamped};
use crate::wire;
use std::sync::Arc;

/// Makes and publishes stops.
pub struct StopPlan {
    base_frame: FrameId,
    model: Arc<str>,
    valid_for_ms: u32,
    /// A stop has no steps that would name a class.
    labels: Labels,
    cdr: Vec<u8>,
}

impl StopPlan {
    /// In the planning frame, as far as the parameters tell it.
    pub fn new(config: &Config) -> Self {
        Self {
            base_frame: settings::base_frame(config),
            model: Arc::from(config.model.as_str()),
            // Periods are checked to lie below ten minutes.
            valid_for_ms: u32::try_from(config.plan_valid_for_ms).unwrap_or(u32::MAX),
            labels: Labels::new([""; 0], 0),
            cdr: Vec::new(),
        }
    }

    /// In the frame of the plan that it would take back.
    pub fn set_base_frame(&mut self, base_frame: &FrameId) {
        if self.base_frame != *base_frame {
            self.base_frame = base_frame.clone();
        }
    }

    /// Publishes a stop stamped `now`. `sequence` is that of the plan which it takes back, `verdict` says why.
    ///
    /// # Errors
    /// The message that DDS did not take; the other one has left.
    pub fn say(&mut self, to: &dyn Publish, now: Stamp, sequence: u64, verdict: String) -> Result<(), NotPublished> {
        let plan = stop_plan(sequence, Arc::clone(&self.model), verdict, self.valid_for_ms);
        let plan = Stamped::new(now, self.base_frame.clone(), plan);
        wire::vedette_msgs::encode_plan(&mut self.cdr, &plan.as_ref(), &self.labels);
        let plan_left = to.publish(Output::Plan, &self.cdr);
        wire::nav_msgs::encode_path(&mut self.cdr, &plan.as_ref().map(|plan| plan.path.as_slice()));
        plan_left.and(to.publish(Output::Path, &self.cdr))
    }
}
