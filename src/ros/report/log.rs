//! Logs the ROS way: to stderr, to `/rosout` and to the log file, through rcutils, so that `--ros-args --log-level`
//! and `rqt_console` work as with any node. And warnings at a limited rate.

use crate::config::LogLevel;
use crate::ros::clock::{steady_now, wall_now};
use r2r::QosProfile;
use r2r::rcl_interfaces::msg::Log;
use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Where ROS logs come together.
const ROSOUT: &str = "/rosout";

/// The node that logs, once there is one.
static SOURCE: OnceLock<Source> = OnceLock::new();

struct Source {
    logger: String,
    /// Where the ROS log does not reach `/rosout` by itself: since Jazzy that is left to the client libraries.
    rosout: Option<Mutex<r2r::Publisher<Log>>>,
}

/// Logs under the node's own name from now on, to `/rosout` too.
///
/// # Errors
/// When `/rosout` cannot be published.
pub fn log_as(node: &mut r2r::Node) -> r2r::Result<()> {
    let name = node.name()?;
    let by_itself =
        node.get_publishers_info_by_topic(ROSOUT, false)?.iter().any(|publisher| publisher.node_name == name);
    let rosout = if by_itself { None } else { Some(Mutex::new(node.create_publisher(ROSOUT, rosout_qos())?)) };
    // A process has one node; a second one would log under the first one's name.
    let _ = SOURCE.set(Source { logger: node.logger().to_owned(), rosout });
    Ok(())
}

/// rcl's own for `/rosout`.
fn rosout_qos() -> QosProfile {
    QosProfile::default().keep_last(1000).transient_local().lifespan(Duration::from_secs(10))
}

/// A tracing layer that hands every event to the ROS log. Filter it before: rcutils drops what is below its own
/// level, which is info unless the command line says otherwise.
#[derive(Debug, Clone, Copy, Default)]
pub struct RosLog;

impl RosLog {
    /// Sends this process's log the way of all ROS nodes: to stderr, to the log file and to `/rosout`. `RUST_LOG` decides
    /// what is said, without it `level` (`--log-level`), info unless that says otherwise.
    pub fn start(level: Option<LogLevel>) {
        let level = match level {
            Some(LogLevel::Debug) => LevelFilter::DEBUG,
            Some(LogLevel::Info) | None => LevelFilter::INFO,
            Some(LogLevel::Warn) => LevelFilter::WARN,
            Some(LogLevel::Error | LogLevel::Fatal) => LevelFilter::ERROR,
        };
        let filter = EnvFilter::builder().with_default_directive(level.into()).from_env_lossy();
        tracing_subscriber::registry().with(filter).with(Self).init();
    }
}

impl<S: Subscriber> Layer<S> for RosLog {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        // C strings end at the first NUL.
        let text = text.0.replace('\0', " ");
        // The numbers are those of rcl_interfaces/msg/Log.
        let (severity, level) = match *event.metadata().level() {
            Level::ERROR => (r2r::LogSeverity::Error, 40),
            Level::WARN => (r2r::LogSeverity::Warn, 30),
            Level::INFO => (r2r::LogSeverity::Info, 20),
            Level::DEBUG | Level::TRACE => (r2r::LogSeverity::Debug, 10),
        };
        let source = SOURCE.get();
        let logger = source.map_or("vedette", |source| &source.logger);
        let (file, line) = (event.metadata().file().unwrap_or(""), event.metadata().line().unwrap_or(0));
        r2r::log(&text, logger, file, line, severity);
        if let Some(rosout) = source.and_then(|source| source.rosout.as_ref()) {
            let (sec, nanosec) = wall_now().to_ros();
            let stamp = r2r::builtin_interfaces::msg::Time { sec, nanosec };
            let (name, file) = (logger.to_owned(), file.to_owned());
            let log = Log { stamp, level, name, msg: text, file, function: String::new(), line };
            // A log that nobody gets is no reason to log.
            let _ = rosout.lock().unwrap_or_else(PoisonError::into_inner).publish(&log);
        }
    }
}

/// At most 200 characters of words that somebody else has written: logs and answers are for people.
pub fn cut(words: &str) -> String {
    const MOST: usize = 200;
    match words.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}… ({} bytes in all)", &words[..end], words.len()),
        None => words.to_owned(),
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
