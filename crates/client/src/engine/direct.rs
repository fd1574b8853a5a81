//! Direct items (protocol-spec/07-delivery, section 5) that the relay has sent to this device alone, waiting for their turn:
//! bounded in number and bytes, each processed once and in order.

use std::collections::{BTreeMap, BTreeSet};

use amanat_conversation::Conversation;
use amanat_primitives::{ConversationId, DeviceId};
use amanat_wire::relay::{Direct, DirectItem};

/// Direct items that may wait here; the relay keeps the rest.
const WAITING: usize = 1024;
/// Bytes of them.
const WAITING_BYTES: usize = 16 * 1024 * 1024;

/// How far ahead a direct item's number may be.
const FAR: u64 = 1 << 20;

/// Direct items that were received and not yet processed.
#[derive(Default)]
pub(crate) struct DirectQueue {
    items: BTreeMap<u64, DirectItem>,
    bytes: usize,
    done: u64,
    told: u64,
    /// Chains for the first item are being fetched.
    pub(super) fetching: bool,
    /// Whose were asked for and answered: who is still missing then is not to be had.
    pub(super) fetched: BTreeSet<DeviceId>,
}

impl DirectQueue {
    /// At the start: items up to `done` are in the vault.
    pub(crate) fn resume(done: u64) -> Self {
        Self { done, ..Self::default() }
    }

    /// An item came.
    pub(crate) fn add(&mut self, item: DirectItem) {
        // The relay keeps 10,000 at most: a number far beyond is none.
        let believable = item.number <= self.done.saturating_add(FAR);
        let size = size_of(&item);
        let room = self.items.len() < WAITING && self.bytes.saturating_add(size) <= WAITING_BYTES;
        if item.number > self.done && believable && (room || self.items.is_empty()) {
            self.bytes += size;
            if let Some(before) = self.items.insert(item.number, item) {
                self.bytes -= size_of(&before);
            }
        }
    }

    /// The first that is not in the vault, and its number.
    pub(super) fn next(&self) -> Option<(u64, DirectItem)> {
        self.items.first_key_value().map(|(number, item)| (*number, item.clone()))
    }

    /// An item is in the vault.
    pub(super) fn pass(&mut self, number: u64) {
        if let Some(item) = self.items.remove(&number) {
            self.bytes -= size_of(&item);
        }
        self.done = number;
        self.fetched.clear();
    }

    /// Of these, those that were not asked for yet; `None` where that is nobody.
    pub(super) fn unasked(&self, devices: Vec<DeviceId>) -> Option<Vec<DeviceId>> {
        let unasked: Vec<_> = devices.into_iter().filter(|device| !self.fetched.contains(device)).collect();
        (!unasked.is_empty()).then_some(unasked)
    }

    /// Everything up to here is in the vault.
    pub(crate) fn done(&self) -> u64 {
        self.done
    }

    /// The relay does not know yet.
    pub(crate) fn advance_due(&self) -> bool {
        self.done > self.told
    }

    /// Now it does.
    pub(crate) fn advance_told(&mut self) {
        self.told = self.done;
    }

    /// Something is still to be processed.
    pub(crate) fn busy(&self) -> bool {
        self.fetching || !self.items.is_empty()
    }

    /// The position of the last Welcome to this conversation that waits.
    pub(crate) fn welcome_to(&self, id: ConversationId) -> Option<u64> {
        let position = |item: &DirectItem| match &item.body {
            Direct::Welcome(part) if part.conversation == id => Some(part.position),
            _ => None,
        };
        self.items.values().filter_map(position).max()
    }

    /// Records of the KeyPackages that Welcomes which wait here name.
    pub(crate) fn named_packages(&self) -> BTreeSet<Vec<u8>> {
        let named = |item: &DirectItem| match &item.body {
            Direct::Welcome(part) => Conversation::named_key_package(part).ok(),
            _ => None,
        };
        self.items.values().filter_map(named).collect()
    }

    /// What was being fetched will not come.
    pub(crate) fn link_lost(&mut self) {
        self.items.clear();
        self.bytes = 0;
        self.fetching = false;
        self.fetched.clear();
        self.told = 0;
    }
}

fn size_of(item: &DirectItem) -> usize {
    match &item.body {
        Direct::Welcome(part) => part.group_info.len() + part.group_secrets.len(),
        Direct::LastResortUsed(_) | Direct::GrantReused(_) | Direct::FurtherDevice(_) => 0,
    }
}
