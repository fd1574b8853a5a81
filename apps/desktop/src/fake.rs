//! An engine of nothing but memory, for tests, pictures and figures: it speaks the same commands and events as the real one
//! and holds as many messages as it is asked to.

mod filter;
mod kept;
mod people;

use std::sync::{Arc, Mutex};

use amanat_client::{
    Command, Event, Failure, FailureCode, Reply,
    api::{
        Change, ChangeView, ConversationState, ConversationView, Direction as Way, DocumentView, Line, LinkState,
        MemberChange, MessageBody, MessageState, MessageView, Overview, Progress, Quote, SentView, Target,
        TransferState, TransferView, Who,
    },
};
use amanat_identity::{Address, InvitationSummary, KeyId, Tier};
use amanat_primitives::{ConversationId, DeviceId, DocumentId, MessageId, Secret, Timestamp, sign::SigningKey};
use amanat_ui::{
    direction::Direction,
    look::Look,
    theme::{Appearance, Tokens},
};
use iced::futures::{StreamExt as _, channel::mpsc, stream};

use self::kept::Kept;
pub use self::kept::PASSPHRASE;
pub use self::people::{alarms, devices, hit, members, notices, people, verification};
use crate::backend::{Backend, Later, Opened};

/// When everything here happens: 2031-05-04T09:30:00Z.
pub const NOW: Timestamp = Timestamp::from_secs(1_935_826_200);
/// Events that may wait.
const EVENTS: usize = 64;

/// A look for tests.
#[must_use]
pub fn look() -> Look {
    Look::new(Tokens::of(Appearance::Light), Direction::Ltr)
}

fn address(handle: &str) -> Option<Address> {
    format!("{handle}@cabinet.example").parse().ok()
}

fn person(own: bool, number: u64) -> Option<(Address, &'static str)> {
    const OTHERS: [(&str, &str); 3] =
        [("director", "Bilal Ahmed"), ("clerk", "Sana Tariq"), ("adviser", "سیکریٹری داخلہ")];
    let (handle, name) =
        if own { ("secretary", "Hassan Khalid") } else { OTHERS.get(number as usize % OTHERS.len()).copied()? };
    Some((address(handle)?, name))
}

const TEXTS: [&str; 6] = [
    "Can you confirm the number in paragraph 7?",
    "جی، Annex-B میں table 3 کو اپ ڈیٹ کر دیا ہے (version 2.1)، باقی ٹھیک ہے۔",
    "PKR 4.62 billion, as per the September statement.",
    "شکریہ۔",
    "The revised summary is attached. Please read section 4 before the meeting; the figures for the second quarter have \
     changed, and the note on page 12 explains why.",
    "کل کے اجلاس کا ایجنڈا بھیج دیں",
];

fn id(conversation: u8, number: u64) -> MessageId {
    let mut bytes = [conversation; 16];
    bytes.iter_mut().zip(number.to_be_bytes()).for_each(|(byte, part)| *byte = part);
    MessageId::from_bytes(bytes)
}

/// The message of a number in a conversation: always the same.
fn message(conversation: ConversationId, number: u64, of: u64) -> Option<MessageView> {
    let mark = conversation.as_bytes().first().copied().unwrap_or_default();
    let own = number % 3 == 2;
    let (from, name) = person(own, number)?;
    let text = TEXTS.get(number as usize % TEXTS.len()).copied()?;
    let body = if number % 17 == 9 {
        MessageBody::Document(DocumentView {
            id: DocumentId::from_bytes([number as u8; 16]),
            conversation,
            message: id(mark, number),
            name: format!("Cabinet summary – revised draft v{}.pdf", number % 9),
            size: 2_516_582,
            tier: Tier::Secret,
            digest: String::new(),
            transfer: None,
            sent: None,
        })
    } else {
        MessageBody::Text(text.to_owned())
    };
    let before =
        Quote { message: id(mark, number.saturating_sub(1)), name: Some(name.into()), text: Some(text.into()) };
    Some(MessageView {
        id: id(mark, number),
        sequence: number,
        from,
        name: name.to_owned(),
        device: DeviceId::from_bytes([number as u8 % 4; 32]),
        at: Timestamp::from_secs(NOW.as_millis() / 1000 - (of - number) * 420),
        body,
        state: if own { MessageState::Read } else { MessageState::Unread },
        own,
        imported: false,
        reply_to: (number % 23 == 7).then_some(before),
        edited: (number % 29 == 3).then_some(NOW),
        deleted: false,
        reactions: Vec::new(),
        acknowledgement: None,
        expires_at: None,
    })
}

/// Some conversations at all tiers.
#[must_use]
pub fn conversations() -> Vec<ConversationView> {
    const LIST: [(&str, Tier, u64, ConversationState); 7] = [
        ("Cabinet Division · Budget", Tier::Secret, 3, ConversationState::Active),
        ("سیکریٹری داخلہ", Tier::Restricted, 1, ConversationState::Active),
        ("Bilal Ahmed", Tier::Official, 0, ConversationState::Active),
        ("Flood Response Cell", Tier::Official, 12, ConversationState::Active),
        ("محکمہ خزانہ", Tier::Confidential, 2, ConversationState::Active),
        ("Convoy timings", Tier::TopSecret, 0, ConversationState::Removing),
        ("Records & Archives", Tier::Official, 0, ConversationState::Removed),
    ];
    let view = |(n, (title, tier, unread, state)): (usize, (&str, Tier, u64, ConversationState))| {
        let id = ConversationId::from_bytes([n as u8 + 1; 16]);
        ConversationView {
            id,
            title: title.to_owned(),
            direct: n == 1 || n == 2,
            tier,
            members: n + 2,
            epoch: 4,
            unread,
            last: message(id, 40, 40),
            draft: String::new(),
            pinned: false,
            muted: false,
            state,
        }
    };
    LIST.into_iter().enumerate().map(view).collect()
}

/// A conversation's documents, the earliest first, one in each state.
#[must_use]
pub fn documents(conversation: ConversationId) -> Vec<DocumentView> {
    const LIST: [(&str, u64, u64); 6] = [
        ("Relief stocks, annexure A.csv", 7_340_032, 0),
        ("خلاصہ برائے کابینہ.pdf", 1_258_291, 1),
        ("Cabinet summary – revised draft v3.pdf", 2_516_582, 2),
        ("District map (north).png", 5_662_310, 3),
        ("Minutes of the third meeting.docx", 48_128, 5),
        ("اجلاس کا ایجنڈا.pdf", 96_256, 0),
    ];
    let transfer = |state| {
        let (direction, state) = match state {
            2 => (Way::Sending, TransferState::Running),
            3 => (Way::Fetching, TransferState::Paused),
            _ => return None,
        };
        Some(TransferView { direction, state, done: 1_100_000 })
    };
    let view = |(n, (name, size, state)): (usize, (&str, u64, u64))| {
        let (_, by) = person(n == 2, n as u64)?;
        Some(DocumentView {
            id: DocumentId::from_bytes([n as u8 + 100; 16]),
            conversation,
            message: id(200, n as u64),
            name: name.to_owned(),
            size,
            tier: conversations().iter().find(|view| view.id == conversation)?.tier,
            digest: String::new(),
            transfer: transfer(state),
            sent: Some(SentView {
                by: by.to_owned(),
                own: n == 2,
                at: Timestamp::from_secs(NOW.as_millis() / 1000 - (6 - n as u64) * 30_000),
            }),
        })
    };
    LIST.into_iter().enumerate().filter_map(view).collect()
}

/// The engine.
pub struct Fake {
    state: Mutex<Held>,
    events: Mutex<mpsc::Sender<Event>>,
}

/// What an invitation says; it needs a code or not.
#[must_use]
pub fn invitation(needs_code: bool) -> Option<InvitationSummary> {
    let key = SigningKey::from_seed(&Secret::from_slice(&[7; 32])?).verifying_key();
    Some(InvitationSummary {
        authority: "Cabinet Division".parse().ok()?,
        authority_id: KeyId::of(&key),
        officer: "Sana Tariq".parse().ok()?,
        address: address("secretary")?,
        name: "Hassan Khalid".parse().ok()?,
        post: "Additional Secretary".parse().ok()?,
        clearance: Tier::Secret,
        replaces: needs_code,
        redeem_by: Timestamp::from_secs(NOW.as_millis() / 1000 + 7 * 86_400),
        relays: Vec::new(),
        needs_code,
    })
}

#[derive(Default)]
struct Held {
    conversations: Vec<ConversationView>,
    /// Messages in each conversation; those beyond are in `sent`.
    messages: u64,
    sent: Vec<(ConversationId, MessageView)>,
    changes: Vec<(ConversationId, ChangeView)>,
    asked: Vec<Command>,
    stopped: bool,
    kept: Kept,
    /// Safety numbers are others than at first.
    other_numbers: bool,
}

impl Fake {
    /// With so many messages in each conversation.
    #[must_use]
    pub fn open(messages: u64) -> (Opened, Arc<Fake>) {
        let (sender, receiver) = mpsc::channel(EVENTS);
        let conversations = conversations()
            .into_iter()
            .map(|view| ConversationView { last: message(view.id, messages, messages), ..view })
            .collect();
        let state = Held { conversations, messages, sent: Vec::new(), ..Held::default() };
        let fake = Arc::new(Self { state: Mutex::new(state), events: Mutex::new(sender) });
        (fake.told(receiver), fake)
    }

    /// The same vault, opened once more.
    #[must_use]
    pub fn reopened(self: &Arc<Self>) -> Opened {
        let (sender, receiver) = mpsc::channel(EVENTS);
        if let Ok(mut events) = self.events.lock() {
            *events = sender;
        }
        self.told(receiver)
    }

    fn told(self: &Arc<Self>, receiver: mpsc::Receiver<Event>) -> Opened {
        let first = stream::iter([Event::Link(LinkState::CaughtUp)]);
        let events = Arc::new(Mutex::new(Some(first.chain(receiver).boxed())));
        Opened { backend: Arc::clone(self) as Arc<dyn Backend>, events }
    }

    /// What was asked, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Command> {
        self.state.lock().map(|state| state.asked.clone()).unwrap_or_default()
    }

    /// It was stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.state.lock().is_ok_and(|state| state.stopped)
    }

    /// From now on nothing can be written, or it can again.
    pub fn fill_the_disk(&self, full: bool) {
        if let Ok(mut state) = self.state.lock() {
            state.kept.full = full;
        }
    }

    /// Everybody's safety number is another one from now on.
    pub fn change_numbers(&self) {
        if let Ok(mut state) = self.state.lock() {
            state.other_numbers = true;
        }
    }

    /// Something changes in a conversation.
    pub fn change(&self, conversation: ConversationId, by: Who, change: Change) {
        let Ok(mut state) = self.state.lock() else { return };
        let sequence = state.next(conversation);
        state.changes.push((conversation, ChangeView { sequence, by, at: NOW, change }));
        let view = state.conversations.iter_mut().find(|view| view.id == conversation).map(|view| {
            view.epoch += 1;
            view.clone()
        });
        drop(state);
        view.into_iter().for_each(|view| self.say(Event::Conversation(view)));
    }

    /// Says something unasked; a warning is kept before it is told.
    pub fn say(&self, event: Event) {
        if let Ok(mut state) = self.state.lock() {
            state.kept.take_note(&event);
        }
        if let Ok(mut events) = self.events.lock() {
            let _ = events.try_send(event);
        }
    }

    fn answer(&self, command: Command) -> Result<Reply, Failure> {
        let unknown = || Failure::new(FailureCode::NotFound, "it is not there", "choose another one");
        let mut state = self.state.lock().map_err(|_| unknown())?;
        state.asked.push(command.clone());
        if let Some(failure) = filter::stops(&command, &state.conversations) {
            return Err(failure);
        }
        match plain(command) {
            Command::Judge { to, text } => Ok(filter::reply(&to, &text, &state.conversations)),
            Command::Status => Ok(Reply::Status(Box::new(overview().ok_or_else(unknown)?))),
            Command::Conversations => Ok(Reply::Conversations(state.conversations.clone())),
            Command::Read { conversation, since, limit, .. } => {
                Ok(Reply::Lines(state.lines(conversation, since, limit)))
            }
            Command::SendText { to: Target::Conversation(conversation), text } => {
                let view = state.send(conversation, text).ok_or_else(unknown)?;
                let message = Some(view.id);
                drop(state);
                self.say(Event::Message { conversation, message: view });
                Ok(Reply::Sent { conversation, message, document: None })
            }
            Command::FirstSince { conversation, at } => {
                let lines = state.lines(conversation, 0, u32::MAX);
                let first = lines.iter().find(|line| match line {
                    Line::Message(message) => message.at >= at,
                    Line::Change(change) => change.at >= at,
                });
                Ok(Reply::Place(first.map(Line::sequence)))
            }
            Command::Documents { conversation } => Ok(Reply::Documents(documents(conversation))),
            Command::SendDocument { to: Target::Conversation(conversation), path, .. } => {
                let view = state.send_document(conversation, &path).ok_or_else(unknown)?;
                let message = Some(view.id);
                let MessageBody::Document(DocumentView { id, size: total, .. }) = view.body else {
                    return Err(unknown());
                };
                drop(state);
                self.say(Event::Message { conversation, message: view });
                self.say(Event::Progress(Progress {
                    document: id,
                    direction: Way::Sending,
                    done: total * 2 / 5,
                    total,
                }));
                Ok(Reply::Sent { conversation, message, document: Some(id) })
            }
            Command::Save { out, .. } => Ok(Reply::Saved { path: out, size: 2_516_582 }),
            Command::PauseDocument { document } => state.transfer(document, TransferState::Paused).ok_or_else(unknown),
            Command::ResumeDocument { document } => {
                state.transfer(document, TransferState::Running).ok_or_else(unknown)
            }
            Command::CancelDocument { document } => {
                state.transfer(document, TransferState::Cancelled).ok_or_else(unknown)
            }
            Command::Verify { address, compared } => people::verify(&address, compared, state.other_numbers),
            command => {
                let Held { kept, conversations, .. } = &mut *state;
                if let Some(answer) = kept.answer(&command, conversations) {
                    return answer;
                }
                let came = match command {
                    Command::Members { conversation } => state.came(conversation),
                    _ => Vec::new(),
                };
                let answer = people::answer(command, &state.conversations).ok_or_else(unknown)?;
                Ok(people::with(answer, &came))
            }
        }
    }
}

/// A text is a text, whatever it is sent with.
fn plain(command: Command) -> Command {
    match command {
        Command::SendWith { to, text, .. } => Command::SendText { to, text },
        Command::SendReply { to, text, .. } => Command::SendText { to: Target::Conversation(to.conversation), text },
        command => command,
    }
}

impl Held {
    fn lines(&self, conversation: ConversationId, since: u64, limit: u32) -> Vec<Line> {
        let kept = (since + 1..=self.messages).filter_map(|number| message(conversation, number, self.messages));
        let sent = self.sent.iter().filter(|(id, view)| *id == conversation && view.sequence > since);
        let all = kept.chain(sent.map(|(_, view)| view.clone())).map(|view| Line::Message(Box::new(view)));
        let changes = self.changes.iter().filter(|(id, change)| *id == conversation && change.sequence > since);
        let mut all: Vec<Line> = all.chain(changes.map(|(_, change)| Line::Change(change.clone()))).collect();
        all.sort_by_key(Line::sequence);
        all.truncate(limit as usize);
        all
    }

    /// Who was added to a conversation.
    fn came(&self, conversation: ConversationId) -> Vec<Who> {
        let here = self.changes.iter().filter(|(id, _)| *id == conversation);
        let came = here.filter_map(|(_, change)| match &change.change {
            Change::Member { whom, change: MemberChange::Added, .. } => Some(whom.clone()),
            _ => None,
        });
        came.collect()
    }

    /// The next number in a conversation.
    fn next(&self, conversation: ConversationId) -> u64 {
        let sent = self.sent.iter().filter(|(id, _)| *id == conversation).count();
        let changes = self.changes.iter().filter(|(id, _)| *id == conversation).count();
        self.messages + 1 + (sent + changes) as u64
    }

    fn send(&mut self, conversation: ConversationId, text: String) -> Option<MessageView> {
        let number = self.next(conversation);
        let (from, name) = person(true, 0)?;
        let mut view = message(conversation, number, number)?;
        view = MessageView {
            from,
            name: name.to_owned(),
            own: true,
            body: MessageBody::Text(text),
            state: MessageState::Queued,
            reply_to: None,
            edited: None,
            ..view
        };
        self.put(conversation, view)
    }

    fn send_document(&mut self, conversation: ConversationId, path: &std::path::Path) -> Option<MessageView> {
        let number = self.sent.len() as u8;
        let listed = self.conversations.iter().find(|listed| listed.id == conversation)?;
        let name = path.file_name()?.to_string_lossy().into_owned();
        let (tier, size) = (listed.tier, 8 * 1024 * 1024);
        let view = self.send(conversation, String::new())?;
        let document = DocumentView {
            id: DocumentId::from_bytes([number; 16]),
            conversation,
            message: view.id,
            name,
            size,
            tier,
            digest: String::new(),
            transfer: Some(TransferView { direction: Way::Sending, state: TransferState::Waiting, done: 0 }),
            sent: None,
        };
        self.sent.pop();
        self.put(conversation, MessageView { body: MessageBody::Document(document), ..view })
    }

    fn transfer(&mut self, id: DocumentId, state: TransferState) -> Option<Reply> {
        let documents = self.sent.iter_mut().filter_map(|(_, view)| match &mut view.body {
            MessageBody::Document(document) if document.id == id => Some(document),
            _ => None,
        });
        let document = documents.last()?;
        document.transfer = Some(TransferView { direction: Way::Sending, state, done: document.size * 2 / 5 });
        Some(Reply::Document(document.clone()))
    }

    fn put(&mut self, conversation: ConversationId, view: MessageView) -> Option<MessageView> {
        self.sent.push((conversation, view.clone()));
        let listed = self.conversations.iter_mut().find(|listed| listed.id == conversation)?;
        listed.last = Some(view.clone());
        Some(view)
    }
}

/// Who am I.
#[must_use]
pub fn overview() -> Option<Overview> {
    let (address, name) = person(true, 0)?;
    Some(Overview {
        address,
        name: name.to_owned(),
        post: "Additional Secretary".to_owned(),
        clearance: Tier::TopSecret,
        device: DeviceId::from_bytes([2; 32]),
        valid_until: NOW,
        authority: "Cabinet Division".to_owned(),
        link: Some(people::link()),
        status: Some(people::status()),
        suite: amanat_client::SUITE_NAME,
        conversations: 7,
        queued: 0,
        unread: 18,
        preparing_search: false,
    })
}

impl Backend for Fake {
    fn ask(&self, command: Command) -> Later<Result<Reply, Failure>> {
        let answer = self.answer(command);
        Box::pin(async move { answer })
    }

    fn stop(&self, first: Vec<Command>) -> Later<()> {
        first.into_iter().for_each(|command| drop(self.answer(command)));
        if let Ok(mut state) = self.state.lock() {
            state.stopped = true;
        }
        Box::pin(async {})
    }
}
