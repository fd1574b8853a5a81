//! First run: an invitation becomes a profile on this machine. See whom it is for, choose a passphrase, join.

use std::{path::PathBuf, sync::Arc};

use amanat_client::{
    Failure, FailureCode,
    profile::{JoinStage, Joined},
};
use amanat_identity::InvitationSummary;
use amanat_ui::edit;
use iced::{Element, Fill, Task, widget::Id, widget::operation};
use zeroize::Zeroizing;

use super::Context;
use crate::{strength::Strength, wish::Wish};

mod form;
mod progress;

pub(in crate::screens) use self::form::judged;

/// The field for a path.
pub const PATH: &str = "invitation-path";
/// The field for the code.
pub const CODE: &str = "invitation-code";
/// The field for the passphrase.
pub const PASSPHRASE: &str = "new-passphrase";
/// The field for the passphrase, once more.
pub const AGAIN: &str = "new-passphrase-again";

/// An invitation that was read.
#[derive(Clone)]
pub struct Invitation {
    /// The file's content.
    pub file: Arc<Zeroizing<Vec<u8>>>,
    /// What it says.
    pub says: Box<InvitationSummary>,
}

/// What it shows.
#[derive(Default)]
pub struct State {
    path: edit::Content,
    /// A file is held over the window.
    hovered: bool,
    reading: bool,
    invitation: Option<Invitation>,
    code: edit::Content,
    passphrase: Zeroizing<String>,
    again: Zeroizing<String>,
    strength: Option<Strength>,
    /// A passphrase was chosen already, by a join that was broken off.
    begun: bool,
    stage: Option<Stage>,
    failure: Option<(Trouble, Failure)>,
    joined: Option<Joined>,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Checking,
    Keys,
    Connecting,
    Enrolling,
    Publishing,
    Opening,
}

impl Stage {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Checking, "join-checking"),
        (Self::Keys, "join-keys"),
        (Self::Connecting, "join-connecting"),
        (Self::Enrolling, "join-enrolling"),
        (Self::Publishing, "join-publishing"),
        (Self::Opening, "join-opening"),
    ];
}

impl From<JoinStage> for Stage {
    fn from(stage: JoinStage) -> Self {
        match stage {
            JoinStage::CheckingInvitation => Self::Checking,
            JoinStage::MakingKeys => Self::Keys,
            JoinStage::Connecting => Self::Connecting,
            JoinStage::Enrolling => Self::Enrolling,
            JoinStage::PublishingKeyPackages => Self::Publishing,
        }
    }
}

/// What happens on it.
#[derive(Clone)]
pub enum Message {
    /// In the path's field.
    Path(edit::Action),
    /// Read what stands there.
    ReadPath,
    /// Choose a file.
    Pick,
    /// One was chosen, or none.
    Picked(Option<PathBuf>),
    /// A file is held over the window, or no longer.
    Hovered(bool),
    /// It was dropped.
    Dropped(PathBuf),
    /// It was read.
    Read(Result<Invitation, Failure>),
    /// Another invitation.
    Another,
    /// In the code's field.
    Code(edit::Action),
    /// The passphrase was typed.
    Passphrase(Zeroizing<String>),
    /// Once more.
    Again(Zeroizing<String>),
    /// Enter in a field before the last.
    Next(&'static str),
    /// Join.
    Join,
    /// It is so far.
    Stage(JoinStage),
    /// It is done, or not.
    Joined(Result<Joined, Failure>),
    /// Open what was joined.
    Open,
}

/// What it asks of its parent.
pub enum Action {
    /// Let a file be chosen.
    Pick,
    /// Read an invitation.
    Read(PathBuf),
    /// Join.
    Join {
        /// The invitation's file.
        file: Arc<Zeroizing<Vec<u8>>>,
        /// Its code.
        code: Option<String>,
        /// For the new profile.
        passphrase: Zeroizing<String>,
    },
    /// It is joined: open it.
    Open(Zeroizing<String>),
}

type Wishes = Vec<Wish<Message, Action>>;

/// What is behind a failure, where its own words would lead astray.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// Nothing more than it says.
    Other,
    /// Nobody tries again but the person.
    Offline,
    /// The code does not open the invitation.
    Code,
    /// It is not the passphrase that joining was begun with.
    Begun,
    /// The folder has somebody's profile.
    Taken,
}

/// What keeps one from joining.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lacks {
    Code,
    Passphrase,
    Stronger,
    Again,
    Same,
}

impl State {
    /// After a join that was broken off: its passphrase stands, and it is taken up with the same invitation.
    #[must_use]
    pub fn begun() -> Self {
        Self { begun: true, ..Self::default() }
    }

    /// Something happened.
    pub fn update(&mut self, message: Message) -> Wishes {
        match message {
            Message::Path(action) => self.path.perform(action),
            Message::ReadPath => return self.read(typed_path(&self.path.text())),
            Message::Pick => return vec![Wish::Parent(Action::Pick)],
            Message::Picked(None) => return vec![focus(PATH)],
            Message::Picked(Some(path)) | Message::Dropped(path) => return self.read(path),
            Message::Hovered(hovered) => self.hovered = hovered,
            Message::Read(read) => return self.was_read(read),
            Message::Another if self.stage.is_none() => {
                self.invitation = None;
                self.failure = None;
                return vec![focus(PATH)];
            }
            Message::Another => {}
            Message::Code(action) => self.code.perform(action),
            Message::Passphrase(passphrase) => {
                self.passphrase = passphrase;
                self.strength = self.judged();
            }
            Message::Again(again) => self.again = again,
            Message::Next(field) => return vec![focus(field)],
            Message::Join => return self.join(),
            Message::Stage(stage) => self.stage = Some(stage.into()),
            Message::Joined(joined) => return self.was_joined(joined),
            Message::Open => return self.open(),
        }
        Vec::new()
    }

    fn read(&mut self, path: PathBuf) -> Wishes {
        self.hovered = false;
        if self.reading || self.stage.is_some() || path.as_os_str().is_empty() {
            return Vec::new();
        }
        self.reading = true;
        self.failure = None;
        vec![Wish::Parent(Action::Read(path))]
    }

    fn was_read(&mut self, read: Result<Invitation, Failure>) -> Wishes {
        self.reading = false;
        match read {
            Ok(invitation) => {
                let field = if invitation.says.needs_code { CODE } else { PASSPHRASE };
                self.invitation = Some(invitation);
                self.failure = None;
                self.strength = self.judged();
                vec![focus(field)]
            }
            Err(failure) => {
                self.failure = Some((Trouble::Other, failure));
                vec![focus(PATH)]
            }
        }
    }

    fn judged(&self) -> Option<Strength> {
        if self.begun || self.passphrase.is_empty() {
            return None;
        }
        let mut about = Vec::new();
        if let Some(Invitation { says, .. }) = &self.invitation {
            about.extend([says.name.to_string(), says.authority.to_string(), says.address.to_string()]);
            about.extend([says.address.handle.to_string(), says.address.domain.to_string()]);
        }
        let about: Vec<&str> = about.iter().map(String::as_str).collect();
        Some(Strength::of(&self.passphrase, &about))
    }

    fn lacks(&self) -> Option<Lacks> {
        let needs_code = self.invitation.as_ref().is_some_and(|invitation| invitation.says.needs_code);
        match () {
            () if needs_code && self.code.text().trim().is_empty() => Some(Lacks::Code),
            () if self.passphrase.is_empty() => Some(Lacks::Passphrase),
            () if self.begun => None,
            () if !self.strength.is_some_and(Strength::is_enough) => Some(Lacks::Stronger),
            () if self.again.is_empty() => Some(Lacks::Again),
            () if self.again != self.passphrase => Some(Lacks::Same),
            () => None,
        }
    }

    fn join(&mut self) -> Wishes {
        let Some(invitation) = self.invitation.clone() else { return Vec::new() };
        match self.lacks() {
            _ if self.stage.is_some() => return Vec::new(),
            Some(Lacks::Code) => return vec![focus(CODE)],
            Some(Lacks::Passphrase | Lacks::Stronger) => return vec![focus(PASSPHRASE)],
            Some(Lacks::Again | Lacks::Same) => return vec![focus(AGAIN)],
            None => {}
        }
        self.failure = None;
        self.stage = Some(Stage::Checking);
        let code = invitation.says.needs_code.then(|| self.code.text().trim().to_owned());
        vec![Wish::Parent(Action::Join { file: invitation.file, code, passphrase: self.passphrase.clone() })]
    }

    fn was_joined(&mut self, joined: Result<Joined, Failure>) -> Wishes {
        match joined {
            Ok(joined) => {
                let waits = joined.waits.is_some();
                self.joined = Some(joined);
                if waits {
                    self.stage = None;
                    return Vec::new();
                }
                self.open()
            }
            Err(failure) => {
                let stage = self.stage.take().unwrap_or(Stage::Checking);
                // From here on there is a key under the passphrase: another attempt needs the same one.
                self.begun |= stage > Stage::Keys;
                self.strength = self.judged();
                let trouble = self.trouble(&failure, stage);
                self.failure = Some((trouble, failure));
                vec![focus(if trouble == Trouble::Code { CODE } else { PASSPHRASE })]
            }
        }
    }

    fn trouble(&mut self, failure: &Failure, stage: Stage) -> Trouble {
        let needs_code = self.invitation.as_ref().is_some_and(|invitation| invitation.says.needs_code);
        match failure.code {
            FailureCode::Offline => Trouble::Offline,
            // All but the code was checked when it was read.
            FailureCode::Invitation if needs_code && stage == Stage::Checking => Trouble::Code,
            FailureCode::Passphrase => {
                self.begun = true;
                Trouble::Begun
            }
            FailureCode::ProfileExists => Trouble::Taken,
            _ => Trouble::Other,
        }
    }

    fn open(&mut self) -> Wishes {
        if self.stage == Some(Stage::Opening) {
            return Vec::new();
        }
        self.stage = Some(Stage::Opening);
        self.again = Zeroizing::default();
        vec![Wish::Parent(Action::Open(std::mem::take(&mut self.passphrase)))]
    }

    /// How it looks.
    #[must_use]
    pub fn view<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        let content = match (self.stage, &self.joined) {
            (Some(stage), _) => progress::stages(stage, context),
            (None, Some(joined)) => progress::waits(joined, context),
            (None, None) => form::view(self, context),
        };
        let scrolled = iced::widget::scrollable(iced::widget::container(content).center_x(Fill)).width(Fill);
        iced::widget::center(scrolled).style(amanat_ui::surface::canvas(context.look)).into()
    }
}

fn focus(field: &'static str) -> Wish<Message, Action> {
    Wish::Run(operation::focus(Id::new(field)))
}

/// Gives the keyboard to the path's field.
pub fn first_focus<M: Send + 'static>() -> Task<M> {
    operation::focus(Id::new(PATH))
}

/// A path as it is typed or pasted: in quotes, or as file managers copy it.
fn typed_path(text: &str) -> PathBuf {
    let text = text.trim().trim_matches(['"', '\'']);
    let Some(encoded) = text.strip_prefix("file://") else { return text.into() };
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let decoded = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(decoded.unwrap_or(b'%'));
        rest = if decoded.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    bytes.extend_from_slice(rest.as_bytes());
    PathBuf::from(String::from_utf8(bytes).unwrap_or_else(|_| encoded.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::fake;

    fn with(needs_code: bool) -> State {
        let mut state = State::default();
        let says = Box::new(fake::invitation(needs_code).unwrap());
        let file = Arc::new(Zeroizing::new(b"file".to_vec()));
        state.update(Message::Read(Ok(Invitation { file, says })));
        state
    }

    fn chosen(state: &mut State, passphrase: &str, again: &str) -> Option<Lacks> {
        state.update(Message::Passphrase(Zeroizing::new(passphrase.into())));
        state.update(Message::Again(Zeroizing::new(again.into())));
        state.lacks()
    }

    const STRONG: &str = "velvet harbour nineteen okra";

    #[test]
    fn a_path_is_read_as_it_is_typed_and_as_it_is_pasted() {
        for (typed, path) in [
            (" /home/x/my invitation.txt \n", "/home/x/my invitation.txt"),
            ("'/home/x/a b'", "/home/x/a b"),
            ("file:///home/x/a%20b%D8%A7", "/home/x/a bا"),
            ("file:///100%", "/100%"),
            ("file:///%FF", "/%FF"),
        ] {
            assert_eq!(typed_path(typed), Path::new(path));
        }
        let mut state = State::default();
        assert!(state.update(Message::ReadPath).is_empty(), "nothing was typed");
        let wishes = state.update(Message::Dropped("/a".into()));
        assert!(matches!(&wishes[..], [Wish::Parent(Action::Read(path))] if path == Path::new("/a")));
        assert!(state.update(Message::Dropped("/b".into())).is_empty(), "one is being read");
    }

    #[test]
    fn it_joins_only_with_all_that_is_needed() {
        let mut state = with(true);
        assert_eq!(chosen(&mut state, STRONG, STRONG), Some(Lacks::Code));
        state.code = edit::Content::with_text(" K7QF-2M9P ");
        assert_eq!(chosen(&mut state, "hassan khalid", "hassan khalid"), Some(Lacks::Stronger), "one's own name");
        assert_eq!(chosen(&mut state, STRONG, ""), Some(Lacks::Again));
        assert_eq!(chosen(&mut state, STRONG, "velvet"), Some(Lacks::Same));
        assert!(matches!(state.update(Message::Join)[..], [Wish::Run(_)]), "to the field that lacks");
        assert_eq!(chosen(&mut state, STRONG, STRONG), None);
        let wishes = state.update(Message::Join);
        assert!(matches!(&wishes[..], [Wish::Parent(Action::Join { code: Some(code), .. })] if code == "K7QF-2M9P"));
        assert!(state.update(Message::Join).is_empty(), "it is being joined");
    }

    #[test]
    fn what_failed_leaves_everything_as_it_was_typed() {
        let mut state = with(false);
        chosen(&mut state, STRONG, STRONG);
        state.update(Message::Join);
        let failure = || Failure::new(FailureCode::Offline, "offline", "try again");
        state.update(Message::Stage(JoinStage::MakingKeys));
        state.update(Message::Joined(Err(failure())));
        assert!(!state.begun && state.lacks().is_none(), "no key was made yet");
        state.update(Message::Join);
        state.update(Message::Stage(JoinStage::Connecting));
        state.update(Message::Joined(Err(failure())));
        assert!(state.begun && state.lacks().is_none() && state.invitation.is_some());
        assert!(matches!(state.failure, Some((Trouble::Offline, _))));
        assert!(matches!(state.update(Message::Join)[..], [Wish::Parent(Action::Join { .. })]));
    }

    #[test]
    fn a_wrong_code_is_told_from_a_bad_invitation() {
        let refused = || Failure::new(FailureCode::Invitation, "refused", "ask");
        for (needs_code, trouble) in [(true, Trouble::Code), (false, Trouble::Other)] {
            let mut state = with(needs_code);
            state.code = edit::Content::with_text("K7QF");
            chosen(&mut state, STRONG, STRONG);
            state.update(Message::Join);
            state.update(Message::Joined(Err(refused())));
            assert!(matches!(&state.failure, Some((found, _)) if *found == trouble));
            assert_eq!(state.code.text().trim(), "K7QF");
        }
    }

    #[test]
    fn what_is_joined_is_opened_once() {
        let mut state = with(false);
        chosen(&mut state, STRONG, STRONG);
        let says = fake::invitation(false).unwrap();
        let joined = Joined {
            address: says.address,
            name: says.name.to_string(),
            post: says.post.to_string(),
            clearance: says.clearance,
            device: amanat_primitives::DeviceId::from_bytes([1; 32]),
            authority: says.authority.to_string(),
            waits: None,
        };
        let wishes = state.update(Message::Joined(Ok(joined)));
        assert!(matches!(&wishes[..], [Wish::Parent(Action::Open(passphrase))] if **passphrase == STRONG));
        assert!(state.passphrase.is_empty() && state.again.is_empty(), "it is not kept");
        assert!(state.update(Message::Open).is_empty());
    }
}
