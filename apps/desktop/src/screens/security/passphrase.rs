//! Another passphrase for the profile: the old one, the new one twice, as strong as on the first run.

use amanat_client::{Command, Failure, FailureCode, HistoryPassphrase, api::Overview};
use amanat_ui::{
    button::{self, Kind},
    meter, secret,
    text::{Role, muted, paragraph},
    theme::space,
};
use iced::{
    Alignment, Element, Fill,
    widget::{Id, column, container, operation},
};
use zeroize::Zeroizing;

use crate::{
    screens::{Context, frame, picker::PartWishes, welcome},
    strength::Strength,
    wish::{Answer, Wish},
};

/// The field for the one that holds.
pub const OLD: &str = "passphrase-old";
/// The field for the next one.
pub const NEW: &str = "passphrase-new";
/// The field for the next one, once more.
pub const AGAIN: &str = "passphrase-again";

/// What it shows.
#[derive(Default)]
pub struct State {
    /// What is known of the person, and makes a weak passphrase.
    about: Vec<String>,
    old: Zeroizing<String>,
    new: Zeroizing<String>,
    again: Zeroizing<String>,
    strength: Option<Strength>,
    busy: bool,
    done: Option<Result<(), Failure>>,
}

impl State {
    /// Another passphrase is being made: its answer is to be seen.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.busy
    }
}

/// What happens on it.
#[derive(Clone)]
pub enum Message {
    /// The old one was typed.
    Old(Zeroizing<String>),
    /// The new one was typed.
    New(Zeroizing<String>),
    /// Once more.
    Again(Zeroizing<String>),
    /// Enter in a field before the last.
    Next(&'static str),
    /// Change it.
    Change,
    /// It is changed, or not.
    Changed(Answer),
}

/// What keeps it from being changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lacks {
    Old,
    New,
    Stronger,
    Again,
    Same,
}

impl Lacks {
    fn key(self) -> &'static str {
        match self {
            Self::Old => "passphrase-lacks-old",
            Self::New => "passphrase-lacks-new",
            Self::Stronger => "welcome-lacks-stronger",
            Self::Again => "welcome-lacks-again",
            Self::Same => "welcome-lacks-same",
        }
    }
}

impl State {
    /// Whose it is.
    pub fn belongs_to(&mut self, own: &Overview) {
        let address = &own.address;
        self.about = vec![own.name.clone(), own.authority.clone(), address.to_string()];
        self.about.extend([address.handle.to_string(), address.domain.to_string()]);
    }

    /// Something happened.
    pub fn update(&mut self, message: Message) -> PartWishes<Message> {
        match message {
            // While it is being changed, what was typed stays.
            Message::Old(_) | Message::New(_) | Message::Again(_) | Message::Change if self.busy => {}
            Message::Old(old) => (self.old, self.done) = (old, None),
            Message::New(new) => {
                let about: Vec<&str> = self.about.iter().map(String::as_str).collect();
                self.strength = (!new.is_empty()).then(|| Strength::of(&new, &about));
                (self.new, self.done) = (new, None);
            }
            Message::Again(again) => (self.again, self.done) = (again, None),
            Message::Next(field) => return vec![focus(field)],
            Message::Change => return self.change(),
            Message::Changed(answer) => return self.changed(answer),
        }
        Vec::new()
    }

    fn lacks(&self) -> Option<Lacks> {
        match () {
            () if self.old.is_empty() => Some(Lacks::Old),
            () if self.new.is_empty() => Some(Lacks::New),
            () if !self.strength.is_some_and(Strength::is_enough) => Some(Lacks::Stronger),
            () if self.again.is_empty() => Some(Lacks::Again),
            () if self.again != self.new => Some(Lacks::Same),
            () => None,
        }
    }

    fn change(&mut self) -> PartWishes<Message> {
        if self.lacks().is_some() {
            return Vec::new();
        }
        (self.busy, self.done) = (true, None);
        let (old, new) = (HistoryPassphrase(self.old.clone()), HistoryPassphrase(self.new.clone()));
        vec![Wish::ask(Command::ChangePassphrase { old, new }, Message::Changed)]
    }

    fn changed(&mut self, answer: Answer) -> PartWishes<Message> {
        self.busy = false;
        let wrong = answer.as_ref().is_err_and(|failure| failure.code == FailureCode::Passphrase);
        match answer {
            Ok(_) => {
                let about = std::mem::take(&mut self.about);
                *self = Self { about, done: Some(Ok(())), ..Self::default() };
            }
            Err(failure) => {
                if wrong {
                    self.old = Zeroizing::default();
                }
                self.done = Some(Err(failure));
            }
        }
        if wrong { vec![focus(OLD)] } else { Vec::new() }
    }

    /// How it looks, each part below the other.
    pub(super) fn rows<'a>(&'a self, context: Context<'a>) -> Vec<Element<'a, super::Message>> {
        self.parts(context).into_iter().map(|part| part.map(super::Message::Passphrase)).collect()
    }

    fn parts<'a>(&'a self, context: Context<'a>) -> Vec<Element<'a, Message>> {
        let Context { look, words, .. } = context;
        let old = |text| Message::Old(Zeroizing::new(text));
        let new = |text| Message::New(Zeroizing::new(text));
        let again = |text| Message::Again(Zeroizing::new(text));
        let name = |key: &str| words.say(key);
        let mut parts = vec![
            muted(words.say("passphrase-explained"), Role::Label, look).into(),
            secret::named(OLD, name("passphrase-old"), &self.old, Some(old), Message::Next(NEW), look),
        ];
        // What is wrong with a field is said at it.
        if let Some(Err(failure)) = &self.done
            && failure.code == FailureCode::Passphrase
        {
            parts.push(frame::failure(failure, context));
        }
        parts.push(secret::named(NEW, name("passphrase-new"), &self.new, Some(new), Message::Next(AGAIN), look));
        if !self.new.is_empty() {
            parts.push(strength(self.strength, context));
        }
        let field = name("passphrase-again");
        parts.push(secret::named(AGAIN, field, &self.again, Some(again), Message::Change, look));
        let (word, said) = match (self.busy, self.lacks()) {
            (true, _) => ("passphrase-changing", words.say("passphrase-wait")),
            (false, Some(lacks)) => ("passphrase-change", words.say(lacks.key())),
            (false, None) => ("passphrase-change", words.say("welcome-ready")),
        };
        let ready = (!self.busy && self.lacks().is_none()).then_some(Message::Change);
        let row = vec![
            button::word(words.say(word), Kind::Secondary, ready, look),
            container(muted(said, Role::Label, look)).width(Fill).align_x(look.direction.start()).into(),
        ];
        parts.push(look.direction.row(row).spacing(space::M).align_y(Alignment::Center).into());
        match &self.done {
            Some(Ok(())) => {
                let said = amanat_ui::text::plain(words.say("passphrase-changed"), Role::Label).into();
                parts.push(frame::apart(vec![said], look.tokens.good, look).into());
            }
            Some(Err(failure)) if failure.code != FailureCode::Passphrase => {
                parts.push(frame::failure(failure, context));
            }
            _ => {}
        }
        parts
    }
}

fn strength<'a>(strength: Option<Strength>, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let (filled, of, enough, key) = welcome::judged(strength);
    let said = paragraph(words.say(key), Role::Label, look.tokens.muted, look);
    column![meter::parts(filled, of, enough, look), said].spacing(space::XS).into()
}

fn focus(field: &'static str) -> Wish<Message, ()> {
    Wish::Run(operation::focus(Id::new(field)))
}

#[cfg(test)]
mod tests {
    use amanat_client::Reply;

    use super::*;
    use crate::fake;

    const NEXT: &str = "copper lantern seventy maple";

    fn typed(old: &str, new: &str, again: &str) -> State {
        let mut state = State::default();
        state.belongs_to(&fake::overview().unwrap());
        let text = |text: &str| Zeroizing::new(text.to_owned());
        state.update(Message::Old(text(old)));
        state.update(Message::New(text(new)));
        state.update(Message::Again(text(again)));
        state
    }

    #[test]
    fn it_is_changed_once_and_only_for_a_strong_one_typed_twice() {
        for (old, new, again, lacks) in [
            ("", NEXT, NEXT, Lacks::Old),
            ("old", "", "", Lacks::New),
            ("old", "password1", "password1", Lacks::Stronger),
            ("old", "hassan khalid", "hassan khalid", Lacks::Stronger),
            ("old", NEXT, "", Lacks::Again),
            ("old", NEXT, "copper lantern", Lacks::Same),
        ] {
            let mut state = typed(old, new, again);
            assert_eq!(state.lacks(), Some(lacks));
            assert!(state.update(Message::Change).is_empty());
        }
        let mut state = typed("old", NEXT, NEXT);
        let wishes = state.update(Message::Change);
        assert!(matches!(&wishes[..], [Wish::Ask(Command::ChangePassphrase { old, new }, _)]
            if *old.0 == "old" && *new.0 == NEXT));
        assert!(state.update(Message::Change).is_empty(), "it is on its way");
        state.update(Message::Changed(Ok(Reply::Kept)));
        assert!(matches!(state.done, Some(Ok(()))));
        assert!(state.old.is_empty() && state.new.is_empty() && state.again.is_empty(), "nothing typed is kept");
    }

    #[test]
    fn a_wrong_old_one_alone_is_typed_again() {
        let mut state = typed("wrong", NEXT, NEXT);
        state.update(Message::Change);
        let wrong = Failure::new(FailureCode::Passphrase, "wrong", "again");
        assert!(matches!(state.update(Message::Changed(Err(wrong)))[..], [Wish::Run(_)]));
        assert!(state.old.is_empty() && *state.new == NEXT && !state.busy);
        assert_eq!(state.lacks(), Some(Lacks::Old));
    }
}
