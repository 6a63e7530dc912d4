//! The services `~/get_logger_levels` and `~/set_logger_levels`, as rclcpp offers them with `enable_logger_service`.
//!
//! The node's own logger has the name that rcl gives it: the node's name, behind its namespace with dots. Others of the
//! process are `rcl`, `rmw_fastrtps_cpp` and the like.

use super::requests::{Reception, Requests};
use crate::ros::reason::ask_result::words;
use crate::ros::report::log::{self, Short};
use crate::ros::report::logger_levels;
use r2r::rcl_interfaces::msg::{LoggerLevel, SetLoggerLevelsResult};
use r2r::rcl_interfaces::srv::{GetLoggerLevels, SetLoggerLevels};

/// Answers both.
pub struct LoggerServices {
    get: Requests<GetLoggerLevels::Service>,
    set: Requests<SetLoggerLevels::Service>,
}

impl LoggerServices {
    /// Offers the services.
    ///
    /// # Errors
    /// When DDS refuses one.
    pub fn new(node: &mut r2r::Node, reception: &mut Reception) -> r2r::Result<Self> {
        Ok(Self {
            get: reception.offer_wordless(node, "~/get_logger_levels")?,
            set: reception.offer(node, "~/set_logger_levels", |request: &SetLoggerLevels::Request, reason| {
                SetLoggerLevels::Response {
                    results: request.levels.iter().map(|_| result(Err(reason.to_owned()))).collect(),
                }
            })?,
        })
    }

    /// Answers whoever asks, until the task is ended.
    pub async fn serve(self) {
        let Self { get, set } = self;
        let got = |name: &String| LoggerLevel { name: words(name), level: logger_levels::level(name) };
        tokio::join!(
            get.answer(|request| GetLoggerLevels::Response { levels: request.names.iter().map(got).collect() }),
            set.answer(|request| {
                let results = request.levels.iter().map(|wanted| result(set_level(wanted))).collect();
                // What is let through there is said here.
                log::follow_level();
                SetLoggerLevels::Response { results }
            }),
        );
    }
}

fn set_level(wanted: &LoggerLevel) -> Result<(), String> {
    let LoggerLevel { name, level } = wanted;
    let set = logger_levels::set(name, *level);
    match &set {
        Ok(()) => tracing::info!("the logger {} has the level {level} from now on", Short(name)),
        Err(reason) => tracing::warn!("the logger {} keeps its level: {reason}", Short(name)),
    }
    set
}

fn result(set: Result<(), String>) -> SetLoggerLevelsResult {
    let reason = set.err().unwrap_or_default();
    SetLoggerLevelsResult { successful: reason.is_empty(), reason }
}
