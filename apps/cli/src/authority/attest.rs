//! Status statements and revocations (protocol-spec/03-identity, section 8): signed on the officer's machine, then given
//! to each relay.
//!
//! What the relays have is fetched first, so that several officers continue one list. The list and the statement are
//! durable here, and noted for every relay, before any relay is given anything. A relay that cannot be reached keeps
//! its note; the next run signs a newer statement, which takes its place.

use std::{path::PathBuf, time::Duration};

use amanat_identity::{
    KeyId, ListError, ListSummary, Proposal, RevocationEntry, RevocationList, SignedStatus, Target, VerifiedDevice,
    VerifiedOfficer, VerifiedStatus, body::RevocationBody, policy::STATUS_VALIDITY,
};
use amanat_primitives::Timestamp;
use amanat_wire::List;

use super::{
    folder::KnownRelay,
    invite::Desk,
    lapsed,
    publish::{self, Held, OfficerLink},
};
use crate::{
    context::Interrupt,
    files,
    problem::{Outcome, Problem},
};

/// How long one relay may take, each for telling and for taking.
const PATIENCE: Duration = Duration::from_secs(20);

/// What became of a statement.
pub(crate) struct Attested {
    pub(crate) status: VerifiedStatus,
    /// Lapsed devices that it names as revoked for the first time.
    pub(crate) lapsed: Vec<VerifiedDevice>,
    /// Devices that were renewed here, whose renewal a relay that has lost it refuses, and why.
    pub(crate) not_renewed: Vec<(VerifiedDevice, Problem)>,
    /// Files with what it does not name, because a second officer must sign it first.
    pub(crate) needs_second: Vec<PathBuf>,
    /// Addresses of relays that have it.
    pub(crate) published: Vec<String>,
    /// Relays that do not, and why.
    pub(crate) waiting: Vec<(String, Problem)>,
}

/// Revocations with two officers' signatures that one statement brings: more do not fit into a message.
const AT_ONCE: usize = 128;

/// A relay that was asked: its link and what it has, or why not.
struct Asked<'a> {
    known: &'a KnownRelay,
    link: Outcome<(OfficerLink, Held)>,
}

impl Desk {
    /// Signs the next status statement and gives it to every relay.
    pub(crate) async fn attest(&self, interrupt: &mut Interrupt, now: Timestamp) -> Outcome<Attested> {
        self.publish_with(&[], true, interrupt, now).await
    }

    /// Adds revocations to the list, signs the status statement that names them, and gives both to every relay.
    pub(crate) async fn publish(
        &self,
        new: &[RevocationBody],
        interrupt: &mut Interrupt,
        now: Timestamp,
    ) -> Outcome<Attested> {
        self.publish_with(new, false, interrupt, now).await
    }

    async fn publish_with(
        &self,
        new: &[RevocationBody],
        with_lapsed: bool,
        interrupt: &mut Interrupt,
        now: Timestamp,
    ) -> Outcome<Attested> {
        let held = self.folder.lock()?;
        let local = self.folder.revocations()?;
        let mut asked = Vec::new();
        for known in &self.relays {
            let asking = tokio::time::timeout(PATIENCE, self.ask(known, &local, with_lapsed, now));
            let link = interrupt.or(asking).await?.unwrap_or_else(|_| Err(publish::no_answer(&address(known))));
            asked.push(Asked { known, link });
        }
        let (mut lapsed, mut not_renewed) = (Vec::new(), Vec::new());
        for (_, held) in asked.iter_mut().filter_map(|asked| asked.link.as_mut().ok()) {
            let told = std::mem::take(&mut held.lapsed);
            lapsed.extend(told.devices);
            not_renewed.extend(told.not_renewed);
        }
        let relays: Vec<&Held> = asked.iter().filter_map(|asked| Some(&asked.link.as_ref().ok()?.1)).collect();
        let previous = self.folder.status()?.map(|status| status.statement.signed.number);
        let highest = relays.iter().map(|held| held.number).max();
        let number = SignedStatus::next_number(previous.max(highest), now);
        let (mut entries, mut wanted) = self.continued(&local, &relays)?;
        let list = RevocationList::of(&entries, &self.authority, number, now).map_err(unbelieved)?;
        let lapsed = self.to_list(lapsed, &list, number);
        let completed = self.completed(&entries, &list, now)?;
        wanted.extend(completed.iter().map(|(_, proposal)| proposal.clone()));
        let bodies = new.iter().cloned().chain(lapsed.iter().map(lapsed::body));
        wanted.extend(bodies.map(|body| Proposal::new(&self.authority, body, now)));
        let needs_second = self.list_all(wanted, &list, number, now, &mut entries)?;
        let signed = self.sign_status(&entries, number, now)?;
        let status = signed
            .verify(&self.authority, now)
            .map_err(|error| super::chain("The status statement is not signed", error))?;
        let same = local.iter().zip(&entries).take_while(|(kept, now)| kept == now).count();
        self.folder.keep_revocations(&entries, same)?;
        self.folder.keep_status(&signed)?;
        for (path, _) in &completed {
            files::remove(path)?;
        }
        for known in &self.relays {
            self.folder.queue(known.relay.id(), &signed)?;
        }
        let attested = self.give(asked, &signed, &entries, interrupt).await?;
        drop(held);
        let (published, waiting) = attested;
        Ok(Attested { status, lapsed, not_renewed, needs_second, published, waiting })
    }

    async fn ask(
        &self,
        known: &KnownRelay,
        local: &[RevocationEntry],
        with_lapsed: bool,
        now: Timestamp,
    ) -> Outcome<(OfficerLink, Held)> {
        let mut link = OfficerLink::open(&known.relay, &self.keys, &self.officer).await?;
        let mut held = link.held(&self.authority, local, now).await?;
        if with_lapsed {
            held.lapsed = self.lapsed_at(&mut link, now).await?;
        }
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
    /// seen yet although it has a later statement is to be signed again under the new number. [ID-31]
    fn continued(&self, local: &[RevocationEntry], relays: &[&Held]) -> Outcome<(Vec<RevocationEntry>, Vec<Proposal>)> {
        let mut again = Vec::new();
        let Some(longest) = relays.iter().max_by_key(|held| held.entries.len()) else {
            return Ok((local.to_vec(), again));
        };
        let highest = relays.iter().map(|held| held.number).max().unwrap_or(0);
        let mut entries = longest.entries.clone();
        let kept = entries.len();
        for entry in local.iter().filter(|entry| !longest.entries.contains(entry)) {
            let said = entry.said().map_err(|error| super::chain("A revocation cannot be used", error))?;
            if is_listed(entries.get(..kept).unwrap_or_default(), &said, entry.at()) {
                continue;
            }
            let follows = entry.number() > highest && entries.last().is_none_or(|last| last.number() <= entry.number());
            let by_revoked =
                |other: &RevocationEntry| other.said().is_ok_and(|said| said.target == Target::Officer(entry.issuer()));
            if follows && again.is_empty() && !entries.iter().any(by_revoked) {
                entries.push(entry.clone());
            } else {
                let unsigned = Proposal::new(&self.authority, said, entry.at());
                again.push(Proposal { cosignatures: entry.cosignatures.clone(), ..unsigned });
            }
        }
        Ok((entries, again))
    }

    /// Signs what is wanted behind the list as far as this officer may; the rest is left for a second officer, in files.
    // [ID-44]
    fn list_all(
        &self,
        wanted: Vec<Proposal>,
        list: &RevocationList,
        number: u64,
        now: Timestamp,
        entries: &mut Vec<RevocationEntry>,
    ) -> Outcome<Vec<PathBuf>> {
        let mut left = list.alone_left(self.officer.id(), number);
        let mut needs_second = Vec::new();
        for mut proposal in wanted {
            // [ID-60] It may be wanted twice: again, and out of the outbox.
            if is_listed(entries, &proposal.said.body, proposal.said.at) {
                continue;
            }
            let is_cosigned = self.is_cosigned(&proposal, list, Timestamp::from_millis(number));
            if !is_cosigned {
                // What does not count here would be refused elsewhere.
                proposal.cosignatures = List::default();
            }
            let is_free = is_cosigned || matches!(proposal.said.body.target, Target::Officer(_));
            if is_free || left > 0 {
                left -= usize::from(!is_free);
                let entry = self.sign(&proposal.said.body, number, proposal.said.at)?;
                entries.push(entry.cosigned(proposal.cosignatures));
                continue;
            }
            let proposal = self.keys.cosign(&self.officer, proposal, now);
            let proposal = proposal.map_err(|error| super::issue("The revocation is not proposed", error))?;
            needs_second.push(self.folder.keep_proposal(&proposal)?);
        }
        Ok(needs_second)
    }

    /// Whether another officer has signed it whose signature counts.
    // [ID-45]
    fn is_cosigned(&self, proposal: &Proposal, list: &RevocationList, at: Timestamp) -> bool {
        let others = |officer: &VerifiedOfficer| {
            officer.id() != self.officer.id() && !list.is_officer_revoked(officer.id(), u64::MAX)
        };
        proposal.verify(&self.authority, at).is_ok_and(|officers| officers.iter().any(others))
    }

    /// Proposals in the outbox that two officers have signed and that this one can publish. Those that are listed, go;
    /// those proposed before this officer was one are the other's to publish, whose signature bears their date.
    fn completed(
        &self,
        entries: &[RevocationEntry],
        list: &RevocationList,
        now: Timestamp,
    ) -> Outcome<Vec<(PathBuf, Proposal)>> {
        let since = self.officer.statement().signed.not_before.before(Timestamp::CLOCK_TOLERANCE);
        // [ID-47] By a clock that is ahead: later.
        let latest = now.after(Timestamp::CLOCK_TOLERANCE);
        let mut completed = Vec::new();
        for (path, proposal) in self.folder.proposals()? {
            if is_listed(entries, &proposal.said.body, proposal.said.at) {
                files::remove(&path)?;
            } else if completed.len() < AT_ONCE
                && proposal.is_complete()
                && proposal.said.at >= since
                && proposal.said.at <= latest
                && self.is_cosigned(&proposal, list, now)
            {
                completed.push((path, proposal));
            }
        }
        Ok(completed)
    }

    fn sign(&self, body: &RevocationBody, number: u64, at: Timestamp) -> Outcome<RevocationEntry> {
        let signed = match (&body.target, &self.root) {
            (Target::Officer(_), Some(root)) => root.revoke(&self.authority, number, body, at),
            (Target::Officer(officer), None) => return Err(again_with_root(*officer)),
            _ => self.keys.revoke(&self.officer, number, body, at),
        };
        signed.map_err(|error| super::issue("The revocation is not signed", error))
    }

    fn sign_status(&self, entries: &[RevocationEntry], number: u64, now: Timestamp) -> Outcome<SignedStatus> {
        let summary = entries.iter().fold(ListSummary::default(), ListSummary::with);
        self.keys
            .attest(&self.officer, number, summary, now, STATUS_VALIDITY)
            .map_err(|error| super::issue("The status statement is not signed", error))
    }
}

/// Whether a list says the same already, under whatever number.
fn is_listed(entries: &[RevocationEntry], said: &RevocationBody, at: Timestamp) -> bool {
    entries.iter().any(|entry| entry.at() == at && entry.said().is_ok_and(|body| body == *said))
}

fn unbelieved(error: ListError) -> Problem {
    let failed = format!("The list of revocations cannot be continued: {error}.");
    if error == ListError::Backdated {
        return Problem::new("clock", failed, "Compare this machine's clock with the right time, and run it again.");
    }
    Problem::new("certificate", failed, "Tell the holder of the root key what this message says.")
}

/// The root's signature is for one number, and a relay has a later statement by now.
fn again_with_root(officer: KeyId) -> Problem {
    Problem::new(
        "refused",
        format!("The revocation of officer {officer} has not reached every relay and must be signed again."),
        format!("Run it again with the root key: amanat revoke officer:{officer} --root FILE."),
    )
}

fn address(known: &KnownRelay) -> String {
    known.relay.addresses().first().map(ToString::to_string).unwrap_or_default()
}
