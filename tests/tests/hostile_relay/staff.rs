//! A small office behind a hostile relay: real engines, seeded traffic, and what each of them must never show.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use amanat_client::{
    Command, Reply,
    api::{
        Alarm, ConversationState, MemberChange, MessageBody, MessageRef, MessageState, MessageView, Notice, Target,
        Warning, WarningOf,
    },
};
use amanat_identity::{RelayKeys, Tier};
use amanat_primitives::{ConversationId, DeviceId, MessageId};
use amanat_tests::{Person, Rig, proxy::Proxy};

use super::{Seen, loss::GOES_ON, relay::Foe, seed::Seed};

/// Handles of the office's people.
pub(crate) const HANDLES: [&str; 3] = ["secretary", "director", "clerk"];
/// How long anything may take before the run has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// How long a client that has no link is waited for where it need not have one.
const UNLINKED: Duration = Duration::from_millis(300);
/// Questions in a row that lead to nothing.
const QUIET_ROUNDS: u32 = 3;
/// Looks at what must come in the end, each after everybody has read what there is.
pub(crate) const PATIENT_ROUNDS: u32 = 60;

/// People whose relay is hostile.
pub(crate) struct Staff {
    pub(crate) rig: Rig,
    pub(crate) foe: Foe,
    pub(crate) people: Vec<Person>,
    pub(crate) devices: Vec<DeviceId>,
    /// The relay's keys.
    pub(crate) keys: Arc<RelayKeys>,
}

impl Staff {
    pub(crate) async fn gather() -> Self {
        let rig = Rig::without_relay();
        let foe = Foe::in_place_of(&rig);
        Self::of(rig, foe).await
    }

    /// The same at an honest relay, over a line that can be cut.
    pub(crate) async fn at_an_honest_relay() -> (Self, Proxy) {
        let (rig, line) = Rig::behind_a_line().await;
        let foe = Foe::idle(&rig);
        (Self::of(rig, foe).await, line)
    }

    async fn of(rig: Rig, foe: Foe) -> Self {
        let (mut people, mut devices) = (Vec::new(), Vec::new());
        for handle in HANDLES {
            let person = rig.person(handle, Tier::Secret).await;
            person.sync_when_linked().await;
            devices.push(person.device().await);
            people.push(person);
        }
        let keys = Arc::new(amanat_relay_core::folder::load_keys(&rig.relay_dir()).unwrap());
        Self { rig, foe, people, devices, keys }
    }

    /// Waits until the first person's device has a link again.
    pub(crate) async fn until_linked(&self) {
        let linked = async {
            while self.people[0].engine.ask(Command::Sync).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), linked).await.expect("the link comes up again");
    }

    /// A seeded conversation, which all have joined.
    pub(crate) async fn run(&self, seed: u64) -> Run<'_> {
        self.run_with(seed, &[1, 2]).await
    }

    /// The same with these members beside the first person.
    pub(crate) async fn run_with(&self, seed: u64, others: &[usize]) -> Run<'_> {
        let handles: Vec<&str> = others.iter().map(|index| HANDLES[*index]).collect();
        let mut before = Vec::new();
        for person in &self.people {
            let known = warnings(person).await;
            before.push(known.last().map_or(0, |warning| warning.id));
            // What was read is told again when it comes again.
            let unread = known.iter().filter(|warning| !warning.read).map(|warning| warning.id).collect();
            person.ask(Command::WarningsRead { warnings: unread }).await;
        }
        let conversation = self.rig.group(&self.people[0], &handles, Tier::Official).await;
        let members = std::iter::once(0).chain(others.iter().copied()).collect();
        let mut run = Run {
            staff: self,
            seed: Seed::new(seed),
            conversation,
            members,
            said: BTreeMap::new(),
            order: Vec::new(),
            before,
            ordered: true,
        };
        run.settle().await;
        run.traffic(4).await;
        run
    }
}

/// Syncs, over the next link where one is lost; an error says that it does not end.
pub(crate) async fn sync(person: &Person) -> Result<(), String> {
    let synced = tokio::time::timeout(PATIENCE, async {
        while person.engine.ask(Command::Sync).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    synced.await.map_err(|_| "sync does not end".into())
}

/// Syncs for so long at most, whatever comes of it.
pub(crate) async fn sync_for(person: &Person, time: Duration) {
    let _ = tokio::time::timeout(time, person.engine.ask(Command::Sync)).await;
}

pub(crate) async fn warnings(person: &Person) -> Vec<Warning> {
    let Reply::Warnings(warnings) = person.ask(Command::Warnings).await else { panic!() };
    warnings
}

/// What somebody has said.
#[derive(Clone)]
struct Said {
    by: usize,
    /// Who was in the conversation then.
    to: Vec<usize>,
    /// What it says, and has said.
    texts: Vec<String>,
    deleted: bool,
}

/// One seeded conversation.
pub(crate) struct Run<'a> {
    pub(crate) staff: &'a Staff,
    pub(crate) seed: Seed,
    pub(crate) conversation: ConversationId,
    /// Who is in it.
    pub(crate) members: Vec<usize>,
    said: BTreeMap<MessageId, Said>,
    /// In the order in which they were said.
    order: Vec<MessageId>,
    before: Vec<u64>,
    /// Whether each author's messages must stand in their order. Where the relay turns them round, it is shown.
    pub(crate) ordered: bool,
}

impl Run<'_> {
    pub(crate) fn person(&self, index: usize) -> &Person {
        &self.staff.people[index]
    }

    pub(crate) fn device(&self, index: usize) -> DeviceId {
        self.staff.devices[index]
    }

    pub(crate) fn foe(&self) -> &Foe {
        &self.staff.foe
    }

    pub(crate) fn target(&self) -> Target {
        Target::Conversation(self.conversation)
    }

    /// A member.
    pub(crate) fn somebody(&mut self) -> usize {
        *self.seed.one_of(&self.members)
    }

    /// A member who is none of these.
    pub(crate) fn somebody_but(&mut self, not: &[usize]) -> usize {
        let others: Vec<usize> = self.members.iter().copied().filter(|index| !not.contains(index)).collect();
        *self.seed.one_of(&others)
    }

    /// Syncs all members, twice, so that receipts arrive.
    pub(crate) async fn settle(&self) {
        for _ in 0..2 {
            for index in &self.members {
                let person = self.person(*index);
                sync(person).await.unwrap_or_else(|error| panic!("{}: {error}", person.handle));
            }
        }
    }

    /// The same where some may never be done.
    pub(crate) async fn settle_somehow(&self) {
        for _ in 0..2 {
            for index in &self.members {
                self.reads(*index).await;
            }
        }
    }

    /// Somebody reads what there is, and does what follows from it at once; whether more is to be done or not.
    pub(crate) async fn reads(&self, index: usize) {
        tokio::select! {
            _ = self.person(index).engine.ask(Command::Sync) => {}
            () = self.has_read(index) => {}
            () = tokio::time::sleep(UNLINKED) => {}
        }
    }

    /// Waits until a client has asked several times what is new, and nothing else meanwhile. It asks once it has taken in
    /// the answer before and all that came in front of it.
    async fn has_read(&self, index: usize) {
        let (device, mut quiet) = (self.device(index), 0);
        while quiet < QUIET_ROUNDS {
            let before = self.foe().state().asked(device);
            let asked = async {
                while self.foe().state().asked(device).0 == before.0 {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            };
            // It asks by this; an end of it need not come.
            tokio::select! {
                () = asked => {}
                _ = self.person(index).engine.ask(Command::Sync) => return,
            }
            quiet = if self.foe().state().asked(device).1 == before.1 { quiet + 1 } else { 0 };
        }
    }

    /// Somebody says something.
    pub(crate) async fn says(&mut self, by: usize) -> MessageId {
        let text = format!("{} of {} as of {:08x}", self.order.len(), HANDLES[by], self.seed.next() as u32);
        let (_, message) = self.person(by).say(&self.target(), &text).await;
        self.said.insert(message, Said { by, to: self.members.clone(), texts: vec![text], deleted: false });
        self.order.push(message);
        message
    }

    /// Somebody has sent a document.
    pub(crate) fn said_document(&mut self, by: usize, message: MessageId) {
        self.said.insert(message, Said { by, to: self.members.clone(), texts: Vec::new(), deleted: false });
        self.order.push(message);
    }

    /// Somebody says something, and the relay has taken it.
    pub(crate) async fn says_and_sends(&mut self, by: usize) -> MessageId {
        let message = self.says(by).await;
        self.sent(by).await;
        message
    }

    /// What somebody has queued is with the relay.
    pub(crate) async fn sent(&self, by: usize) {
        sync(self.person(by)).await.unwrap_or_else(|error| panic!("{}: {error}", HANDLES[by]));
    }

    /// Honest traffic of a seeded mix, after which everybody has everything.
    pub(crate) async fn traffic(&mut self, steps: usize) {
        for _ in 0..steps {
            self.step().await;
        }
        self.settle().await;
    }

    async fn step(&mut self) {
        let by = self.somebody();
        match self.seed.below(8) {
            0..4 => drop(self.says(by).await),
            4 => self.edits(by).await,
            5 => self.reacts(by).await,
            6 => {
                self.sent(by).await;
                let other = self.somebody();
                self.sent(other).await;
            }
            _ => {
                self.settle().await;
                self.says(by).await;
            }
        }
    }

    fn latest_of(&self, by: usize) -> Option<MessageId> {
        self.order
            .iter()
            .rev()
            .find(|id| self.said[*id].by == by && !self.said[*id].deleted && !self.said[*id].texts.is_empty())
            .copied()
    }

    async fn edits(&mut self, by: usize) {
        let Some(message) = self.latest_of(by) else { return };
        let message = MessageRef { conversation: self.conversation, message };
        if self.seed.below(3) == 0 {
            self.person(by).ask(Command::Delete { message }).await;
            self.said.get_mut(&message.message).unwrap().deleted = true;
            return;
        }
        let text = format!("another text {:08x}", self.seed.next() as u32);
        self.person(by).ask(Command::Edit { message, text: text.clone(), consent: Default::default() }).await;
        self.said.get_mut(&message.message).unwrap().texts.push(text);
    }

    async fn reacts(&mut self, by: usize) {
        let shown = self.shown_to(by).await;
        let open: Vec<MessageId> = shown.iter().filter(|view| !view.deleted).map(|view| view.id).collect();
        if open.is_empty() {
            return;
        }
        let message = MessageRef { conversation: self.conversation, message: *self.seed.one_of(&open) };
        // It may have been taken back by its author a moment ago.
        let _ = self.person(by).engine.ask(Command::React { message, text: "+".into() }).await;
    }

    /// A commit that everybody takes in: somebody becomes a moderator, or none.
    pub(crate) async fn commits(&mut self) {
        let (conversation, whom) = (self.conversation, self.somebody_but(&[0]));
        let moderator = !self.is_moderator(whom).await;
        let person = self.staff.rig.address(HANDLES[whom]);
        self.person(0).ask(Command::SetRole { conversation, person, moderator }).await;
    }

    /// The same over a line that may be cut: whoever asked may be told that there is no link.
    pub(crate) async fn commits_over_a_line(&mut self) {
        let (conversation, whom) = (self.conversation, self.somebody_but(&[0]));
        let moderator = !self.is_moderator(whom).await;
        let person = self.staff.rig.address(HANDLES[whom]);
        let _ = self.person(0).engine.ask(Command::SetRole { conversation, person, moderator }).await;
    }

    async fn is_moderator(&self, whom: usize) -> bool {
        let members = self.person(0).members(self.conversation).await;
        let own = self.device(whom);
        members.iter().any(|member| member.device == own && member.role == Some(amanat_client::api::Role::Moderator))
    }

    pub(crate) async fn shown_to(&self, index: usize) -> Vec<MessageView> {
        self.person(index).messages(self.conversation).await
    }

    pub(crate) async fn has(&self, index: usize, message: MessageId) -> bool {
        self.shown_to(index).await.iter().any(|view| view.id == message)
    }

    pub(crate) async fn state_of(&self, index: usize, message: MessageId) -> MessageState {
        let shown = self.shown_to(index).await;
        shown.iter().find(|view| view.id == message).unwrap_or_else(|| panic!("not in its author's vault")).state
    }

    /// What somebody was warned of since the run began, of this conversation or of none.
    pub(crate) async fn warned(&self, index: usize) -> Vec<WarningOf> {
        let later = warnings(self.person(index)).await.into_iter().filter(|warning| warning.id > self.before[index]);
        later.map(|warning| warning.of).filter(|of| self.concerns(of)).collect()
    }

    fn concerns(&self, of: &WarningOf) -> bool {
        match of {
            WarningOf::Alarm { conversation, .. }
            | WarningOf::Notice(
                Notice::RelayBehind { conversation, .. }
                | Notice::RelaySettling { conversation }
                | Notice::CreationRefused { conversation, .. },
            ) => *conversation == self.conversation,
            // Of one that nobody has, too; not of another run's.
            WarningOf::Notice(Notice::JoinRefused { conversation, .. }) => {
                *conversation == self.conversation || !self.foe().state().logs.contains_key(conversation)
            }
            WarningOf::Notice(Notice::Member { .. } | Notice::NewDevice { .. }) => false,
            WarningOf::Notice(_) => true,
        }
    }

    /// Where in the log there is what somebody was told that it does not decrypt.
    pub(crate) async fn undecryptable(&self, index: usize) -> BTreeSet<u64> {
        let place = |of: WarningOf| match of {
            WarningOf::Alarm { alarm: Alarm::Undecryptable { position, .. }, .. } => Some(position),
            _ => None,
        };
        self.warned(index).await.into_iter().filter_map(place).collect()
    }

    /// Kinds of warnings that anybody has had.
    pub(crate) async fn kinds(&self) -> BTreeSet<String> {
        let mut kinds = BTreeSet::new();
        for index in 0..self.staff.people.len() {
            kinds.extend(self.warned(index).await.iter().map(kind));
        }
        kinds
    }

    /// Kinds of warnings that somebody has had.
    pub(crate) async fn kinds_of(&self, index: usize) -> BTreeSet<String> {
        self.warned(index).await.iter().map(kind).collect()
    }

    pub(crate) async fn stage(&self, index: usize) -> ConversationState {
        let Reply::Conversations(all) = self.person(index).ask(Command::Conversations).await else { panic!() };
        all.iter().find(|view| view.id == self.conversation).map(|view| view.state).unwrap_or(ConversationState::Left)
    }

    /// Whether a member has fallen out, and perhaps been added again since.
    pub(crate) async fn fell_out(&self, index: usize) -> bool {
        let again = |warning: &Warning| match &warning.of {
            WarningOf::Notice(Notice::Member { conversation, change, .. }) => {
                *conversation == self.conversation && *change == MemberChange::AddedAgain
            }
            _ => false,
        };
        self.stage(index).await == ConversationState::FellOut || warnings(self.person(index)).await.iter().any(again)
    }

    /// All others say something, by which a member's client finds that it cannot follow: by their second words, where it has
    /// made a commit of its own between the first ones.
    pub(crate) async fn falls_out(&mut self, index: usize) {
        for _ in 0..2 {
            for by in self.members.clone().into_iter().filter(|by| *by != index) {
                self.says_and_sends(by).await;
            }
            self.settle_somehow().await;
            if self.fell_out(index).await {
                return;
            }
        }
        panic!("{} has not fallen out: {:?}", HANDLES[index], self.warned(index).await);
    }

    /// What must hold whatever the relay does: only what was said, by whom it was said, once, in its order, and shown as
    /// delivered only where it was.
    pub(crate) async fn check(&self) {
        let mut shown = BTreeMap::new();
        for index in &self.members {
            shown.insert(*index, self.shown_to(*index).await);
        }
        for (index, messages) in &shown {
            self.check_shown(*index, messages);
        }
        for (index, messages) in &shown {
            for own in messages
                .iter()
                .filter(|view| view.own && matches!(view.state, MessageState::Delivered | MessageState::Read))
            {
                let sent_to = |other: &usize| *other != *index && self.said[&own.id].to.contains(other);
                for (other, theirs) in shown.iter().filter(|(other, _)| sent_to(other)) {
                    let there = theirs.iter().any(|view| view.id == own.id);
                    assert!(there, "{}: shown as delivered, and {} does not have it", HANDLES[*index], HANDLES[*other]);
                }
            }
        }
    }

    fn check_shown(&self, index: usize, messages: &[MessageView]) {
        let whose = HANDLES[index];
        let ids: BTreeSet<_> = messages.iter().map(|view| view.id).collect();
        assert_eq!(ids.len(), messages.len(), "{whose}: a message is shown twice");
        let mut last: BTreeMap<usize, usize> = BTreeMap::new();
        for view in messages {
            let said = self.said.get(&view.id).unwrap_or_else(|| panic!("{whose}: nobody said {:?}", view.body));
            assert_eq!(view.from.handle.to_string(), HANDLES[said.by], "{whose}: in another's name");
            match &view.body {
                MessageBody::Text(text) => assert!(said.texts.contains(text), "{whose}: nobody said {text}"),
                MessageBody::Document(_) => assert!(said.texts.is_empty(), "{whose}: nobody sent {:?}", view.body),
                MessageBody::Gone => assert!(said.deleted, "{whose}: gone, and nobody deleted it"),
                other => panic!("{whose}: {other:?}"),
            }
            let place = self.order.iter().position(|id| *id == view.id).unwrap();
            let before = last.insert(said.by, place);
            assert!(!self.ordered || before.is_none_or(|before| before < place), "{whose}: out of order");
        }
    }

    /// Everybody has everything that anybody has said.
    pub(crate) async fn check_complete(&self) {
        for index in &self.members {
            let shown: BTreeSet<_> = self.shown_to(*index).await.iter().map(|view| view.id).collect();
            let missing: Vec<_> = self.order.iter().filter(|id| !shown.contains(id)).collect();
            assert!(missing.is_empty(), "{}: {} messages are missing", HANDLES[*index], missing.len());
        }
    }

    /// The conversation goes on: what each member says now is taken in by all others.
    pub(crate) async fn goes_on(&mut self) {
        for by in self.members.clone() {
            let message = self.says_and_sends(by).await;
            self.settle().await;
            for index in self.members.clone() {
                for _ in 0..PATIENT_ROUNDS {
                    if self.has(index, message).await {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    self.settle_somehow().await;
                }
                assert!(self.has(index, message).await, "{} does not get what {} says", HANDLES[index], HANDLES[by]);
            }
        }
        self.check().await;
    }
}

impl Run<'_> {
    /// The conversation goes on; what a member was shown at once, and with the next messages.
    pub(crate) async fn shown_and_goes_on(&mut self, index: usize) -> Seen {
        let at_once = self.kinds_of(index).await;
        self.goes_on().await;
        Seen::shown(self.kinds_of(index).await, "next message", GOES_ON).after(at_once, "at once")
    }

    /// The relay is honest again and shows a member the log as another one has it; whoever has fallen out is added again.
    pub(crate) async fn heals(&mut self, victim: usize, like: usize) {
        self.is_shown_the_same(victim, like).await;
        self.added_again(victim).await;
        self.goes_on().await;
    }

    /// The relay is honest from now on, and shows a member the log of another over a new link.
    pub(crate) async fn is_shown_the_same(&self, victim: usize, like: usize) {
        self.foe().be_honest();
        let (to, from) = (self.device(victim), self.device(like));
        {
            let mut state = self.foe().state();
            let log = state.logs.get_mut(&self.conversation).unwrap();
            let (cursor, view) = (log.views[&to].cursor, log.views[&from].clone());
            log.views.insert(to, super::logs::View { cursor: cursor.min(view.head()), ..view });
        }
        self.links_again(victim).await;
    }

    /// Waits until a member who has fallen out is there again.
    pub(crate) async fn added_again(&mut self, victim: usize) {
        for round in 0..PATIENT_ROUNDS {
            if self.stage(victim).await == ConversationState::Active {
                return;
            }
            // A request soon after the last return does not count.
            self.staff.rig.clock.forward(Duration::from_secs(if round % 6 == 5 { 660 } else { 3 }));
            tokio::time::sleep(Duration::from_millis(30)).await;
            self.settle_somehow().await;
        }
        panic!("{} is not added again: {:?}", HANDLES[victim], self.stage(victim).await);
    }

    /// Somebody leaves, and the founder has seen to it. What was said before is owed to nobody who has left.
    pub(crate) async fn leaves(&mut self, index: usize) {
        let conversation = self.conversation;
        self.person(index).ask(Command::Leave { conversation }).await;
        let own = self.device(index);
        for _ in 0..PATIENT_ROUNDS {
            let members = self.person(0).members(conversation).await;
            if members.iter().all(|member| member.device != own) {
                break;
            }
            // Who sees to it waits for a moment.
            self.staff.rig.clock.forward(Duration::from_secs(1));
            self.settle_somehow().await;
        }
        assert_eq!(self.stage(index).await, ConversationState::Left);
        self.members.retain(|member| *member != index);
        self.said.values_mut().for_each(|said| said.to.retain(|member| *member != index));
    }

    /// Somebody's link is cut, and there is another one.
    pub(crate) async fn links_again(&self, index: usize) {
        let device = self.device(index);
        let before = self.foe().state().links[&device].0;
        self.foe().state().cut(device);
        let again = async {
            while self.foe().state().links.get(&device).is_none_or(|(number, _)| *number == before) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, again).await.expect("dials again");
        self.person(index).sync_when_linked().await;
    }
}

/// The name of what a warning says.
pub(crate) fn kind(of: &WarningOf) -> String {
    match of {
        WarningOf::Alarm { alarm, .. } => alarm.kind().to_owned(),
        WarningOf::Notice(notice) => {
            let text = format!("{notice:?}");
            text.split([' ', '{', '(']).next().unwrap_or_default().to_owned()
        }
    }
}
