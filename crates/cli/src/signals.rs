//! How somebody says that a command is to end.

use tidings_daemon::Stop;

/// A first Ctrl-C or SIGTERM sees through what is leaving; a second one ends at once, and the next run goes on
/// where this one was.
pub fn stop_on_signals(say: impl FnOnce() + Send + 'static) -> Stop {
    let stop = Stop::default();
    let wish = stop.clone();
    tokio::spawn(async move {
        signalled().await;
        wish.now();
        say();
        signalled().await;
        std::process::exit(130);
    });
    stop
}

async fn signalled() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! { _ = interrupt => {}, _ = terminate.recv() => {} }
            }
            Err(_) => drop(interrupt.await),
        }
    }
    #[cfg(not(unix))]
    drop(interrupt.await);
}
