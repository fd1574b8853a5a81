//! What the engine says unasked, and what of it changes on the screen.

use amanat_client::{Command, Event, api::LinkState};
use amanat_primitives::ConversationId;
use iced::Task;

use super::{Action, Message, State};
use crate::backend::Backend;

impl State {
    pub(super) fn heard(&mut self, event: Event, backend: &dyn Backend) -> (Task<Message>, Vec<Action>) {
        let over = self.over.heard(&event, backend).map(Message::Over);
        let mut open = self.conversation.take();
        let here = |id: &ConversationId| open.as_ref().is_some_and(|open| open.id() == *id);
        let mut wishes = Vec::new();
        let mut listed = true;
        let mut actions = Vec::new();
        // It could not be said before.
        let mut own = Task::none();
        match event {
            Event::Message { conversation, message } | Event::MessageChanged { conversation, message }
                if here(&conversation) =>
            {
                wishes = open.as_mut().map(|open| open.heard(message)).unwrap_or_default();
            }
            Event::MessageState { conversation, message, state } if here(&conversation) => {
                if let Some(open) = &mut open {
                    open.come_further(message, state);
                }
            }
            Event::Conversation(view) if here(&view.id) => {
                wishes = open.as_mut().map(|open| open.happened(view)).unwrap_or_default();
            }
            Event::Missed => wishes = open.as_mut().map(|open| open.missed()).unwrap_or_default(),
            Event::Link(state) => {
                self.link = state;
                listed = matches!(self.link, LinkState::CaughtUp);
                if listed && self.own.is_none() {
                    own = Task::perform(backend.ask(Command::Status), Message::Own);
                }
            }
            Event::Stopped(failure) => actions.push(Action::Stopped(failure)),
            Event::Progress(progress) => {
                listed = false;
                if let Some(open) = &mut open {
                    open.progressed(progress);
                }
                if let Some(documents) = &mut self.documents {
                    documents.progressed(progress);
                }
            }
            Event::DocumentFailed { document, failure } => {
                let name = open.as_mut().and_then(|open| open.stopped(document));
                if failure.code != amanat_client::FailureCode::Stopped {
                    self.files.failed(name.unwrap_or_default(), true, failure);
                }
            }
            _ => {}
        }
        self.conversation = open;
        let (task, mut left) = self.of_conversation(wishes, backend);
        actions.append(&mut left);
        let list = if listed { self.list(backend) } else { Task::none() };
        (Task::batch([task, list, over, own]), actions)
    }
}
