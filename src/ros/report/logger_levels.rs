//! What rcutils lets through, logger by logger: the table that `--log-level` fills at the start and the services change.
//!
//! r2r has no call for it. rcutils keeps the table without a lock of its own, so all calls of ours hold one, the logging
//! itself included, as in rclcpp.
#![expect(unsafe_code, reason = "rcutils has C functions only; each call's needs are stated beside it")]

use std::ffi::CString;
use std::sync::{Mutex, MutexGuard, PoisonError};

static TABLE: Mutex<()> = Mutex::new(());

/// The levels by the numbers of rcl_interfaces/msg/LoggerLevel.
pub const LEVELS: [u32; 6] = [UNSET, 10, 20, 30, 40, 50];
/// As its parent.
pub const UNSET: u32 = 0;

/// Held by whoever logs through rcutils.
pub fn lock() -> MutexGuard<'static, ()> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was set for this logger, [`UNSET`] where nothing was.
pub fn level(logger: &str) -> u32 {
    let Ok(logger) = CString::new(logger) else { return UNSET };
    let _table = lock();
    // SAFETY: the string ends with a null and lives through the call, which only reads it.
    let level = unsafe { r2r_rcl::rcutils_logging_get_logger_level(logger.as_ptr()) };
    u32::try_from(level).unwrap_or(UNSET)
}

/// What holds for this logger: its own level, else that of the nearest parent, else the default.
pub fn effective(logger: &str) -> u32 {
    let Ok(logger) = CString::new(logger) else { return UNSET };
    let _table = lock();
    // SAFETY: as above.
    let level = unsafe { r2r_rcl::rcutils_logging_get_logger_effective_level(logger.as_ptr()) };
    u32::try_from(level).unwrap_or(UNSET)
}

/// Sets the level of a logger, which need not exist.
///
/// # Errors
/// Why it stays as it is.
pub fn set(logger: &str, level: u32) -> Result<(), String> {
    if !LEVELS.contains(&level) {
        return Err(format!(
            "level {level} is none, expected 10 (debug), 20 (info), 30 (warn), 40 (error), 50 (fatal), or 0 (as the \
             parent)"
        ));
    }
    if logger.len() > MAX_BYTES {
        return Err(format!("the logger's name has {} bytes, expected at most {MAX_BYTES}", logger.len()));
    }
    let name = CString::new(logger).map_err(|_| "the logger's name holds a null character".to_owned())?;
    let level = i32::try_from(level).map_err(|_| format!("level {level} is none"))?;
    let _table = lock();
    // SAFETY: as above; rcutils copies the string. The lock is held, and rcutils starts itself where it has not.
    let code = unsafe { r2r_rcl::rcutils_logging_set_logger_level(name.as_ptr(), level) };
    if code == 0 { Ok(()) } else { Err(format!("rcutils refuses it with the code {code}")) }
}

/// The longest name that is kept: twice the longest name of a node in ROS.
const MAX_BYTES: usize = 510;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logger_has_its_own_level_or_that_of_its_parent() {
        assert_eq!(level("unit"), UNSET);
        set("unit", 40).unwrap();
        assert_eq!((level("unit"), level("unit.child"), effective("unit.child")), (40, UNSET, 40));
        set("unit.child", 10).unwrap();
        assert_eq!((effective("unit.child"), effective("unit")), (10, 40));
        set("unit.child", UNSET).unwrap();
        assert_eq!(effective("unit.child"), 40);
    }

    #[test]
    fn what_is_no_level_or_no_name_is_refused_in_words() {
        let expected = "level 15 is none, expected 10 (debug), 20 (info), 30 (warn), 40 (error), 50 (fatal), or 0 (as the \
                        parent)";
        assert_eq!(set("unit.refused", 15).unwrap_err(), expected);
        assert_eq!(set(&"x".repeat(511), 10).unwrap_err(), "the logger's name has 511 bytes, expected at most 510");
        assert_eq!(set("a\0b", 10).unwrap_err(), "the logger's name holds a null character");
        assert_eq!(level("unit.refused"), UNSET);
    }
}
