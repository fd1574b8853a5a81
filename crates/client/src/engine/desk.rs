//! What a person's own desk keeps of a conversation (protocol-spec/07-delivery, section 12): what is written and not sent,
//! where it stands in the list, and the passphrase. Nobody else hears of any of it.

use amanat_primitives::ConversationId;
use amanat_wire::Text;

use super::core::{Core, ReplyTo};
use crate::{
    Failure, FailureCode, HistoryPassphrase, Reply, failure,
    rows::{ArrangedRow, DRAFT, DraftRow},
    vault::{Batch, Scope},
};

impl Core {
    /// [`Command::KeepDraft`](crate::Command::KeepDraft). Each draft is sealed under a key of its own, which is
    /// overwritten with the next. [DELIV-228]
    pub(crate) fn keep_draft(&mut self, id: ConversationId, text: String) -> Result<Reply, Failure> {
        self.conversation(id)?;
        if text.len() > DRAFT {
            return Err(Failure::new(
                FailureCode::TooLarge,
                "what is written here is longer than 64 KiB, and is not kept",
                "send a part of it, or all of it as a document",
            ));
        }
        // A key is turned for each: not for what is there already.
        if self.draft_of(id)? == text {
            return Ok(Reply::Kept);
        }
        let mut batch = Batch::default();
        if text.is_empty() {
            batch.delete(Scope::Drafts, id.as_bytes());
        } else {
            let text = Text::new(text).map_err(|_| failure::internal("a draft is too long"))?;
            batch.put(Scope::Drafts, id.as_bytes(), &DraftRow { text });
        }
        self.vault.commit(batch)?;
        Ok(Reply::Kept)
    }

    /// What is written in a conversation and not sent.
    pub(crate) fn draft_of(&self, id: ConversationId) -> Result<String, Failure> {
        let row = self.vault.read::<DraftRow>(Scope::Drafts, id.as_bytes())?;
        Ok(row.map(|row| row.text.into_string()).unwrap_or_default())
    }

    /// [`Command::Arrange`](crate::Command::Arrange). [DELIV-229]
    pub(crate) fn arrange(&mut self, id: ConversationId, pinned: bool, muted: bool) -> Result<Reply, Failure> {
        self.conversation(id)?;
        let mut batch = Batch::default();
        if pinned || muted {
            batch.put(Scope::Arranged, id.as_bytes(), &ArrangedRow { pinned, muted });
        } else {
            batch.delete(Scope::Arranged, id.as_bytes());
        }
        self.vault.commit(batch)?;
        self.emit_conversation(id)?;
        Ok(Reply::ConversationChanged { conversation: id })
    }

    /// Where it stands in the list.
    pub(crate) fn arranged(&self, id: ConversationId) -> Result<ArrangedRow, Failure> {
        let row = self.vault.read::<ArrangedRow>(Scope::Arranged, id.as_bytes())?;
        Ok(row.unwrap_or(ArrangedRow { pinned: false, muted: false }))
    }

    /// [`Command::ChangePassphrase`](crate::Command::ChangePassphrase), on a thread of its own: the engine goes on.
    pub(crate) fn change_passphrase(
        &mut self,
        old: HistoryPassphrase,
        new: HistoryPassphrase,
        reply: ReplyTo,
    ) -> Result<(), Failure> {
        let file = self.file.clone();
        self.runtime.spawn_blocking(move || {
            // Whoever asked may have stopped waiting, which changes nothing.
            let _ = reply.send(file.change(&old.0, &new.0).map(|()| Reply::Kept));
        });
        Ok(())
    }
}
