//! Documents on their way in and out: which file is sent, a question before it is; where one is saved, whether it was, and a
//! question before it is opened.

mod dialog;
mod hint;
pub mod paths;

use std::{collections::VecDeque, path::PathBuf, time::Duration};

use amanat_client::{
    Command, Failure, Reply,
    api::{ConversationView, DocumentView, Member, SendOptions, Target},
};
use amanat_primitives::{ConversationId, DocumentId};
use amanat_ui::edit;
use iced::{
    Element,
    widget::{Id, image::Handle, operation},
};

use self::paths::{path_field, path_of};
use super::{Context, warnings::FRESH};
use crate::{
    thumbnail::{self, Thumbnail, kept::Kept},
    wish::{Answer, Wish},
};

/// The field for a path.
pub const PATH: &str = "path";
/// Files that may wait to be asked about.
const WAITING: usize = 32;

/// What it shows.
#[derive(Default)]
pub struct State {
    dialog: Option<Dialog>,
    /// Of the question that is open: an answer to an earlier one says nothing.
    number: u64,
    /// When what it says appeared, and now, since the machine started.
    appeared: Duration,
    moment: Duration,
    /// Files that are to be asked about one by one, each for the conversation that it was dropped on.
    waiting: VecDeque<(Box<ConversationView>, PathBuf)>,
    /// How many of those dropped together were asked about, with the one that is.
    asked: usize,
    /// What is to be said once nothing is being asked.
    later: VecDeque<Dialog>,
    /// Thumbnails of what was sent or saved here.
    pictures: Kept,
    /// Files are over the window.
    hovering: bool,
    /// Where files are saved if nobody says otherwise.
    folder: PathBuf,
}

/// A file that may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    path: PathBuf,
    size: u64,
}

/// Somebody else who will have it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reader {
    name: String,
    /// Where it is not one's own.
    ministry: Option<String>,
}

enum Dialog {
    /// Which file?
    Choose { to: Box<ConversationView>, field: edit::Content, looking: bool, failure: Option<Failure> },
    /// This one, to them?
    Ask {
        to: Box<ConversationView>,
        file: Chosen,
        picture: Option<Handle>,
        readers: Option<Vec<Reader>>,
        sending: bool,
        failure: Option<Failure>,
    },
    /// Where to?
    Save { document: Box<DocumentView>, field: edit::Content, failure: Option<Failure> },
    /// There it is. Open it?
    Saved { path: PathBuf, failure: Option<Failure> },
    /// It was not saved, or not sent.
    Failed { name: String, sending: bool, failure: Failure },
}

/// Of what a thumbnail is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// The file that the question of a number is about.
    Question(u64),
    /// A document.
    Document(DocumentId),
}

/// What happens on it.
#[derive(Clone)]
pub enum Message {
    /// A path is being written.
    Typed(edit::Action),
    /// The desktop's dialog is wanted.
    Browse,
    /// What was chosen in it.
    Picked(u64, Option<PathBuf>),
    /// Enter, or the main button, of the question of a number.
    Go(u64),
    /// A file was looked at.
    Looked(u64, PathBuf, Result<u64, Failure>),
    /// Who is in the conversation.
    Members(u64, Answer),
    /// It is in the outbox, or not.
    Sent(u64, PathBuf, Answer),
    /// It is saved, or not.
    Saved(DocumentId, String, Answer),
    /// It is open in another program, or not.
    Opened(u64, Result<(), Failure>),
    /// What was pasted are files, or not.
    Checked(Box<ConversationView>, String, Vec<PathBuf>, bool),
    /// A thumbnail was made, or there is none.
    Pictured(Of, Option<Thumbnail>),
    /// Files are over the window, or not any more.
    Hovered(bool),
    /// No.
    Close,
}

/// What it asks of its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Have a file chosen, for the question of a number.
    Pick(u64),
    /// Have a place and a name chosen.
    PickPlace(u64, PathBuf, String),
    /// Look at a file.
    LookAt(u64, PathBuf),
    /// Make a thumbnail of a file.
    Picture(Of, PathBuf),
    /// Open a file in another program.
    Open(u64, PathBuf),
    /// Whether all of these are files: what was pasted for a conversation, if so.
    Check(Box<ConversationView>, String, Vec<PathBuf>),
    /// A text that was pasted into a conversation's composer and names no files.
    Insert(ConversationId, String),
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

    /// A question is asked in place of what was.
    fn ask(&mut self, dialog: Dialog) {
        self.number += 1;
        self.appeared = self.moment;
        self.dialog = Some(dialog);
    }

    /// It is this long since the machine started.
    pub fn at(&mut self, moment: Duration) {
        self.moment = self.moment.max(moment);
    }

    /// What is asked has not been in sight for long enough that a press is meant for it.
    fn is_fresh(&self) -> bool {
        self.moment.saturating_sub(self.appeared) < FRESH
    }

    /// A file for a conversation is to be chosen.
    pub fn attach(&mut self, to: ConversationView) -> Wishes {
        self.asked = 1;
        self.ask(Dialog::Choose { to: Box::new(to), field: edit::Content::new(), looking: false, failure: None });
        vec![Wish::Parent(Action::Pick(self.number)), Wish::Run(operation::focus(Id::new(PATH)))]
    }

    /// A file was dropped on a conversation: it is asked about now, or after what is being asked.
    pub fn dropped(&mut self, to: ConversationView, path: PathBuf) -> Wishes {
        self.hovering = false;
        match &self.dialog {
            None => self.asked = 1,
            // It is what was to be chosen.
            Some(Dialog::Choose { to: open, looking: false, .. }) if open.id == to.id => {}
            Some(_) => {
                if self.waiting.len() < WAITING {
                    self.waiting.push_back((Box::new(to), path));
                }
                return Vec::new();
            }
        }
        self.look(Box::new(to), path)
    }

    fn look(&mut self, to: Box<ConversationView>, path: PathBuf) -> Wishes {
        self.ask(Dialog::Choose { to, field: path_field(&path), looking: true, failure: None });
        vec![Wish::Parent(Action::LookAt(self.number, path))]
    }

    /// A text that may name files was pasted into a conversation's composer.
    pub fn pasted(&mut self, to: ConversationView, text: String) -> Wishes {
        match paths::named(&text) {
            Some(paths::Named::Uris(files)) => self.all_dropped(&to, files),
            Some(paths::Named::Paths(files)) => vec![Wish::Parent(Action::Check(Box::new(to), text, files))],
            None => vec![Wish::Parent(Action::Insert(to.id, text))],
        }
    }

    fn all_dropped(&mut self, to: &ConversationView, files: Vec<PathBuf>) -> Wishes {
        files.into_iter().flat_map(|path| self.dropped(to.clone(), path)).collect()
    }

    /// A document is to be saved.
    pub fn save(&mut self, document: DocumentView) -> Wishes {
        let name = amanat_ui::bidi::defuse(&document.name, NAME_BYTES);
        let field = path_field(&self.folder.join(&name));
        self.ask(Dialog::Save { document: Box::new(document), field, failure: None });
        let pick = Action::PickPlace(self.number, self.folder.clone(), name);
        vec![Wish::Parent(pick), Wish::Run(operation::focus(Id::new(PATH)))]
    }

    /// A document on its way was stopped by a failure.
    pub fn failed(&mut self, name: String, sending: bool, failure: Failure) {
        self.tell(Dialog::Failed { name, sending, failure });
    }

    /// Says something, after what is being asked.
    fn tell(&mut self, notice: Dialog) {
        if self.dialog.is_none() {
            self.ask(notice);
        } else if self.later.len() < WAITING {
            self.later.push_back(notice);
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
                Some(Dialog::Choose { .. }) => vec![Wish::Parent(Action::Pick(self.number))],
                Some(Dialog::Save { document, .. }) => {
                    let name = amanat_ui::bidi::defuse(&document.name, NAME_BYTES);
                    vec![Wish::Parent(Action::PickPlace(self.number, self.folder.clone(), name))]
                }
                _ => Vec::new(),
            },
            Message::Picked(number, Some(path)) if number == self.number => self.picked(path),
            Message::Looked(number, path, size) if number == self.number => self.looked(path, size),
            Message::Members(number, answer) if number == self.number => self.members(answer),
            Message::Picked(..) | Message::Looked(..) | Message::Members(..) => Vec::new(),
            Message::Go(number) if number == self.number && !self.is_fresh() => self.go(),
            // It was meant for the question before.
            Message::Go(_) => Vec::new(),
            Message::Sent(number, path, answer) => self.sent(number, path, answer),
            Message::Saved(document, name, answer) => self.saved(document, name, answer),
            Message::Opened(number, opened) if number == self.number => self.opened(opened),
            Message::Opened(..) => Vec::new(),
            Message::Checked(to, _, files, true) => self.all_dropped(&to, files),
            Message::Checked(to, text, _, false) => vec![Wish::Parent(Action::Insert(to.id, text))],
            Message::Pictured(of, thumbnail) => {
                if let Some(thumbnail) = thumbnail {
                    self.pictured(of, &thumbnail);
                }
                Vec::new()
            }
            Message::Hovered(hovering) => {
                self.hovering = hovering;
                Vec::new()
            }
            Message::Close => self.next(),
        }
    }

    /// The dialog is over: what was to be said is said, then the next file is asked about.
    fn next(&mut self) -> Wishes {
        self.dialog = None;
        if let Some(notice) = self.later.pop_front() {
            self.ask(notice);
            return Vec::new();
        }
        match self.waiting.pop_front() {
            Some((to, path)) => {
                self.asked += 1;
                self.look(to, path)
            }
            None => {
                self.asked = 0;
                Vec::new()
            }
        }
    }

    fn picked(&mut self, path: PathBuf) -> Wishes {
        match &mut self.dialog {
            Some(Dialog::Choose { field, looking, .. }) => {
                (*field, *looking) = (path_field(&path), true);
                vec![Wish::Parent(Action::LookAt(self.number, path))]
            }
            Some(Dialog::Save { field, .. }) => {
                *field = path_field(&path);
                self.go()
            }
            _ => Vec::new(),
        }
    }

    fn go(&mut self) -> Wishes {
        let number = self.number;
        match &mut self.dialog {
            Some(Dialog::Choose { field, looking, .. }) => {
                let Some(path) = path_of(field.as_str()) else { return Vec::new() };
                *looking = true;
                vec![Wish::Parent(Action::LookAt(number, path))]
            }
            Some(Dialog::Ask { to, file, sending, failure, readers: Some(_), .. }) if !*sending => {
                (*sending, *failure) = (true, None);
                let (to, path) = (Target::Conversation(to.id), file.path.clone());
                let command = Command::SendDocument { to, path: path.clone(), options: SendOptions::default() };
                vec![Wish::ask(command, move |answer| Message::Sent(number, path, answer))]
            }
            Some(Dialog::Save { document, field, .. }) => {
                let Some(out) = path_of(field.as_str()) else { return Vec::new() };
                let (name, document) = (document.name.clone(), document.id);
                // It may take long; its card shows how far it is.
                let mut wishes = self.next();
                let save = Command::Save { document, out };
                wishes.push(Wish::ask(save, move |answer| Message::Saved(document, name, answer)));
                wishes.push(Wish::Parent(Action::Changed));
                wishes
            }
            Some(Dialog::Saved { path, .. }) => vec![Wish::Parent(Action::Open(number, path.clone()))],
            _ => Vec::new(),
        }
    }

    fn looked(&mut self, path: PathBuf, size: Result<u64, Failure>) -> Wishes {
        let Some(Dialog::Choose { to, looking, failure, .. }) = &mut self.dialog else { return Vec::new() };
        match size {
            Err(found) => {
                (*looking, *failure) = (false, Some(found));
                Vec::new()
            }
            Ok(size) => {
                let conversation = to.id;
                let (to, file) = (to.clone(), Chosen { path: path.clone(), size });
                self.ask(Dialog::Ask { to, file, picture: None, readers: None, sending: false, failure: None });
                let number = self.number;
                let members = Command::Members { conversation };
                let mut wishes = picture(Of::Question(number), path);
                wishes.push(Wish::ask(members, move |answer| Message::Members(number, answer)));
                wishes
            }
        }
    }

    fn pictured(&mut self, of: Of, thumbnail: &Thumbnail) {
        match (of, &mut self.dialog) {
            (Of::Question(number), Some(Dialog::Ask { picture, .. })) if number == self.number => {
                *picture = Some(thumbnail.handle());
            }
            (Of::Question(_), _) => {}
            (Of::Document(document), _) => self.pictures.put(document, thumbnail),
        }
    }

    /// Thumbnails of what was sent or saved here.
    #[must_use]
    pub fn pictures(&self) -> &Kept {
        &self.pictures
    }

    fn members(&mut self, answer: Answer) -> Wishes {
        if let Some(Dialog::Ask { readers, failure, .. }) = &mut self.dialog {
            match answer {
                Ok(Reply::Members(members)) => (*readers, self.appeared) = (Some(people(&members)), self.moment),
                Ok(_) => {}
                Err(found) => *failure = Some(found),
            }
        }
        Vec::new()
    }

    fn sent(&mut self, number: u64, path: PathBuf, answer: Answer) -> Wishes {
        let asked = number == self.number;
        match (answer, &mut self.dialog) {
            (Ok(reply), dialog) => {
                let document = if let Reply::Sent { document, .. } = reply { document } else { None };
                let mut wishes = match (document, dialog) {
                    (Some(id), Some(Dialog::Ask { picture: Some(picture), .. })) if asked => {
                        self.pictures.put_handle(id, picture.clone());
                        Vec::new()
                    }
                    (Some(id), _) => picture(Of::Document(id), path),
                    (None, _) => Vec::new(),
                };
                if asked && matches!(self.dialog, Some(Dialog::Ask { .. })) {
                    wishes.extend(self.next());
                }
                wishes.push(Wish::Parent(Action::Changed));
                wishes
            }
            (Err(found), Some(Dialog::Ask { sending, failure, .. })) if asked => {
                (*sending, *failure) = (false, Some(found));
                Vec::new()
            }
            // The question was closed before it was answered.
            (Err(found), _) => {
                self.failed(paths::name(&path), true, found);
                Vec::new()
            }
        }
    }

    fn saved(&mut self, document: DocumentId, name: String, answer: Answer) -> Wishes {
        let mut wishes = vec![Wish::Parent(Action::Changed)];
        match answer {
            Ok(Reply::Saved { path, .. }) => {
                wishes.extend(picture(Of::Document(document), path.clone()));
                self.tell(Dialog::Saved { path, failure: None });
            }
            Ok(_) => {}
            // Whoever paused or cancelled it knows.
            Err(failure) if failure.code == amanat_client::FailureCode::Stopped => {}
            Err(failure) => self.failed(name, false, failure),
        }
        wishes
    }

    fn opened(&mut self, opened: Result<(), Failure>) -> Wishes {
        let Some(Dialog::Saved { failure, .. }) = &mut self.dialog else { return Vec::new() };
        match opened {
            Ok(()) => self.next(),
            Err(found) => {
                *failure = Some(found);
                Vec::new()
            }
        }
    }

    /// Which of so many files that were dropped together is asked about; none where it is the only one.
    fn nth(&self) -> Option<(usize, usize)> {
        let all = self.asked + self.waiting.len();
        (all > 1 && matches!(self.dialog, Some(Dialog::Choose { .. } | Dialog::Ask { .. })))
            .then_some((self.asked, all))
    }

    /// A conversation, with a hint over it while files are over the window.
    pub fn hinted<'a, M: 'a>(
        &self,
        shown: Element<'a, M>,
        to: Option<&ConversationView>,
        context: Context<'a>,
    ) -> Element<'a, M> {
        hint::over(shown, to.filter(|_| self.hovering && self.dialog.is_none()), context)
    }

    /// How it looks, over what is behind it.
    #[must_use]
    pub fn view<'a>(&'a self, context: Context<'a>) -> Option<Element<'a, Message>> {
        self.dialog.as_ref().map(|dialog| dialog::view(dialog, (self.number, self.nth()), context))
    }
}

/// Characters of a name that is saved: well below what file systems hold.
const NAME_BYTES: usize = 120;

/// Has a thumbnail made of what may be an image.
fn picture(of: Of, path: PathBuf) -> Wishes {
    if thumbnail::may_be_image(&path) { vec![Wish::Parent(Action::Picture(of, path))] } else { Vec::new() }
}

/// The others, each once; those of other ministries stand first.
fn people(members: &[Member]) -> Vec<Reader> {
    let own = members.iter().find(|member| member.own).map(|own| &own.address.domain);
    let mut seen = std::collections::BTreeSet::new();
    let others = members.iter().filter(|member| !member.own && seen.insert(&member.address));
    let reader = |member: &Member| {
        let ministry = (Some(&member.address.domain) != own).then(|| member.address.domain.to_string());
        Reader { name: member.name.clone(), ministry }
    };
    let (mut readers, home): (Vec<_>, Vec<_>) = others.map(reader).partition(|reader| reader.ministry.is_some());
    readers.extend(home);
    readers
}

#[cfg(test)]
mod tests;
