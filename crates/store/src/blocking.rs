//! Work that waits for the disk (protocol-spec/07-delivery, section 10), beside the threads that carry links.
//!
//! In a program it runs on the runtime's threads for that. In a simulation there are none: it is done at once, in its
//! turn, so that nothing depends on which thread was quicker.

use tokio::task::JoinError;

/// Does `work` on a thread that may block, and waits for it.
///
/// # Errors
/// It panicked, or the runtime has ended.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
    #[cfg(feature = "test-util")]
    if crate::simulated::here() {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await
}

/// The same, without waiting for it.
pub fn start(work: impl FnOnce() + Send + 'static) {
    #[cfg(feature = "test-util")]
    if crate::simulated::here() {
        return work();
    }
    tokio::task::spawn_blocking(work);
}
