//! The watchdog's word: a stop plan and an empty path, the only messages without a source image.

use crate::config::Config;
use crate::pipeline::{Output, OutputError, Outputs, Walk};
use crate::planning::watchdog::stop_plan;
use crate::types::{FrameId, Labels, Stamp, Stamped};
use crate::wire;
use std::sync::Arc;
use std::time::Duration;

/// Makes and publishes stops.
pub struct StopPlan {
    base_frame: FrameId,
    valid_for_ns: i64,
    model: Arc<str>,
    labels: Labels,
    cdr: Vec<u8>,
}

impl StopPlan {
    /// In the planning frame, with the names of the walk's model.
    pub fn new(config: &Config, walk: &Walk) -> Self {
        Self {
            base_frame: FrameId::new(&config.base_frame),
            valid_for_ns: config.plan_valid_for_ms * 1_000_000,
            model: Arc::from(config.model.as_str()),
            labels: walk.labels().clone(),
            cdr: Vec::new(),
        }
    }

    /// Publishes a stop stamped `now`, because no fresh image has come for `silent`.
    ///
    /// # Errors
    /// The message that DDS did not take.
    pub fn say(&mut self, outputs: &mut impl Outputs, now: Stamp, silent: Duration) -> Result<(), OutputError> {
        let plan = stop_plan(silent, self.valid_for_ns, Arc::clone(&self.model), self.labels.version());
        let plan = Stamped::new(now, self.base_frame.clone(), plan);
        wire::vedette_msgs::encode_plan(&mut self.cdr, &plan.as_ref(), &self.labels);
        outputs.put(Output::Plan, now, &self.cdr)?;
        wire::nav_msgs::encode_path(&mut self.cdr, &plan.as_ref().map(|plan| plan.path.as_slice()));
        outputs.put(Output::Path, now, &self.cdr)
    }
}
