//! An officer's link (protocol-spec/02-wire, section 2): what a relay has of status and revocations, and what it lacks.

use amanat_identity::{
    Authority, DeviceChain, Handle, ListSummary, OfficerChain, OfficerKeys, Renewal, RevocationEntry, RevocationList,
    SignedStatus, StatusView, Subject, VerifiedOfficer, VerifiedRelay, revocation::ENTRIES_MAX,
};
use amanat_net::{DialError, Link, LinkError, RelayTarget};
use amanat_primitives::Timestamp;
use amanat_wire::{
    Bytes, Decode, Encode, List, Text,
    client::{Hello, Identity, Nothing, NumberedRequest, People, Request, StatusUpdate, ToRelay},
    limits,
    relay::{Answer, FromRelay, Refusal},
};

use super::{continuation::Local, lapsed::Lapsed};
use crate::problem::{Outcome, Problem};

/// Messages beside the answer that a relay may send in the meantime.
const OTHERS: usize = 64;

/// Pages of the directory that one look-up fetches.
const PAGES: usize = 64;

/// Bytes of revocations that one run fetches from a relay: more than a whole list takes whose entries one officer each
/// has signed. [ID-67]
pub(super) const FETCHED: usize = 256 * 1024 * 1024;

/// Lapsed devices that one run looks at; the next one goes on.
const LAPSED: usize = 1024;

/// A link to a relay as an officer.
pub(crate) struct OfficerLink {
    link: Link,
    number: u32,
}

/// What a relay has.
pub(crate) struct Held {
    /// Number of its status statement; of the last entry where it shows none.
    pub(crate) number: u64,
    /// The list that the statement names. Of one that nobody vouches for, as far as it is of use here.
    pub(crate) entries: Vec<RevocationEntry>,
    /// Whoever signed the statement is an officer now.
    pub(crate) is_vouched: bool,
    /// Devices that have lapsed, where it was asked for them.
    pub(crate) lapsed: Lapsed,
}

impl OfficerLink {
    /// Connects as the officer.
    pub(crate) async fn open(relay: &VerifiedRelay, keys: &OfficerKeys, officer: &VerifiedOfficer) -> Outcome<Self> {
        let target = RelayTarget {
            addresses: relay.addresses().iter().map(ToString::to_string).collect(),
            tls_key: relay.tls_key(),
            noise_key: *relay.noise_key(),
            allow_public: relay.allow_public(),
        };
        let mut link = amanat_net::dial(&target, keys.noise()).await.map_err(not_dialled)?;
        let chain = OfficerChain { certificate: officer.statement().clone() };
        let hello = Hello { version: limits::PROTOCOL_VERSION, identity: Identity::Officer(bytes(&chain)?) };
        link.sender.send_all([ToRelay::Hello(hello).to_bytes()]).await.map_err(lost)?;
        Ok(Self { link, number: 0 })
    }

    async fn ask(&mut self, request: Request) -> Outcome<Answer> {
        match self.answer(request).await? {
            Answer::Refused(refusal) => Err(refused(refusal)),
            answer => Ok(answer),
        }
    }

    async fn answer(&mut self, request: Request) -> Outcome<Answer> {
        self.number = self.number.wrapping_add(1);
        let request = ToRelay::Request(NumberedRequest { number: self.number, request });
        self.link.sender.send_all([request.to_bytes()]).await.map_err(lost)?;
        for _ in 0..OTHERS {
            let Some(message) = self.link.receiver.recv().await.map_err(lost)? else { break };
            match FromRelay::from_bytes(&message).map_err(|_| misunderstood())? {
                FromRelay::Goodbye(refusal) => return Err(refused(refusal)),
                FromRelay::Answer(numbered) if numbered.number == self.number => {
                    return Ok(numbered.answer);
                }
                _ => (),
            }
        }
        Err(lost(LinkError::Closed))
    }

    /// What the relay has, verified. Of a list that begins with entries of `local`, these are not fetched again.
    pub(crate) async fn held(&mut self, authority: &Authority, local: &Local, now: Timestamp) -> Outcome<Held> {
        let Answer::Status(published) = self.ask(Request::Status(Nothing {})).await? else {
            return Err(misunderstood());
        };
        if published.is_empty() {
            return self.held_unnamed(authority, local, now).await;
        }
        let signed = SignedStatus::from_bytes(&published).map_err(|_| misunderstood())?;
        let unproven = |error| super::chain("The relay's status statement is not believed", error);
        let is_vouched = signed.verify(authority, now).is_ok();
        let status = signed.verify_then(authority, now).map_err(unproven)?;
        let named = status.revocations();
        let count = usize::try_from(named.count.min(ENTRIES_MAX)).unwrap_or(usize::MAX);
        let mut room = FETCHED;
        let mut entries: Vec<RevocationEntry> = local.entries.iter().take(count).cloned().collect();
        self.fetch(&mut entries, count, &mut room).await?;
        if entries.iter().fold(ListSummary::default(), ListSummary::with) != named {
            entries.clear();
            self.fetch(&mut entries, count, &mut room).await?;
        }
        let number = status.number();
        StatusView::new().judge(status, &entries, authority).map_err(|error| unbelieved(&error))?;
        Ok(Held { number, entries, is_vouched, lapsed: Lapsed::default() })
    }

    /// What a relay has that shows no statement: it has started since the certificate of whoever signed the last one
    /// ended, and has the list all the same. Where there is one here, it is not fetched further than what goes beyond.
    /// [ID-62]
    async fn held_unnamed(&mut self, authority: &Authority, local: &Local, now: Timestamp) -> Outcome<Held> {
        let all = usize::try_from(ENTRIES_MAX).unwrap_or(usize::MAX);
        let most = if local.is_new { all } else { local.entries.len().saturating_add(1).min(all) };
        let (mut entries, mut room) = (Vec::new(), FETCHED);
        while entries.len() < most && self.fetch_page(&mut entries, most, &mut room).await? {}
        let number = entries.last().map_or(0, RevocationEntry::number);
        RevocationList::of(&entries, authority, number, now).map_err(|error| unbelieved(&error))?;
        Ok(Held { number, entries, is_vouched: false, lapsed: Lapsed::default() })
    }

    /// Fetches what is missing of a list of `count` entries.
    async fn fetch(&mut self, entries: &mut Vec<RevocationEntry>, count: usize, room: &mut usize) -> Outcome {
        while entries.len() < count {
            if !self.fetch_page(entries, count, room).await? {
                return Err(misunderstood());
            }
        }
        Ok(())
    }

    /// Fetches what follows, up to `count` entries and `room` bytes, which it takes from that. Says whether anything did.
    // [ID-67]
    async fn fetch_page(
        &mut self,
        entries: &mut Vec<RevocationEntry>,
        count: usize,
        room: &mut usize,
    ) -> Outcome<bool> {
        let after = u32::try_from(entries.len()).map_err(|_| misunderstood())?;
        let Answer::Revocations(page) = self.ask(Request::Revocations(after)).await? else {
            return Err(misunderstood());
        };
        take_page(entries, page.revocations.iter().map(|bytes| bytes.as_ref()), count, room)
    }

    /// Publishes a status statement with the entries of its list behind the first `first`; done once the relay has it
    /// durably. Why the relay does not take it, if it does not; whether it has, where the link fails, nobody knows.
    pub(crate) async fn give(
        &mut self,
        status: &SignedStatus,
        entries: &[RevocationEntry],
        first: usize,
    ) -> Outcome<Option<Problem>> {
        let lacking = entries.iter().skip(first).map(bytes).collect::<Outcome<Vec<_>>>()?;
        let Ok(revocations) = List::new(lacking) else {
            let failed = format!("The relay lacks more than {} revocations.", limits::REVOCATIONS);
            let advice = "Restore the relay's store from its latest copy, then run amanat attest.";
            return Ok(Some(Problem::new("refused", failed, advice)));
        };
        let first = u32::try_from(first).map_err(|_| misunderstood())?;
        let update = StatusUpdate { status: bytes(status)?, first, revocations };
        match self.answer(Request::PutStatement(update)).await? {
            Answer::Done(_) => Ok(None),
            Answer::Refused(refusal) => Ok(Some(refused(refusal))),
            _ => Err(misunderstood()),
        }
    }

    /// The chains of a person, not believed yet: what the relay has of them.
    pub(crate) async fn chains_of(&mut self, handle: &Handle) -> Outcome<Vec<DeviceChain>> {
        self.chains(handle.as_str(), |subject| subject.handle == *handle).await
    }

    /// The chains that a query finds and that are `wanted`, not believed yet; an empty query finds all.
    pub(crate) async fn chains(&mut self, query: &str, wanted: impl Fn(&Subject) -> bool) -> Outcome<Vec<DeviceChain>> {
        let query = Text::new(query).map_err(|_| misunderstood())?;
        let mut after = Text::default();
        let mut found = Vec::new();
        for _ in 0..PAGES {
            let request = Request::People(People { query: query.clone(), after: after.clone() });
            let Answer::Chains(page) = self.ask(request).await? else { return Err(misunderstood()) };
            let mut last = None;
            for bytes in page.chains {
                let chain = DeviceChain::from_bytes(&bytes).map_err(|_| misunderstood())?;
                let subject = chain.peek_subject().map_err(|_| misunderstood())?;
                if wanted(&subject) {
                    found.push(chain);
                }
                last = Some(subject.handle);
            }
            match last.and_then(|last| Text::new(last.as_str()).ok()) {
                Some(last) if page.more && last != after => after = last,
                _ => break,
            }
        }
        Ok(found)
    }

    /// Chains that the relay says nobody has renewed in time, not believed yet.
    pub(crate) async fn lapsed(&mut self) -> Outcome<Vec<DeviceChain>> {
        let (mut after, mut found) = (Text::default(), Vec::new());
        for _ in 0..PAGES {
            let Answer::Lapsed(page) = self.ask(Request::Lapsed(after.clone())).await? else {
                return Err(misunderstood());
            };
            for bytes in page.chains {
                found.push(DeviceChain::from_bytes(&bytes).map_err(|_| misunderstood())?);
            }
            match page.more {
                Some(more) if more != after && found.len() < LAPSED => after = more,
                _ => break,
            }
        }
        Ok(found)
    }

    /// Gives the relay a renewal; done once it has it durably. Why it refuses it, if it does: the link goes on.
    pub(crate) async fn renew(&mut self, renewal: &Renewal) -> Outcome<Option<Problem>> {
        match self.answer(Request::PutRenewal(bytes(renewal)?)).await? {
            Answer::Done(_) => Ok(None),
            Answer::Refused(refusal) => Ok(Some(not_renewed(refusal))),
            _ => Err(misunderstood()),
        }
    }

    /// Ends the link; what it was for is settled, however it ends.
    pub(crate) async fn close(self) {
        let _ = self.link.sender.shutdown().await;
    }
}

/// Adds a page of a list to what was fetched of it, up to `count` entries and `room` bytes. Says whether it had any.
// [ID-67]
pub(super) fn take_page<'a>(
    entries: &mut Vec<RevocationEntry>,
    page: impl Iterator<Item = &'a [u8]>,
    count: usize,
    room: &mut usize,
) -> Outcome<bool> {
    let before = entries.len();
    for bytes in page.take(count.saturating_sub(before)) {
        *room = room.checked_sub(bytes.len()).ok_or_else(|| {
            let failed = format!("The relay's list of revocations has more than {FETCHED} bytes.");
            Problem::new("too-large", failed, "Tell the relay's operator: no list of revocations is as long.")
        })?;
        entries.push(RevocationEntry::from_bytes(bytes).map_err(|_| misunderstood())?);
    }
    Ok(entries.len() > before)
}

fn unbelieved(error: &impl std::fmt::Display) -> Problem {
    let failed = format!("The relay's list of revocations is not believed: {error}.");
    Problem::new("certificate", failed, "Tell the relay's operator, and restore its store from a copy.")
}

fn bytes<const MAX: usize>(value: &impl Encode) -> Outcome<Bytes<MAX>> {
    Bytes::new(value.to_bytes()).map_err(|_| Problem::internal("A statement came out too large."))
}

fn not_dialled(error: DialError) -> Problem {
    let (code, advice) = match error {
        DialError::WrongTlsKey(_) | DialError::NoiseRefused(_) | DialError::TlsRefused(_) | DialError::Protocol(_) => (
            "relay-identity",
            "Ask the relay's operator whether it runs with the keys that were certified, and whether something \
             stands between.",
        ),
        DialError::NotPermitted(_) => {
            ("refused", "Certify the relay at a private address, or with --allow-public if that is meant.")
        }
        _ => ("offline", "Check that the relay runs and that this machine's network leads to it."),
    };
    Problem::new(code, format!("The relay cannot be reached: {error}."), advice)
}

/// The relay took too long.
pub(crate) fn no_answer(address: &str) -> Problem {
    Problem::new(
        "offline",
        format!("The relay at {address} did not answer in time."),
        "Check that the relay runs and that this machine's network leads to it.",
    )
}

fn lost(error: LinkError) -> Problem {
    Problem::new("offline", format!("The link to the relay ended: {error}."), "Run the command again.")
}

fn misunderstood() -> Problem {
    Problem::new("refused", "The relay's answer makes no sense.", "See whether both run the same version.")
}

// [DELIV-204]
fn not_renewed(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::OldStatement => Problem::new(
            "refused",
            "The relay has a certificate of this device that was signed later, or that ends later.",
            "Renew it with the officer whose certificate ends last; see amanat people for what the relay has.",
        ),
        other => refused(other),
    }
}

fn refused(refusal: Refusal) -> Problem {
    let (failed, advice) = match refusal {
        Refusal::Identity | Refusal::NotAllowed => (
            "The relay does not accept this officer.",
            "See whether the officer's certificate is of the authority that certified the relay, and still valid.",
        ),
        Refusal::Revoked => {
            ("The relay says that the device is revoked.", "Give the person a new invitation: amanat invite.")
        }
        Refusal::OfficerRevoked => (
            "The officer who signed this is revoked.",
            "Use the folder of another officer; the root certifies new ones: amanat authority certify officer.",
        ),
        Refusal::Expired => {
            ("The relay finds the certificate or the statement out of date.", "Compare both machines' clocks.")
        }
        Refusal::OldStatement => (
            "The relay has a newer status statement already, or revocations that are not in this one.",
            "Run the command again: it fetches what the relay has first.",
        ),
        Refusal::Version => ("The relay speaks another version of the protocol.", "Update the older of the two."),
        Refusal::Full => ("The relay's disk is full.", "Tell the relay's operator."),
        Refusal::ShuttingDown => ("The relay is shutting down.", "Run the command again when it is back."),
        _ => ("The relay refused the statement.", "Ask the relay's operator what its log says."),
    };
    Problem::new("refused", failed, advice)
}
