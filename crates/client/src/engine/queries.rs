//! Answers from the vault (protocol-spec/07-delivery, section 12): what faces show, made of rows. All of it works
//! offline.

use amanat_conversation::{
    Conversation, Records, SUITE_NAME,
    content::{ContentType, Reply as ReplyBody},
};
use amanat_identity::{Address, Freshness};
use amanat_primitives::{ConversationId, DocumentId, MessageId};
use amanat_wire::Decode as _;

use super::{
    core::{Core, Open, ReplyTo, answer_with, respond, tier_of},
    life::text_of,
};
use crate::{
    Command, Failure, FailureCode, Reply,
    api::{
        Acknowledgement, ConversationView, Line, Member, MessageBody, MessageRef, MessageState, MessageView, Overview,
        Quote, StatusSummary,
    },
    failure,
    rows::{ConversationRow, DocumentRow, LifeRow, MessageRow, Presence, READS_FROM, Stage, Upload},
    vault::Scope,
};

/// Characters that a prefix of an id must have.
const PREFIX: usize = 8;
/// Messages that one `Read` returns at most.
const MESSAGES: u32 = 100_000;

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
            Command::Search { query, limit } => self.search(&query, limit),
            Command::SendText { to, text } => return self.send_text(to, text, reply),
            Command::SendWith { to, text, options } => return self.send_with(to, text, options, reply),
            Command::SendReply { to, text, options } => return self.send_reply(to, text, options, reply),
            change @ (Command::React { .. }
            | Command::Edit { .. }
            | Command::Delete { .. }
            | Command::Acknowledge { .. }) => return self.change_message(change, reply),
            Command::SendDocument { to, path, options } => return self.send_document(to, path, options, reply),
            Command::People { query } => return self.list_people(query, reply),
            Command::Verify { address, confirm } => return self.verify(address, confirm, reply),
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
                self.sync_waiters.push(super::core::SyncWaiter { reply, asked: false });
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
            | Command::FindMessage { .. }
            | Command::Search { .. }
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

    fn overview(&self) -> Result<Reply, Failure> {
        let status = self.status.current().map(|status| StatusSummary {
            number: status.number(),
            next_update: status.next_update(),
            expired: matches!(self.status.freshness(self.now()), Freshness::Expired { .. }),
        });
        Ok(Reply::Status(Box::new(Overview {
            address: self.own.address().clone(),
            name: self.own.name().as_str().to_owned(),
            post: self.own.post().as_str().to_owned(),
            clearance: self.own.clearance(),
            device: self.own.id(),
            valid_until: self.own.valid_until(),
            authority: format!("{} ({})", self.authority.name(), self.authority.domain()),
            link: self.link.as_ref().map(|up| up.view.clone()),
            status,
            suite: SUITE_NAME,
            conversations: self.conversations.len(),
            queued: self.conversations.values().map(queued_messages).sum(),
            unread: self.conversations.values().map(|open| open.row.unread).sum(),
            preparing_search: self.search.is_warming(),
        })))
    }

    fn list_conversations(&mut self) -> Result<Reply, Failure> {
        let mut ids: Vec<(ConversationId, _)> =
            self.conversations.values().map(|open| (open.row.id, open.row.latest)).collect();
        ids.sort_by_key(|(id, latest)| (std::cmp::Reverse(*latest), *id));
        let views: Result<Vec<_>, _> = ids.into_iter().map(|(id, _)| self.conversation_view(id)).collect();
        Ok(Reply::Conversations(views?))
    }

    /// A conversation as a list shows it.
    pub(crate) fn conversation_view(&mut self, id: ConversationId) -> Result<ConversationView, Failure> {
        let row = self.conversation(id)?.row.clone();
        let (members, epoch) = match row.stage {
            Stage::Archived => (0, 0),
            _ => {
                let group = self.group(id)?;
                (group.members().len(), group.epoch())
            }
        };
        let title = if row.peer.is_empty() { row.title.to_string() } else { self.peer_name(&row)? };
        let last = self.last_message(id)?;
        Ok(ConversationView {
            id,
            title,
            direct: !row.peer.is_empty(),
            tier: tier_of(row.tier),
            members,
            epoch,
            unread: row.unread,
            last,
            state: self.state_of(&row),
        })
    }

    fn peer_name(&mut self, row: &ConversationRow) -> Result<String, Failure> {
        if row.stage == Stage::Archived {
            return Ok(row.peer.to_string());
        }
        let members = self.group(row.id)?.members();
        let peer = members.iter().find(|member| member.address.to_string() == *row.peer);
        let device = peer.map(|peer| self.known_device(peer.device)).transpose()?.flatten();
        Ok(device.map_or_else(|| row.peer.to_string(), |device| device.name().as_str().to_owned()))
    }

    fn find(&self, prefix: &str) -> Result<Reply, Failure> {
        let ids = self.conversations.keys().map(|id| (*id, id.to_string()));
        unique(prefix, ids, "conversation", "amanat conversations").map(Reply::Found)
    }

    fn find_document(&self, prefix: &str) -> Result<Reply, Failure> {
        let rows = self.vault.scan::<DocumentRow>(Scope::Documents)?;
        let ids = rows.into_iter().map(|row| (row.id, row.id.to_string()));
        unique(prefix, ids, "document", "amanat documents CONVERSATION").map(Reply::FoundDocument)
    }

    /// A full id is looked up; a part of one is compared with every message's.
    fn find_message(&self, prefix: &str) -> Result<Reply, Failure> {
        let mut found = Vec::new();
        let whole = prefix.to_lowercase().parse::<MessageId>().ok();
        for id in self.conversations.keys().copied() {
            let of = |message| (MessageRef { conversation: id, message }, message.to_string());
            if let Some(message) = whole {
                found.extend(self.sequence_of(id, message)?.map(|_| of(message)));
                continue;
            }
            for (key, _) in self.vault.scan_bytes(Scope::MessageIds(id))? {
                let message = <[u8; 16]>::try_from(&key[..]).map_err(|_| failure::damaged())?;
                found.push(of(MessageId::from_bytes(message)));
            }
        }
        unique(prefix, found.into_iter(), "message", "amanat read CONVERSATION").map(Reply::FoundMessage)
    }

    /// A message's row.
    pub(crate) fn message_row(&self, id: ConversationId, sequence: u64) -> Result<Option<MessageRow>, Failure> {
        self.vault.read(Scope::Messages(id), &sequence.to_be_bytes())
    }

    fn read_messages(&mut self, id: ConversationId, since: u64, limit: u32, mark: bool) -> Result<Reply, Failure> {
        let open = self.conversation(id)?;
        // What stands before has higher numbers: all of it is given at once.
        let limit = if open.imported.is_empty() { limit.min(MESSAGES) } else { MESSAGES };
        let last = open.row.sequence.min(since.saturating_add(u64::from(limit)));
        let mut lines = Vec::new();
        let mut rows = Vec::new();
        for sequence in self.in_order(id, since, last)? {
            let Some(row) = self.message_row(id, sequence)? else {
                lines.extend(self.change_at(id, sequence)?.map(Line::Change));
                continue;
            };
            lines.push(Line::Message(Box::new(self.message_view(open, &row)?)));
            rows.push(row);
        }
        if mark {
            self.mark_read(id, last, &rows)?;
        }
        Ok(Reply::Lines(lines))
    }

    /// A message as a conversation shows it.
    pub(crate) fn message_view(&self, open: &Open, row: &MessageRow) -> Result<MessageView, Failure> {
        let from: Address = row.from.parse().map_err(|_| failure::damaged())?;
        let id = open.row.id;
        let mut life = self.life(id, row.sequence)?.unwrap_or_else(|| LifeRow::new(row.sequence));
        if life.presence == Presence::Here && life.expires_at.is_some_and(|at| at <= self.now()) {
            life.presence = Presence::Expired;
        }
        let gone = life.presence != Presence::Here;
        let body = if gone { MessageBody::Gone } else { self.message_body(row)? };
        let state = match &body {
            MessageBody::Document(document) if document.is_cancelled() => MessageState::Cancelled,
            MessageBody::ReadsFromHere => MessageState::Read,
            _ => self.state_with(open, row, &life),
        };
        Ok(MessageView {
            id: row.id,
            sequence: row.sequence,
            from,
            name: row.name.to_string(),
            device: row.device,
            at: row.at,
            body,
            state,
            own: row.own,
            imported: open.is_imported(row.sequence),
            reply_to: if gone { None } else { self.quote(id, row)? },
            edited: life.edited,
            deleted: life.presence == Presence::Deleted,
            reactions: life
                .reactions
                .iter()
                .map(|reaction| Ok((address(&reaction.from)?, reaction.text.to_string())))
                .collect::<Result<_, Failure>>()?,
            acknowledgement: self.acknowledgement(open, row, &life)?,
            expires_at: life.expires_at,
        })
    }

    /// How far a message is, its life considered. [CONV-66]
    fn state_with(&self, open: &Open, row: &MessageRow, life: &LifeRow) -> MessageState {
        let state = state_of(open, row);
        let kept = amanat_identity::policy::builtin(tier_of(open.row.tier)).retention.span();
        // Not everybody got it, and the relay no longer keeps it for them.
        let missed = state == MessageState::Accepted && row.at.after(kept) < self.now();
        if life.presence == Presence::Expired || missed { MessageState::Expired } else { state }
    }

    /// The beginning of what a message answers.
    fn quote(&self, id: ConversationId, row: &MessageRow) -> Result<Option<Quote>, Failure> {
        /// Characters of a quote.
        const QUOTE: usize = 80;
        if row.content_type != ContentType::REPLY.0 {
            return Ok(None);
        }
        let reply = ReplyBody::from_bytes(&row.body).map_err(|_| failure::damaged())?;
        let message = reply.to;
        let quoted = match self.sequence_of(id, message)? {
            Some(sequence) => self.message_row(id, sequence)?,
            None => None,
        };
        let Some(quoted) = quoted else { return Ok(Some(Quote { message, name: None, text: None })) };
        let words = match self.message_body(&quoted) {
            Ok(MessageBody::Text(text)) => Some(text),
            Ok(MessageBody::Document(document)) => Some(document.name),
            _ => None,
        };
        let text = words.map(|words| crate::show::one_line(&words).chars().take(QUOTE).collect::<String>());
        Ok(Some(Quote { message, name: Some(quoted.name.to_string()), text: text.filter(|text| !text.is_empty()) }))
    }

    /// Who acknowledged, and which present members did not; `None` where it does not ask. [CONV-65]
    fn acknowledgement(
        &self,
        open: &Open,
        row: &MessageRow,
        life: &LifeRow,
    ) -> Result<Option<Acknowledgement>, Failure> {
        if !ContentType(row.content_type).asks_acknowledgement() {
            return Ok(None);
        }
        let by: Vec<Address> = life.acknowledged.iter().map(|from| address(from)).collect::<Result<_, _>>()?;
        let author = address(&row.from)?;
        let people = match &open.group {
            Some(group) => people_of(group),
            None => {
                let records = Records::load(self.vault.scan_bytes(Scope::GroupRecords(open.row.id))?);
                let group = Conversation::load(&open.row.id, records).map_err(failure::from_conversation)?;
                group.as_ref().map(people_of).unwrap_or_default()
            }
        };
        let missing = people.into_iter().filter(|person| *person != author && !by.contains(person)).collect();
        Ok(Some(Acknowledgement { by, missing }))
    }

    fn message_body(&self, row: &MessageRow) -> Result<MessageBody, Failure> {
        match ContentType(row.content_type) {
            ContentType::TEXT | ContentType::ACKNOWLEDGE | ContentType::REPLY => {
                text_of(row).map(MessageBody::Text).ok_or_else(failure::damaged)
            }
            kind if kind.is_document() => {
                let id = DocumentId::from_bytes(<[u8; 16]>::try_from(&row.body[..]).map_err(|_| failure::damaged())?);
                let document = self.document_row(id)?;
                if document.message != row.id {
                    return Ok(MessageBody::NeedsNewerVersion);
                }
                Ok(MessageBody::Document(self.document_view(&document)?))
            }
            ContentType(READS_FROM) => Ok(MessageBody::ReadsFromHere),
            _ => Ok(MessageBody::NeedsNewerVersion),
        }
    }

    /// A document's row, or the failure that there is none.
    pub(crate) fn document_row(&self, id: DocumentId) -> Result<DocumentRow, Failure> {
        self.vault.read::<DocumentRow>(Scope::Documents, id.as_bytes())?.ok_or_else(|| {
            Failure::new(
                FailureCode::NotFound,
                "there is no such document",
                "list them with `amanat documents CONVERSATION`",
            )
        })
    }

    fn list_documents(&self, id: ConversationId) -> Result<Reply, Failure> {
        self.conversation(id)?;
        let mut rows = self.vault.scan::<DocumentRow>(Scope::Documents)?;
        rows.retain(|row| row.conversation == id && !(row.manifest.is_empty() && row.upload == Upload::None));
        rows.sort_by_key(|row| row.sequence);
        let views = rows.iter().map(|row| self.document_view(row));
        views.collect::<Result<_, _>>().map(Reply::Documents)
    }

    fn list_members(&mut self, id: ConversationId) -> Result<Reply, Failure> {
        if let Some(failure) =
            Some(self.conversation(id)?.row.stage).filter(|stage| *stage == Stage::Archived).and_then(failure::of_stage)
        {
            return Err(failure);
        }
        let group = self.group(id)?;
        let (leaves, roles) = (group.members(), group.roles().cloned());
        let role = |person: &Address| roles.as_ref().map(|roles| roles.of(person));
        let (known, missing) = self.known_devices(leaves.iter().map(|leaf| leaf.device))?;
        let mut members = Vec::new();
        // Whose grant was used twice is not believed any more, but is still there.
        for leaf in leaves.iter().filter(|leaf| missing.contains(&leaf.device)) {
            members.push(Member {
                address: leaf.address.clone(),
                device: leaf.device,
                name: leaf.address.to_string(),
                post: "certificate refused".to_owned(),
                clearance: amanat_identity::Tier::Official,
                role: role(&leaf.address),
                verified: false,
                own: false,
            });
        }
        for device in known.values() {
            members.push(Member {
                address: device.address().clone(),
                device: device.id(),
                name: device.name().as_str().to_owned(),
                post: device.post().as_str().to_owned(),
                clearance: device.clearance(),
                role: role(device.address()),
                verified: self.is_confirmed(device)?,
                own: device.id() == self.own.id(),
            });
        }
        members.sort_by_key(|member| (member.name.to_lowercase(), member.device));
        Ok(Reply::Members(members))
    }
}

/// How far a message is: one's own by what the others have told, others' by what was read here.
pub(crate) fn state_of(open: &Open, row: &MessageRow) -> MessageState {
    if !row.own {
        return if row.sequence <= open.row.read || open.is_imported(row.sequence) {
            MessageState::Read
        } else {
            MessageState::Unread
        };
    }
    let queued = || open.queue.values().any(|queued| queued.message == Some(row.id));
    // Counters begin anew with each addition of this device: what is not queued any more was accepted before it.
    if row.counter == 0 || row.counter > open.row.accepted && queued() {
        return MessageState::Queued;
    }
    let all = |has: fn(&crate::rows::TrackRow) -> u64| {
        !open.tracks.is_empty() && open.tracks.values().all(|track| has(track) >= row.counter)
    };
    if all(|track| track.has_read) {
        MessageState::Read
    } else if all(|track| track.has) {
        MessageState::Delivered
    } else {
        MessageState::Accepted
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
        | Command::People { .. }
        | Command::Verify { .. } => false,
    }
}

/// Messages of a conversation that the relay has not accepted.
fn queued_messages(open: &Open) -> usize {
    open.queue.values().filter(|row| row.message.is_some()).count()
}

/// An address in a row of our own.
fn address(text: &str) -> Result<Address, Failure> {
    text.parse().map_err(|_| failure::damaged())
}

/// The members of a group as people, in order.
fn people_of(group: &Conversation) -> Vec<Address> {
    let mut people: Vec<Address> = Vec::new();
    for leaf in group.members() {
        if !people.contains(&leaf.address) {
            people.push(leaf.address);
        }
    }
    people.sort_by_key(ToString::to_string);
    people
}

/// The one whose id begins so.
pub(super) fn unique<Id: Copy>(
    prefix: &str,
    ids: impl Iterator<Item = (Id, String)>,
    what: &str,
    list: &str,
) -> Result<Id, Failure> {
    if prefix.len() < PREFIX {
        let failed =
            format!("{prefix:?} is too short: a {what} is named by its id or at least {PREFIX} characters of it");
        return Err(Failure::new(FailureCode::NotFound, failed, format!("list them with `{list}`")));
    }
    let mut found = ids.filter(|(_, text)| text.starts_with(&prefix.to_lowercase()));
    match (found.next(), found.next()) {
        (Some((id, _)), None) => Ok(id),
        (None, _) => {
            let failed = format!("there is no {what} whose id begins with {prefix:?}");
            Err(Failure::new(FailureCode::NotFound, failed, format!("list them with `{list}`")))
        }
        (Some(_), Some(_)) => {
            let failed = format!("more than one {what} begins with {prefix:?}");
            Err(Failure::new(FailureCode::Ambiguous, failed, "give more of the id"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_names_one_or_nothing() {
        let all = [(1, "aabbccdd00"), (2, "aabbccdd11"), (3, "ffbbccdd22")];
        let named = |prefix| {
            let ids = all.iter().map(|(id, text)| (*id, (*text).to_owned()));
            unique(prefix, ids, "device", "amanat device list").map_err(|failure| failure.code)
        };
        assert_eq!((named("FFBBCCDD"), named("aabbccdd1")), (Ok(3), Ok(2)));
        assert_eq!(named("aabbccdd"), Err(FailureCode::Ambiguous));
        assert_eq!((named("ffbbccd"), named("0000000000")), (Err(FailureCode::NotFound), Err(FailureCode::NotFound)));
    }
}
