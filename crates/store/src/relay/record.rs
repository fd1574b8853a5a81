//! Records of the relay's store (protocol-spec/07-delivery, section 10): what stands under each key, byte for byte.

use amanat_primitives::{ConversationId, DeviceId, Digest, Timestamp, UnitId};
use amanat_wire::log::{RetentionClass, UnitKind};

use super::types::{DirectKind, Origin};
use crate::{
    error::Fault,
    layout::{Reader, Writer},
};

/// Where a log stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    /// Position of the last entry.
    pub(crate) position: u64,
    /// The first position still kept; `position + 1` if none is.
    pub(crate) first_kept: u64,
    /// R just before `first_kept`.
    pub(crate) base: Digest,
    /// R at `position`.
    pub(crate) running: Digest,
    /// Stamp of the last entry.
    pub(crate) stamp: Timestamp,
    /// Hash of the last commit's receipt.
    pub(crate) last_receipt: Digest,
    /// What the kept entries count against the quota.
    pub(crate) kept_bytes: u64,
    /// No kept body expires before this.
    pub(crate) next_expiry: Timestamp,
}

impl Head {
    /// Before the first entry.
    pub(crate) const EMPTY: Head = Head {
        position: 0,
        first_kept: 1,
        base: Digest::ZERO,
        running: Digest::ZERO,
        stamp: Timestamp::from_millis(0),
        last_receipt: Digest::ZERO,
        kept_bytes: 0,
        next_expiry: Timestamp::FAR_FUTURE,
    };

    pub(crate) fn encode(&self) -> Vec<u8> {
        Writer::with_capacity(136)
            .u64(self.position)
            .u64(self.first_kept)
            .raw(self.base.as_bytes())
            .raw(self.running.as_bytes())
            .u64(self.stamp.as_millis())
            .raw(self.last_receipt.as_bytes())
            .u64(self.kept_bytes)
            .u64(self.next_expiry.as_millis())
            .finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut r = Reader::new(bytes);
        let head = Self {
            position: r.u64()?,
            first_kept: r.u64()?,
            base: digest(&mut r)?,
            running: digest(&mut r)?,
            stamp: time(&mut r)?,
            last_receipt: digest(&mut r)?,
            kept_bytes: r.u64()?,
            next_expiry: time(&mut r)?,
        };
        r.end()?;
        Ok(head)
    }
}

/// A sorted list of devices.
pub(crate) fn encode_devices(devices: &[DeviceId]) -> Vec<u8> {
    devices.iter().fold(Writer::with_capacity(devices.len() * 32), |w, device| w.raw(device.as_bytes())).finish()
}

pub(crate) fn decode_devices(bytes: &[u8]) -> Result<Vec<DeviceId>, Fault> {
    let mut r = Reader::new(bytes);
    let mut devices = Vec::with_capacity(bytes.len() / 32);
    while r.left() > 0 {
        devices.push(device(&mut r)?);
    }
    Ok(devices)
}

/// A device that is in no roster any more, and what it may still read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Leaving {
    pub(crate) device: DeviceId,
    /// Position of the commit that ended its membership.
    pub(crate) until: u64,
    /// Position of the commit that has to be settled before it is gone.
    pub(crate) settles: u64,
}

pub(crate) fn encode_leaving(leaving: &[Leaving]) -> Vec<u8> {
    let w = Writer::with_capacity(leaving.len() * 48);
    leaving.iter().fold(w, |w, left| w.raw(left.device.as_bytes()).u64(left.until).u64(left.settles)).finish()
}

pub(crate) fn decode_leaving(bytes: &[u8]) -> Result<Vec<Leaving>, Fault> {
    let mut r = Reader::new(bytes);
    let mut leaving = Vec::with_capacity(bytes.len() / 48);
    while r.left() > 0 {
        leaving.push(Leaving { device: device(&mut r)?, until: r.u64()?, settles: r.u64()? });
    }
    Ok(leaving)
}

/// Bytes beside a record, or in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// Here.
    Inline(Vec<u8>),
    /// In a counted body with this hash ([`STORED_BODY`](amanat_primitives::Label::STORED_BODY)) and length.
    Counted(Digest, u32),
    /// Nowhere any more; the hash of the ciphertext.
    Gone(Digest),
}

impl Place {
    fn encode(&self, w: Writer) -> Writer {
        match self {
            Self::Inline(bytes) => w.u8(0).raw(bytes),
            Self::Counted(hash, length) => w.u8(1).raw(hash.as_bytes()).u32(*length),
            Self::Gone(hash) => w.u8(2).raw(hash.as_bytes()),
        }
    }

    /// Decodes what is left of the record.
    fn decode(mut r: Reader<'_>) -> Result<Self, Fault> {
        let place = match r.u8()? {
            0 => Self::Inline(r.rest().to_vec()),
            1 => Self::Counted(digest(&mut r)?, r.u32()?),
            2 => Self::Gone(digest(&mut r)?),
            _ => return Err(Fault::Damaged),
        };
        r.end()?;
        Ok(place)
    }
}

/// An entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct EntryRecord {
    pub(crate) kind: UnitKind,
    pub(crate) class: RetentionClass,
    pub(crate) stamp: Timestamp,
    pub(crate) author: DeviceId,
    pub(crate) unit: UnitId,
    pub(crate) seen_commit: u64,
    pub(crate) accepted_commit: u64,
    pub(crate) running: Digest,
    /// Empty for messages.
    pub(crate) receipt: Vec<u8>,
    pub(crate) place: Place,
}

impl EntryRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let inline = if let Place::Inline(bytes) = &self.place { bytes.len() } else { 36 };
        let w = Writer::with_capacity(128 + self.receipt.len() + inline)
            .u8(self.kind.number())
            .u8(self.class.number())
            .u64(self.stamp.as_millis())
            .raw(self.author.as_bytes())
            .raw(self.unit.as_bytes())
            .u64(self.seen_commit)
            .u64(self.accepted_commit)
            .raw(self.running.as_bytes())
            .string(&self.receipt);
        self.place.encode(w).finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut r = Reader::new(bytes);
        let kind = r.u8()?;
        let class = r.u8()?;
        Ok(Self {
            kind: *UnitKind::ALL.iter().find(|k| k.number() == kind).ok_or(Fault::Damaged)?,
            class: *RetentionClass::ALL.iter().find(|c| c.number() == class).ok_or(Fault::Damaged)?,
            stamp: time(&mut r)?,
            author: device(&mut r)?,
            unit: UnitId::from_bytes(r.array()?),
            seen_commit: r.u64()?,
            accepted_commit: r.u64()?,
            running: digest(&mut r)?,
            receipt: r.string()?.to_vec(),
            place: Place::decode(r)?,
        })
    }
}

/// What the store keeps of a device beside its cursors. Queues are numbered without gaps, `first..next`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct DeviceState {
    pub(crate) conversations: u32,
    pub(crate) direct_first: u64,
    pub(crate) direct_next: u64,
    pub(crate) packages_first: u64,
    pub(crate) packages_next: u64,
    pub(crate) has_last_resort: bool,
    pub(crate) last_resort_used: u32,
}

impl Default for DeviceState {
    fn default() -> Self {
        Self {
            conversations: 0,
            direct_first: 1,
            direct_next: 1,
            packages_first: 1,
            packages_next: 1,
            has_last_resort: false,
            last_resort_used: 0,
        }
    }
}

impl DeviceState {
    pub(crate) fn encode(&self) -> Vec<u8> {
        Writer::with_capacity(41)
            .u32(self.conversations)
            .u64(self.direct_first)
            .u64(self.direct_next)
            .u64(self.packages_first)
            .u64(self.packages_next)
            .u8(u8::from(self.has_last_resort))
            .u32(self.last_resort_used)
            .finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut r = Reader::new(bytes);
        let state = Self {
            conversations: r.u32()?,
            direct_first: r.u64()?,
            direct_next: r.u64()?,
            packages_first: r.u64()?,
            packages_next: r.u64()?,
            has_last_resort: r.u8()? != 0,
            last_resort_used: r.u32()?,
        };
        r.end()?;
        Ok(state)
    }
}

/// A direct item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct DirectRecord {
    pub(crate) kind: DirectKind,
    pub(crate) stamp: Timestamp,
    pub(crate) origin: Option<Origin>,
    /// Hash and length of the shared body.
    pub(crate) shared: Option<(Digest, u32)>,
    pub(crate) body: Vec<u8>,
}

impl DirectRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::with_capacity(160 + self.body.len()).u8(self.kind.0).u64(self.stamp.as_millis());
        w = match &self.origin {
            None => w.u8(0),
            Some(origin) => w
                .u8(1)
                .raw(origin.conversation.as_bytes())
                .u64(origin.position)
                .raw(origin.running.as_bytes())
                .raw(origin.author.as_bytes())
                .string(origin.receipt.as_deref().unwrap_or_default()),
        };
        w = match &self.shared {
            None => w.u8(0),
            Some((hash, length)) => w.u8(1).raw(hash.as_bytes()).u32(*length),
        };
        w.raw(&self.body).finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut r = Reader::new(bytes);
        Ok(Self {
            kind: DirectKind(r.u8()?),
            stamp: time(&mut r)?,
            origin: match r.u8()? {
                0 => None,
                _ => Some(Origin {
                    conversation: ConversationId::from_bytes(r.array()?),
                    position: r.u64()?,
                    running: digest(&mut r)?,
                    author: device(&mut r)?,
                    receipt: Some(r.string()?.to_vec()).filter(|receipt| !receipt.is_empty()),
                }),
            },
            shared: match r.u8()? {
                0 => None,
                _ => Some((digest(&mut r)?, r.u32()?)),
            },
            body: r.rest().to_vec(),
        })
    }
}

/// Bytes that several records refer to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Counted {
    /// How many.
    pub(crate) references: u32,
    /// The bytes; none if they are in a file.
    pub(crate) inline: Option<Vec<u8>>,
}

impl Counted {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let w = Writer::default().u32(self.references).u8(u8::from(self.inline.is_none()));
        w.raw(self.inline.as_deref().unwrap_or_default()).finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut r = Reader::new(bytes);
        let references = r.u32()?;
        let in_file = r.u8()? != 0;
        let rest = r.rest();
        Ok(Self { references, inline: if in_file { None } else { Some(rest.to_vec()) } })
    }
}

/// A redeemed grant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct GrantRecord {
    pub(crate) device: DeviceId,
    pub(crate) certificate: Digest,
    pub(crate) at: Timestamp,
}

impl GrantRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        Writer::with_capacity(72)
            .raw(self.device.as_bytes())
            .raw(self.certificate.as_bytes())
            .u64(self.at.as_millis())
            .finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut r = Reader::new(bytes);
        let record = Self { device: device(&mut r)?, certificate: digest(&mut r)?, at: time(&mut r)? };
        r.end()?;
        Ok(record)
    }
}

/// A device in the directory. The index keeps the same record without the chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ListedRecord {
    pub(crate) handle: String,
    pub(crate) chain: Vec<u8>,
}

impl ListedRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        Writer::default().string(self.handle.as_bytes()).raw(&self.chain).finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut r = Reader::new(bytes);
        let handle = String::from_utf8(r.string()?.to_vec()).map_err(|_| Fault::Damaged)?;
        Ok(Self { handle, chain: r.rest().to_vec() })
    }
}

fn digest(r: &mut Reader<'_>) -> Result<Digest, Fault> {
    Ok(Digest::from_bytes(r.array()?))
}

pub(crate) fn device(r: &mut Reader<'_>) -> Result<DeviceId, Fault> {
    Ok(DeviceId::from_bytes(r.array()?))
}

pub(crate) fn time(r: &mut Reader<'_>) -> Result<Timestamp, Fault> {
    Ok(Timestamp::from_millis(r.u64()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::commits::{Commits, Link},
        *,
    };

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..60)
    }

    fn hash() -> impl Strategy<Value = Digest> {
        any::<[u8; 32]>().prop_map(Digest::from_bytes)
    }

    fn id() -> impl Strategy<Value = DeviceId> {
        any::<[u8; 32]>().prop_map(DeviceId::from_bytes)
    }

    fn moment() -> impl Strategy<Value = Timestamp> {
        any::<u64>().prop_map(Timestamp::from_millis)
    }

    fn place() -> impl Strategy<Value = Place> {
        prop_oneof![
            bytes().prop_map(Place::Inline),
            (hash(), any::<u32>()).prop_map(|(hash, length)| Place::Counted(hash, length)),
            hash().prop_map(Place::Gone),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn heads_and_commits((position, first_kept, kept_bytes) in any::<(u64, u64, u64)>(),
                 (base, running, last_receipt) in (hash(), hash(), hash()),
                 (stamp, next_expiry) in (moment(), moment()),
                 recent in proptest::collection::vec(any::<u64>(), 0..4),
                 links in proptest::collection::vec((any::<(u64, u64, u64)>(), id(), moment()), 0..64)) {
            let head = Head { position, first_kept, base, running, stamp, last_receipt, kept_bytes, next_expiry };
            prop_assert_eq!(Head::decode(&head.encode()), Ok(head));
            let links = links.into_iter().map(|((position, accepted, roster_at), author, stamp)| {
                Link { position, accepted, roster_at, author, stamp }
            }).collect();
            let commits = Commits { links, recent };
            prop_assert_eq!(Commits::decode(&commits.encode()), Ok(commits));
        }

        #[test]
        fn entries(kind in 0_usize..3, class in 0_usize..5, (stamp, author, running) in (moment(), id(), hash()),
                   unit in any::<[u8; 16]>(), (seen_commit, accepted_commit) in any::<(u64, u64)>(),
                   receipt in bytes(), place in place(), cut in any::<prop::sample::Index>()) {
            let entry = EntryRecord {
                kind: UnitKind::ALL[kind], class: RetentionClass::ALL[class], stamp, author,
                unit: UnitId::from_bytes(unit), seen_commit, accepted_commit, running, receipt, place,
            };
            let encoded = entry.encode();
            // Only an inline body may lose its end without this layer's notice; the CRC below finds that.
            if let Ok(other) = EntryRecord::decode(&encoded[..cut.index(encoded.len())]) {
                prop_assert!(matches!(other.place, Place::Inline(_)));
            }
            prop_assert_eq!(EntryRecord::decode(&encoded), Ok(entry));
        }

        #[test]
        fn devices_and_directs((conversations, last_resort_used) in any::<(u32, u32)>(), numbers in any::<[u64; 4]>(),
                   has_last_resort in any::<bool>(), kind in any::<u8>(), stamp in moment(),
                   origin in proptest::option::of((any::<[u8; 16]>(), any::<u64>(), hash(), id(), bytes())),
                   shared in proptest::option::of((hash(), any::<u32>())), body in bytes(),
                   list in proptest::collection::vec(id(), 0..9)) {
            let state = DeviceState {
                conversations, direct_first: numbers[0], direct_next: numbers[1], packages_first: numbers[2],
                packages_next: numbers[3], has_last_resort, last_resort_used,
            };
            prop_assert_eq!(DeviceState::decode(&state.encode()), Ok(state));
            let origin = origin.map(|(conversation, position, running, author, receipt)| Origin {
                conversation: ConversationId::from_bytes(conversation), position, running, author,
                receipt: Some(receipt).filter(|receipt| !receipt.is_empty()),
            });
            let item = DirectRecord { kind: DirectKind(kind), stamp, origin, shared, body };
            prop_assert_eq!(DirectRecord::decode(&item.encode()), Ok(item));
            prop_assert_eq!(decode_devices(&encode_devices(&list)), Ok(list.clone()));
            let leaving: Vec<_> = list.into_iter().map(|device| Leaving { device, until: numbers[0], settles: numbers[1] }).collect();
            prop_assert_eq!(decode_leaving(&encode_leaving(&leaving)), Ok(leaving));
        }

        #[test]
        fn the_rest(references in any::<u32>(), inline in proptest::option::of(bytes()), device in id(),
                    certificate in hash(), at in moment(), handle in ".{0,20}", chain in bytes()) {
            let counted = Counted { references, inline };
            prop_assert_eq!(Counted::decode(&counted.encode()), Ok(counted));
            let grant = GrantRecord { device, certificate, at };
            prop_assert_eq!(GrantRecord::decode(&grant.encode()), Ok(grant));
            let listed = ListedRecord { handle, chain };
            prop_assert_eq!(ListedRecord::decode(&listed.encode()), Ok(listed));
        }

        #[test]
        fn garbage_never_panics(garbage in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (Head::decode(&garbage), Commits::decode(&garbage), EntryRecord::decode(&garbage));
            let _ = (DeviceState::decode(&garbage), DirectRecord::decode(&garbage), Counted::decode(&garbage));
            let _ = (GrantRecord::decode(&garbage), ListedRecord::decode(&garbage), decode_devices(&garbage));
            let _ = decode_leaving(&garbage);
        }
    }
}
