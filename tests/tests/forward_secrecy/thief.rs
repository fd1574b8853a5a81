//! Who has a copy of somebody's folder, the passphrase to it, all that was recorded, and a client of his own making.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use amanat_client::{
    profile::Profile,
    testing::loot::{self, SealedRecord},
};
use amanat_conversation::{Body, Conversation, Evidence, Incoming, Records};
use amanat_identity::VerifiedDevice;
use amanat_primitives::{ConversationId, DeviceId, Timestamp};
use amanat_tests::{Rig, by_hand, copy_folder};
use amanat_wire::{log::UnitKind, relay::WelcomePart};

use crate::sender::Sender;

pub(crate) struct Thief {
    id: ConversationId,
    profile: Profile,
    /// Every byte of every file, as it was copied.
    pub(crate) raw: Vec<u8>,
    /// The places of the file of keys that hold something.
    pub(crate) slots: Vec<Vec<u8>>,
}

impl Thief {
    /// Takes a copy of the folder of somebody whose engine is stopped.
    pub(crate) async fn of(rig: &Rig, handle: &str, name: &str, id: ConversationId) -> Self {
        let (from, to) = (rig.dir.path().join(handle), rig.dir.path().join(name));
        copy_folder(&from, &to);
        // Opening it overwrites what is not in force: looked at before.
        let raw = raw(&to);
        let slots = slots(&to);
        Self { id, profile: rig.profile(name).await, raw, slots }
    }

    /// The conversation as it stands in the copy.
    fn conversation(&self) -> Conversation {
        Conversation::load(&self.id, loot::records(&self.profile, self.id).unwrap()).unwrap().unwrap()
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.conversation().epoch()
    }

    /// The texts of those ciphertexts that open, each tried by itself with all that the copy holds.
    pub(crate) fn reads<'b>(&self, bodies: impl IntoIterator<Item = &'b [u8]>) -> Vec<String> {
        bodies.into_iter().filter_map(|body| try_to_read(&mut self.conversation(), body)).collect()
    }

    /// The records as they lie on the disk.
    pub(crate) fn sealed(&self) -> Vec<SealedRecord> {
        loot::sealed(&self.profile, self.id).unwrap()
    }

    /// How many of these, which lay on the disk at another time, still lie in the copy.
    pub(crate) fn still_holds(&self, records: &[SealedRecord]) -> usize {
        records.iter().filter(|record| holds(&self.raw, &record.sealed)).count()
    }

    /// How many of these are opened by any key that the copy holds.
    pub(crate) fn opens(&self, records: &[SealedRecord]) -> usize {
        records.iter().filter(|record| loot::open(&self.profile, record).is_some()).count()
    }

    /// The same as [`reads`](Self::reads), with the state of another time, as far as it still lies in the copy and opens.
    pub(crate) fn reads_with<'b>(
        &self,
        records: &[SealedRecord],
        bodies: impl IntoIterator<Item = &'b [u8]>,
    ) -> Vec<String> {
        let there = records.iter().filter(|record| holds(&self.raw, &record.sealed));
        let rows: BTreeMap<Vec<u8>, Vec<u8>> = there.filter_map(|record| loot::open(&self.profile, record)).collect();
        let state = || Conversation::load(&self.id, Records::load(rows.clone())).ok().flatten();
        bodies.into_iter().filter_map(|body| try_to_read(&mut state()?, body)).collect()
    }

    /// The private halves of KeyPackages as they lie on the disk.
    pub(crate) fn sealed_key_packages(&self) -> Vec<SealedRecord> {
        loot::sealed_key_packages(&self.profile).unwrap()
    }

    /// Whether a Welcome for the device opens, with what its KeyPackages are or with those that lay there at another time.
    pub(crate) fn opens_welcome(&self, part: &WelcomePart, own: &VerifiedDevice, before: &[SealedRecord]) -> bool {
        let carved = Records::load(before.iter().filter_map(|record| loot::open(&self.profile, record)));
        let opens = |packages: &Records| Conversation::stage_join(part, own, packages).is_ok();
        opens(&loot::key_packages(&self.profile).unwrap()) || opens(&carved)
    }

    pub(crate) fn keys(&self) -> Vec<[u8; 32]> {
        loot::keys(&self.profile)
    }

    /// Follows the log from where the copy stands, as the owner's device would, and takes in every commit that it can. After
    /// each step everything is tried, in whatever order. The texts of what opens.
    pub(crate) fn follows(&self, sender: &Sender) -> Vec<String> {
        let log = &sender.log;
        let mut state = self.conversation();
        let position = usize::try_from(state.log().position()).unwrap();
        let mut read = Vec::new();
        for entry in &log[position..] {
            match state.receive(entry).unwrap() {
                Incoming::Message(message) => read.extend(text(&message.frame.fixed.body().unwrap())),
                Incoming::Commit(commit) => {
                    let (devices, revocations) = (&sender.known, &sender.revocations);
                    let evidence = Evidence { devices, receipt: None, revocations };
                    let approved = commit.approve(&state, &evidence).unwrap();
                    state.merge(approved).unwrap();
                }
                Incoming::Own(_) | Incoming::Gone { .. } | Incoming::Refused(_) => {}
            }
        }
        // What came behind a commit that it cannot take in, by itself.
        for entry in &log[position..] {
            read.extend(try_to_read(&mut state, &entry.body));
        }
        read
    }
}

fn text(body: &Body) -> Option<String> {
    match body {
        Body::Text(text) => Some(text.to_string()),
        _ => None,
    }
}

/// A body, put before a conversation as if it came next. Only its log shows that it does not.
fn try_to_read(state: &mut Conversation, body: &[u8]) -> Option<String> {
    let (next, nobody) = (state.log().position() + 1, DeviceId::from_bytes([0; 32]));
    let entry = by_hand::entry(next, UnitKind::Message, nobody, body, Timestamp::default());
    match state.receive(&entry).unwrap() {
        Incoming::Message(message) => text(&message.frame.fixed.body().unwrap()),
        _ => None,
    }
}

/// Every byte of every file below a folder.
fn raw(dir: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut left: Vec<PathBuf> = vec![dir.to_owned()];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.is_file() {
            bytes.extend(fs::read(&path).unwrap());
        }
    }
    bytes
}

/// The places in a profile's file of keys that hold something: a sealed key each, without the zeros behind it.
pub(crate) fn slots(profile: &Path) -> Vec<Vec<u8>> {
    /// Nonce, key and tag.
    const SEALED: usize = 24 + 32 + 16;
    let file = fs::read(profile.join("vault/slots")).unwrap();
    let full = file.chunks(128).filter(|slot| slot.iter().any(|byte| *byte != 0));
    full.map(|slot| slot[..SEALED].to_vec()).collect()
}

pub(crate) fn holds(raw: &[u8], bytes: &[u8]) -> bool {
    let first = bytes[0];
    raw.windows(bytes.len()).any(|window| window[0] == first && window == bytes)
}
