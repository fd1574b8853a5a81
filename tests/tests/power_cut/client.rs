//! A client that loses power (protocol-spec/07-delivery, section 12): a real engine on a profile in the folder that is cut,
//! linked to a relay which keeps its power. It says what it was told: what was queued, kept, shown, saved, and under which
//! passphrase. The check opens the profile again, and every word of it must be true.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use amanat_client::{
    Command, Engine, Event, Events, HistoryPassphrase, Options, Reply,
    api::{MessageBody, MessageState, MessageView, Target},
    profile::{self, Profile},
};
use amanat_primitives::{ConversationId, DocumentId, passphrase::WorkPolicy};
use amanat_tests::{PASSPHRASE, Person, Rig};
use zeroize::Zeroizing;

/// Texts of a life that may wait for the relay.
const WAITING: usize = 64;

/// So long an engine may take to end.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What a life is told, besides its number: the conversation, the passphrase, a document to fetch and a file to send
/// (empty where there is nothing to carry).
const TOLD: [&str; 4] = ["CUT_CONVERSATION", "CUT_PASSPHRASE", "CUT_FETCH", "CUT_FILE"];

type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// One life: in the process that loses power.
pub(crate) fn run(root: &Path, number: u32, say: impl Fn(&str) + Send + Sync + 'static) {
    let [conversation, passphrase, fetch, file] = TOLD.map(|name| std::env::var(name).unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let say: Say = Arc::new(say);
        let opened = profile::open(&root.join("profile"), &passphrase, &WorkPolicy::FOR_TESTS).unwrap();
        let (engine, mut events) = Engine::start(opened, Options::default());
        say("opened");
        let conversation = conversation.parse().unwrap();
        if file.is_empty() {
            write(&engine, &mut events, conversation, number, passphrase, &say).await;
        } else {
            tokio::spawn(save(engine.clone(), fetch.parse().unwrap(), root.join("saved"), say.clone()));
            send(&engine, &mut events, conversation, file.into(), &say).await;
        }
        // Something was refused: by an engine that ends.
        while let Ok(Some(event)) = tokio::time::timeout(LAST_WORDS, events.next()).await {
            note(&event, &say);
        }
    });
}

fn note(event: &Event, say: &Say) {
    match event {
        Event::Message { message, .. } if !message.own => say(&format!("shown {}", message.id)),
        Event::Alarm { alarm, .. } => say(&format!("alarm {alarm:?}")),
        Event::Notice(notice) => say(&format!("alarm {notice:?}")),
        Event::Stopped(failure) => say(&format!("stopped {failure:?}")),
        _ => {}
    }
}

/// Sends texts, keeps drafts, and changes the passphrase. What is about to be asked is said before, where the disk may
/// have it though nobody is told.
async fn write(engine: &Engine, events: &mut Events, id: ConversationId, life: u32, mut passphrase: String, say: &Say) {
    let mut waiting = HashSet::new();
    let mut number = 0;
    loop {
        tokio::select! {
            biased;
            event = events.next() => {
                let Some(event) = event else { return };
                note(&event, say);
                if let Event::MessageState { message, state: MessageState::Accepted, .. } = event {
                    waiting.remove(&message);
                }
            }
            () = std::future::ready(()), if waiting.len() < WAITING => {
                let text = format!("{life}.{number}");
                let send = Command::SendText { to: Target::Conversation(id), text: text.clone() };
                let Ok(Reply::Sent { message: Some(message), .. }) = engine.ask(send).await else { return };
                waiting.insert(message);
                say(&format!("queued {text}"));
                if number % 3 == 0 {
                    say(&format!("drafting {text}"));
                    let keep = Command::KeepDraft { conversation: id, text: text.clone() };
                    if engine.ask(keep).await.is_err() { return };
                    say(&format!("draft {text}"));
                }
                if number % 7 == 0 {
                    let new = format!("passphrase-{text}");
                    say(&format!("changing {new}"));
                    let secret = |text: &str| HistoryPassphrase(Zeroizing::new(text.to_owned()));
                    let change = Command::ChangePassphrase { old: secret(&passphrase), new: secret(&new) };
                    if engine.ask(change).await.is_err() { return };
                    say(&format!("passphrase {new}"));
                    passphrase = new;
                }
                number += 1;
            }
        }
    }
}

/// Fetches a document again and again.
async fn save(engine: Engine, document: DocumentId, out: PathBuf, say: Say) {
    loop {
        match engine.ask(Command::Save { document, out: out.clone() }).await {
            Ok(Reply::Saved { path, .. }) => say(&format!("saved {}", path.file_name().unwrap().to_str().unwrap())),
            other => return say(&format!("stopped {other:?}")),
        }
    }
}

/// Sends a file again and again, each time when the last one was accepted.
async fn send(engine: &Engine, events: &mut Events, id: ConversationId, file: PathBuf, say: &Say) {
    loop {
        let send =
            Command::SendDocument { to: Target::Conversation(id), path: file.clone(), options: Default::default() };
        let Ok(Reply::Sent { message: Some(sent), document: Some(document), .. }) = engine.ask(send).await else {
            return;
        };
        say(&format!("document {document}"));
        loop {
            let Some(event) = events.next().await else { return };
            note(&event, say);
            if matches!(event, Event::MessageState { message, state: MessageState::Accepted, .. } if message == sent) {
                break;
            }
        }
    }
}

/// The office that keeps its power: a relay, a director, and the folder of a secretary who loses it.
pub(crate) struct Office {
    pub(crate) rig: Rig,
    director: Person,
    pub(crate) conversation: ConversationId,
    /// What the director has said.
    sent: u32,
}

/// What is to be carried, besides words.
pub(crate) struct Load {
    fetch: DocumentId,
    /// What is fetched: larger than what is synced at once.
    bytes: Vec<u8>,
    file: PathBuf,
    /// What is sent.
    own: Vec<u8>,
}

/// All that a secretary was told.
pub(crate) struct Told {
    /// Texts by life.
    texts: BTreeMap<String, Vec<String>>,
    /// The one that was acknowledged, and one that was only asked for.
    draft: (String, Option<String>),
    passphrase: (String, Option<String>),
    shown: BTreeSet<String>,
    saved: Vec<String>,
    pub(crate) documents: Vec<DocumentId>,
    /// Acknowledgements.
    pub(crate) count: usize,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            texts: BTreeMap::new(),
            draft: Default::default(),
            passphrase: (PASSPHRASE.into(), None),
            shown: BTreeSet::new(),
            saved: Vec::new(),
            documents: Vec::new(),
            count: 0,
        }
    }
}

impl Told {
    /// What a life has said.
    pub(crate) fn add(&mut self, lines: &[String]) {
        for line in lines {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let text = rest.to_owned();
            match word {
                "opened" => continue,
                "drafting" => self.draft.1 = Some(text),
                "changing" => self.passphrase.1 = Some(text),
                "draft" => self.draft = (text, None),
                "passphrase" => self.passphrase = (text, None),
                "queued" => {
                    let life = text.split_once('.').unwrap().0.to_owned();
                    self.texts.entry(life).or_default().push(text);
                }
                "shown" => assert!(self.shown.insert(text), "shown twice: {line}"),
                "saved" => self.saved.push(text),
                "document" => self.documents.push(text.parse().unwrap()),
                _ => panic!("the secretary says: {line}"),
            }
            self.count += usize::from(!matches!(word, "drafting" | "changing"));
        }
    }

    /// The variables that the next life is told by.
    pub(crate) fn next(&self, office: &Office, load: Option<&Load>) -> Vec<(&'static str, String)> {
        let (fetch, file) =
            load.map_or_else(Default::default, |load| (load.fetch.to_string(), load.file.to_str().unwrap().to_owned()));
        TOLD.into_iter().zip([office.conversation.to_string(), self.passphrase.0.clone(), fetch, file]).collect()
    }

    /// Opens the profile, by the one passphrase that opens it.
    fn open(&mut self, root: &Path) -> Result<Profile, String> {
        let (acknowledged, asked) = self.passphrase.clone();
        let by = |passphrase: &str| profile::open(&root.join("profile"), passphrase, &WorkPolicy::FOR_TESTS);
        let first = by(&acknowledged);
        let second = asked.as_deref().filter(|_| first.is_err()).map(by);
        match (first, second) {
            (Ok(profile), _) => {
                self.passphrase.1 = None;
                Ok(profile)
            }
            (_, Some(Ok(profile))) => {
                self.passphrase = (asked.unwrap(), None);
                Ok(profile)
            }
            (first, second) => Err(format!("the profile: {:?} {:?}", first.err(), second.and_then(Result::err))),
        }
    }

    /// Opens the profile after a cut, without a link, and lists what is not as it was told.
    pub(crate) async fn check(&mut self, root: &Path, office: &Office, load: Option<&Load>) -> Vec<String> {
        let profile = match self.open(root) {
            Ok(profile) => profile,
            Err(why) => return vec![why],
        };
        let (engine, events) = Engine::start(profile, Options { connect: false, ..Options::default() });
        let secretary = Person { handle: "secretary".into(), engine, events };
        let messages = secretary.messages(office.conversation).await;
        let mut wrong = self.wrong_texts(&messages);
        let Reply::Conversations(views) = secretary.ask(Command::Conversations).await else { panic!() };
        let draft = views.iter().find(|view| view.id == office.conversation).unwrap().draft.clone();
        let (acknowledged, asked) = self.draft.clone();
        if draft != acknowledged && Some(&draft) != asked.as_ref() {
            wrong.push(format!("draft {draft}, not {acknowledged} or {asked:?}"));
        }
        self.draft = (draft, None);
        let Reply::Documents(views) = secretary.ask(Command::Documents { conversation: office.conversation }).await
        else {
            panic!()
        };
        let known: BTreeSet<DocumentId> = views.iter().map(|view| view.id).collect();
        wrong.extend(self.documents.iter().filter(|id| !known.contains(id)).map(|id| format!("document {id}")));
        secretary.engine.stop().await;
        wrong.extend(load.into_iter().flat_map(|load| self.wrong_files(&root.join("saved"), load)));
        wrong
    }

    /// Each life's texts stand there in their order: all that it promised, and at most the one that it could not.
    fn wrong_texts(&self, messages: &[MessageView]) -> Vec<String> {
        let mut wrong = Vec::new();
        let ids: BTreeSet<String> = messages.iter().map(|message| message.id.to_string()).collect();
        assert_eq!(ids.len(), messages.len(), "a message stands there twice");
        wrong.extend(self.shown.difference(&ids).map(|id| format!("shown {id}")));
        let own = messages.iter().filter(|message| message.own);
        let mut there: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for message in own {
            if let MessageBody::Text(text) = &message.body
                && let Some((life, _)) = text.split_once('.')
            {
                there.entry(life.to_owned()).or_default().push(text.clone());
            }
        }
        for (life, promised) in &self.texts {
            let here = there.get(life).map_or(&[][..], Vec::as_slice);
            let whole = here.starts_with(promised) && here.len() <= promised.len() + 1;
            if !whole {
                wrong.push(format!("life {life}: {} texts were queued, {} are there", promised.len(), here.len()));
            }
        }
        wrong
    }

    /// What was saved is there, whole; nothing else has a final name that is not whole. Then it is removed.
    fn wrong_files(&mut self, dir: &Path, load: &Load) -> Vec<String> {
        let mut wrong = Vec::new();
        let saved = std::mem::take(&mut self.saved);
        wrong.extend(saved.iter().filter(|name| !dir.join(name).exists()).map(|name| format!("saved {name}")));
        for path in files(dir).into_iter().filter(|path| !is_part(path)) {
            if fs::read(&path).unwrap() != load.bytes {
                wrong.push(format!("{} is not what was sent", path.display()));
            }
            fs::remove_file(path).unwrap();
        }
        wrong
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn is_part(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "part")
}

impl Office {
    /// An office; the secretary's profile is in `root`, and a folder for what is saved.
    pub(crate) async fn new(root: &Path) -> Self {
        let rig = Rig::new().await;
        rig.enrol("secretary", amanat_identity::Tier::Secret).await;
        let director = rig.person("director", amanat_identity::Tier::Secret).await;
        let secretary = rig.start("secretary").await;
        let (conversation, _) = secretary.say(&rig.to("director", amanat_identity::Tier::Confidential), "begin").await;
        secretary.sync().await;
        director.sync().await;
        secretary.engine.stop().await;
        fs::rename(rig.dir.path().join("secretary"), root.join("profile")).unwrap();
        fs::create_dir(root.join("saved")).unwrap();
        Self { rig, director, conversation, sent: 0 }
    }

    /// The director sends a document of a size, and there is a smaller file to send.
    pub(crate) async fn load(&self, size: usize) -> Load {
        let content = |size: usize, factor: u64| -> Vec<u8> {
            (0..size as u64 / 8).flat_map(|n| n.wrapping_mul(factor).to_le_bytes()).collect()
        };
        let (bytes, own) = (content(size, 0x9e37_79b9_7f4a_7c15), content(size / 8, 0xbf58_476d_1ce4_e5b9));
        let (path, file) = (self.rig.dir.path().join("plan.bin"), self.rig.dir.path().join("own.bin"));
        fs::write(&path, &bytes).unwrap();
        fs::write(&file, &own).unwrap();
        let to = Target::Conversation(self.conversation);
        let send = Command::SendDocument { to, path, options: Default::default() };
        let Reply::Sent { document: Some(fetch), .. } = self.director.ask(send).await else { panic!() };
        self.director.sync().await;
        Load { fetch, bytes, file, own }
    }

    /// The director writes something, which the relay has when this returns.
    pub(crate) async fn director_writes(&mut self, texts: u32) {
        for _ in 0..texts {
            self.sent += 1;
            self.director.say(&Target::Conversation(self.conversation), &format!("director {}", self.sent)).await;
        }
        self.director.sync().await;
    }

    /// The secretary takes in what the relay has before the first life.
    pub(crate) async fn secretary_syncs(&self, root: &Path, told: &mut Told) {
        let (engine, events) = Engine::start(told.open(root).unwrap(), Options::default());
        let secretary = Person { handle: "secretary".into(), engine, events };
        secretary.sync().await;
        secretary.engine.stop().await;
    }

    /// After the last life: both agree, nobody was alarmed, all documents arrive and no part file is left.
    pub(crate) async fn agree(self, root: &Path, told: &mut Told, load: Option<&Load>) {
        let (engine, events) = Engine::start(told.open(root).unwrap(), Options::default());
        let secretary = Person { handle: "secretary".into(), engine, events };
        for _ in 0..2 {
            secretary.sync().await;
            self.director.sync().await;
        }
        let said = |messages: Vec<MessageView>| -> Vec<(bool, String)> {
            let mut said: Vec<_> = messages
                .into_iter()
                .map(|message| {
                    (
                        message.from.handle.to_string() == "secretary",
                        match message.body {
                            MessageBody::Text(text) => text,
                            MessageBody::Document(view) => view.id.to_string(),
                            other => panic!("{other:?}"),
                        },
                    )
                })
                .collect();
            // Each one's in their order, between the two there is none; documents arrive as their uploads end.
            match load {
                Some(_) => said.sort(),
                None => said.sort_by_key(|(secretary, _)| *secretary),
            }
            said
        };
        let (own, theirs) =
            (secretary.messages(self.conversation).await, self.director.messages(self.conversation).await);
        assert_eq!(said(own.clone()), said(theirs), "the two do not see the same");
        assert_eq!(own.iter().filter(|message| !message.own).count(), (self.sent + u32::from(load.is_some())) as usize);
        for person in [&secretary, &self.director] {
            let Reply::Warnings(warnings) = person.ask(Command::Warnings).await else { panic!() };
            assert!(warnings.is_empty(), "{}: {warnings:?}", person.handle);
        }
        if let Some(load) = load {
            let out = root.join("saved");
            secretary.ask(Command::Save { document: load.fetch, out: out.clone() }).await;
            assert!(!files(&out).iter().any(|path| is_part(path)), "a part file is left");
            assert!(told.wrong_files(&out, load).is_empty());
            self.arrived(told, load).await;
        }
    }

    /// All that was sent has arrived, each under the id that was said.
    async fn arrived(&self, told: &Told, load: &Load) {
        let out = self.rig.dir.path().join("arrived");
        fs::create_dir(&out).unwrap();
        for document in &told.documents {
            let Reply::Saved { path, .. } =
                self.director.ask(Command::Save { document: *document, out: out.clone() }).await
            else {
                panic!()
            };
            assert!(fs::read(&path).unwrap() == load.own, "{document} is not what was sent");
            fs::remove_file(path).unwrap();
        }
        assert!(files(&out).is_empty());
    }
}
