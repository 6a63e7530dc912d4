//! How the edge ends long work early.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Why work was ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CancelReason {
    /// Its time was over.
    Deadline = 1,
    /// A newer request took its place.
    Superseded = 2,
    /// Whoever asked no longer wants it.
    Asked = 3,
    /// The program ends.
    Shutdown = 4,
}

impl CancelReason {
    /// The word in results and diagnostics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Superseded => "superseded",
            Self::Asked => "cancelled",
            Self::Shutdown => "shutdown",
        }
    }
}

/// A token that whoever waits holds, and whoever works looks at between two steps. Clones are one token.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicU8>);

impl Cancel {
    /// A token that nobody has used.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the work to end. The first reason stays.
    pub fn cancel(&self, reason: CancelReason) {
        let _ = self.0.compare_exchange(0, reason as u8, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Why the work is to end, once it is.
    pub fn reason(&self) -> Option<CancelReason> {
        match self.0.load(Ordering::Relaxed) {
            1 => Some(CancelReason::Deadline),
            2 => Some(CancelReason::Superseded),
            3 => Some(CancelReason::Asked),
            4 => Some(CancelReason::Shutdown),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stays_and_every_clone_sees_it() {
        let token = Cancel::new();
        let worker = token.clone();
        assert_eq!(worker.reason(), None);
        for reason in [CancelReason::Deadline, CancelReason::Asked] {
            token.cancel(reason);
            assert_eq!(worker.reason(), Some(CancelReason::Deadline));
        }
    }
}
