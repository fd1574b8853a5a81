//! The directory (protocol-spec/07-delivery, section 6): chains as they were enrolled. The relay vouches for none of
//! them; clients verify each.

use amanat_identity::{DeviceChain, policy::LAPSE};
use amanat_primitives::DeviceId;
use amanat_store::relay::People;
use amanat_wire::{
    Bytes, Decode as _, List, Text, client, limits,
    relay::{Answer, Chains, LapsedPage},
};

use super::{Asker, NotDone};
use crate::directory;

/// Pages of the directory that one request for lapsed devices looks through.
const LAPSED_PAGES: usize = 16;

type Chain = Bytes<{ limits::CHAIN }>;

/// Collects chains as long as they fit into one message.
// [WIRE-08]
struct Page {
    chains: Vec<Chain>,
    room: usize,
}

impl Page {
    fn new() -> Self {
        Self { chains: Vec::new(), room: limits::MESSAGE - 4096 }
    }

    /// Says whether the chain fitted.
    fn add(&mut self, chain: Chain) -> bool {
        match self.room.checked_sub(chain.len().saturating_add(4)) {
            Some(rest) if self.chains.len() < limits::CHAINS => self.room = rest,
            _ => return false,
        }
        self.chains.push(chain);
        true
    }

    fn lapsed(self, more: Option<String>) -> Result<Answer, NotDone> {
        let more = more.map(Text::new).transpose()?;
        Ok(Answer::Lapsed(LapsedPage { chains: List::new(self.chains)?, more }))
    }

    fn answer(self, more: bool) -> Result<Answer, NotDone> {
        Ok(Answer::Chains(Chains { chains: List::new(self.chains)?, more }))
    }
}

/// Chains of devices, revoked ones too: what they wrote must still be verified. Those that are not known are left out.
pub(crate) fn chains(asker: &Asker, devices: &[DeviceId]) -> Result<Answer, NotDone> {
    let mut page = Page::new();
    for device in devices {
        if let Some(chain) = asker.shared.store.chain(*device)?
            && !page.add(Bytes::new(chain)?)
        {
            return page.answer(true);
        }
    }
    page.answer(false)
}

/// A page of the directory. All devices of a person stand on one page, so that `after` may name a handle.
pub(crate) fn people(asker: &Asker, query: &client::People) -> Result<Answer, NotDone> {
    let search = directory::fold(&query.query);
    let mut after = query.after.to_string();
    // [DELIV-91] Revoked devices are left out; a page of nobody else leads to the next.
    let found = loop {
        let mut found = asker.shared.store.people(&search, &after, limits::CHAINS)?;
        found.devices.retain(|device| !asker.shared.status.is_chain_revoked(&device.chain));
        // [DELIV-161]
        crate::devices::retain_admitted(&mut found.devices, asker.shared.now());
        match found.more.take() {
            Some(next) if found.devices.is_empty() => after = next,
            more => break People { more, ..found },
        }
    };
    let mut page = Page::new();
    let mut rest = found.devices.as_slice();
    // Person by person: one of whom not all devices fit comes on the next page.
    while let Some(first) = rest.first() {
        let (person, others) = rest.split_at(rest.iter().take_while(|d| d.handle == first.handle).count());
        let before = (page.chains.len(), page.room);
        for device in person {
            if !page.add(Bytes::new(device.chain.clone())?) {
                // A person with more devices than fit into a page would never be shown: show some.
                if before.0 > 0 {
                    page.chains.truncate(before.0);
                    page.room = before.1;
                }
                return page.answer(true);
            }
        }
        rest = others;
    }
    page.answer(found.more.is_some())
}

/// A page of devices that nobody has renewed in time, revoked ones left out. One request looks through so many pages of
/// the directory at most, and says where it has got to.
// [DELIV-202]
pub(crate) fn lapsed(asker: &Asker, after: &str) -> Result<Answer, NotDone> {
    let (shared, now) = (&asker.shared, asker.shared.now());
    let is_lapsed = |chain: &[u8]| {
        let until = DeviceChain::from_bytes(chain).map(|chain| chain.peek_valid_until());
        until.is_ok_and(|until| now > until.after(LAPSE)) && !shared.status.is_chain_revoked(chain)
    };
    let (mut page, mut after) = (Page::new(), after.to_owned());
    for _ in 0..LAPSED_PAGES {
        let found = shared.store.people("", &after, limits::CHAINS)?;
        for device in found.devices.into_iter().filter(|device| is_lapsed(&device.chain)) {
            // Of whose devices not all fit, the others come once these are revoked.
            if !page.add(Bytes::new(device.chain)?) {
                return page.lapsed(Some(after));
            }
            after = device.handle;
        }
        match found.more {
            Some(more) => after = more,
            None => return page.lapsed(None),
        }
    }
    page.lapsed(Some(after))
}
