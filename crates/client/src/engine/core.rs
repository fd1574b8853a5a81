//! The engine's state and the few verbs that all its parts use: load, commit, emit (protocol-spec/07-delivery,
//! section 5). Nothing is changed in memory before it is durable: a part drafts changes, [`Core::commit`]s them, and
//! only then puts them in place; after a failed commit the drafts are dropped and memory still equals disk.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use amanat_conversation::{Conversation, Records};
use amanat_identity::{Authority, DeviceKeys, Freshness, StatusView, Tier, VerifiedDevice, VerifiedRelay};
use amanat_net::RelayTarget;
use amanat_primitives::{ConversationId, DeviceId, Timestamp, agree::NoiseSecret};
use amanat_wire::{Bytes, Encode as _, limits, log::Entry};
use tokio::{
    runtime::Handle,
    sync::{broadcast, mpsc, oneshot},
};

use super::{Clock, Input, Options, documents::Transfers, people::People};
use crate::{
    Command, Event, Failure, Reply,
    api::{ConversationState, LinkView, Notice},
    profile::Profile,
    rows::{ConversationRow, OutboxRow, RelayRow, Stage, TrackRow},
    session::{Calls, SessionPlan},
    vault::{Batch, Scope, Vault},
};

/// A conversation in memory.
pub(crate) struct Open {
    pub(crate) row: ConversationRow,
    pub(crate) tracks: HashMap<DeviceId, TrackRow>,
    /// The MLS group; loaded when first needed, dropped after any failure.
    pub(crate) group: Option<Conversation>,
    /// What waits to be appended, by its number.
    pub(crate) queue: BTreeMap<u64, OutboxRow>,
    /// Of these: accepted at a position that is not applied yet, because entries before it are missing.
    pub(crate) held: HashSet<u64>,
    /// Pushed entries that came before one that is still missing.
    pub(crate) ahead: BTreeMap<u64, Entry>,
    /// A read of the log is open.
    pub(crate) reading: bool,
    /// Chains of members' devices are being fetched, before the log can go on.
    pub(crate) waiting: bool,
    /// Nothing is encrypted before the commit at this position is here; 0 for none.
    pub(crate) needs_commit: u64,
    /// They could not be had: the log goes on over the next link at the earliest.
    pub(crate) stuck: bool,
    /// Others' messages came or were read since they were last told.
    pub(crate) receipt_due: Option<Timestamp>,
    /// The relay does not know yet how far this vault is.
    pub(crate) advance_due: bool,
}

/// The link, while it is up.
pub(crate) struct Up {
    pub(crate) view: LinkView,
    pub(crate) calls: Calls,
    /// Numbers links, so that an answer to a request over an older one is recognised.
    pub(crate) generation: u64,
    /// A `News` request is open, or its results are being fetched.
    pub(crate) asking_news: bool,
    /// Everything the relay had when the link came up has been fetched.
    pub(crate) caught_up: bool,
    /// By how much the relay's clock and this machine's differed when it came up, where that was too much.
    pub(crate) clocks_differ: Option<std::time::Duration>,
}

/// Where a command's reply goes.
pub(crate) type ReplyTo = oneshot::Sender<Result<Reply, Failure>>;

/// Replies to a command. Whoever asked may have stopped waiting, which changes nothing.
pub(crate) fn respond(reply: ReplyTo, outcome: Result<Reply, Failure>) -> Result<(), Failure> {
    let _ = reply.send(outcome);
    Ok(())
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
    pub(crate) authority: Authority,
    pub(crate) relays: Vec<VerifiedRelay>,
    pub(crate) keys: Arc<DeviceKeys>,
    pub(crate) chain: Bytes<{ limits::CHAIN }>,
    pub(crate) own: VerifiedDevice,
    pub(crate) status: StatusView,
    pub(crate) relay_row: Option<RelayRow>,
    pub(crate) conversations: HashMap<ConversationId, Open>,
    pub(crate) next_outbox: u64,
    /// Outbox rows whose request is open on this link, unanswered.
    pub(crate) in_flight: HashSet<u64>,
    pub(crate) people: People,
    pub(crate) transfers: Transfers,
    pub(crate) link: Option<Up>,
    pub(crate) links: u64,
    pub(crate) sync_waiters: Vec<SyncWaiter>,
    /// Why the last link failed, for commands that need one.
    pub(crate) last_failure: Option<Failure>,
    /// Commands that wait for the link that is being made.
    pub(crate) wait_for_link: Vec<(Command, ReplyTo)>,
    pub(crate) unsettled: super::restored::Unsettled,
    pub(crate) direct: super::join::DirectQueue,
    pub(crate) advance_open: bool,
    pub(crate) advance_at: Option<Timestamp>,
    pub(crate) key_packages_open: bool,
    /// Cursors of logs that this device was put into without a Welcome: passed over, so that they do not hide others.
    pub(crate) foreign: Vec<amanat_wire::client::Cursor>,
    /// When KeyPackages were last published.
    pub(crate) published_at: Option<Timestamp>,
    /// When to ask again what is new.
    pub(crate) news_at: Option<Timestamp>,
    /// The relay asked to slow down until then.
    pub(crate) rest: Option<Timestamp>,
    pub(crate) received: u64,
    pub(crate) connect: bool,
    pub(crate) inputs: mpsc::WeakSender<Input>,
    pub(crate) runtime: Handle,
    clock: Clock,
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
        let direct = super::join::DirectQueue::resume(profile.relay.as_ref().map_or(0, |row| row.direct));
        Self {
            people: People::default(),
            transfers: Transfers::default(),
            vault: profile.vault,
            authority: profile.authority,
            relays: profile.relays,
            keys: Arc::new(profile.keys),
            chain: profile.chain,
            own: profile.own,
            status: profile.status,
            relay_row: profile.relay,
            conversations: profile.conversations,
            next_outbox: profile.next_outbox,
            in_flight: HashSet::new(),
            link: None,
            links: 0,
            sync_waiters: Vec::new(),
            last_failure: profile.no_relay,
            wait_for_link: Vec::new(),
            unsettled: super::restored::Unsettled::default(),
            direct,
            advance_open: false,
            advance_at: None,
            key_packages_open: false,
            foreign: Vec::new(),
            published_at: None,
            news_at: None,
            rest: None,
            received: 0,
            connect: options.connect,
            inputs,
            runtime,
            clock: Arc::clone(&options.clock),
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

    /// Forgets a group in memory that may be ahead of the disk; it is loaded again when it is next needed.
    pub(crate) fn drop_group(&mut self, id: ConversationId) {
        if let Some(open) = self.conversations.get_mut(&id) {
            open.group = None;
        }
    }

    /// Makes a batch durable. If that fails, `id`'s group is dropped, because it is ahead of the disk.
    pub(crate) fn commit(&mut self, id: Option<ConversationId>, batch: Batch) -> Result<(), Failure> {
        self.vault.commit(batch).inspect_err(|_| {
            if let Some(open) = id.and_then(|id| self.conversations.get_mut(&id)) {
                open.group = None;
            }
        })
    }

    /// Whether the status statement lets this tier send now.
    pub(crate) fn may_send(&self, tier: Tier) -> bool {
        self.status.may_send(tier, self.now())
    }

    /// A conversation's state as faces show it.
    pub(crate) fn state_of(&self, row: &ConversationRow) -> ConversationState {
        match row.stage {
            Stage::Creating => ConversationState::Creating,
            Stage::Frozen => ConversationState::Frozen,
            Stage::Active if self.may_send(tier_of(row.tier)) => ConversationState::Active,
            Stage::Active => ConversationState::StatusExpired,
        }
    }

    /// How long until a timer is due; `None` when there is none.
    pub(crate) fn next_timer(&self) -> Option<Duration> {
        let now = self.now();
        let receipts = self.conversations.values().filter_map(|open| open.receipt_due);
        let transfers = self.transfers.due();
        receipts
            .chain(self.advance_at)
            .chain(self.rest)
            .chain(self.news_at)
            .chain(transfers)
            .min()
            .map(|due| due.since(now))
    }

    /// What is due now.
    pub(crate) fn timer(&mut self) -> Result<(), Failure> {
        self.send_due_receipts(false)?;
        self.send_due_advance();
        if self.news_at.is_some_and(|due| due <= self.now()) {
            self.news_at = None;
            self.ask_news();
        }
        if self.transfers.due().is_some_and(|due| due <= self.now()) {
            self.resume_transfers()?;
        }
        if self.rest.is_some() && !self.resting() {
            self.rest = None;
            self.pump_outbox()?;
            self.resume_transfers()?;
        }
        Ok(())
    }

    /// The relay asked to slow down.
    pub(crate) fn rest_until(&mut self, until: Timestamp) {
        self.rest = Some(until);
    }

    /// Whether the outbox rests because the relay asked for it.
    pub(crate) fn resting(&self) -> bool {
        self.rest.is_some_and(|until| until > self.now())
    }

    /// At the start: what the last run left undone.
    pub(crate) fn begin(&mut self) -> Result<(), Failure> {
        self.unsettled = super::restored::Unsettled::load(&self.vault)?;
        if let Freshness::Expired { since } = self.status.freshness(self.now()) {
            self.emit(Event::Notice(Notice::StatusExpired { since }));
        }
        Ok(())
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
