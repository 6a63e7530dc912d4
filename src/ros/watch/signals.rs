//! SIGINT and SIGTERM: the first asks the node to end in order, a second one ends it at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Exit code of a node that was signalled twice: what a shell reports for an interrupted process.
const INTERRUPTED: i32 = 130;

/// Listens until it is dropped.
pub struct Signals {
    stop: Arc<AtomicBool>,
    listener: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Signals {
    /// Takes over both signals.
    ///
    /// # Errors
    /// When the handlers cannot be installed or the thread cannot be made.
    pub fn listen() -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        // Handlers are in place when this returns.
        let (mut interrupt, mut terminate) = {
            let _guard = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        let (done, mut is_done) = oneshot::channel::<()>();
        let asked = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("signals".into()).spawn(move || {
            runtime.block_on(async {
                loop {
                    let name = tokio::select! {
                        _ = interrupt.recv() => "SIGINT",
                        _ = terminate.recv() => "SIGTERM",
                        _ = &mut is_done => return,
                    };
                    if asked.swap(true, Ordering::SeqCst) {
                        tracing::warn!("{name} again: ending at once");
                        std::process::exit(INTERRUPTED);
                    }
                    tracing::info!("{name}: ending after the frame in work");
                }
            });
        })?;
        Ok(Self { stop, listener: Some((done, thread)) })
    }

    /// Whether the node was asked to end.
    pub fn stop_asked(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        if let Some((done, thread)) = self.listener.take() {
            // The thread may have ended already; then there is nobody to tell.
            let _ = done.send(());
            let _ = thread.join();
        }
    }
}
