//! Who says stop when nobody else does: the gate through which all plans leave, the watchdog on a thread of its own, and
//! the signals that end the node.

pub(super) mod gate;
mod lock;
pub(super) mod signals;
mod silence;
pub(super) mod stop;

pub(super) use silence::Silent;

use super::report::log::Limiter;
use gate::Gate;
use silence::Watch;
use std::time::Duration;

/// Simulated time can run at any rate, and nobody is woken by it.
const SIMULATED_WAIT: Duration = Duration::from_millis(5);

/// The watchdog's thread: looks whenever a stop may be due, until the gate is closed. It shares nothing with the other
/// threads but the gate, so that it neither waits for them nor ends with them.
pub(super) fn keep_watch(gate: &Gate, is_simulated: bool) {
    let mut limiter = Limiter::default();
    let mut was_silent = false;
    loop {
        let looked = gate.look();
        match looked.watch {
            Some(Watch::Stop(silent)) => {
                if silent.first {
                    let ms = silent.ns / 1_000_000;
                    tracing::warn!("no plan from a fresh image for {ms} ms: saying stop");
                }
                was_silent = true;
            }
            Some(Watch::Fresh) if was_silent => {
                tracing::info!("plans from fresh images again");
                was_silent = false;
            }
            Some(Watch::Fresh | Watch::Silent(_)) | None => {}
        }
        if let Some(error) = looked.not_published {
            limiter.warn("stop", format_args!("the stop has not left: {error}"));
        }
        let longest = if is_simulated { SIMULATED_WAIT } else { looked.wait };
        if gate.wait_closed(looked.wait.min(longest)) {
            return;
        }
    }
}
