//! What is written and not sent, on its way into the vault: a second after the last key, or at once where the conversation is
//! left. What the vault has is in the list of conversations.

use std::{collections::HashMap, time::Duration};

use amanat_client::{Command, FailureCode};
use amanat_primitives::ConversationId;

/// How long nothing is typed before it is kept.
const AFTER: Duration = Duration::from_secs(1);
/// How long until what could not be kept is tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// Those that the vault does not have yet as they are.
#[derive(Default)]
pub(super) struct Drafts {
    waiting: HashMap<ConversationId, Draft>,
}

struct Draft {
    text: String,
    /// When the last key was typed.
    since: Duration,
    /// It is on its way; it has changed since then, or never was.
    asked: bool,
    changed: bool,
}

impl Drafts {
    /// It reads like this now; the vault has what is listed.
    pub(super) fn written(&mut self, id: ConversationId, mut text: String, listed: &str, now: Duration) {
        if text.trim().is_empty() {
            text.clear();
        }
        match self.waiting.get_mut(&id) {
            Some(draft) if draft.text == text => {}
            Some(draft) => (draft.text, draft.since, draft.changed) = (text, now, true),
            None if text == listed => {}
            None => {
                let draft = Draft { text, since: now, asked: false, changed: true };
                self.waiting.insert(id, draft);
            }
        }
    }

    /// As it was written last, where the vault may not have that.
    pub(super) fn text(&self, id: ConversationId) -> Option<&str> {
        self.waiting.get(&id).map(|draft| draft.text.as_str())
    }

    /// The same of all.
    pub(super) fn all(&self) -> impl Iterator<Item = (ConversationId, &str)> {
        self.waiting.iter().map(|(id, draft)| (*id, draft.text.as_str()))
    }

    /// Something waits for its second to go by.
    pub(super) fn waits(&self) -> bool {
        self.waiting.values().any(|draft| draft.changed)
    }

    /// Those whose time has come, to be kept.
    pub(super) fn due(&mut self, now: Duration) -> Vec<(ConversationId, Command)> {
        let due = |draft: &Draft| draft.changed && !draft.asked && now.saturating_sub(draft.since) >= AFTER;
        self.waiting.iter_mut().filter(|(_, draft)| due(draft)).map(|(id, draft)| (*id, keep(*id, draft))).collect()
    }

    /// It is not waited for another key.
    pub(super) fn at_once(&mut self, id: ConversationId) -> Option<(ConversationId, Command)> {
        let draft = self.waiting.get_mut(&id).filter(|draft| draft.changed)?;
        draft.since = Duration::ZERO;
        // One that is on its way goes first: the next is due when it has answered.
        (!draft.asked).then(|| (id, keep(id, draft)))
    }

    /// It is kept, or why not; what the vault has from now on.
    pub(super) fn kept(&mut self, id: ConversationId, kept: Result<(), FailureCode>, now: Duration) -> Option<String> {
        let draft = self.waiting.get_mut(&id)?;
        draft.asked = false;
        match kept {
            Ok(()) if draft.changed => return None,
            // There is no such conversation any more.
            Ok(()) | Err(FailureCode::NotFound) => {}
            Err(_) => {
                (draft.changed, draft.since) = (true, now.saturating_add(AGAIN));
                return None;
            }
        }
        self.waiting.remove(&id).map(|draft| draft.text)
    }

    /// All that the vault may not have, to be kept before it is closed; what is on its way once more.
    pub(super) fn unkept(&self) -> Vec<Command> {
        let keep =
            |(id, draft): (&ConversationId, &Draft)| Command::KeepDraft { conversation: *id, text: draft.text.clone() };
        self.waiting.iter().map(keep).collect()
    }
}

fn keep(conversation: ConversationId, draft: &mut Draft) -> Command {
    (draft.asked, draft.changed) = (true, false);
    Command::KeepDraft { conversation, text: draft.text.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ConversationId = ConversationId::from_bytes([1; 16]);

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn texts(due: Vec<(ConversationId, Command)>) -> Vec<String> {
        let text = |(_, command)| match command {
            Command::KeepDraft { text, .. } => text,
            _ => String::new(),
        };
        due.into_iter().map(text).collect()
    }

    #[test]
    fn it_is_kept_a_second_after_the_last_key() {
        let mut drafts = Drafts::default();
        drafts.written(ID, "as it was".into(), "as it was", at(0));
        assert!(!drafts.waits(), "the vault has it");
        drafts.written(ID, "ک".into(), "", at(0));
        drafts.written(ID, "کل".into(), "", at(900));
        assert!(drafts.due(at(1800)).is_empty() && drafts.waits());
        assert_eq!(texts(drafts.due(at(1900))), ["کل"]);
        assert!(drafts.due(at(9000)).is_empty(), "it is on its way");
        drafts.written(ID, "کل ".into(), "", at(9000));
        assert_eq!(drafts.kept(ID, Ok(()), at(9100)), None, "it has changed meanwhile");
        assert_eq!(texts(drafts.due(at(10_000))), ["کل "]);
        assert_eq!(drafts.kept(ID, Ok(()), at(10_100)).as_deref(), Some("کل "));
        assert!(drafts.unkept().is_empty());
    }

    #[test]
    fn what_could_not_be_kept_is_not_lost() {
        let mut drafts = Drafts::default();
        drafts.written(ID, "text".into(), "", at(0));
        assert!(drafts.at_once(ID).is_some());
        assert_eq!(drafts.kept(ID, Err(FailureCode::DiskFull), at(0)), None);
        assert_eq!(drafts.text(ID), Some("text"));
        assert!(drafts.due(at(5000)).is_empty());
        assert_eq!(drafts.unkept().len(), 1);
        assert_eq!(texts(drafts.due(at(31_000))), ["text"]);
        assert_eq!(drafts.unkept().len(), 1, "also what is on its way");
        drafts.kept(ID, Err(FailureCode::NotFound), at(0));
        assert!(drafts.unkept().is_empty() && !drafts.waits());
    }

    #[test]
    fn white_space_is_no_draft() {
        let mut drafts = Drafts::default();
        drafts.written(ID, " \n".into(), "", at(0));
        assert!(!drafts.waits());
        drafts.written(ID, " ".into(), "before", at(0));
        assert_eq!(texts(drafts.due(at(1000))), [""]);
    }
}
