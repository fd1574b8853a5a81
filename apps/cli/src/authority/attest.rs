//! Status statements and revocations (protocol-spec/03-identity, section 8): signed on the officer's machine, then given
//! to each relay.
//!
//! What the relays have is fetched first, so that several officers continue one list. The list and the statement are
//! durable here, and noted for every relay, before any relay is given anything. A relay that cannot be reached keeps
//! its note; the next run signs a newer statement, which takes its place.

use std::time::Duration;

use amanat_identity::{
    ListSummary, RevocationEntry, SignedStatus, VerifiedStatus, body::RevocationBody, policy::STATUS_VALIDITY,
};
use amanat_primitives::Timestamp;

use super::{
    folder::KnownRelay,
    invite::Desk,
    publish::{self, Held, OfficerLink},
};
use crate::{
    context::Interrupt,
    problem::{Outcome, Problem},
};

/// How long one relay may take, each for telling and for taking.
const PATIENCE: Duration = Duration::from_secs(20);

/// What became of a statement.
pub(crate) struct Attested {
    pub(crate) status: VerifiedStatus,
    /// Addresses of relays that have it.
    pub(crate) published: Vec<String>,
    /// Relays that do not, and why.
    pub(crate) waiting: Vec<(String, Problem)>,
}

/// A relay that was asked: its link and what it has, or why not.
struct Asked<'a> {
    known: &'a KnownRelay,
    link: Outcome<(OfficerLink, Held)>,
}

impl Desk {
    /// Signs the next status statement and gives it to every relay.
    pub(crate) async fn attest(&self, interrupt: &mut Interrupt, now: Timestamp) -> Outcome<Attested> {
        self.publish(&[], interrupt, now).await
    }

    /// Adds revocations to the list, signs the status statement that names them, and gives both to every relay.
    pub(crate) async fn publish(
        &self,
        new: &[RevocationBody],
        interrupt: &mut Interrupt,
        now: Timestamp,
    ) -> Outcome<Attested> {
        let held = self.folder.lock()?;
        let local = self.folder.revocations()?;
        let mut asked = Vec::new();
        for known in &self.relays {
            let asking = tokio::time::timeout(PATIENCE, self.ask(known, &local, now));
            let link = interrupt.or(asking).await?.unwrap_or_else(|_| Err(publish::no_answer(&address(known))));
            asked.push(Asked { known, link });
        }
        let relays: Vec<&Held> = asked.iter().filter_map(|asked| Some(&asked.link.as_ref().ok()?.1)).collect();
        let previous = self.folder.status()?.map(|status| status.statement.signed.number);
        let highest = relays.iter().map(|held| held.number).max();
        let number = SignedStatus::next_number(previous.max(highest), now);
        let mut entries = self.continued(&local, &relays, number)?;
        for body in new {
            entries.push(self.sign(body, number, now)?);
        }
        let signed = self.sign_status(&entries, number, now)?;
        let status = signed
            .verify(&self.authority, now)
            .map_err(|error| super::chain("The status statement is not signed", error))?;
        let same = local.iter().zip(&entries).take_while(|(kept, now)| kept == now).count();
        self.folder.keep_revocations(&entries, same)?;
        self.folder.keep_status(&signed)?;
        for known in &self.relays {
            self.folder.queue(known.relay.id(), &signed)?;
        }
        let attested = self.give(asked, &signed, &entries, interrupt).await?;
        drop(held);
        let (published, waiting) = attested;
        Ok(Attested { status, published, waiting })
    }

    async fn ask(&self, known: &KnownRelay, local: &[RevocationEntry], now: Timestamp) -> Outcome<(OfficerLink, Held)> {
        let mut link = OfficerLink::open(&known.relay, &self.keys, &self.officer).await?;
        let held = link.held(&self.authority, local, now).await?;
        Ok((link, held))
    }

    async fn give(
        &self,
        asked: Vec<Asked<'_>>,
        signed: &SignedStatus,
        entries: &[RevocationEntry],
        interrupt: &mut Interrupt,
    ) -> Outcome<(Vec<String>, Vec<(String, Problem)>)> {
        let (mut published, mut waiting) = (Vec::new(), Vec::new());
        for Asked { known, link } in asked {
            let address = address(known);
            let giving = async {
                let (mut link, held) = link?;
                let given = link.give(signed, entries, held.entries.len()).await;
                link.close().await;
                given
            };
            let given = interrupt.or(tokio::time::timeout(PATIENCE, giving)).await?;
            match given.unwrap_or_else(|_| Err(publish::no_answer(&address))) {
                Ok(()) => {
                    self.folder.delivered(known.relay.id())?;
                    published.push(address);
                }
                Err(problem) => waiting.push((address, problem)),
            }
        }
        Ok((published, waiting))
    }

    /// The list to go on with: the longest that a relay has, then what only this machine has. What a relay may not have
    /// seen yet although it has a later statement is signed again under the new number. [ID-31]
    fn continued(&self, local: &[RevocationEntry], relays: &[&Held], number: u64) -> Outcome<Vec<RevocationEntry>> {
        let Some(longest) = relays.iter().max_by_key(|held| held.entries.len()) else { return Ok(local.to_vec()) };
        let highest = relays.iter().map(|held| held.number).max().unwrap_or(0);
        let mut entries = longest.entries.clone();
        let kept = entries.len();
        for entry in local.iter().filter(|entry| !longest.entries.contains(entry)) {
            let said = entry.said().map_err(|error| super::chain("A revocation cannot be used", error))?;
            let known =
                |other: &RevocationEntry| other.at() == entry.at() && other.said().is_ok_and(|body| body == said);
            if entries.iter().take(kept).any(known) {
                continue;
            }
            let follows = entry.number() > highest && entries.last().is_none_or(|last| last.number() <= entry.number());
            entries.push(if follows { entry.clone() } else { self.sign(&said, number, entry.at())? });
        }
        Ok(entries)
    }

    fn sign(&self, body: &RevocationBody, number: u64, at: Timestamp) -> Outcome<RevocationEntry> {
        self.keys
            .revoke(&self.officer, number, body, at)
            .map_err(|error| super::issue("The revocation is not signed", error))
    }

    fn sign_status(&self, entries: &[RevocationEntry], number: u64, now: Timestamp) -> Outcome<SignedStatus> {
        let summary = entries.iter().fold(ListSummary::default(), ListSummary::with);
        self.keys
            .attest(&self.officer, number, summary, now, STATUS_VALIDITY)
            .map_err(|error| super::issue("The status statement is not signed", error))
    }
}

fn address(known: &KnownRelay) -> String {
    known.relay.addresses().first().map(ToString::to_string).unwrap_or_default()
}
