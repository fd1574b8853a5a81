//! What tests say to a relay and make of a log by hand (protocol-spec/07-delivery, sections 2 and 3), without an engine.

use amanat_conversation::{Conversation, OutgoingCommit};
use amanat_identity::{DeviceChain, DeviceKeys};
use amanat_net::{Link, RelayTarget};
use amanat_primitives::{DeviceId, Digest, Timestamp, UnitId};
use amanat_wire::{
    Bytes, Decode as _, Encode as _,
    client::{Hello, Identity, NumberedRequest, Request, ToRelay},
    limits,
    log::{Entry, RetentionClass, Unit, UnitKind},
    relay::{Answer, FromRelay},
};
use rand_core::OsRng;

use crate::Rig;

/// A link of a device's that is past its hello.
pub struct Line {
    link: Link,
    number: u32,
}

impl Line {
    /// Links as this device.
    pub async fn connect(rig: &Rig, keys: &DeviceKeys, chain: &DeviceChain) -> Self {
        let relay = rig.office.relay(rig.clock.now());
        let target = RelayTarget {
            addresses: relay.addresses().iter().map(ToString::to_string).collect(),
            tls_key: relay.tls_key(),
            noise_key: *relay.noise_key(),
            allow_public: false,
        };
        let mut link = amanat_net::dial(&target, keys.noise()).await.unwrap();
        let identity = Identity::Device(Bytes::new(chain.to_bytes()).unwrap());
        let hello = ToRelay::Hello(Hello { version: limits::PROTOCOL_VERSION, identity });
        link.sender.send(&hello.to_bytes()).await.unwrap();
        link.sender.flush().await.unwrap();
        let ready = link.receiver.recv().await.unwrap().unwrap();
        assert!(matches!(FromRelay::from_bytes(&ready), Ok(FromRelay::Ready(_))));
        Self { link, number: 0 }
    }

    /// Asks, and waits for the answer; what is pushed meanwhile is passed over.
    pub async fn ask(&mut self, request: Request) -> Answer {
        self.number += 1;
        let message = ToRelay::Request(NumberedRequest { number: self.number, request });
        self.link.sender.send(&message.to_bytes()).await.unwrap();
        self.link.sender.flush().await.unwrap();
        loop {
            let message = self.link.receiver.recv().await.unwrap().unwrap();
            if let FromRelay::Answer(answered) = FromRelay::from_bytes(&message).unwrap() {
                return answered.answer;
            }
        }
    }
}

/// The request that appends this commit of the group's.
#[must_use]
pub fn unit(group: &Conversation, kind: UnitKind, commit: OutgoingCommit) -> Unit {
    let create = kind == UnitKind::Create;
    Unit {
        id: UnitId::random(&mut OsRng),
        conversation: group.id(),
        kind,
        class: RetentionClass::Month,
        seen_commit: if create { 0 } else { group.seen_commit() },
        accepted_commit: if create { 0 } else { group.accepted_commit() },
        body: commit.body,
        roster_add: commit.roster_add,
        roster_remove: commit.roster_remove,
        group_info: commit.group_info,
        joiners: commit.joiners,
    }
}

/// An entry with this body, as a relay gives it without a receipt.
#[must_use]
pub fn entry(position: u64, kind: UnitKind, sender: DeviceId, body: &[u8], stamp: Timestamp) -> Entry {
    Entry {
        position,
        kind,
        stamp,
        sender,
        unit: UnitId::random(&mut OsRng),
        seen_commit: 0,
        accepted_commit: 0,
        body: Bytes::new(body).unwrap(),
        gone: None,
        receipt: Bytes::default(),
        class: RetentionClass::Month,
        seal: Digest::ZERO,
    }
}
