//! What is written goes on its way: unless the leak filter asks for something first, or people who came do.

use amanat_client::{
    Command,
    api::{Consent, SendOptions, Target},
};
use amanat_ui::edit;
use iced::widget::{Id, operation};

use super::{COMPOSER, Message, Mode, State, Unsent, Wishes, list, newcomers::Held};
use crate::{
    screens::{conversation::Action, filter},
    wish::Wish,
};

impl State {
    /// Nothing waits to be sent any more, and nothing was agreed to.
    pub(super) fn hold_nothing(&mut self) {
        self.held = None;
        self.filter.take_consent();
    }

    /// Has what is written judged, as far as it is not.
    pub(super) fn look_over(&mut self) -> Wishes {
        self.filter.look_over(&Target::Conversation(self.view.id), self.draft.as_str(), Message::Filter)
    }

    /// About what the leak filter says.
    pub(super) fn in_filter(&mut self, message: filter::Message) -> Wishes {
        if self.filter.update(message) { self.send() } else { Vec::new() }
    }

    /// Enter, or the button: what was agreed to before is not meant.
    pub(super) fn send_anew(&mut self) -> Wishes {
        self.filter.take_consent();
        self.send()
    }

    pub(super) fn send(&mut self) -> Wishes {
        let text = self.draft.text().trim().to_owned();
        if text.is_empty() {
            return Vec::new();
        }
        if !self.filter.lets_pass() {
            return vec![Wish::Run(self.filter.point())];
        }
        if let Err(wishes) = self.may_send(Held::Send) {
            return wishes;
        }
        let consent = self.filter.take_consent();
        let mode = std::mem::replace(&mut self.mode, Mode::New);
        let unsent = Unsent { text: text.clone(), mode: mode.clone(), consent: consent.clone() };
        let agreed = consent != Consent::None;
        let options = SendOptions { consent: consent.clone(), ..SendOptions::default() };
        let to = Target::Conversation(self.id());
        let (command, next) = match mode {
            Mode::New if agreed => (Command::SendWith { to, text, options }, String::new()),
            Mode::New => (Command::SendText { to, text }, String::new()),
            Mode::Reply { to, .. } => (Command::SendReply { to, text, options }, String::new()),
            Mode::Edit(message, before) => (Command::Edit { message, text, consent }, before),
        };
        self.draft = edit::Content::with_text(&next);
        self.filter.sent();
        let mut wishes = vec![
            Wish::ask(command, move |answer| Message::Sent(unsent, answer)),
            Wish::Parent(Action::Draft(self.id(), next)),
            Wish::Run(list::to_end()),
        ];
        if agreed {
            // The keyboard was at the strip, which is gone.
            wishes.push(Wish::Run(operation::focus(Id::new(COMPOSER))));
        }
        wishes
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use amanat_client::{
        Failure, FailureCode, Reply,
        api::{Line, MessageRef},
    };

    use super::*;
    use crate::{
        fake,
        screens::conversation::{Deed, list::PAGE},
        wish::Answer,
    };

    type Then = Box<dyn FnOnce(Answer) -> Message + Send>;

    const CARD: &str = "Her card is 35202-1234567-1";

    /// With its messages, and nobody of another ministry in it.
    fn opened() -> State {
        let view = fake::conversations().swap_remove(3);
        let lines = (1..=40).map(|n| Line::Message(Box::new(fake::hit(view.id, n).unwrap().message))).collect();
        let (mut state, _) = State::open(view, "");
        state.update(Message::Lines { page: 40 / PAGE, answer: Ok(Reply::Lines(lines)) });
        let members = fake::members().into_iter().filter(|member| member.own).collect();
        state.update(Message::Members(1, Ok(Reply::Members(members))));
        state
    }

    fn own(state: &State) -> MessageRef {
        let conversation = state.id();
        let message = state.list.last_own().map(|message| message.id).unwrap();
        MessageRef { conversation, message }
    }

    fn write(state: &mut State, text: &str) -> Wishes {
        state.update(Message::Typed(edit::Action::select_all()));
        state.update(Message::Typed(edit::Action::insert(text)))
    }

    /// What is asked about the text has its answer.
    fn judged(state: &mut State, wishes: Wishes) {
        let (engine, _) = fake::Fake::open(1);
        for wish in wishes {
            if let Wish::Ask(command @ Command::Judge { .. }, then) = wish {
                let wishes = state.update(then(iced::futures::executor::block_on(engine.backend.ask(command))));
                judged(state, wishes);
            }
        }
    }

    fn sends(wishes: Wishes) -> Option<(Command, Then)> {
        wishes.into_iter().find_map(|wish| match wish {
            Wish::Ask(Command::Judge { .. }, _) => None,
            Wish::Ask(command, then) => Some((command, then)),
            _ => None,
        })
    }

    #[test]
    fn an_answer_and_a_change_carry_what_was_agreed_to() {
        for deed in [Deed::Reply, Deed::Edit] {
            let mut state = opened();
            let message = own(&state);
            let wishes = state.update(Message::Do(deed, message.message));
            judged(&mut state, wishes);
            let wishes = write(&mut state, CARD);
            judged(&mut state, wishes);
            assert!(sends(state.update(Message::Send)).is_none() && state.draft.as_str() == CARD);
            state.at(Duration::from_secs(8));
            state.at(Duration::from_secs(9));
            let consent = match sends(state.update(Message::Filter(filter::Message::Press))).unwrap().0 {
                Command::SendReply { to, options, .. } if to == message => options.consent,
                Command::Edit { message: changed, consent, .. } if changed == message => consent,
                command => panic!("{command:?}"),
            };
            assert_eq!(consent, Consent::Seen);
        }
    }

    #[test]
    fn what_is_sent_before_it_was_judged_comes_back_and_is_judged() {
        let mut state = opened();
        let early = write(&mut state, CARD);
        let (command, then) = sends(state.update(Message::Send)).unwrap();
        assert!(matches!(command, Command::SendText { .. }) && state.draft.is_empty());
        judged(&mut state, early);
        assert!(!state.filter.has_found(), "nothing is written any more");
        let wishes = state.update(then(Err(Failure::new(FailureCode::Filtered, "found", "take it out"))));
        judged(&mut state, wishes);
        assert!(state.draft.as_str() == CARD && state.filter.has_found() && !state.filter.lets_pass());
    }

    #[test]
    fn what_was_agreed_to_is_forgotten_with_what_waits() {
        let mut state = opened();
        let wishes = write(&mut state, CARD);
        judged(&mut state, wishes);
        state.at(Duration::from_secs(8));
        state.at(Duration::from_secs(9));
        state.newcomers = super::super::Newcomers::default();
        assert!(sends(state.update(Message::Filter(filter::Message::Press))).is_some(), "who reads it is asked first");
        assert!(state.held.is_some() && state.filter.lets_pass());
        state.update(Message::Back);
        assert!(state.held.is_none() && !state.filter.lets_pass());
    }
}
