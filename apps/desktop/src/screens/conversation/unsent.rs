//! What could not be sent: it comes back as what it was, before what was written since.

use amanat_client::api::Consent;
use amanat_ui::edit;

use super::{Mode, State};

/// What was on its way.
#[derive(Clone)]
pub struct Unsent {
    pub(super) text: String,
    pub(super) mode: Mode,
    /// How its sender answered the leak filter.
    pub(super) consent: Consent,
}

/// A new text.
impl From<&str> for Unsent {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), mode: Mode::New, consent: Consent::None }
    }
}

impl Unsent {
    /// It, and what was written since.
    #[must_use]
    pub fn before(&self, since: &str) -> String {
        if since.trim().is_empty() { self.text.clone() } else { format!("{}\n{since}", self.text) }
    }
}

impl State {
    /// It could not be sent. A change stays a change, and an answer an answer, unless another has begun since.
    pub(super) fn take_back(&mut self, unsent: Unsent) {
        let since = self.draft();
        self.filter.came_back(&unsent.consent);
        match (&mut self.mode, &unsent.mode) {
            // What was written since is another wording of the same.
            (Mode::Edit(now, _), Mode::Edit(message, _)) if now == message => {
                let text = unsent.before(&self.draft.text());
                self.draft = edit::Content::with_text(&text);
            }
            (Mode::Edit(_, before), _) => *before = unsent.before(&since),
            (_, Mode::Edit(message, _)) => {
                self.mode = Mode::Edit(*message, since);
                self.draft = edit::Content::with_text(&unsent.text);
            }
            (mode, before) => {
                self.draft = edit::Content::with_text(&unsent.before(&since));
                if *mode == Mode::New {
                    *mode = before.clone();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use amanat_client::{Command, Failure, FailureCode, Reply, api::Line};

    use super::*;
    use crate::{
        fake,
        screens::conversation::{Deed, Message},
        wish::Wish,
    };

    /// With its messages, and nobody of another ministry in it.
    fn opened(draft: &str) -> State {
        let view = fake::conversations().swap_remove(3);
        let lines = (1..=40).map(|n| Line::Message(Box::new(fake::hit(view.id, n).unwrap().message))).collect();
        let (mut state, _) = State::open(view, draft);
        state.update(Message::Lines { page: 0, answer: Ok(Reply::Lines(lines)) });
        let members = fake::members().into_iter().filter(|member| member.own).collect();
        state.update(Message::Members(1, Ok(Reply::Members(members))));
        state
    }

    fn write(state: &mut State, text: &str) {
        state.draft = edit::Content::with_text(text);
    }

    /// Sends, which comes to nothing after something else was done.
    fn failed(state: &mut State, meanwhile: impl FnOnce(&mut State)) {
        let wishes = state.update(Message::Send);
        meanwhile(state);
        let failure = Failure::new(FailureCode::File, "no", "again");
        let ask = wishes.into_iter().find_map(|wish| match wish {
            Wish::Ask(Command::SendText { .. } | Command::SendReply { .. } | Command::Edit { .. }, then) => Some(then),
            _ => None,
        });
        state.update(ask.unwrap()(Err(failure)));
    }

    fn own(state: &State) -> amanat_primitives::MessageId {
        state.list.last_own().map(|message| message.id).or_else(|| Some(fake::hit(state.id(), 38)?.message.id)).unwrap()
    }

    #[test]
    fn what_could_not_be_sent_stands_before_what_was_written_since() {
        let mut state = opened("one");
        failed(&mut state, |state| write(state, "two"));
        assert_eq!(state.draft(), "one\ntwo");
        let id = own(&state);
        failed(&mut state, |state| {
            write(state, "three");
            state.update(Message::Do(Deed::Edit, id));
        });
        assert_eq!(state.draft(), "one\ntwo\nthree", "while a change is being written");
        assert!(matches!(state.mode, Mode::Edit(..)));
    }

    #[test]
    fn a_change_that_failed_is_a_change_still() {
        let mut state = opened("a draft");
        let id = own(&state);
        state.update(Message::Do(Deed::Edit, id));
        write(&mut state, "another wording");
        failed(&mut state, |state| write(state, "a draft, and more"));
        assert!(matches!(&state.mode, Mode::Edit(message, _) if message.message == id));
        assert_eq!((state.draft.text().as_str(), state.draft().as_str()), ("another wording", "a draft, and more"));
        state.update(Message::Cancel);
        assert_eq!(state.draft.text(), "a draft, and more");
    }

    #[test]
    fn an_answer_that_failed_is_an_answer_still() {
        let mut state = opened("yes");
        let id = own(&state);
        state.update(Message::Do(Deed::Reply, id));
        failed(&mut state, |_| {});
        assert!(matches!(&state.mode, Mode::Reply { to, .. } if to.message == id) && state.draft() == "yes");
    }

    #[test]
    fn an_answer_begun_during_a_change_brings_back_what_was_written_before() {
        let mut state = opened("a draft");
        let id = own(&state);
        state.update(Message::Do(Deed::Edit, id));
        state.update(Message::Do(Deed::Reply, id));
        assert_eq!(state.draft.text(), "a draft");
        assert!(matches!(state.mode, Mode::Reply { .. }));
    }
}
