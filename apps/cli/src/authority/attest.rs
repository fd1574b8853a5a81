//! Status statements (protocol-spec/03-identity, section 8): signed on the officer's machine, then given to each relay.
//!
//! The statement is durable here, and noted for every relay, before any relay is dialled. A relay that cannot be
//! reached keeps its note; the next run signs a newer statement, which takes its place.

use std::time::Duration;

use amanat_identity::{SignedStatus, VerifiedStatus, policy::STATUS_VALIDITY};
use amanat_primitives::Timestamp;

use super::{invite::Desk, publish};
use crate::{
    context::Interrupt,
    problem::{Outcome, Problem},
};

/// How long one relay may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What became of a statement.
pub(crate) struct Attested {
    pub(crate) status: VerifiedStatus,
    /// Addresses of relays that have it.
    pub(crate) published: Vec<String>,
    /// Relays that do not, and why.
    pub(crate) waiting: Vec<(String, Problem)>,
}

impl Desk {
    /// Signs the next status statement and gives it to every relay.
    pub(crate) async fn attest(&self, interrupt: &mut Interrupt, now: Timestamp) -> Outcome<Attested> {
        let held = self.folder.lock()?;
        let previous = self.folder.status()?;
        let previous = previous.and_then(|status| status.verify(&self.authority, now).ok());
        let number = SignedStatus::next_number(previous.map(|status| status.number()), now);
        let signed = self
            .keys
            .attest(&self.officer, number, now, STATUS_VALIDITY)
            .map_err(|error| super::issue("The status statement is not signed", error))?;
        let status = signed
            .verify(&self.authority, now)
            .map_err(|error| super::chain("The status statement is not signed", error))?;
        self.folder.keep_status(&signed)?;
        for known in &self.relays {
            self.folder.queue(known.relay.id(), &signed)?;
        }
        let mut attested = Attested { status, published: Vec::new(), waiting: Vec::new() };
        for known in &self.relays {
            let address = known.relay.addresses().first().map(ToString::to_string).unwrap_or_default();
            let giving = publish::give(&known.relay, &self.keys, &self.officer, &signed);
            let given = interrupt.or(tokio::time::timeout(PATIENCE, giving)).await?;
            match given.unwrap_or_else(|_| Err(publish::no_answer(&address))) {
                Ok(()) => {
                    self.folder.delivered(known.relay.id())?;
                    attested.published.push(address);
                }
                Err(problem) => attested.waiting.push((address, problem)),
            }
        }
        drop(held);
        Ok(attested)
    }
}
