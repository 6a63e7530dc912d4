//! The watchdog's word: a stop plan and an empty path, the only messages without a source image.

use crate::config::Config;
use crate::pipeline::{Output, OutputError, Outputs, Walk};
use crate::planning::watchdog::stop_plan;
use crate::types::{FrameId, Labels, Stamp, Stamped};
use crate::wire;
use std::sync::Arc;

/// Makes and publishes stops.
pub struct StopPlan {
    base_frame: FrameId,
    model: Arc<str>,
    max_age_ms: u32,
    valid_for_ms: u32,
    labels: Labels,
    said: u64,
    cdr: Vec<u8>,
}

impl StopPlan {
    /// In the planning frame, with the names of the walk's model.
    pub fn new(config: &Config, walk: &Walk) -> Self {
        // Periods are checked to lie below ten minutes.
        let ms = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
        Self {
            base_frame: FrameId::new(&config.base_frame),
            model: Arc::from(config.model.as_str()),
            max_age_ms: ms(config.max_age_ms),
            valid_for_ms: ms(config.plan_valid_for_ms),
            labels: walk.labels().clone(),
            said: 0,
            cdr: Vec::new(),
        }
    }

    /// Publishes a stop stamped `now`. `silence_ms` is how long ago the last fresh image came, `None` before the first.
    ///
    /// # Errors
    /// The message that DDS did not take.
    pub fn say(&mut self, outputs: &mut impl Outputs, now: Stamp, silence_ms: Option<i64>) -> Result<(), OutputError> {
        self.said += 1;
        let plan = stop_plan(self.said, Arc::clone(&self.model), silence_ms, self.max_age_ms, self.valid_for_ms);
        let plan = Stamped::new(now, self.base_frame.clone(), plan);
        wire::vedette_msgs::encode_plan(&mut self.cdr, &plan.as_ref(), &self.labels);
        outputs.put(Output::Plan, now, &self.cdr)?;
        wire::nav_msgs::encode_path(&mut self.cdr, &plan.as_ref().map(|plan| plan.path.as_slice()));
        outputs.put(Output::Path, now, &self.cdr)
    }
}
