//! The client engine as the window sees it: commands in, events out, behind a trait so that screens can be driven without one.

use std::{future::Future, path::Path, pin::Pin, sync::Arc, time::Duration};

use amanat_client::{Command, Engine, Event, Events, Failure, Options, Reply, profile};
use amanat_primitives::passphrase::WorkPolicy;
use iced::futures::{Stream, future::join_all, stream};
use zeroize::Zeroizing;

/// How long an engine may take to answer what is asked of it last.
const ANSWERING: Duration = Duration::from_secs(2);
/// How long an engine may take to stop.
const STOPPING: Duration = Duration::from_secs(5);

/// Something that will be there.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The engine, or what stands for it.
pub trait Backend: Send + Sync {
    /// Asks, and is answered once.
    fn ask(&self, command: Command) -> Later<Result<Reply, Failure>>;

    /// Asks these, waits for their answers for a moment, then closes the link and the vault. What is queued stays queued.
    fn stop(&self, first: Vec<Command>) -> Later<()>;
}

/// What an opened profile gives the window.
#[derive(Clone)]
pub struct Opened {
    /// To ask.
    pub backend: Arc<dyn Backend>,
    /// To listen to; taken once.
    pub events: Arc<std::sync::Mutex<Option<EventStream>>>,
}

/// Events, as a stream.
pub type EventStream = Pin<Box<dyn Stream<Item = Event> + Send>>;

impl Backend for Engine {
    fn ask(&self, command: Command) -> Later<Result<Reply, Failure>> {
        let engine = self.clone();
        Box::pin(async move { Engine::ask(&engine, command).await })
    }

    fn stop(&self, first: Vec<Command>) -> Later<()> {
        let engine = self.clone();
        let answers = first.into_iter().map(|command| Backend::ask(self, command)).collect();
        // What is accepted is on disk already: where the engine hangs, leaving loses nothing, and staying would keep keys.
        Box::pin(async move {
            if !answered(answers, ANSWERING).await {
                tracing::warn!("not all that was written and not sent is kept");
            }
            if tokio::time::timeout(STOPPING, Engine::stop(engine)).await.is_err() {
                tracing::warn!("the engine does not stop");
            }
        })
    }
}

/// Waits for answers, and no longer than this; whether all came and were good ones.
async fn answered(answers: Vec<Later<Result<Reply, Failure>>>, limit: Duration) -> bool {
    // One that hangs does not keep the others from being made.
    match tokio::time::timeout(limit, join_all(answers)).await {
        Ok(answers) => answers.iter().all(Result::is_ok),
        Err(_) => false,
    }
}

/// Opens a profile and starts its engine. Takes as long as the passphrase is made to take; call it where it may block.
///
/// # Errors
/// Wrong passphrase, no profile, in use, damaged.
pub fn open(dir: &Path, passphrase: &Zeroizing<String>) -> Result<Opened, Failure> {
    let profile = profile::open(dir, passphrase, &WorkPolicy::STANDARD)?;
    let (engine, events) = Engine::start(profile, Options::default());
    Ok(opened(engine, events))
}

/// An engine that runs already.
#[must_use]
pub fn opened(engine: Engine, events: Events) -> Opened {
    let events = stream::unfold(events, |mut events| async move { events.next().await.map(|event| (event, events)) });
    Opened { backend: Arc::new(engine), events: Arc::new(std::sync::Mutex::new(Some(Box::pin(events)))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_waited_for_and_not_for_ever() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let limit = Duration::from_millis(20);
        let kept = || -> Later<_> { Box::pin(async { Ok(Reply::Kept) }) };
        let hangs = || -> Later<_> { Box::pin(std::future::pending()) };
        runtime.block_on(async {
            assert!(answered(Vec::new(), limit).await);
            assert!(answered(vec![kept(), kept()], limit).await);
            assert!(!answered(vec![hangs(), kept()], limit).await);
        });
    }
}
