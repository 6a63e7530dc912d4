//! Logs the ROS way: to stderr, to `/rosout` and to the log file, through rcutils, so that `--ros-args --log-level`
//! and `rqt_console` work as with any node. And warnings at a limited rate.

use super::clock::steady_now;
use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// The name of the node's logger, once there is a node: messages under it reach `/rosout`.
static LOGGER: OnceLock<String> = OnceLock::new();

/// Logs under the node's own name from now on.
pub fn use_logger_of(node: &r2r::Node) {
    // A process has one node; a second one would log under the first one's name.
    let _ = LOGGER.set(node.logger().to_owned());
}

/// A tracing layer that hands every event to the ROS log. Filter it before: rcutils drops what is below its own
/// level, which is info unless the command line says otherwise.
#[derive(Debug, Clone, Copy, Default)]
pub struct RosLog;

impl<S: Subscriber> Layer<S> for RosLog {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        // C strings end at the first NUL.
        let text = text.0.replace('\0', " ");
        let severity = match *event.metadata().level() {
            Level::ERROR => r2r::LogSeverity::Error,
            Level::WARN => r2r::LogSeverity::Warn,
            Level::INFO => r2r::LogSeverity::Info,
            Level::DEBUG | Level::TRACE => r2r::LogSeverity::Debug,
        };
        let logger = LOGGER.get().map_or("vedette", String::as_str);
        let metadata = event.metadata();
        r2r::log(&text, logger, metadata.file().unwrap_or(""), metadata.line().unwrap_or(0), severity);
    }
}

/// The message, then ` key=value` for each other field.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

/// Warns at most once a period for each cause, and says how often it kept silent.
#[derive(Debug, Default)]
pub struct Limiter {
    causes: HashMap<&'static str, (Instant, u64)>,
}

impl Limiter {
    /// Between two warnings of one cause.
    const PERIOD: Duration = Duration::from_secs(2);

    /// Warns, or counts.
    pub fn warn(&mut self, cause: &'static str, text: impl fmt::Display) {
        let now = steady_now();
        match self.causes.get_mut(cause) {
            Some((said, silent)) if now.duration_since(*said) < Self::PERIOD => *silent += 1,
            Some((said, silent)) => {
                if *silent == 0 {
                    tracing::warn!("{text}");
                } else {
                    tracing::warn!("{text} (and {silent} more since the last such line)");
                }
                (*said, *silent) = (now, 0);
            }
            None => {
                tracing::warn!("{text}");
                self.causes.insert(cause, (now, 0));
            }
        }
    }
}
