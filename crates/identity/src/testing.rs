//! A whole office for tests (protocol-spec/03-identity, sections 5 to 7): an authority, an officer, a relay, and as
//! many enrolled devices as a test asks for. Compiled for tests and under the feature `test-util` only.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a fixture that cannot be made is a failed test")]

use amanat_primitives::{CryptoRngCore, Digest, Timestamp};
use zeroize::Zeroizing;

use crate::{
    Authority, AuthorityKeys, CertifiedRelay, DeviceChain, DeviceKeys, Invitation, Invitee, KeyId, ListSummary,
    OfficerChain, OfficerKeys, Powers, Proposal, Reason, RelayKeys, RevocationEntry, SignedStatus, Statement,
    StatusView, Target, Tier, VerifiedDevice, VerifiedOfficer, VerifiedRelay,
    body::RevocationBody,
    invitation::Protection,
    policy::{ALONE, OFFICER_VALIDITY, RELAY_VALIDITY, STATUS_VALIDITY},
};

/// An office. Its keys are public so that a test can misuse them.
pub struct Office {
    /// The root key.
    pub authority_keys: AuthorityKeys,
    /// The first officer's keys, with all powers.
    pub officer_keys: OfficerKeys,
    /// The relay's keys.
    pub relay_keys: RelayKeys,
    /// The officer's certificate.
    pub officer_certificate: Statement,
    /// The relay's certificate.
    pub relay_certificate: Statement,
    authority: Authority,
    /// Signs beside the first one what that one may not list alone.
    cosigner: (OfficerKeys, VerifiedOfficer),
}

impl Office {
    /// An office at `interior.gov.pk` founded at `now`, its relay at `127.0.0.1:7443` with a TLS key that is none.
    pub fn new(rng: &mut dyn CryptoRngCore, now: Timestamp) -> Self {
        let tls_key = Digest::from_bytes([0x71; 32]);
        let relay_keys = RelayKeys::create(rng, Zeroizing::new(vec![0x71; 48]), tls_key).unwrap();
        Self::with_relay(rng, now, "interior.gov.pk", relay_keys, &["127.0.0.1:7443"])
    }

    /// An office of that domain, whose relay has these keys and addresses.
    pub fn with_relay(
        rng: &mut dyn CryptoRngCore,
        now: Timestamp,
        domain: &str,
        relay_keys: RelayKeys,
        addresses: &[&str],
    ) -> Self {
        let authority_keys = AuthorityKeys::create(rng);
        let certificate = authority_keys.certificate(domain.parse().unwrap(), "Test Office".parse().unwrap(), now);
        let authority = certificate.unwrap().verify(now).unwrap();
        let officer_keys = OfficerKeys::create(rng);
        let card = officer_keys.card("Test Officer".parse().unwrap());
        let officer_certificate =
            authority_keys.certify_officer(&authority, &card, Powers::OFFICER, now, OFFICER_VALIDITY).unwrap();
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let card = relay_keys.card(authority.domain().clone(), addresses).unwrap();
        let relay_certificate = authority_keys.certify_relay(&authority, &card, false, now, RELAY_VALIDITY).unwrap();
        let cosigner = certified_officer(&authority_keys, &authority, rng, now);
        Self { authority_keys, officer_keys, relay_keys, officer_certificate, relay_certificate, authority, cosigner }
    }

    /// The authority, as everybody has it pinned.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The officer, verified.
    #[must_use]
    pub fn officer(&self, now: Timestamp) -> VerifiedOfficer {
        self.officer_chain().verify(&self.authority, now).unwrap()
    }

    /// Another officer with all powers, certified at `now`.
    pub fn another_officer(&self, rng: &mut dyn CryptoRngCore, now: Timestamp) -> (OfficerKeys, VerifiedOfficer) {
        certified_officer(&self.authority_keys, &self.authority, rng, now)
    }

    /// The root's revocation of an officer at `now`, for the status statement of that number.
    #[must_use]
    pub fn revoke_officer(&self, officer: KeyId, number: u64, now: Timestamp) -> RevocationEntry {
        let target = Target::Officer(officer);
        let body = RevocationBody { target, ceiling: None, reason: Reason::Compromised, note: None };
        self.authority_keys.revoke(&self.authority, number, &body, now).unwrap()
    }

    /// What the officer's machine presents on a link.
    #[must_use]
    pub fn officer_chain(&self) -> OfficerChain {
        OfficerChain { certificate: self.officer_certificate.clone() }
    }

    /// The relay, verified.
    #[must_use]
    pub fn relay(&self, now: Timestamp) -> VerifiedRelay {
        VerifiedRelay::verify(&self.relay_certificate, &self.authority, now).unwrap()
    }

    /// The content of the relay's certificate file.
    #[must_use]
    pub fn certified_relay(&self) -> CertifiedRelay {
        CertifiedRelay { authority: self.authority.certificate().clone(), certificate: self.relay_certificate.clone() }
    }

    /// A plain invitation for `handle`.
    pub fn invite(&self, rng: &mut dyn CryptoRngCore, handle: &str, tier: Tier, now: Timestamp) -> Invitation {
        let invitee = Invitee {
            handle: handle.parse().unwrap(),
            name: format!("Name of {handle}").parse().unwrap(),
            post: "Section Officer".parse().unwrap(),
            clearance: tier,
            replaces: false,
        };
        let (officer, relays) = (self.officer(now), std::slice::from_ref(&self.relay_certificate));
        let status = Some(self.status(now));
        self.officer_keys.invite(&officer, invitee, relays, status, Protection::Plain, now, rng).unwrap().0
    }

    /// A person enrolled at `now` with one device.
    pub fn enrol(
        &self,
        rng: &mut dyn CryptoRngCore,
        handle: &str,
        tier: Tier,
        now: Timestamp,
    ) -> (DeviceKeys, DeviceChain, VerifiedDevice) {
        let keys = DeviceKeys::create(rng);
        let work = amanat_primitives::passphrase::WorkPolicy::STANDARD;
        let opened = self.invite(rng, handle, tier, now).open(None, &work, now).unwrap();
        let enrolment = opened.redeem(&keys, now).unwrap();
        let verified = enrolment.verify(&self.authority, now, &StatusView::new()).unwrap();
        let receipt = self.relay_keys.receipt(&verified, now).unwrap();
        let chain = enrolment.into_chain(self.relay_certificate.clone(), receipt);
        let device = chain.verify(&self.authority, now, Timestamp::CLOCK_TOLERANCE).unwrap();
        (keys, chain, device)
    }

    /// Revokes `targets` at `now`: the list that goes on behind `before`, and the status statement that names it.
    #[must_use]
    pub fn revoke(
        &self,
        before: &[RevocationEntry],
        targets: &[Target],
        now: Timestamp,
    ) -> (SignedStatus, Vec<RevocationEntry>) {
        let officer = self.officer(now);
        let number = SignedStatus::next_number(None, now);
        let mut entries = before.to_vec();
        for target in targets {
            let body = RevocationBody { target: target.clone(), ceiling: None, reason: Reason::Lost, note: None };
            let entry = self.officer_keys.revoke(&officer, number, &body, now).unwrap();
            if targets.len() <= ALONE[0].1 {
                entries.push(entry);
                continue;
            }
            let (keys, second) = &self.cosigner;
            let proposal = keys.cosign(second, Proposal::new(&self.authority, body, now), now).unwrap();
            entries.push(entry.cosigned(proposal.cosignatures));
        }
        let summary = entries.iter().fold(ListSummary::default(), ListSummary::with);
        (self.officer_keys.attest(&officer, number, summary, now, STATUS_VALIDITY).unwrap(), entries)
    }

    /// A status statement of `now`, good for a day.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> SignedStatus {
        let number = SignedStatus::next_number(None, now);
        self.officer_keys.attest(&self.officer(now), number, ListSummary::default(), now, STATUS_VALIDITY).unwrap()
    }
}

fn certified_officer(
    root: &AuthorityKeys,
    authority: &Authority,
    rng: &mut dyn CryptoRngCore,
    now: Timestamp,
) -> (OfficerKeys, VerifiedOfficer) {
    let keys = OfficerKeys::create(rng);
    let card = keys.card("Another Officer".parse().unwrap());
    let certificate = root.certify_officer(authority, &card, Powers::OFFICER, now, OFFICER_VALIDITY).unwrap();
    let officer = OfficerChain { certificate }.verify(authority, now).unwrap();
    (keys, officer)
}
