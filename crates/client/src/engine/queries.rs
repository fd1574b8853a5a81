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
    acknowledged::acknowledged_by_all,
    core::{Core, Open, tier_of},
    life::text_of,
};
use crate::{
    Event, Failure, FailureCode, Reply,
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
    pub(super) fn overview(&self) -> Result<Reply, Failure> {
        let status = self.status.current().map(|status| StatusSummary {
            number: status.number(),
            next_update: status.next_update(),
            expired: matches!(self.status.freshness(self.now()), Freshness::Expired { .. }),
        });
        Ok(Reply::Status(Box::new(Overview {
            address: self.own.address().clone(),
            name: self.own.name().as_str().to_owned(),
            post: self.own.post().as_str().to_owned(),
            clearance: self.clearance_of(&self.own),
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

    pub(super) fn list_conversations(&mut self) -> Result<Reply, Failure> {
        let mut ids: Vec<(ConversationId, _)> =
            self.conversations.values().map(|open| (open.row.id, open.row.latest)).collect();
        ids.sort_by_key(|(id, latest)| (std::cmp::Reverse(*latest), *id));
        let views: Result<Vec<_>, _> = ids.into_iter().map(|(id, _)| self.conversation_view(id)).collect();
        let mut views = views?;
        // The order within each of the two is kept.
        views.sort_by_key(|view| !view.pinned);
        Ok(Reply::Conversations(views))
    }

    /// A conversation as a list shows it.
    pub(crate) fn conversation_view(&mut self, id: ConversationId) -> Result<ConversationView, Failure> {
        let row = self.conversation(id)?.row.clone();
        let (members, epoch) = match row.stage {
            Stage::Archived => (0, 0),
            _ => {
                let group = self.group(id)?;
                (people_of(group).len(), group.epoch())
            }
        };
        let title = if row.peer.is_empty() { row.title.to_string() } else { self.peer_name(&row)? };
        let last = self.last_message(id)?;
        let arranged = self.arranged(id)?;
        Ok(ConversationView {
            id,
            title,
            direct: !row.peer.is_empty(),
            tier: tier_of(row.tier),
            members,
            epoch,
            unread: row.unread,
            last,
            draft: self.draft_of(id)?,
            pinned: arranged.pinned,
            muted: arranged.muted,
            state: self.state_of(&row),
        })
    }

    /// Tells the faces what a conversation is now.
    pub(crate) fn emit_conversation(&mut self, id: ConversationId) -> Result<(), Failure> {
        let view = self.conversation_view(id)?;
        self.emit(Event::Conversation(view));
        Ok(())
    }

    fn peer_name(&mut self, row: &ConversationRow) -> Result<String, Failure> {
        if row.stage == Stage::Archived {
            return Ok(row.peer.to_string());
        }
        let members = self.group(row.id)?.members();
        let peer = members.iter().find(|member| member.address.to_string() == *row.peer);
        let device = match peer {
            Some(peer) => self.known_device(peer.device)?,
            // No member any more.
            None => self.devices_of(&address(&row.peer)?)?.into_iter().next(),
        };
        Ok(device.map_or_else(|| row.peer.to_string(), |device| device.name().as_str().to_owned()))
    }

    pub(super) fn find(&self, prefix: &str) -> Result<Reply, Failure> {
        let ids = self.conversations.keys().map(|id| (*id, id.to_string()));
        unique(prefix, ids, "conversation", "amanat conversations").map(Reply::Found)
    }

    pub(super) fn find_document(&self, prefix: &str) -> Result<Reply, Failure> {
        let rows = self.vault.scan::<DocumentRow>(Scope::Documents)?;
        let ids = rows.into_iter().map(|row| (row.id, row.id.to_string()));
        unique(prefix, ids, "document", "amanat documents CONVERSATION").map(Reply::FoundDocument)
    }

    /// A full id is looked up; a part of one is compared with every message's.
    pub(super) fn find_message(&self, prefix: &str) -> Result<Reply, Failure> {
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

    pub(super) fn read_messages(
        &mut self,
        id: ConversationId,
        since: u64,
        limit: u32,
        mark: bool,
    ) -> Result<Reply, Failure> {
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
        let counted = row.joined == open.row.joined;
        let missed = state == MessageState::Accepted && counted && row.at.after(kept) < self.now();
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
                Ok(MessageBody::Document(self.document_view_in(&document, Some(row))?))
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

    pub(super) fn list_documents(&self, id: ConversationId) -> Result<Reply, Failure> {
        self.conversation(id)?;
        let mut rows = self.vault.scan::<DocumentRow>(Scope::Documents)?;
        rows.retain(|row| row.conversation == id && !(row.manifest.is_empty() && row.upload == Upload::None));
        rows.sort_by_key(|row| row.sequence);
        let views = rows.iter().map(|row| self.document_view(row));
        views.collect::<Result<_, _>>().map(Reply::Documents)
    }

    pub(super) fn list_members(&mut self, id: ConversationId) -> Result<Reply, Failure> {
        let row = &self.conversation(id)?.row;
        if let Some(failure) = Some(row).filter(|row| row.stage == Stage::Archived).and_then(failure::of_stage) {
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
                clearance: None,
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
                clearance: Some(self.clearance_of(device)),
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
    // What was sent before this device was last added has another count, of which nobody tells any more. [DELIV-216]
    let acknowledged = match row.joined == open.row.joined {
        true => acknowledged_by_all(&open.row, &open.tracks, row.counter),
        false => {
            let ended = open.row.ended.iter().find(|ended| ended.joined == row.joined);
            ended.map_or((false, false), |ended| (row.counter <= ended.has, row.counter <= ended.has_read))
        }
    };
    match acknowledged {
        (true, true) => MessageState::Read,
        (true, false) => MessageState::Delivered,
        (false, _) => MessageState::Accepted,
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
