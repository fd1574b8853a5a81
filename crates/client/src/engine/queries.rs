//! Answers from the vault (protocol-spec/07-delivery, section 12): what faces show, made of rows. All of it works
//! offline.

use amanat_conversation::content::ContentType;
use amanat_identity::{Address, Freshness};
use amanat_primitives::{ConversationId, DocumentId};

use super::core::{Core, Open, ReplyTo, respond, tier_of};
use crate::{
    Command, Failure, FailureCode, Reply,
    api::{ConversationView, Member, MessageBody, MessageState, MessageView, Overview, StatusSummary},
    failure,
    rows::{ConversationRow, DocumentRow, MessageRow},
    vault::Scope,
};

/// Characters that a prefix of an id must have.
const PREFIX: usize = 8;
/// Messages that one `Read` returns at most.
const MESSAGES: u32 = 100_000;

impl Core {
    /// Carries out a command, or starts to.
    pub(crate) fn command(&mut self, command: Command, reply: ReplyTo) -> Result<(), Failure> {
        let answer = match command {
            Command::Status => self.overview(),
            Command::Conversations => self.list_conversations(),
            Command::Find { prefix } => self.find(&prefix),
            Command::FindDocument { prefix } => self.find_document(&prefix),
            Command::Read { conversation, since, limit, mark } => self.read_messages(conversation, since, limit, mark),
            Command::Documents { conversation } => self.list_documents(conversation),
            Command::Members { conversation } => self.list_members(conversation),
            Command::SendText { to, text } => return self.send_text(to, text, reply),
            Command::SendDocument { to, path } => return self.send_document(to, path, reply),
            Command::PauseDocument { document } => self.pause_document(document),
            Command::CancelDocument { document } => self.cancel_document(document),
            Command::ResumeDocument { document } if self.is_upload(document) => self.resume_upload(document),
            online => {
                let Some((command, reply)) = self.when_linked(online, reply) else { return Ok(()) };
                return self.online_command(command, reply);
            }
        };
        // Damage of the vault ends the engine; the caller learns it first.
        let fatal = answer.as_ref().err().filter(|failure| failure.code == FailureCode::Damaged).cloned();
        let _ = reply.send(answer);
        fatal.map_or(Ok(()), Err)
    }

    fn online_command(&mut self, command: Command, reply: ReplyTo) -> Result<(), Failure> {
        match command {
            Command::People { query } => self.list_people(query, reply),
            Command::Verify { address, confirm } => self.verify(address, confirm, reply),
            Command::New { title, tier, members } => self.new_group(title, tier, members, reply),
            Command::Save { document, out } => self.save(document, out, reply),
            Command::ResumeDocument { document } => self.resume_fetch(document, reply),
            Command::Sync => {
                self.sync_waiters.push(super::core::SyncWaiter { reply, asked: false });
                self.ask_news();
                Ok(())
            }
            _ => respond(reply, Err(failure::internal("a command without a handler"))),
        }
    }

    /// Directory look-ups can do without the relay; everything else waits for it or fails.
    fn when_linked(&mut self, command: Command, reply: ReplyTo) -> Option<(Command, ReplyTo)> {
        let cached = matches!(command, Command::People { .. } | Command::Verify { .. });
        let offline = !self.connect || self.last_failure.is_some();
        if cached && offline { Some((command, reply)) } else { self.needs_link(command, reply) }
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
            suite: "X-Wing, ChaCha20-Poly1305, SHA-256, Ed25519 (0x004D)",
            conversations: self.conversations.len(),
            queued: self.conversations.values().map(queued_messages).sum(),
            unread: self.conversations.values().map(|open| open.row.unread).sum(),
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
        let members = self.group(id)?.members().len();
        let row = self.conversation(id)?.row.clone();
        let title = if row.peer.is_empty() { row.title.to_string() } else { self.peer_name(&row)? };
        let open = self.conversation(id)?;
        let last = match row.sequence {
            0 => None,
            sequence => self.message_row(id, sequence)?.map(|message| self.message_view(open, &message)).transpose()?,
        };
        Ok(ConversationView {
            id,
            title,
            direct: !row.peer.is_empty(),
            tier: tier_of(row.tier),
            members,
            unread: row.unread,
            last,
            state: self.state_of(&row),
        })
    }

    fn peer_name(&mut self, row: &ConversationRow) -> Result<String, Failure> {
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

    fn message_row(&self, id: ConversationId, sequence: u64) -> Result<Option<MessageRow>, Failure> {
        self.vault.read(Scope::Messages(id), &sequence.to_be_bytes())
    }

    fn read_messages(&mut self, id: ConversationId, since: u64, limit: u32, mark: bool) -> Result<Reply, Failure> {
        let open = self.conversation(id)?;
        let last = open.row.sequence.min(since.saturating_add(u64::from(limit.min(MESSAGES))));
        let mut views = Vec::new();
        let mut rows = Vec::new();
        for sequence in since.saturating_add(1)..=last {
            let Some(row) = self.message_row(id, sequence)? else { continue };
            views.push(self.message_view(open, &row)?);
            rows.push(row);
        }
        if mark {
            self.mark_read(id, last, &rows)?;
        }
        Ok(Reply::Messages(views))
    }

    /// A message as a conversation shows it.
    pub(crate) fn message_view(&self, open: &Open, row: &MessageRow) -> Result<MessageView, Failure> {
        let from: Address = row.from.parse().map_err(|_| failure::damaged())?;
        let body = self.message_body(row)?;
        let state = match &body {
            MessageBody::Document(document) if document.is_cancelled() => MessageState::Cancelled,
            _ => state_of(open, row),
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
        })
    }

    fn message_body(&self, row: &MessageRow) -> Result<MessageBody, Failure> {
        match ContentType(row.content_type) {
            ContentType::TEXT => Ok(MessageBody::Text(String::from_utf8_lossy(&row.body).into_owned())),
            ContentType::DOCUMENT => {
                let id = DocumentId::from_bytes(<[u8; 16]>::try_from(&row.body[..]).map_err(|_| failure::damaged())?);
                let document = self.document_row(id)?;
                if document.message != row.id {
                    return Ok(MessageBody::NeedsNewerVersion);
                }
                Ok(MessageBody::Document(self.document_view(&document)?))
            }
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
        rows.retain(|row| row.conversation == id);
        rows.sort_by_key(|row| row.sequence);
        let views = rows.iter().map(|row| self.document_view(row));
        views.collect::<Result<_, _>>().map(Reply::Documents)
    }

    fn list_members(&mut self, id: ConversationId) -> Result<Reply, Failure> {
        let leaves = self.group(id)?.members();
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
                verified: self.is_confirmed(device.address())?,
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
        return if row.sequence <= open.row.read { MessageState::Read } else { MessageState::Unread };
    }
    if row.counter == 0 || row.counter > open.row.accepted {
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

/// Messages of a conversation that the relay has not accepted.
fn queued_messages(open: &Open) -> usize {
    open.queue.values().filter(|row| row.message.is_some()).count()
}

fn unique<Id: Copy>(
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
