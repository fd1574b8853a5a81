//! What keys do to a conversation: through its messages, back to what one wrote last, and through the calendar.

use amanat_client::api::{MessageBody, MessageState, MessageView};
use amanat_primitives::Timestamp;
use iced::widget::{Id, operation};

use super::{Asked, COMPOSER, Deed, Message, Mode, State, Wishes, calendar, list};
use crate::wish::Wish;

/// Days of a week.
const WEEK: i32 = 7;

/// Where a key leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A row up or down.
    Row(bool),
    /// To what stands before or after it on its row.
    Beside(bool),
    /// A page up or down.
    Page(bool),
    /// To the first or the last.
    End(bool),
    /// What is marked.
    Enter,
    /// To a day.
    Day,
}

impl State {
    /// Something is being asked over the messages.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.asked.is_some()
    }

    /// What is asked is not to be done.
    pub fn back(&mut self) -> Wishes {
        self.asked = None;
        self.hold_nothing();
        vec![Wish::Run(operation::focus(Id::new(COMPOSER)))]
    }

    /// A key that no field took.
    pub fn go(&mut self, way: Way) -> Wishes {
        match (&self.asked, way) {
            (Some(Asked::Day(_)), way) => match in_days(way) {
                Some(message) => self.in_calendar(message),
                None => Vec::new(),
            },
            (Some(Asked::Newcomers { .. }), _) => Vec::new(),
            (None, Way::Page(down)) => {
                let y = self.list.paged(down);
                let offset = operation::AbsoluteOffset { x: 0.0, y };
                vec![Wish::Run(operation::scroll_to(Id::new(list::LIST), offset))]
            }
            (None, Way::End(true)) => {
                self.list.let_go();
                vec![Wish::Run(list::to_end())]
            }
            (None, Way::End(false)) => {
                self.list.aim_at_first();
                let mut wishes = self.read();
                wishes.extend(self.scroll_to_goal());
                wishes
            }
            (None, Way::Day) => {
                let last = self.view.last.as_ref().map(|last| last.at);
                last.map(|at| self.choose_day(at)).unwrap_or_default()
            }
            (None, Way::Row(_) | Way::Beside(_) | Way::Enter) => Vec::new(),
        }
    }

    /// The calendar, at a day.
    pub(super) fn choose_day(&mut self, at: Timestamp) -> Wishes {
        let (calendar, wishes) = calendar::State::open(at);
        self.asked = Some(Asked::Day(calendar));
        self.hold_nothing();
        lifted(wishes).0
    }

    pub(super) fn in_calendar(&mut self, message: calendar::Message) -> Wishes {
        let id = self.id();
        let Some(Asked::Day(calendar)) = &mut self.asked else { return Vec::new() };
        let (mut wishes, action) = lifted(calendar.update(message, id));
        match action {
            Some(calendar::Action::Close) => wishes.extend(self.back()),
            Some(calendar::Action::Jump(sequence)) => {
                wishes.extend(self.back());
                wishes.extend(self.jump(sequence));
            }
            None => {}
        }
        wishes
    }

    /// One's own last message, if it can still be changed.
    pub(super) fn edit_last(&mut self) -> Wishes {
        let last = self.list.last_own().filter(|message| is_editable(message)).map(|message| message.id);
        match last {
            Some(id) if self.mode == Mode::New => self.deed(Deed::Edit, id),
            _ => Vec::new(),
        }
    }
}

/// It is a text of one's own that is still there.
pub(super) fn is_editable(message: &MessageView) -> bool {
    let gone = message.deleted || matches!(message.state, MessageState::Expired | MessageState::Cancelled);
    message.own && !gone && matches!(message.body, MessageBody::Text(_))
}

/// What a key does in the calendar.
fn in_days(way: Way) -> Option<calendar::Message> {
    let by = |onward, days| calendar::Message::Days(if onward { days } else { -days });
    Some(match way {
        Way::Row(down) => by(down, WEEK),
        Way::Beside(onward) => by(onward, 1),
        Way::Page(down) => calendar::Message::Month(down),
        Way::Enter => calendar::Message::Go,
        Way::End(_) | Way::Day => return None,
    })
}

/// What the calendar wishes for, as the conversation's; what it asks is the conversation's to do.
fn lifted(wishes: Vec<Wish<calendar::Message, calendar::Action>>) -> (Wishes, Option<calendar::Action>) {
    let (mut lifted, mut asked) = (Vec::new(), None);
    for wish in wishes {
        match wish {
            Wish::Ask(command, then) => lifted.push(Wish::ask(command, move |answer| Message::Calendar(then(answer)))),
            Wish::Run(task) => lifted.push(Wish::Run(task.map(Message::Calendar))),
            Wish::Parent(action) => asked = Some(action),
        }
    }
    (lifted, asked)
}

#[cfg(test)]
mod tests {
    use amanat_client::{Command, Reply, api::Line};

    use super::*;
    use crate::fake;

    fn opened() -> State {
        let view = fake::conversations().swap_remove(3);
        let lines = (1..=40).map(|n| Line::Message(Box::new(fake::hit(view.id, n).unwrap().message))).collect();
        let (mut state, _) = State::open(view, "");
        state.update(Message::Lines { page: 0, answer: Ok(Reply::Lines(lines)) });
        state
    }

    #[test]
    fn up_changes_ones_own_last_message_if_it_can_be() {
        let mut state = opened();
        state.update(Message::EditLast);
        let Mode::Edit(message, before) = state.mode.clone() else { panic!() };
        let last = state.list.last_own().unwrap();
        assert_eq!((message.message, before.as_str()), (last.id, ""));
        let id = last.id;
        state.update(Message::Cancel);
        let gone = |view: &mut MessageView| (view.deleted, view.body) = (true, MessageBody::Gone);
        gone(state.list.find_mut(id).unwrap());
        assert!(state.update(Message::EditLast).is_empty() && state.mode == Mode::New, "not the one before it");
    }

    #[test]
    fn what_was_missed_at_the_end_is_read_to_its_last_page() {
        let mut state = opened();
        let since = |wishes: &[Wish<Message, super::super::Action>]| {
            wishes.iter().find_map(|wish| match wish {
                Wish::Ask(Command::Read { since, mark: true, .. }, _) if *since >= 40 => Some(*since),
                _ => None,
            })
        };
        assert_eq!(since(&state.missed()), Some(40));
        let last = fake::hit(state.view.id, 40).unwrap().message;
        let line = |sequence| Line::Message(Box::new(MessageView { sequence, ..last.clone() }));
        let page: Vec<_> = (41..=168).map(line).collect();
        assert_eq!(since(&state.update(Message::Since(Ok(Reply::Lines(page))))), Some(168), "a full page");
        assert_eq!(since(&state.update(Message::Since(Ok(Reply::Lines(Vec::new()))))), None);
    }

    #[test]
    fn pages_and_ends_scroll_the_messages() {
        let mut state = opened();
        assert!(matches!(state.go(Way::Page(false))[..], [Wish::Run(_)]));
        assert!(!state.list.at_end(), "a page up");
        state.go(Way::Page(true));
        assert!(state.list.at_end());
        assert!(!state.go(Way::End(false)).is_empty());
        assert!(!state.list.is_goal(1), "it is not marked as if it were found");
        assert!(matches!(state.go(Way::End(true))[..], [Wish::Run(_)]));
    }

    #[test]
    fn keys_in_the_calendar_stay_in_it() {
        let mut state = opened();
        state.go(Way::Day);
        assert!(state.asks());
        state.go(Way::Row(false));
        let wishes = state.go(Way::Enter);
        assert!(wishes.iter().any(|wish| matches!(wish, Wish::Ask(Command::FirstSince { .. }, _))));
        state.back();
        assert!(!state.asks() && state.go(Way::Enter).is_empty());
    }
}
