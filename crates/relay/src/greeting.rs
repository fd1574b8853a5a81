//! Greeting (protocol-spec/07-delivery, sections 2 and 3): a verified hello against the store: whether the chain is the
//! redeemed one of its grant, and the redemption itself.

use amanat_identity::{DeviceChain, KeyId, Statement, Subject, VerifiedDevice, VerifiedEnrolment, policy::LAPSE};
use amanat_primitives::{DeviceId, Digest, StatementId, Timestamp, agree::NoisePublic};
use amanat_store::relay::{DirectPart, Redeemed, Redemption, StoreError};
use amanat_wire::{
    Bytes, Decode as _, Encode as _,
    client::Identity,
    limits,
    relay::{Answer, Refusal},
};
use tokio::time::Instant;

use crate::{
    devices, directory,
    hello::{self, Claim},
    session::Session,
    shared::{Shared, Unusual},
    translate,
};

/// What a revocation of a link's other side is judged by.
pub(crate) enum Who {
    /// A device.
    Device(Subject),
    /// An officer's machine.
    Officer(KeyId),
}

/// A link's other side, verified and known to the store.
pub(crate) struct Greeted {
    /// As whom.
    pub(crate) session: Session,
    /// The device's id; an officer's key id stands in its place.
    pub(crate) id: DeviceId,
    /// Who.
    pub(crate) who: Who,
    /// The link ends then.
    pub(crate) valid_until: Timestamp,
    /// The receipt of an enrolment.
    pub(crate) receipt: Option<Bytes<{ limits::STATEMENT }>>,
}

/// Verifies a hello and asks the store. On success nothing has been sent yet.
pub(crate) async fn greet(shared: &Shared, identity: Identity, remote: &NoisePublic) -> Result<Greeted, Refusal> {
    let now = shared.now();
    let claim = hello::verify(shared, identity, remote, now).map_err(|error| {
        tracing::debug!(%error, "a hello does not verify");
        error.refusal()
    })?;
    if !matches!(claim, Claim::Officer(_)) {
        shared.settling.begin(&shared.store, now).await.map_err(|error| failed(shared, error))?;
    }
    match claim {
        Claim::Officer(officer) => Ok(Greeted {
            session: Session::Officer,
            id: DeviceId::from_bytes(*officer.id().as_bytes()),
            who: Who::Officer(officer.id()),
            valid_until: officer.valid_until(),
            receipt: None,
        }),
        Claim::Device(device, chain) => {
            require_redeemed(shared, &device, chain.into_vec(), now).await?;
            device_greeted(shared, &device, None)
        }
        Claim::Enrolling(enrolment) => enrol(shared, &enrolment, now).await,
    }
}

fn device_greeted(
    shared: &Shared,
    device: &VerifiedDevice,
    receipt: Option<Bytes<{ limits::STATEMENT }>>,
) -> Result<Greeted, Refusal> {
    // [DELIV-152]
    let served_until = device.valid_until().after(LAPSE);
    let (id, who, valid_until) = (device.id(), Who::Device(device.subject()), served_until);
    let pending = devices::is_pending(shared, id).map_err(|error| failed(shared, error))?;
    let session = if pending { Session::Pending } else { Session::Device };
    Ok(Greeted { session, id, who, valid_until, receipt })
}

/// The chain must be the one that was redeemed here. A store that was restored from a copy may not know it: then this
/// relay's own receipt in it speaks for it, and it is recorded again.
// [DELIV-47]
async fn require_redeemed(
    shared: &Shared,
    device: &VerifiedDevice,
    chain: Vec<u8>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let known = shared.store.chain(device.id()).map_err(|error| failed(shared, error))?;
    if known.as_ref() == Some(&chain) {
        return Ok(());
    }
    if device.relay() != shared.keys.id() {
        tracing::debug!(device = %device.id(), "a device of another relay");
        return Err(Refusal::Identity);
    }
    let redeemed = redeem(shared, device, chain, now).await?;
    match redeemed {
        Redeemed::New | Redeemed::Same { .. } => Ok(()),
        Redeemed::Used { .. } => {
            if shared.warn_due(Unusual::ForeignReceipt) {
                tracing::warn!("a device shows a receipt for a grant that another device redeemed");
            }
            Err(Refusal::Identity)
        }
    }
}

async fn redeem(shared: &Shared, device: &VerifiedDevice, chain: Vec<u8>, now: Timestamp) -> Result<Redeemed, Refusal> {
    let redemption = Redemption {
        grant: device.grant(),
        device: device.id(),
        certificate: certificate_digest(device.certificate()),
        chain,
        handle: device.address().handle.to_string(),
        search: directory::search_text(device),
        now,
    };
    shared.store.redeem(redemption).await.map_err(|error| failed(shared, error))
}

fn certificate_digest(certificate: StatementId) -> Digest {
    Digest::from_bytes(*certificate.as_bytes())
}

/// Redeems a grant: one certificate each, the same one as often as its answer is lost.
// [DELIV-46] [ID-17]
async fn enrol(shared: &Shared, enrolment: &VerifiedEnrolment, now: Timestamp) -> Result<Greeted, Refusal> {
    // Signed before it is known whether the grant is free, and thrown away where it is not: so that the chain, receipt
    // included, is recorded in the same batch as the redemption.
    let receipt = shared.keys.receipt(enrolment, now).map_err(|_| Refusal::Failed)?;
    let chain = enrolment.statements().clone().into_chain(shared.certificate.clone(), receipt);
    let device = verify_own(shared, &chain, now)?;
    match redeem(shared, &device, chain.to_bytes(), now).await? {
        Redeemed::New => {
            tracing::debug!(device = %device.id(), "a device was enrolled");
            // It is enrolled either way, and the others see it in their list as well.
            if let Err(error) = devices::tell_of_new(shared, device.id(), now).await {
                failed(shared, error);
            }
            device_greeted(shared, &device, Some(receipt_bytes(&chain.receipt)?))
        }
        // [DELIV-48]
        Redeemed::Same { .. } => {
            let stored = shared.store.chain(device.id()).map_err(|error| failed(shared, error))?;
            let stored = stored.ok_or(Refusal::Failed)?;
            let chain = DeviceChain::from_bytes(&stored).map_err(|_| Refusal::Failed)?;
            let device = verify_own(shared, &chain, now)?;
            device_greeted(shared, &device, Some(receipt_bytes(&chain.receipt)?))
        }
        Redeemed::Used { device: first, .. } => {
            if shared.warn_due(Unusual::GrantReused) {
                tracing::warn!("a grant was presented again by another device; its first device is told");
            }
            if shared.notice_due(enrolment.grant(), Instant::now()) {
                let body = translate::grant_reused(device.id(), now);
                let part = DirectPart { device: first, kind: translate::GRANT_REUSED, body, with_shared: false };
                let queued = shared.store.post_direct(vec![part], None, now).await;
                if let Err(error) = queued {
                    failed(shared, error);
                }
            }
            Err(Refusal::AlreadyRedeemed)
        }
    }
}

/// What this relay has put together must verify like everything else.
fn verify_own(shared: &Shared, chain: &DeviceChain, now: Timestamp) -> Result<VerifiedDevice, Refusal> {
    chain.verify(&shared.authority, now, Timestamp::CLOCK_TOLERANCE).map_err(|error| {
        tracing::warn!(%error, "a chain with this relay's receipt does not verify");
        hello::NotVerified::from(error).refusal()
    })
}

fn receipt_bytes(receipt: &Statement) -> Result<Bytes<{ limits::STATEMENT }>, Refusal> {
    Bytes::new(receipt.to_bytes()).map_err(|_| Refusal::Failed)
}

fn failed(shared: &Shared, error: StoreError) -> Refusal {
    match shared.refusal(error) {
        Answer::Refused(refusal) => refusal,
        _ => Refusal::Failed,
    }
}
