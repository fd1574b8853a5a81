//! The engine's state and the few verbs that all its parts use: load, commit, emit (protocol-spec/07-delivery,
//! section 12). Nothing is changed in memory before it is durable: a part drafts changes, [`Core::commit`]s them, and
//! only then puts them in place; after a failed commit the drafts are dropped and memory still equals disk.

mod ahead;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use amanat_conversation::{Conversation, Records};
use amanat_identity::{Authority, DeviceKeys, StatusView, Tier, VerifiedDevice, VerifiedRelay};
use amanat_net::{Network, RelayTarget};
use amanat_primitives::{ConversationId, DeviceId, Timestamp, agree::NoiseSecret};
use amanat_wire::{Bytes, Encode as _, client::AddAgain, limits};
use tokio::{
    runtime::Handle,
    sync::{broadcast, mpsc, oneshot},
};

use self::ahead::Ahead;
use super::{
    Clock, Input, Options, apply::is_leave, documents::Transfers, membership::Want, newcomers::OnRecord, people::People,
};
use crate::{
    Command, Event, Failure, FailureCode, Random, Reply,
    api::{ConversationState, LinkView},
    profile::Profile,
    rows::{CommitRow, ConversationRow, ImportedRow, OutboxRow, RelayRow, Stage, TrackRow},
    session::{Calls, SessionPlan},
    vault::{Batch, Scope, Vault},
};

/// A conversation in memory.
pub(crate) struct Open {
    pub(crate) row: ConversationRow,
    pub(crate) tracks: BTreeMap<DeviceId, TrackRow>,
    /// Ranges of messages that came from files, in the order in which they are shown.
    pub(crate) imported: Vec<ImportedRow>,
    /// The MLS group; loaded when first needed, dropped after any failure.
    pub(crate) group: Option<Conversation>,
    /// This device's commit that is on its way.
    pub(crate) commit: Option<CommitRow>,
    /// It is at the relay: asked over this link, or accepted and not applied yet.
    pub(crate) commit_sent: bool,
    /// The relay had no room for it.
    pub(crate) commit_full: bool,
    /// How often the relay has said that it holds the conversation which is founded here.
    pub(crate) exists: u8,
    /// What that commit is for, where this run has made it.
    pub(crate) doing: Option<Want>,
    /// Changes of members that are still to be committed.
    pub(crate) wants: VecDeque<Want>,
    /// People who are to be added by these, or by more.
    pub(crate) newcomers: OnRecord,
    /// Devices that asked to be added again, with what they signed.
    pub(crate) again: BTreeMap<DeviceId, AddAgain>,
    /// When to see whether something has to be committed that nobody asked for.
    pub(crate) look_at: Option<Timestamp>,
    /// Devices of one's own that are to be added.
    pub(crate) further: super::devices::Further,
    /// A member is revoked, or cleared for less than the tier: nothing is sent until it is removed.
    pub(crate) unfit: bool,
    /// Whether the relay's roster is to be set right.
    pub(crate) healing: super::healing::Healing,
    /// Messages that wait to be appended, by their number.
    pub(crate) queue: BTreeMap<u64, OutboxRow>,
    /// Of these: accepted at a position that is not applied yet, because entries before it are missing.
    pub(crate) held: BTreeSet<u64>,
    /// The relay has refused a message since it last took one.
    pub(crate) refused: bool,
    /// Pushed entries that came before one that is still missing.
    pub(crate) ahead: Ahead,
    /// A read of the log is open.
    pub(crate) reading: bool,
    /// The direct item for whose sake that read was begun; 0 for none.
    pub(crate) read_for: u64,
    /// Where this vault was in the log when it last asked what is new.
    pub(crate) asked_from: u64,
    /// Chains of members' devices, or a status statement, are being fetched, before the log can go on.
    pub(crate) waiting: bool,
    /// The status statement that the log waits for; 0 for none.
    pub(crate) needs_status: u64,
    /// They could not be had: the log goes on over the next link at the earliest.
    pub(crate) stuck: bool,
    /// At this position the chains that its commit is judged by have been asked for anew; 0 for none.
    pub(crate) refreshed: u64,
    /// Nothing is encrypted before the commit at this position is here; 0 for none.
    pub(crate) needs_commit: u64,
    /// The relay withholds the entry at this position, which was said; 0 for none.
    pub(crate) excluded: u64,
    /// Nothing is sent here until then: the relay refused, or encrypting failed.
    pub(crate) rest: Option<Timestamp>,
    /// Others' messages came or were read since they were last told.
    pub(crate) receipt_due: Option<Timestamp>,
    /// When they were last told.
    pub(crate) receipt_sent: Option<Timestamp>,
    /// The relay does not know yet how far this vault is.
    pub(crate) advance_due: bool,
}

impl Open {
    /// A conversation as it is on disk.
    pub(crate) fn of(row: ConversationRow) -> Self {
        Self {
            row,
            tracks: Default::default(),
            imported: Vec::new(),
            group: None,
            commit: None,
            commit_sent: false,
            commit_full: false,
            exists: 0,
            doing: None,
            wants: Default::default(),
            newcomers: Default::default(),
            look_at: None,
            further: Default::default(),
            unfit: false,
            healing: Default::default(),
            queue: Default::default(),
            held: Default::default(),
            refused: false,
            ahead: Default::default(),
            reading: false,
            read_for: 0,
            asked_from: 0,
            waiting: false,
            stuck: false,
            refreshed: 0,
            needs_commit: 0,
            excluded: 0,
            needs_status: 0,
            again: Default::default(),
            rest: None,
            receipt_due: None,
            receipt_sent: None,
            advance_due: false,
        }
    }

    /// A 1:1 that somebody has asked to leave: nobody would read what is sent now. Who leaves as well says so first.
    pub(crate) fn is_ending(&self) -> bool {
        let asked = !self.row.peer.is_empty() && self.tracks.values().any(|track| track.leaving.is_some());
        asked && !self.queue.values().any(is_leave)
    }

    /// Something is to be appended to its log.
    pub(crate) fn waits_to_send(&self) -> bool {
        !self.queue.is_empty() || self.commit.is_some() || !self.wants.is_empty() || !self.newcomers.is_empty()
    }
}

/// Bytes of pushed entries that all conversations together may hold.
const AHEAD_BYTES_IN_ALL: usize = 64 * 1024 * 1024;

/// The link, while it is up.
pub(crate) struct Up {
    pub(crate) view: LinkView,
    pub(crate) calls: Calls,
    /// Numbers links, so that an answer to a request over an older one is recognised.
    pub(crate) generation: u64,
    /// A `News` request is open, or its results are being fetched.
    pub(crate) asking_news: bool,
    /// Something has asked for news meanwhile.
    pub(crate) ask_again: bool,
    /// Behind which conversation it asks.
    pub(crate) asked_after: Option<ConversationId>,
    /// The relay has more direct items than it could say; how much had been taken in when it said so.
    pub(crate) more_direct: Option<u64>,
    /// Everything the relay had when the link came up has been fetched.
    pub(crate) caught_up: bool,
    /// This vault is as new as the relay knows it to be, as far as that can be told. [DELIV-177]
    pub(crate) compared: bool,
    /// By how much the relay's clock and this machine's differed when it came up, where that was too much.
    pub(crate) clocks_differ: Option<std::time::Duration>,
    /// What they said then: the relay's, and this machine's.
    pub(crate) clocks: (Timestamp, Timestamp),
}

/// Where a command's reply goes.
pub(crate) type ReplyTo = oneshot::Sender<Result<Reply, Failure>>;

/// Replies to a command. Whoever asked may have stopped waiting, which changes nothing.
pub(crate) fn respond(reply: ReplyTo, outcome: Result<Reply, Failure>) -> Result<(), Failure> {
    let _ = reply.send(outcome);
    Ok(())
}

/// The same; damage of the vault ends the engine, and the caller learns it first.
pub(crate) fn answer_with(reply: ReplyTo, outcome: Result<Reply, Failure>) -> Result<(), Failure> {
    let fatal = outcome.as_ref().err().filter(|failure| failure.code == FailureCode::Damaged).cloned();
    respond(reply, outcome)?;
    fatal.map_or(Ok(()), Err)
}

/// Someone waits for [`Command::Sync`].
pub(crate) struct SyncWaiter {
    pub(crate) reply: ReplyTo,
    /// A news round that began after the command must end first.
    pub(crate) asked: bool,
}

/// All state of the engine.
pub(crate) struct Core {
    pub(crate) vault: Vault,
    pub(crate) file: crate::profile::KeyFile,
    pub(crate) authority: Authority,
    pub(crate) relays: Vec<VerifiedRelay>,
    pub(crate) keys: Arc<DeviceKeys>,
    pub(crate) chain: Bytes<{ limits::CHAIN }>,
    pub(crate) own: VerifiedDevice,
    pub(crate) status: StatusView,
    /// That it has lapsed was said.
    pub(crate) said_lapsed: bool,
    /// Lists of revocations, and chains of this device, that are being fetched.
    pub(crate) status_fetches: usize,
    /// Of these: lists. Nothing is sent before they are here. [DELIV-109]
    pub(crate) lists_open: usize,
    pub(crate) relay_row: Option<RelayRow>,
    pub(crate) conversations: BTreeMap<ConversationId, Open>,
    pub(crate) next_outbox: u64,
    /// Outbox rows whose request is open on this link, unanswered, and the commit under which each was encrypted.
    pub(crate) in_flight: BTreeMap<u64, u64>,
    pub(crate) people: People,
    /// This person's devices.
    pub(crate) devices: super::devices::Devices,
    pub(crate) transfers: Transfers,
    pub(crate) link: Option<Up>,
    pub(crate) links: u64,
    pub(crate) sync_waiters: Vec<SyncWaiter>,
    /// Why the last link failed, for commands that need one.
    pub(crate) last_failure: Option<Failure>,
    /// Commands that wait for the link that is being made.
    pub(crate) wait_for_link: Vec<(Command, ReplyTo)>,
    pub(crate) unsettled: super::restored::Unsettled,
    /// What is left to do after this vault was put back from an older copy.
    pub(crate) rolled_back: super::old_copy::RolledBack,
    /// Tails of logs that are kept for a relay that loses them.
    pub(crate) kept: super::kept::Kept,
    pub(crate) direct: super::direct::DirectQueue,
    pub(crate) advance_open: bool,
    pub(crate) advance_at: Option<Timestamp>,
    pub(crate) packages: super::packages::Packages,
    /// Cursors of logs that this device was put into without a Welcome: passed over, so that they do not hide others.
    pub(crate) foreign: Vec<amanat_wire::client::Cursor>,
    /// Logs of which this vault knows nothing; whether this run has asked to be added to them again, or declined them.
    pub(crate) unknown: BTreeMap<ConversationId, bool>,
    /// When to ask again what is new.
    pub(crate) news_at: Option<Timestamp>,
    /// The relay asked to slow down until then.
    pub(crate) rest: Option<Timestamp>,
    pub(crate) received: u64,
    /// Batches of entries and direct items taken in, to tell progress from a circle.
    pub(crate) taken: u64,
    /// When messages expire.
    pub(crate) expiries: super::life::Expiries,
    /// What searches have read.
    pub(crate) search: super::search::Search,
    pub(crate) warnings: super::warnings::Warnings,
    pub(crate) connect: bool,
    pub(crate) inputs: mpsc::WeakSender<Input>,
    pub(crate) runtime: Handle,
    clock: Clock,
    random: Random,
    network: Network,
    events: broadcast::Sender<Event>,
}

impl Core {
    /// Takes over an opened profile.
    pub(crate) fn new(
        profile: Profile,
        options: &Options,
        events: broadcast::Sender<Event>,
        inputs: mpsc::WeakSender<Input>,
        runtime: Handle,
    ) -> Self {
        let direct = super::direct::DirectQueue::resume(profile.relay.as_ref().map_or(0, |row| row.direct));
        Self {
            people: People::default(),
            devices: super::devices::Devices::default(),
            transfers: Transfers::default(),
            vault: profile.vault,
            file: profile.file,
            authority: profile.authority,
            relays: profile.relays,
            keys: Arc::new(profile.keys),
            chain: profile.chain,
            own: profile.own,
            status: profile.status,
            said_lapsed: false,
            status_fetches: 0,
            lists_open: 0,
            relay_row: profile.relay,
            conversations: profile.conversations,
            next_outbox: profile.next_outbox,
            in_flight: BTreeMap::new(),
            link: None,
            links: 0,
            sync_waiters: Vec::new(),
            last_failure: profile.no_relay,
            wait_for_link: Vec::new(),
            unsettled: super::restored::Unsettled::default(),
            rolled_back: super::old_copy::RolledBack::default(),
            kept: super::kept::Kept::default(),
            direct,
            advance_open: false,
            advance_at: None,
            packages: Default::default(),
            foreign: Vec::new(),
            unknown: BTreeMap::new(),
            news_at: None,
            rest: None,
            received: 0,
            taken: 0,
            expiries: super::life::Expiries::default(),
            search: super::search::Search::default(),
            warnings: Default::default(),
            connect: options.connect,
            inputs,
            runtime,
            clock: Arc::clone(&options.clock),
            random: options.random.clone(),
            network: options.network.clone(),
            events,
        }
    }

    /// With which relay, as whom; `None` where no relay certificate is valid.
    pub(crate) fn session_plan(&self) -> Option<SessionPlan> {
        let relay = self.relays.first()?;
        Some(SessionPlan {
            target: target_of(relay),
            key: Arc::new(NoiseSecret::from_secret(self.keys.noise().secret().duplicate())),
            chain: self.chain.clone(),
            network: self.network.clone(),
            random: self.random(),
        })
    }

    /// Says why no link is tried: no relay's certificate holds now.
    pub(crate) fn say_no_relay(&self) {
        if let Some(failure) = self.last_failure.clone() {
            self.emit(Event::Link(crate::api::LinkState::Down { failure, retry_in: std::time::Duration::MAX }));
        }
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Where random numbers come from.
    pub(crate) fn random(&self) -> Random {
        self.random.clone()
    }

    /// Tells all faces.
    pub(crate) fn emit(&self, event: Event) {
        // No face listens: the vault holds all there is to know.
        let _ = self.events.send(event);
    }

    /// Runs `work` on the face's runtime and hands its input to the engine.
    pub(crate) fn spawn(&self, work: impl Future<Output = Input> + Send + 'static) {
        let inputs = self.inputs.clone();
        self.runtime.spawn(async move {
            let input = work.await;
            if let Some(inputs) = inputs.upgrade() {
                // The engine has stopped: nothing is left to tell.
                let _ = inputs.send(input).await;
            }
        });
    }

    /// The calls of the link that is up.
    pub(crate) fn calls(&self) -> Option<Calls> {
        self.link.as_ref().map(|up| up.calls.clone())
    }

    /// A conversation, or the failure that there is none.
    pub(crate) fn conversation(&self, id: ConversationId) -> Result<&Open, Failure> {
        self.conversations.get(&id).ok_or_else(crate::failure::no_conversation)
    }

    /// A conversation's MLS group, loaded if need be.
    pub(crate) fn group(&mut self, id: ConversationId) -> Result<&mut Conversation, Failure> {
        let open = self.conversations.get_mut(&id).ok_or_else(crate::failure::no_conversation)?;
        if open.group.is_none() {
            let records = Records::load(self.vault.scan_bytes(Scope::GroupRecords(id))?);
            open.group = Conversation::load(&id, records).map_err(crate::failure::from_conversation)?;
        }
        open.group.as_mut().ok_or_else(crate::failure::damaged)
    }

    /// Whether the conversations together hold as many pushed entries as they may.
    pub(crate) fn holds_too_much(&self) -> bool {
        self.conversations.values().map(|open| open.ahead.bytes()).sum::<usize>() > AHEAD_BYTES_IN_ALL
    }

    /// Forgets a group in memory that may be ahead of the disk; it is loaded again when it is next needed.
    pub(crate) fn drop_group(&mut self, id: ConversationId) {
        if let Some(open) = self.conversations.get_mut(&id) {
            open.group = None;
        }
    }

    /// Makes a batch durable: all that one input changes, so that nothing is torn wherever the process ends. [DELIV-180]
    /// If that fails, `id`'s group is dropped, because it is ahead of the disk.
    pub(crate) fn commit(&mut self, id: Option<ConversationId>, batch: Batch) -> Result<(), Failure> {
        self.vault.commit(batch).inspect_err(|_| {
            if let Some(open) = id.and_then(|id| self.conversations.get_mut(&id)) {
                open.group = None;
            }
        })
    }

    /// Whether the status statement lets this tier send now. [ID-22]
    pub(crate) fn may_send(&self, tier: Tier) -> bool {
        self.status.may_send(tier, self.now())
    }

    /// A conversation's state as faces show it.
    pub(crate) fn state_of(&self, row: &ConversationRow) -> ConversationState {
        match row.stage {
            Stage::Creating => ConversationState::Creating,
            Stage::Frozen => ConversationState::Frozen,
            Stage::Removed => ConversationState::Removed,
            Stage::Left => ConversationState::Left,
            Stage::Over => ConversationState::Over,
            Stage::Archived => ConversationState::Archived,
            Stage::FellOut => ConversationState::FellOut,
            Stage::Active if self.conversation(row.id).is_ok_and(|open| open.stuck) => ConversationState::Waiting,
            Stage::Active if self.conversation(row.id).is_ok_and(|open| open.unfit) => ConversationState::Removing,
            Stage::Active if self.require_cleared(row).is_err() => ConversationState::Removing,
            Stage::Active if self.may_send(tier_of(row.tier)) => ConversationState::Active,
            Stage::Active => ConversationState::StatusExpired,
        }
    }

    /// How long until a timer is due; `None` when there is none.
    pub(crate) fn next_timer(&self) -> Option<Duration> {
        let now = self.now();
        let conversations = self.conversations.values().flat_map(|open| {
            let look_at = open.look_at.filter(|_| self.link.is_some());
            [open.receipt_due, open.rest, look_at]
        });
        conversations
            .flatten()
            .chain(self.advance_at)
            .chain(self.rest)
            .chain(self.news_at)
            .chain(self.transfers.due())
            .chain(self.expiries.next())
            .chain(self.search_due())
            .chain(self.packages_due())
            .chain(self.vault.is_sweeping().then(Timestamp::default))
            .min()
            .map(|due| due.since(now))
    }

    /// What is due now.
    pub(crate) fn timer(&mut self) -> Result<(), Failure> {
        self.send_due_receipts(false)?;
        self.look_after_members()?;
        self.send_due_advance();
        self.expire_due()?;
        self.forget_due()?;
        self.search_ahead()?;
        self.replace_packages()?;
        if self.news_at.is_some_and(|due| due <= self.now()) {
            self.news_at = None;
            match self.compared() {
                true => {
                    self.read_logs_for_own()?;
                    self.ask_news();
                }
                false => self.ask_cursors(None),
            }
        }
        if self.transfers.due().is_some_and(|due| due <= self.now()) {
            self.resume_transfers()?;
        }
        let now = self.now();
        let over = |rest: &Option<Timestamp>| rest.is_some_and(|until| until <= now);
        let rested: Vec<_> = self.conversations.values_mut().filter(|open| over(&open.rest)).collect();
        let some_rested = !rested.is_empty();
        rested.into_iter().for_each(|open| open.rest = None);
        if over(&self.rest) || some_rested {
            self.rest = self.rest.filter(|until| *until > now);
            self.pump_outbox()?;
            self.resume_transfers()?;
        }
        Ok(())
    }

    /// The relay asked to slow down.
    pub(crate) fn rest_until(&mut self, until: Timestamp) {
        self.rest = Some(until);
    }

    /// By how much this machine's clock is from the relay's, where that is too far to judge or to make commits by it.
    pub(crate) fn clocks_differ(&self) -> Option<std::time::Duration> {
        self.link.as_ref().and_then(|up| up.clocks_differ)
    }

    /// One conversation sends nothing until then.
    pub(crate) fn rest_conversation(&mut self, id: ConversationId, until: Timestamp) {
        if let Some(open) = self.conversations.get_mut(&id) {
            open.rest = Some(until);
        }
    }

    /// Whether a conversation's outbox rests, alone or with all others because the relay asked for it.
    pub(crate) fn resting(&self, open: &Open) -> bool {
        let now = self.now();
        [self.rest, open.rest].into_iter().flatten().any(|until| until > now)
    }

    /// At the start: what the last run left undone.
    pub(crate) fn begin(&mut self) -> Result<(), Failure> {
        self.unsettled = super::restored::Unsettled::load(&self.vault)?;
        self.rolled_back = super::old_copy::RolledBack::load(&self.vault)?;
        self.kept = super::kept::Kept::load(&self.vault)?;
        self.packages = super::packages::Packages::load(&self.vault)?;
        self.warnings = super::warnings::Warnings::load(&self.vault)?;
        self.say_whether_lapsed();
        let leaving = |open: &Open| open.tracks.values().any(|track| track.leaving.is_some());
        let ids: Vec<_> = self.conversations.values().map(|open| (open.row.id, leaving(open))).collect();
        for (id, leaving) in ids {
            if leaving {
                self.look_soon(id);
            }
            self.look_for_renewal(id);
        }
        self.search.rest(self.now());
        self.judge_all_members()
    }

    /// Closes the vault.
    pub(crate) async fn close(mut self) {
        self.stop_transfers().await;
        self.vault.close();
    }
}

/// How to dial a relay.
pub(crate) fn target_of(relay: &VerifiedRelay) -> RelayTarget {
    RelayTarget {
        addresses: relay.addresses().iter().map(ToString::to_string).collect(),
        tls_key: relay.tls_key(),
        noise_key: *relay.noise_key(),
        allow_public: relay.allow_public(),
    }
}

/// A tier's number in a row that we wrote ourselves; one that is not known counts as the highest.
pub(crate) fn tier_of(number: u8) -> Tier {
    Tier::ALL.iter().copied().find(|tier| tier.number() == number).unwrap_or(Tier::TopSecret)
}

/// A field that came from a bounded source and fits.
pub(crate) fn bounded<const MAX: usize>(bytes: Vec<u8>) -> Result<Bytes<MAX>, Failure> {
    Bytes::new(bytes).map_err(|_| crate::failure::internal("a value is longer than its field"))
}

/// Encodes a row that is also kept in memory.
pub(crate) fn put_conversation(batch: &mut Batch, row: &ConversationRow) {
    batch.put_bytes(Scope::Conversations, row.id.as_bytes().to_vec(), row.to_bytes());
}
