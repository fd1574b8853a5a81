//! Security: this device and its link, all devices of the person and approving another one, the passphrase, what was warned
//! about, and a file for the IT team.

pub mod passphrase;
mod view;

use std::path::PathBuf;

use amanat_client::{
    Command, Failure, Reply,
    api::{Overview, OwnDevice},
};
use amanat_identity::DeviceCode;
use amanat_ui::edit;
use iced::{
    Task,
    widget::{Id, operation},
};

use super::picker;
use crate::{
    diagnostic,
    wish::{Answer, Wish},
};

/// The name of the code's field.
pub const CODE: &str = "security-code";
/// The name of the path's field.
pub const PATH: &str = "security-path";
/// What the diagnostic file is called if nobody says otherwise.
const REPORT: &str = "amanat-report.txt";

/// What it shows.
#[derive(Default)]
pub struct State {
    own: Option<Box<Overview>>,
    devices: Vec<OwnDevice>,
    from_cache: bool,
    code: edit::Content,
    approving: bool,
    approval: Option<Approval>,
    passphrase: passphrase::State,
    path: edit::Content,
    exported: Option<Result<(), Failure>>,
    failure: Option<Failure>,
    counts: diagnostic::Counts,
}

/// What came of a code.
enum Approval {
    Wrong,
    Done,
    Failed(Failure),
}

/// What happens on it.
#[derive(Clone)]
pub enum Message {
    /// Who am I.
    Own(Answer),
    /// Which devices.
    Devices(Answer),
    /// The code is typed.
    Code(edit::Action),
    /// It is to be approved.
    Approve,
    /// It was, or not.
    Approved(Answer),
    /// About the passphrase.
    Passphrase(passphrase::Message),
    /// A place for the file is to be chosen.
    Pick,
    /// It was, or nothing can ask.
    Picked(Option<PathBuf>),
    /// The path is typed.
    Path(edit::Action),
    /// The file is to be written.
    Export,
    /// It was, or not.
    Exported(Result<(), Failure>),
    /// Enough.
    Close,
}

/// What it asks of its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Close this.
    Close,
    /// Have a place chosen for the file, whose name is proposed.
    Pick(String),
}

type Wishes = Vec<Wish<Message, Action>>;

impl State {
    /// With so many alarms and notices in the vault.
    #[must_use]
    pub fn open((alarms, notices): (usize, usize)) -> (Self, Wishes) {
        let counts = diagnostic::Counts { alarms, notices, devices: 0 };
        (Self { counts, ..Self::default() }, read())
    }

    /// The link or a device is another one than before.
    #[must_use]
    pub fn read(&self) -> Wishes {
        read()
    }

    /// A change of the passphrase is under way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.passphrase.is_busy()
    }

    /// Something happened.
    pub fn update(&mut self, message: Message) -> Wishes {
        match message {
            Message::Own(Ok(Reply::Status(own))) => {
                self.passphrase.belongs_to(&own);
                self.own = Some(own);
            }
            Message::Passphrase(message) => return picker::lift(self.passphrase.update(message), Message::Passphrase),
            Message::Pick => return vec![Wish::Parent(Action::Pick(REPORT.to_owned()))],
            // Nobody chose one, or nothing can ask: the field is there all the same.
            Message::Picked(None) => return vec![Wish::Run(operation::focus(Id::new(PATH)))],
            Message::Picked(Some(path)) => {
                self.path = edit::Content::with_text(&path.to_string_lossy());
                return self.export();
            }
            Message::Devices(Ok(Reply::Devices { devices, from_cache })) => {
                self.counts.devices = devices.len();
                (self.devices, self.from_cache) = (devices, from_cache);
            }
            Message::Own(answer) | Message::Devices(answer) => self.failure = answer.err(),
            Message::Code(action) => {
                self.code.perform(action);
                self.approval = None;
            }
            Message::Approve if self.approving => {}
            Message::Approve => match DeviceCode::parse(&self.code.text()) {
                Some(code) => {
                    self.approving = true;
                    return vec![Wish::ask(Command::ApproveDevice { code }, Message::Approved)];
                }
                None => self.approval = Some(Approval::Wrong),
            },
            Message::Approved(answer) => {
                self.approving = false;
                match answer {
                    Ok(_) => {
                        self.code = edit::Content::new();
                        self.approval = Some(Approval::Done);
                        return read();
                    }
                    Err(failure) => self.approval = Some(Approval::Failed(failure)),
                }
            }
            Message::Path(action) => {
                self.path.perform(action);
                self.exported = None;
            }
            Message::Export => return self.export(),
            Message::Exported(done) => self.exported = Some(done),
            // What is under way has its answer first.
            Message::Close if self.is_busy() => {}
            Message::Close => return vec![Wish::Parent(Action::Close)],
        }
        Vec::new()
    }

    fn export(&self) -> Wishes {
        let path = self.path.text();
        let (Some(own), path) = (&self.own, path.trim()) else { return Vec::new() };
        if path.is_empty() {
            return Vec::new();
        }
        let (path, text) = (PathBuf::from(path), diagnostic::text(own, self.counts));
        let written = async move { diagnostic::write(&path, &text) };
        vec![Wish::Run(Task::perform(written, Message::Exported))]
    }
}

fn read() -> Wishes {
    vec![Wish::ask(Command::Status, Message::Own), Wish::ask(Command::Devices, Message::Devices)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_before_it_is_asked_for() {
        let (mut state, _) = State::open((0, 0));
        state.code = edit::Content::with_text("not a code");
        assert!(state.update(Message::Approve).is_empty());
        assert!(matches!(state.approval, Some(Approval::Wrong)));
        let code = crate::fake::devices()[1].code.to_string();
        state.code = edit::Content::with_text(&code.to_lowercase());
        let wishes = state.update(Message::Approve);
        assert!(matches!(&wishes[..], [Wish::Ask(Command::ApproveDevice { .. }, _)]));
        assert!(state.update(Message::Approve).is_empty(), "it is on its way");
    }

    #[test]
    fn a_place_is_chosen_by_the_desktop_or_typed() {
        let (mut state, _) = State::open((0, 0));
        state.update(Message::Own(Ok(Reply::Status(Box::new(crate::fake::overview().unwrap())))));
        let wishes = state.update(Message::Pick);
        assert!(matches!(&wishes[..], [Wish::Parent(Action::Pick(name))] if name.ends_with(".txt")));
        assert!(matches!(state.update(Message::Picked(None))[..], [Wish::Run(_)]), "the field has the keyboard");
        let wishes = state.update(Message::Picked(Some("/nowhere/report.txt".into())));
        assert!(matches!(&wishes[..], [Wish::Run(_)]) && state.path.text() == "/nowhere/report.txt");
    }

    #[test]
    fn nothing_is_exported_without_a_name() {
        let (mut state, _) = State::open((0, 0));
        state.update(Message::Own(Ok(Reply::Status(Box::new(crate::fake::overview().unwrap())))));
        assert!(state.update(Message::Export).is_empty());
        state.path = edit::Content::with_text("/nowhere/report.txt");
        assert_eq!(state.update(Message::Export).len(), 1);
    }
}
