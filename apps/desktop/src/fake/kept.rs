//! What the engine keeps in the vault for a window: drafts, the order of conversations, warnings, the passphrase.

use amanat_client::{
    Command, Event, Failure, FailureCode, Reply,
    api::{ConversationView, Warning, WarningOf},
};

use super::NOW;

/// What opens the vault at first.
pub const PASSPHRASE: &str = "velvet harbour nineteen okra";
/// Bytes of a draft.
const DRAFT: usize = 64 * 1024;
/// Read warnings that are still told of.
const READ: usize = 100;

/// Beside the conversations.
pub(super) struct Kept {
    warnings: Vec<Warning>,
    next: u64,
    passphrase: String,
    /// Nothing more can be written.
    pub(super) full: bool,
}

impl Default for Kept {
    fn default() -> Self {
        Self { warnings: Vec::new(), next: 1, passphrase: PASSPHRASE.to_owned(), full: false }
    }
}

impl Kept {
    /// A warning is in the vault before it is told; what nobody has read yet is not said twice.
    pub(super) fn take_note(&mut self, event: &Event) {
        let of = match event {
            Event::Alarm { conversation, alarm } => {
                WarningOf::Alarm { conversation: *conversation, alarm: alarm.clone() }
            }
            Event::Notice(notice) => WarningOf::Notice(notice.clone()),
            _ => return,
        };
        if self.warnings.iter().any(|warning| !warning.read && warning.of == of) {
            return;
        }
        self.warnings.push(Warning { id: self.next, at: NOW, read: false, of });
        self.next += 1;
        let read = self.warnings.iter().filter(|warning| warning.read).count();
        if read > READ {
            let oldest = self.warnings.iter().position(|warning| warning.read);
            oldest.map(|at| self.warnings.remove(at));
        }
    }

    /// Answers what is about these; none to anything else.
    pub(super) fn answer(
        &mut self,
        command: &Command,
        conversations: &mut [ConversationView],
    ) -> Option<Result<Reply, Failure>> {
        Some(match command {
            Command::KeepDraft { .. }
            | Command::Arrange { .. }
            | Command::WarningsRead { .. }
            | Command::ChangePassphrase { .. }
                if self.full =>
            {
                Err(Failure::new(FailureCode::DiskFull, "the disk is full", "free some space"))
            }
            Command::KeepDraft { conversation, text } => match find(conversations, *conversation) {
                Some(_) if text.len() > DRAFT => {
                    Err(Failure::new(FailureCode::TooLarge, "the draft is too long", "send it as a document"))
                }
                Some(view) => {
                    view.draft.clone_from(text);
                    Ok(Reply::Kept)
                }
                None => Err(unknown()),
            },
            Command::Arrange { conversation, pinned, muted } => match find(conversations, *conversation) {
                Some(view) => {
                    (view.pinned, view.muted) = (*pinned, *muted);
                    Ok(Reply::ConversationChanged { conversation: *conversation })
                }
                None => Err(unknown()),
            },
            Command::Warnings => Ok(Reply::Warnings(self.warnings.clone())),
            Command::WarningsRead { warnings } => {
                let read = self.warnings.iter_mut().filter(|warning| warnings.contains(&warning.id));
                read.for_each(|warning| warning.read = true);
                Ok(Reply::Kept)
            }
            Command::ChangePassphrase { old, .. } if *old.0 != self.passphrase => {
                Err(Failure::new(FailureCode::Passphrase, "the passphrase is wrong", "type it again"))
            }
            Command::ChangePassphrase { new, .. } => {
                self.passphrase.clone_from(&new.0);
                Ok(Reply::Kept)
            }
            _ => return None,
        })
    }
}

fn find(
    conversations: &mut [ConversationView],
    id: amanat_primitives::ConversationId,
) -> Option<&mut ConversationView> {
    conversations.iter_mut().find(|view| view.id == id)
}

fn unknown() -> Failure {
    Failure::new(FailureCode::NotFound, "it is not there", "choose another one")
}

#[cfg(test)]
mod tests {
    use amanat_client::HistoryPassphrase;
    use zeroize::Zeroizing;

    use super::*;
    use crate::fake;

    #[test]
    fn it_keeps_what_it_says_it_keeps() {
        let (mut kept, mut list) = (Kept::default(), fake::conversations());
        let conversation = list[3].id;
        let ask = |kept: &mut Kept, list: &mut Vec<_>, command| kept.answer(&command, list).unwrap();
        ask(&mut kept, &mut list, Command::KeepDraft { conversation, text: "کل".into() }).unwrap();
        ask(&mut kept, &mut list, Command::Arrange { conversation, pinned: true, muted: true }).unwrap();
        assert!(list[3].draft == "کل" && list[3].pinned && list[3].muted);
        let alarm = fake::alarms().remove(0);
        for _ in 0..2 {
            kept.take_note(&Event::Alarm { conversation, alarm: alarm.clone() });
        }
        let warnings = |kept: &mut Kept, list: &mut Vec<_>| match ask(kept, list, Command::Warnings).unwrap() {
            Reply::Warnings(warnings) => warnings,
            _ => Vec::new(),
        };
        let first = warnings(&mut kept, &mut list);
        assert!(first.len() == 1 && !first[0].read, "said once");
        ask(&mut kept, &mut list, Command::WarningsRead { warnings: vec![first[0].id] }).unwrap();
        kept.take_note(&Event::Alarm { conversation, alarm });
        let both = warnings(&mut kept, &mut list);
        assert!(both[0].read && !both[1].read && both[0].id != both[1].id);
        let of = |text: &str| HistoryPassphrase(Zeroizing::new(text.into()));
        let wrong = ask(&mut kept, &mut list, Command::ChangePassphrase { old: of("x"), new: of("y") });
        assert_eq!(wrong.unwrap_err().code, FailureCode::Passphrase);
        let change = Command::ChangePassphrase { old: of(PASSPHRASE), new: of("y") };
        ask(&mut kept, &mut list, change.clone()).unwrap();
        assert!(ask(&mut kept, &mut list, change).is_err(), "the old one opens nothing after it");
    }
}
