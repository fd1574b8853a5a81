//! Status statements and revocations (protocol-spec/03-identity, section 8): signed on the officer's machine, then given
//! to each relay.
//!
//! What the relays have is fetched first, so that several officers continue one list. The list and the statement are
//! durable here, and noted for every relay, before any relay is given anything. A relay that cannot be reached keeps
//! its note; the next run signs a newer statement, which takes its place.

use std::{path::PathBuf, time::Duration};

use amanat_identity::{
    IssueError, KeyId, ListError, ListSummary, Proposal, RevocationEntry, RevocationList, SignedStatus, Target,
    VerifiedDevice, VerifiedOfficer, VerifiedStatus, body::RevocationBody, policy::STATUS_VALIDITY,
};
use amanat_primitives::Timestamp;
use amanat_wire::List;

use super::{
    continuation::{Continued, Local, is_listed},
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
        let local = self.local()?;
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
        let Continued { mut entries, published, again: mut wanted, highest } =
            self.continued(&local, &mut asked, now)?;
        let previous = self.folder.status()?.map(|status| status.statement.signed.number);
        let number = SignedStatus::next_number(previous.max(Some(highest)), now);
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
        self.keep(&local, &entries, published)?;
        self.folder.keep_status(&signed)?;
        for (path, _) in &completed {
            files::remove(path)?;
        }
        for known in &self.relays {
            self.folder.queue(known.relay.id(), &signed)?;
        }
        let (published, waiting) = self.give(asked, &signed, &entries, published, interrupt).await?;
        drop(held);
        Ok(Attested { status, lapsed, not_renewed, needs_second, published, waiting })
    }

    /// What lies here of the list.
    fn local(&self) -> Outcome<Local> {
        let entries = self.folder.revocations()?;
        let published = self.folder.published()?.min(entries.len());
        let is_new = entries.is_empty() && self.folder.status()?.is_none();
        Ok(Local { entries, published, is_new })
    }

    /// The list to go on with; relays whose own is another one are left alone, and that is said of them.
    fn continued(&self, local: &Local, asked: &mut [Asked<'_>], now: Timestamp) -> Outcome<Continued> {
        let relays: Vec<&Held> = asked.iter().filter_map(|asked| Some(&asked.link.as_ref().ok()?.1)).collect();
        let unusable = |error| super::chain("A revocation cannot be used", error);
        let (continued, refused) = local.continued(&relays, &self.authority, now).map_err(unusable)?;
        for (asked, refused) in asked.iter_mut().filter(|asked| asked.link.is_ok()).zip(refused) {
            if let Some(error) = refused {
                asked.link = Err(error.into());
            }
        }
        Ok(continued)
    }

    /// Keeps the list, of which relays have the first `published` entries. What they have not is never taken for it, also
    /// if this is cut short.
    fn keep(&self, local: &Local, entries: &[RevocationEntry], published: usize) -> Outcome {
        let same = local.entries.iter().zip(entries).take_while(|(kept, now)| kept == now).count();
        self.folder.keep_published(local.published.min(same))?;
        self.folder.keep_revocations(entries, same)?;
        self.folder.keep_published(published)
    }

    async fn ask(
        &self,
        known: &KnownRelay,
        local: &Local,
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

    /// Gives the statement to the relays whose links are open. Of its list they have the first `before` entries.
    async fn give(
        &self,
        asked: Vec<Asked<'_>>,
        signed: &SignedStatus,
        entries: &[RevocationEntry],
        before: usize,
        interrupt: &mut Interrupt,
    ) -> Outcome<(Vec<String>, Vec<(String, Problem)>)> {
        let (mut published, mut waiting) = (Vec::new(), Vec::new());
        let mut may_have = false;
        // [ID-64] Noted first: a relay may have taken what it does not answer.
        if asked.iter().any(|asked| asked.link.is_ok()) {
            self.folder.keep_published(entries.len())?;
        }
        for Asked { known, link } in asked {
            let address = address(known);
            let (mut link, held) = match link {
                Ok(link) => link,
                Err(problem) => {
                    waiting.push((address, problem));
                    continue;
                }
            };
            let giving = async {
                let given = link.give(signed, entries, held.entries.len()).await;
                link.close().await;
                given
            };
            let given = interrupt.or(tokio::time::timeout(PATIENCE, giving)).await?;
            let given = given.unwrap_or_else(|_| Err(publish::no_answer(&address)));
            may_have |= !matches!(given, Ok(Some(_)));
            match given {
                Ok(None) => {
                    self.folder.delivered(known.relay.id())?;
                    published.push(address);
                }
                Ok(Some(problem)) | Err(problem) => waiting.push((address, problem)),
            }
        }
        if !may_have {
            self.folder.keep_published(before)?;
        }
        Ok((published, waiting))
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
            let is_officer = matches!(proposal.said.body.target, Target::Officer(_));
            // [ID-68] Nobody signs as of a time before they were an officer.
            let mut is_older = !is_officer && proposal.said.at < self.since();
            if is_older && is_same_later(&proposal.said.body) {
                proposal = Proposal::new(&self.authority, proposal.said.body, now);
                is_older = false;
            }
            let is_cosigned = self.is_cosigned(&proposal, list, Timestamp::from_millis(number));
            if !is_cosigned {
                // What does not count here would be refused elsewhere.
                proposal.cosignatures = List::default();
            }
            let is_free = is_cosigned || is_officer;
            if !is_older && (is_free || left > 0) {
                left -= usize::from(!is_free);
                let entry = self.sign(&proposal.said.body, number, proposal.said.at)?;
                entries.push(entry.cosigned(proposal.cosignatures));
                continue;
            }
            needs_second.push(self.propose(proposal, now)?);
        }
        Ok(needs_second)
    }

    /// Leaves it for a second officer; where.
    fn propose(&self, proposal: Proposal, now: Timestamp) -> Outcome<PathBuf> {
        let proposal = match self.keys.cosign(&self.officer, proposal.clone(), now) {
            Err(IssueError::SignedAlready) => proposal,
            signed => signed.map_err(|error| super::issue("The revocation is not proposed", error))?,
        };
        self.folder.keep_proposal(&proposal)
    }

    /// As of then this officer signs.
    fn since(&self) -> Timestamp {
        self.officer.statement().signed.not_before.before(Timestamp::CLOCK_TOLERANCE)
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
        let since = self.since();
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

/// Whether it meets the same as of a later time: not a person, who may have been enrolled again since, nor a ceiling
/// where a clearance may have been stated since.
fn is_same_later(body: &RevocationBody) -> bool {
    body.ceiling.is_none() && matches!(body.target, Target::Device(_) | Target::Grant(_))
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

pub(super) fn address(known: &KnownRelay) -> String {
    known.relay.addresses().first().map(ToString::to_string).unwrap_or_default()
}
