//! What the vault has answered about the list and about what is written: said where it could not be, until it could.

use amanat_client::{Command, Reply};
use amanat_primitives::ConversationId;
use iced::Task;

use super::{Message, State, inbox::Trouble};
use crate::{backend::Backend, wish::Answer};

impl State {
    /// A draft is in the vault, or not.
    pub(super) fn kept(&mut self, id: ConversationId, answer: Answer, backend: &dyn Backend) -> Task<Message> {
        let code = answer.as_ref().map(|_| ()).map_err(|failure| failure.code);
        match answer {
            Ok(_) => self.inbox.well(Trouble::Draft),
            Err(failure) => self.inbox.failed(Trouble::Draft, failure),
        }
        let Some(text) = self.drafts.kept(id, code, self.moment) else { return Task::none() };
        self.inbox.drafted(id, &text);
        // A list that was read before may be on its way.
        if self.listing.is_busy() { self.list(backend) } else { Task::none() }
    }

    /// The list is there: drafts that the vault did not have then are as they were written.
    pub(super) fn list_came(&mut self, answer: Answer, backend: &dyn Backend) -> Task<Message> {
        match answer {
            Ok(Reply::Conversations(list)) => {
                self.inbox.well(Trouble::List);
                self.inbox.show(list);
                self.drafts.all().for_each(|(id, text)| self.inbox.drafted(id, text));
            }
            Err(failure) => self.inbox.failed(Trouble::List, failure),
            Ok(_) => {}
        }
        let task = self.listed(backend);
        if !self.listing.answered() {
            return task;
        }
        Task::batch([task, Task::perform(backend.ask(Command::Conversations), Message::Listed)])
    }
}
