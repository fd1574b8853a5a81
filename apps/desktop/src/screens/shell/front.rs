//! The conversation that is shown, where a key or a question is its own.

use iced::Task;

use super::{Action, Message, State, conversation, files};
use crate::{backend::Backend, wish::Wish};

type Done = (Task<Message>, Vec<Action>);

impl State {
    /// The conversation itself asks something, and nothing else stands over it.
    pub(super) fn in_front(&self) -> bool {
        let asks = self.documents.is_none() && self.conversation.as_ref().is_some_and(|open| open.asks());
        asks && !self.files.is_open() && !self.over.is_open()
    }

    /// A key that leads somewhere in the conversation: nowhere while something else is shown or asked.
    pub(super) fn go(&mut self, way: conversation::Way, backend: &dyn Backend) -> Done {
        if self.documents.is_some() || self.files.is_open() || self.over.is_open() {
            return (Task::none(), Vec::new());
        }
        self.with_conversation(backend, |open| open.go(way))
    }

    /// Does something with the conversation that is shown.
    pub(super) fn with_conversation(
        &mut self,
        backend: &dyn Backend,
        act: impl FnOnce(&mut conversation::State) -> Vec<Wish<conversation::Message, conversation::Action>>,
    ) -> Done {
        let wishes = self.conversation.as_mut().map(|open| act(open)).unwrap_or_default();
        self.of_conversation(wishes, backend)
    }

    /// A file was dropped: it is over the window no more, whether there is a conversation for it or not.
    pub(super) fn dropped(&mut self, path: std::path::PathBuf, backend: &dyn Backend) -> Done {
        let wishes = self.files.update(files::Message::Hovered(false));
        drop(wishes);
        self.with_file(backend, |files, to| files.dropped(to, path))
    }
}
