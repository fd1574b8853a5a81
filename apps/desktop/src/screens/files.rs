//! Documents on their way in and out: which file is sent, a question before it is; where one is saved, whether it was, and a
//! question before it is opened.

mod dialog;

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
};

use amanat_client::{
    Command, Failure, Reply,
    api::{ConversationView, DocumentView, Member, SendOptions, Target},
};
use amanat_primitives::ConversationId;
use amanat_ui::edit;
use iced::{
    Element,
    widget::{Id, operation},
};

use super::Context;
use crate::wish::{Answer, Wish};

/// The field for a path.
pub const PATH: &str = "path";
/// Files that may wait to be asked about.
const WAITING: usize = 32;

/// What it shows.
#[derive(Default)]
pub struct State {
    dialog: Option<Dialog>,
    /// Files that were dropped together, to be asked about one by one.
    waiting: VecDeque<PathBuf>,
    /// Where files are saved if nobody says otherwise.
    folder: PathBuf,
}

/// A file that may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    path: PathBuf,
    size: u64,
}

enum Dialog {
    /// Which file?
    Choose { to: Box<ConversationView>, field: edit::Content, failure: Option<Failure> },
    /// This one, to them?
    Ask { to: Box<ConversationView>, file: Chosen, names: Option<Vec<String>>, sending: bool, failure: Option<Failure> },
    /// Where to?
    Save { document: Box<DocumentView>, field: edit::Content, failure: Option<Failure> },
    /// There it is. Open it?
    Saved { path: PathBuf, failure: Option<Failure> },
    /// It was not saved, or not sent.
    Failed { name: String, sending: bool, failure: Failure },
}

/// What happens on it.
#[derive(Clone)]
pub enum Message {
    /// A path is being written.
    Typed(edit::Action),
    /// The desktop's dialog is wanted.
    Browse,
    /// What was chosen in it.
    Picked(Option<PathBuf>),
    /// Enter, or the main button.
    Go,
    /// A file was looked at.
    Looked(PathBuf, Result<u64, Failure>),
    /// Who is in the conversation.
    Members(ConversationId, Answer),
    /// It is in the outbox, or not.
    Sent(Answer),
    /// It is saved, or not.
    Saved(String, Answer),
    /// It is open in another program, or not.
    Opened(Result<(), Failure>),
    /// No.
    Close,
}

/// What it asks of its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Have a file chosen.
    Pick,
    /// Have a place and a name chosen.
    PickPlace(PathBuf, String),
    /// Look at a file.
    LookAt(PathBuf),
    /// Open a file in another program.
    Open(PathBuf),
    /// Documents have changed.
    Changed,
}

type Wishes = Vec<Wish<Message, Action>>;

impl State {
    /// Where files are saved if nobody says otherwise.
    pub fn save_into(&mut self, folder: PathBuf) {
        self.folder = folder;
    }

    /// A question is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.dialog.is_some()
    }

    /// A file for a conversation is to be chosen.
    pub fn attach(&mut self, to: ConversationView) -> Wishes {
        self.dialog = Some(Dialog::Choose { to: Box::new(to), field: edit::Content::new(), failure: None });
        vec![Wish::Parent(Action::Pick), Wish::Run(operation::focus(Id::new(PATH)))]
    }

    /// A file was dropped on a conversation.
    pub fn dropped(&mut self, to: ConversationView, path: PathBuf) -> Wishes {
        match &self.dialog {
            Some(Dialog::Ask { .. }) => {
                if self.waiting.len() < WAITING {
                    self.waiting.push_back(path);
                }
                Vec::new()
            }
            _ => {
                self.dialog = Some(Dialog::Choose { to: Box::new(to), field: path_field(&path), failure: None });
                vec![Wish::Parent(Action::LookAt(path))]
            }
        }
    }

    /// A document is to be saved.
    pub fn save(&mut self, document: DocumentView) -> Wishes {
        let name = amanat_ui::bidi::defuse(&document.name, NAME_BYTES);
        let field = path_field(&self.folder.join(&name));
        self.dialog = Some(Dialog::Save { document: Box::new(document), field, failure: None });
        vec![Wish::Parent(Action::PickPlace(self.folder.clone(), name)), Wish::Run(operation::focus(Id::new(PATH)))]
    }

    /// A document on its way was stopped by a failure.
    pub fn failed(&mut self, name: String, sending: bool, failure: Failure) {
        if self.dialog.is_none() {
            self.dialog = Some(Dialog::Failed { name, sending, failure });
        }
    }

    /// Something happened.
    pub fn update(&mut self, message: Message) -> Wishes {
        match message {
            Message::Typed(action) => {
                if let Some(Dialog::Choose { field, failure, .. } | Dialog::Save { field, failure, .. }) =
                    &mut self.dialog
                {
                    field.perform(action);
                    *failure = None;
                }
                Vec::new()
            }
            Message::Browse => match &self.dialog {
                Some(Dialog::Choose { .. }) => vec![Wish::Parent(Action::Pick)],
                Some(Dialog::Save { document, .. }) => {
                    let name = amanat_ui::bidi::defuse(&document.name, NAME_BYTES);
                    vec![Wish::Parent(Action::PickPlace(self.folder.clone(), name))]
                }
                _ => Vec::new(),
            },
            Message::Picked(None) => Vec::new(),
            Message::Picked(Some(path)) => self.picked(path),
            Message::Go => self.go(),
            Message::Looked(path, size) => self.looked(path, size),
            Message::Members(of, answer) => self.members(of, answer),
            Message::Sent(answer) => self.sent(answer),
            Message::Saved(name, answer) => self.saved(name, answer),
            Message::Opened(Ok(())) => self.next(),
            Message::Opened(Err(found)) => {
                if let Some(Dialog::Saved { failure, .. }) = &mut self.dialog {
                    *failure = Some(found);
                }
                Vec::new()
            }
            Message::Close => self.next(),
        }
    }

    /// The dialog is over; the next dropped file is asked about.
    fn next(&mut self) -> Wishes {
        let before = self.dialog.take();
        let to = match before {
            Some(Dialog::Choose { to, .. } | Dialog::Ask { to, .. }) => to,
            _ => return Vec::new(),
        };
        let Some(path) = self.waiting.pop_front() else { return Vec::new() };
        self.dropped(*to, path)
    }

    fn picked(&mut self, path: PathBuf) -> Wishes {
        match &mut self.dialog {
            Some(Dialog::Choose { field, .. }) => {
                *field = path_field(&path);
                vec![Wish::Parent(Action::LookAt(path))]
            }
            Some(Dialog::Save { field, .. }) => {
                *field = path_field(&path);
                self.go()
            }
            _ => Vec::new(),
        }
    }

    fn go(&mut self) -> Wishes {
        match &mut self.dialog {
            Some(Dialog::Choose { field, .. }) => match path_of(field) {
                Some(path) => vec![Wish::Parent(Action::LookAt(path))],
                None => Vec::new(),
            },
            Some(Dialog::Ask { to, file, sending, failure, .. }) if !*sending => {
                (*sending, *failure) = (true, None);
                let (to, path) = (Target::Conversation(to.id), file.path.clone());
                let command = Command::SendDocument { to, path, options: SendOptions::default() };
                vec![Wish::ask(command, Message::Sent)]
            }
            Some(Dialog::Save { document, field, .. }) => {
                let Some(out) = path_of(field) else { return Vec::new() };
                let (name, document) = (document.name.clone(), document.id);
                // It may take long; its card shows how far it is.
                self.dialog = None;
                let save = Command::Save { document, out };
                vec![Wish::ask(save, move |answer| Message::Saved(name, answer)), Wish::Parent(Action::Changed)]
            }
            Some(Dialog::Saved { path, .. }) => vec![Wish::Parent(Action::Open(path.clone()))],
            _ => Vec::new(),
        }
    }

    fn looked(&mut self, path: PathBuf, size: Result<u64, Failure>) -> Wishes {
        let Some(Dialog::Choose { to, failure, .. }) = &mut self.dialog else { return Vec::new() };
        match size {
            Err(found) => {
                *failure = Some(found);
                Vec::new()
            }
            Ok(size) => {
                let conversation = to.id;
                let (to, file) = (to.clone(), Chosen { path, size });
                self.dialog = Some(Dialog::Ask { to, file, names: None, sending: false, failure: None });
                vec![Wish::ask(Command::Members { conversation }, move |answer| Message::Members(conversation, answer))]
            }
        }
    }

    fn members(&mut self, of: ConversationId, answer: Answer) -> Wishes {
        if let Some(Dialog::Ask { to, names, failure, .. }) = &mut self.dialog
            && to.id == of
        {
            match answer {
                Ok(Reply::Members(members)) => *names = Some(people(&members)),
                Ok(_) => {}
                Err(found) => *failure = Some(found),
            }
        }
        Vec::new()
    }

    fn sent(&mut self, answer: Answer) -> Wishes {
        let Some(Dialog::Ask { sending, failure, .. }) = &mut self.dialog else { return Vec::new() };
        match answer {
            Ok(_) => {
                let mut wishes = self.next();
                wishes.push(Wish::Parent(Action::Changed));
                wishes
            }
            Err(found) => {
                (*sending, *failure) = (false, Some(found));
                Vec::new()
            }
        }
    }

    fn saved(&mut self, name: String, answer: Answer) -> Wishes {
        match answer {
            Ok(Reply::Saved { path, .. }) if self.dialog.is_none() => {
                self.dialog = Some(Dialog::Saved { path, failure: None });
            }
            Ok(_) => {}
            // Whoever paused or cancelled it knows.
            Err(failure) if failure.code == amanat_client::FailureCode::Stopped => {}
            Err(failure) => self.failed(name, false, failure),
        }
        vec![Wish::Parent(Action::Changed)]
    }

    /// How it looks, over what is behind it.
    #[must_use]
    pub fn view<'a>(&'a self, context: Context<'a>) -> Option<Element<'a, Message>> {
        self.dialog.as_ref().map(|dialog| dialog::view(dialog, self.waiting.len(), context))
    }
}

/// Characters of a name that is saved: well below what file systems hold.
const NAME_BYTES: usize = 120;

fn path_field(path: &Path) -> edit::Content {
    edit::Content::with_text(&path.to_string_lossy())
}

/// What was written, as a path: with or without quotation marks, as file managers copy it.
fn path_of(field: &edit::Content) -> Option<PathBuf> {
    let text = field.text();
    let text = text.trim().trim_matches(['\'', '"']);
    let text = text.strip_prefix("file://").unwrap_or(text);
    (!text.is_empty()).then(|| PathBuf::from(text))
}

/// Others' names, each once.
fn people(members: &[Member]) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    let others = members.iter().filter(|member| !member.own);
    others.filter(|member| seen.insert(member.address.to_string())).map(|member| member.name.clone()).collect()
}

#[cfg(test)]
mod tests;
