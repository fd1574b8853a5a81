//! Pushes (protocol-spec/07-delivery, section 4): what has become durable goes to whoever is connected, in the order of
//! each log.
//!
//! The store's writer only hands over ([`Feed::publish`]): encoding and waking happen in one task here, so that a sync
//! never waits for a reader. Each entry is encoded once, whatever the number of its readers.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use amanat_primitives::DeviceId;
use amanat_store::relay::Published;
use amanat_wire::{
    Encode as _,
    relay::{FromRelay, Push},
};
use tokio::sync::Notify;

use crate::{shared::Shared, translate};

/// Items that may wait between the store and the links; what comes beyond is hinted at.
const WAITING: usize = 16_384;
/// And their bytes, roughly.
const WAITING_BYTES: usize = 64 * 1024 * 1024;
/// Items handled before other tasks get a turn.
const TURN: usize = 64;

#[derive(Default)]
struct Waiting {
    items: Vec<Published>,
    bytes: usize,
    /// Devices for which something was left out.
    behind: HashSet<DeviceId>,
}

/// Between the store's writer and the links.
#[derive(Default)]
pub(crate) struct Feed {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

impl Feed {
    /// Takes over what has become durable. Called by the store's writer, in order; never waits.
    pub(crate) fn publish(&self, published: Published) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let size = size(&published);
        if waiting.items.len() < WAITING && waiting.bytes.saturating_add(size) <= WAITING_BYTES {
            waiting.bytes = waiting.bytes.saturating_add(size);
            waiting.items.push(published);
        } else {
            match &published {
                Published::Entry { recipients, .. } => waiting.behind.extend(recipients.iter()),
                Published::Direct { device, .. } => {
                    waiting.behind.insert(*device);
                }
            }
        }
        drop(waiting);
        self.filled.notify_one();
    }

    fn take(&self) -> Waiting {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends what is published to the live links: to be spawned once.
    pub(crate) async fn run(self: Arc<Self>, shared: Arc<Shared>) {
        loop {
            let waiting = self.take();
            if waiting.items.is_empty() && waiting.behind.is_empty() {
                self.filled.notified().await;
                continue;
            }
            for (i, published) in waiting.items.iter().enumerate() {
                send(&shared, published);
                if i % TURN == TURN - 1 {
                    tokio::task::yield_now().await;
                }
            }
            for device in waiting.behind {
                if let Some(link) = shared.live.find(&device) {
                    link.hint();
                }
            }
        }
    }
}

fn size(published: &Published) -> usize {
    match published {
        Published::Entry { entry, .. } => match &entry.body {
            amanat_store::relay::Body::Kept(bytes) => bytes.len().saturating_add(512),
            amanat_store::relay::Body::Expired(_) => 512,
        },
        // Shared bytes are shared in memory too.
        Published::Direct { item, .. } => item.body.len().saturating_add(512),
    }
}

fn send(shared: &Shared, published: &Published) {
    let (live, counters) = (&shared.live, &shared.counters);
    let pushed = |queued: bool| if queued { counters.pushed() } else { counters.push_dropped() };
    match published {
        Published::Entry { conversation, entry, recipients } => {
            let mut encoded: Option<Arc<[u8]>> = None;
            for device in recipients.iter().filter(|device| **device != entry.author) {
                let Some(link) = live.find(device) else { continue };
                let bytes = match &encoded {
                    Some(bytes) => bytes,
                    None => {
                        let Ok(entry) = translate::entry(*conversation, (**entry).clone(), &shared.seal_key) else {
                            tracing::error!("a durable entry does not fit the wire");
                            return;
                        };
                        let message = FromRelay::Push(Push { conversation: *conversation, entry });
                        encoded.insert(message.to_bytes().into())
                    }
                };
                pushed(link.push(bytes));
            }
        }
        Published::Direct { device, item } => {
            let Some(link) = live.find(device) else { return };
            match translate::direct(item) {
                Ok(item) => pushed(link.push(&FromRelay::PushDirect(item).to_bytes().into())),
                Err(translate::Unfit) => tracing::error!("a durable direct item does not fit the wire"),
            }
        }
    }
}
