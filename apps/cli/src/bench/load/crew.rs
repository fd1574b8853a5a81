//! The devices of a load: enrolled like any other (protocol-spec/03-identity, section 6), each of a person of its own,
//! with keys and chain in memory and no vault.

use std::sync::Arc;

use amanat_identity::{DeviceKeys, Invitee, Statement, Tier, invitation::Protection};
use amanat_net::{Link, RelayTarget, dial};
use amanat_primitives::{DeviceId, passphrase::WorkPolicy};
use amanat_wire::{
    Bytes, Decode as _, Encode as _,
    client::{Hello, Identity, ToRelay},
    limits,
    relay::FromRelay,
};
use rand_core::OsRng;
use tokio::task::JoinSet;

use super::{broken, wire::Wire};
use crate::{
    authority::invite::Desk,
    context::Context,
    office::Office,
    output::{progress::Count, time},
    problem::{Outcome, Problem},
};

/// Enrolments under way at once.
const AT_ONCE: usize = 32;

/// An enrolled device.
pub(super) struct Device {
    keys: DeviceKeys,
    chain: Bytes<{ limits::CHAIN }>,
    target: RelayTarget,
}

impl Device {
    /// Its id.
    pub(super) fn id(&self) -> DeviceId {
        self.keys.device_id()
    }

    /// Links it, up to the relay's answer to its hello.
    pub(super) async fn link(&self) -> Outcome<Wire> {
        let (link, _) = greet(&self.target, &self.keys, Identity::Device(self.chain.clone())).await?;
        Ok(Wire::new(link))
    }
}

/// Who enrols.
pub(super) struct Crew {
    desk: Desk,
    enrolled: u32,
}

impl Crew {
    /// At the office's desk.
    pub(super) fn new(office: &Office) -> Outcome<Self> {
        Ok(Self { desk: office.desk()?, enrolled: 0 })
    }

    /// Enrols `count` devices.
    pub(super) async fn enrol(&mut self, context: &Context, count: u32) -> Outcome<Vec<Arc<Device>>> {
        let progress = Count::new(&context.screen, "enrolling devices", u64::from(count));
        let mut interrupt = context.interrupt.clone();
        let (mut begun, mut devices, mut tasks) = (0, Vec::new(), JoinSet::new());
        loop {
            while begun < count && tasks.len() < AT_ONCE {
                tasks.spawn(enrol(self.redeem()?));
                begun += 1;
            }
            let Some(done) = interrupt.or(tasks.join_next()).await? else { return Ok(devices) };
            devices.push(Arc::new(done.map_err(|_| broken())??));
            progress.set(devices.len() as u64);
        }
    }

    /// A grant for a new person, and a new device that redeems it.
    fn redeem(&mut self) -> Outcome<Redeemed> {
        let refused =
            |error: &dyn std::error::Error| Problem::internal(format!("A device could not be enrolled: {error}."));
        let (desk, now) = (&self.desk, time::now());
        self.enrolled += 1;
        let invitee = Invitee {
            handle: format!("device-{}", self.enrolled).parse().map_err(|_| broken())?,
            name: "Device".parse().map_err(|_| broken())?,
            post: "Benchmark".parse().map_err(|_| broken())?,
            clearance: Tier::Official,
            replaces: false,
        };
        let relays: Vec<Statement> = desk.relays.iter().map(|known| known.certificate.clone()).collect();
        let (invitation, _) = desk
            .keys
            .invite(&desk.officer, invitee, &relays, None, Protection::Plain, now, &mut OsRng)
            .map_err(|error| refused(&error))?;
        let opened = invitation.open(None, &WorkPolicy::STANDARD, now).map_err(|error| refused(&error))?;
        let keys = DeviceKeys::create(&mut OsRng);
        let enrolment = opened.redeem(&keys, now).map_err(|error| refused(&error))?;
        let relay = opened.relays().first().ok_or_else(broken)?;
        let certificate = opened.relay_certificates().first().ok_or_else(broken)?.clone();
        let target = RelayTarget {
            addresses: relay.addresses().iter().map(ToString::to_string).collect(),
            tls_key: relay.tls_key(),
            noise_key: *relay.noise_key(),
            allow_public: relay.allow_public(),
        };
        Ok(Redeemed { keys, enrolment, certificate, target })
    }
}

struct Redeemed {
    keys: DeviceKeys,
    enrolment: amanat_identity::Enrolment,
    certificate: Statement,
    target: RelayTarget,
}

async fn enrol(redeemed: Redeemed) -> Outcome<Device> {
    let Redeemed { keys, enrolment, certificate, target } = redeemed;
    let hello = Identity::Enrolling(Bytes::new(enrolment.to_bytes()).map_err(|_| broken())?);
    let (link, receipt) = greet(&target, &keys, hello).await?;
    let receipt = receipt.ok_or_else(broken)?;
    let chain = Bytes::new(enrolment.into_chain(certificate, receipt).to_bytes()).map_err(|_| broken())?;
    // Whatever the relay has still to say, it is said to the next link too.
    let _ = link.sender.shutdown().await;
    Ok(Device { keys, chain, target })
}

/// Dials and says hello; gives the receipt where it was an enrolment.
async fn greet(target: &RelayTarget, keys: &DeviceKeys, identity: Identity) -> Outcome<(Link, Option<Statement>)> {
    let failed = |words: String| Problem::new("link", words, "Run the benchmark again.");
    let dialled = dial(target, keys.noise()).await;
    let mut link = dialled.map_err(|error| failed(format!("A device could not be linked: {error}.")))?;
    let hello = ToRelay::Hello(Hello { version: limits::PROTOCOL_VERSION, identity });
    let lost = |error| failed(format!("A device's link broke: {error}."));
    link.sender.send_all([hello.to_bytes()]).await.map_err(lost)?;
    let mut receipt = None;
    loop {
        let bytes = link.receiver.recv().await.map_err(lost)?.ok_or_else(broken)?;
        match FromRelay::from_bytes(&bytes).map_err(|_| broken())? {
            FromRelay::Enrolled(enrolled) => {
                receipt = Some(Statement::from_bytes(&enrolled.receipt).map_err(|_| broken())?);
            }
            FromRelay::Ready(_) => return Ok((link, receipt)),
            FromRelay::Goodbye(refusal) => return Err(failed(format!("The relay refused a device: {refusal:?}."))),
            _ => {}
        }
    }
}
