//! SIGINT and SIGTERM, from the first moment of the process to its last: whatever comes, and however often, none of them
//! tears down DDS or a model under threads that use them.
//!
//! While the node starts, a signal ends the process at once: nothing has left yet. Later the first one asks the node to
//! end in order. What has not ended [`PATIENCE`] later, or [`IMPATIENCE`] after a second signal, is left where it is.
//! Leaving is `_exit`: `std::process::exit` runs the destructors of C++ statics, which delete Fast DDS's participants
//! while other threads are inside them (it was that, and no other handler, that made two signals a segmentation fault).

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

/// Exit code of a node that a signal ended before it was done: what a shell reports for an interrupted process.
pub const INTERRUPTED: i32 = 130;
/// As long may an end in order take.
const PATIENCE: Duration = Duration::from_secs(10);
/// As long after a second signal.
const IMPATIENCE: Duration = Duration::from_secs(2);

/// Takes signals for as long as the runtime lives.
pub struct Signals {
    asked: watch::Receiver<bool>,
    phase: Arc<Phase>,
}

#[derive(Default)]
struct Phase {
    is_started: AtomicBool,
    end_begun: Notify,
}

impl Signals {
    /// Takes over both signals.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn take_over(runtime: &Runtime) -> io::Result<Self> {
        let _guard = runtime.enter();
        let signals = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
        let (ask, asked) = watch::channel(false);
        let phase = Arc::new(Phase::default());
        runtime.spawn(listen(signals, ask, Arc::clone(&phase)));
        Ok(Self { asked, phase })
    }

    /// From now on the first signal ends the node in order.
    pub fn started(&self) {
        self.phase.is_started.store(true, Ordering::SeqCst);
    }

    /// The node ends for another reason than a signal; the limit in time is the same.
    pub fn end_begun(&self) {
        self.phase.end_begun.notify_one();
    }

    /// Waits until a signal asks the node to end.
    pub async fn asked(&mut self) {
        // The other end lives as long as the runtime.
        let _ = self.asked.wait_for(|asked| *asked).await;
    }
}

async fn listen([mut interrupt, mut terminate]: [Signal; 2], ask: watch::Sender<bool>, phase: Arc<Phase>) {
    let (mut limit, mut exit_code) = (None::<Instant>, 1);
    loop {
        let name = tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
            () = phase.end_begun.notified() => {
                limit.get_or_insert(Instant::now() + PATIENCE);
                continue;
            }
            () = until(limit) => leave("not ended in time, leaving what is left", exit_code),
        };
        if !phase.is_started.load(Ordering::SeqCst) {
            leave("ended before it had started", INTERRUPTED);
        }
        if ask.send_replace(true) {
            tracing::warn!("{name} again: ending within {} s", IMPATIENCE.as_secs());
            limit = limit.min(Some(Instant::now() + IMPATIENCE));
        } else {
            tracing::info!("{name}: saying stop and ending");
            limit.get_or_insert(Instant::now() + PATIENCE);
        }
        exit_code = INTERRUPTED;
    }
}

async fn until(limit: Option<Instant>) {
    match limit {
        Some(limit) => sleep_until(limit).await,
        None => std::future::pending().await,
    }
}

/// Not through the log, which may be what hangs.
pub fn leave(words: &str, exit_code: i32) -> ! {
    eprintln!("vedette: {words}");
    signal_hook::low_level::exit(exit_code)
}
