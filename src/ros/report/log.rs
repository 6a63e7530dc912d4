//! Logs the ROS way: to stderr, to `/rosout` and to the log file, through rcutils, so that `--ros-args --log-level`
//! and `rqt_console` work as with any node. And warnings at a limited rate.

use super::logger_levels;
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
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, reload};

/// Where ROS logs come together.
const ROSOUT: &str = "/rosout";

/// More characters of one line are not said.
const MAX_CHARS: usize = 8192;

/// More characters of what somebody else has written are not said.
const QUOTED_CHARS: usize = 200;

/// What is said, where [`RosLog::start`] has set it up.
static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

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
    // `--log-level LOGGER:=LEVEL` is known to rcl only.
    if std::env::var_os(EnvFilter::DEFAULT_ENV).is_none() {
        follow_level();
    }
    Ok(())
}

/// Says from now on what rcutils lets through of the node's own logger.
pub fn follow_level() {
    let (Some(filter), Some(source)) = (FILTER.get(), SOURCE.get()) else { return };
    let level = match logger_levels::effective(&source.logger) {
        0..=10 => LevelFilter::DEBUG,
        11..=20 => LevelFilter::INFO,
        21..=30 => LevelFilter::WARN,
        _ => LevelFilter::ERROR,
    };
    // It fails only where nobody logs any more.
    let _ = filter.reload(EnvFilter::default().add_directive(level.into()));
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
        let (filter, handle) = reload::Layer::new(filter);
        // A process starts it once.
        let _ = FILTER.set(handle);
        tracing_subscriber::registry().with(filter).with(Self).init();
    }
}

impl<S: Subscriber> Layer<S> for RosLog {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text(Start::new(String::new(), MAX_CHARS));
        event.record(&mut text);
        // C strings end at the first NUL.
        let text = text.0.out.replace('\0', " ");
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
        let table = logger_levels::lock();
        r2r::log(&text, logger, file, line, severity);
        drop(table);
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

/// The first 200 characters of words that hold what somebody else has written: logs and answers are for people.
pub fn cut(words: &str) -> String {
    let mut start = Start::new(String::new(), QUOTED_CHARS);
    // It fails once the words are long enough.
    let _ = start.write_str(words);
    start.out
}

/// The message, then ` key=value` for each other field.
struct Text(Start<String>);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // It fails once the line is long enough.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

/// The start of what is written, which then is not made any further.
struct Start<W> {
    out: W,
    /// So many characters more.
    left: usize,
    is_cut: bool,
}

impl<W: fmt::Write> Start<W> {
    fn new(out: W, chars: usize) -> Self {
        Self { out, left: chars, is_cut: false }
    }
}

impl<W: fmt::Write> fmt::Write for Start<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.is_cut {
            return Err(fmt::Error);
        }
        match text.char_indices().nth(self.left) {
            None => {
                self.left -= text.chars().count();
                self.out.write_str(text)
            }
            Some((end, _)) => {
                self.is_cut = true;
                self.out.write_str(&text[..end])?;
                self.out.write_str(" ...")?;
                Err(fmt::Error)
            }
        }
    }
}

/// What somebody sent, as `{:?}` writes it, for words in logs and answers: its first 200 characters.
pub struct Short<T>(pub T);

impl<T: fmt::Debug> fmt::Display for Short<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut start = Start::new(f, QUOTED_CHARS);
        match write!(start, "{:?}", self.0) {
            Err(_) if start.is_cut => Ok(()),
            written => written,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_sent_is_quoted_up_to_a_sane_length() {
        assert_eq!(Short("van").to_string(), r#""van""#);
        assert_eq!(Short(["a", "b\n"]).to_string(), r#"["a", "b\n"]"#);
        assert_eq!(Short("\u{e9}".repeat(198)).to_string().chars().count(), 200);
        let long = Short(vec!["\u{e9}".repeat(100); 100_000]).to_string();
        assert_eq!(long.chars().count(), 204);
        assert!(long.starts_with("[\"\u{e9}") && long.ends_with(" ..."), "{long}");
    }

    #[test]
    fn a_line_of_the_log_ends_somewhere() {
        let mut text = Text(Start::new(String::new(), MAX_CHARS));
        assert!(write!(text.0, "{}", "x".repeat(MAX_CHARS)).is_ok());
        assert!(write!(text.0, "{}", "y".repeat(20_000_000)).is_err() && write!(text.0, "z").is_err());
        assert_eq!(text.0.out.len(), MAX_CHARS + 4);
        assert!(text.0.out.ends_with("x ..."));
    }
}
