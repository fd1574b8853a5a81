//! Commands (protocol-spec/07-delivery, section 12): which part carries out which, which of them wait for the link, and
//! which a revoked device is refused.

use super::core::{Core, ReplyTo, SyncWaiter, answer_with, respond};
use crate::{Command, Failure, FailureCode, failure};

impl Core {
    /// Carries out a command, or starts to.
    pub(crate) fn command(&mut self, command: Command, reply: ReplyTo) -> Result<(), Failure> {
        if needs_standing(&command) && self.standing(&self.own).is_revoked() {
            return respond(reply, Err(failure::revoked()));
        }
        let Some((command, reply)) = self.when_linked(command, reply) else { return Ok(()) };
        let answer = match command {
            Command::Status => self.overview(),
            Command::Conversations => self.list_conversations(),
            Command::Find { prefix } => self.find(&prefix),
            Command::FindDocument { prefix } => self.find_document(&prefix),
            Command::Read { conversation, since, limit, mark } => self.read_messages(conversation, since, limit, mark),
            Command::Documents { conversation } => self.list_documents(conversation),
            Command::Members { conversation } => self.list_members(conversation),
            Command::FindMessage { prefix } => self.find_message(&prefix),
            Command::Judge { to, text } => self.judge(&to, &text),
            Command::Records { since } => self.list_records(since),
            Command::FirstSince { conversation, at } => self.first_since(conversation, at),
            Command::KeepDraft { conversation, text } => self.keep_draft(conversation, text),
            Command::Arrange { conversation, pinned, muted } => self.arrange(conversation, pinned, muted),
            Command::ChangePassphrase { old, new } => return self.change_passphrase(old, new, reply),
            Command::Warnings => self.list_warnings(),
            Command::WarningsRead { warnings } => self.warnings_read(&warnings),
            Command::Search { query, conversation, limit } => self.search(&query, conversation, limit),
            Command::SendText { to, text } => return self.send_text(to, text, reply),
            Command::SendWith { to, text, options } => return self.send_with(to, text, options, reply),
            Command::SendReply { to, text, options } => return self.send_reply(to, text, options, reply),
            change @ (Command::React { .. }
            | Command::Edit { .. }
            | Command::Delete { .. }
            | Command::Acknowledge { .. }) => return self.change_message(change, reply),
            Command::SendDocument { to, path, options } => return self.send_document(to, path, options, reply),
            Command::People { query } => return self.list_people(query, reply),
            Command::Verify { address, compared } => return self.verify(address, compared, reply),
            Command::New { title, tier, members } => return self.new_group(title, tier, members, reply),
            Command::Save { document, out } => return self.save(document, out, reply),
            Command::Add { conversation, members } => return self.add_members(conversation, members, reply),
            Command::Remove { conversation, member } => return self.remove_member(conversation, &member, reply),
            Command::SetRole { conversation, person, moderator } => {
                return self.set_role(conversation, &person, moderator, reply);
            }
            Command::Leave { conversation } => return self.leave(conversation, reply),
            Command::Retitle { conversation, title } => return self.retitle(conversation, &title, reply),
            Command::PauseDocument { document } => self.pause_document(document),
            Command::CancelDocument { document } => self.cancel_document(document),
            Command::ResumeDocument { document } if self.is_upload(document) => self.resume_upload(document),
            Command::ResumeDocument { document } => return self.resume_fetch(document, reply),
            Command::Devices => return self.list_devices(reply),
            Command::PackTransfer { device, conversations } => self.pack_transfer(&device, &conversations),
            Command::PackHistory { passphrase, conversations } => self.pack_history(&passphrase, &conversations),
            Command::TakeHistory { bytes, passphrase, from_lost } => {
                self.take_history(&bytes, passphrase.as_ref(), from_lost)
            }
            Command::ApproveDevice { code } => return self.approve_device(code, reply),
            Command::Sync => {
                self.sync_waiters.push(SyncWaiter { reply, asked: false });
                self.ask_news();
                self.ask_whether_approved();
                return Ok(());
            }
        };
        answer_with(reply, answer)
    }

    /// Lets through what works without the link, and what has it; the rest waits for the link, or fails. Directory
    /// look-ups wait for a link that is being made, and do without one that cannot be had.
    fn when_linked(&mut self, command: Command, reply: ReplyTo) -> Option<(Command, ReplyTo)> {
        let offline = !self.connect || self.last_failure.is_some();
        let can_go_on = match command {
            Command::People { .. } | Command::Verify { .. } | Command::Devices => offline,
            Command::New { .. }
            | Command::Save { .. }
            | Command::Add { .. }
            | Command::Remove { .. }
            | Command::ApproveDevice { .. }
            | Command::SetRole { .. }
            | Command::Sync => false,
            Command::Status
            | Command::Conversations
            | Command::Find { .. }
            | Command::FindDocument { .. }
            | Command::Read { .. }
            | Command::Documents { .. }
            | Command::Members { .. }
            | Command::SendWith { .. }
            | Command::SendReply { .. }
            | Command::React { .. }
            | Command::Edit { .. }
            | Command::Delete { .. }
            | Command::Acknowledge { .. }
            | Command::Judge { .. }
            | Command::Records { .. }
            | Command::FindMessage { .. }
            | Command::Search { .. }
            | Command::FirstSince { .. }
            | Command::KeepDraft { .. }
            | Command::Arrange { .. }
            | Command::Warnings
            | Command::WarningsRead { .. }
            | Command::ChangePassphrase { .. }
            | Command::Leave { .. }
            | Command::Retitle { .. }
            | Command::PackTransfer { .. }
            | Command::PackHistory { .. }
            | Command::TakeHistory { .. }
            | Command::PauseDocument { .. }
            | Command::CancelDocument { .. }
            | Command::SendText { .. }
            | Command::SendDocument { .. } => true,
            Command::ResumeDocument { document } => self.is_upload(document),
        };
        if can_go_on { Some((command, reply)) } else { self.needs_link(command, reply) }
    }

    /// Whether a command that needs the link can run now; if not it waits for the link that is being made, or fails.
    pub(crate) fn needs_link(&mut self, command: Command, reply: ReplyTo) -> Option<(Command, ReplyTo)> {
        if self.link.is_some() {
            return Some((command, reply));
        }
        match (&self.last_failure, self.connect) {
            (None, true) => self.wait_for_link.push((command, reply)),
            (Some(failure), true) => drop(reply.send(Err(failure.clone()))),
            (_, false) => {
                let failure = Failure::new(
                    FailureCode::Offline,
                    "this needs the relay, and this command works offline",
                    "start the program with a link to the relay",
                );
                drop(reply.send(Err(failure)));
            }
        }
        None
    }
}

/// What a device that is revoked does no more. [DELIV-94]
fn needs_standing(command: &Command) -> bool {
    match command {
        Command::SendText { .. }
        | Command::SendDocument { .. }
        | Command::SendWith { .. }
        | Command::SendReply { .. }
        | Command::React { .. }
        | Command::Edit { .. }
        | Command::Delete { .. }
        | Command::Acknowledge { .. }
        | Command::New { .. }
        | Command::Add { .. }
        | Command::Remove { .. }
        | Command::SetRole { .. }
        | Command::Leave { .. }
        | Command::Retitle { .. }
        | Command::Save { .. }
        | Command::ResumeDocument { .. }
        | Command::ApproveDevice { .. }
        | Command::PackTransfer { .. }
        | Command::Sync => true,
        Command::Status
        | Command::Judge { .. }
        | Command::Records { .. }
        | Command::Devices
        | Command::PackHistory { .. }
        | Command::TakeHistory { .. }
        | Command::Conversations
        | Command::Find { .. }
        | Command::FindDocument { .. }
        | Command::Read { .. }
        | Command::Documents { .. }
        | Command::PauseDocument { .. }
        | Command::CancelDocument { .. }
        | Command::Members { .. }
        | Command::FindMessage { .. }
        | Command::Search { .. }
        | Command::FirstSince { .. }
        | Command::KeepDraft { .. }
        | Command::Arrange { .. }
        | Command::Warnings
        | Command::WarningsRead { .. }
        | Command::ChangePassphrase { .. }
        | Command::People { .. }
        | Command::Verify { .. } => false,
    }
}
