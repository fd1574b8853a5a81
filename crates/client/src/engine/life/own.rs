//! What one does oneself to messages (protocol-spec/05-conversation, section 7): the commands, checked here by the rules
//! that the others will judge them by, and seen here at once.

use std::time::Duration;

use amanat_conversation::content::{Acknowledgement, Body, Content, ContentType, Edit, Expiring, Reaction, Reply};
use amanat_identity::policy;
use amanat_primitives::{ConversationId, MessageId};
use amanat_wire::{Decode as _, Text};

use super::{Cause, Lives, expiry_of};
use crate::{
    Command, Failure, FailureCode, Reply as Answer,
    api::{Consent, MessageRef, SendOptions, Target},
    engine::{
        core::{Core, ReplyTo, respond, tier_of},
        outgoing::{Outgoing, check_text},
    },
    failure,
    rows::{ConversationRow, LifeRow, MessageRow, OutboxRow, Presence, READS_FROM},
    vault::{Batch, Scope},
};

impl Core {
    /// [`Command::SendWith`].
    pub(crate) fn send_with(
        &mut self,
        to: Target,
        text: String,
        options: SendOptions,
        reply: ReplyTo,
    ) -> Result<(), Failure> {
        match check_text(&text).and_then(|()| body_with(text, &options)) {
            Ok(body) => self.send_body(to, body, options.consent, reply),
            Err(failure) => respond(reply, Err(failure)),
        }
    }

    /// [`Command::SendReply`].
    pub(crate) fn send_reply(
        &mut self,
        to: MessageRef,
        text: String,
        options: SendOptions,
        reply: ReplyTo,
    ) -> Result<(), Failure> {
        let body = self.target(to).and_then(|_| {
            if options.ask_acknowledgement {
                let failed = "a reply cannot ask to be acknowledged";
                return Err(Failure::new(FailureCode::NotAllowed, failed, "send a message of its own"));
            }
            check_text(&text)?;
            let text = Text::new(text)
                .map_err(|_| failure::too_large("text", "64 KiB", "shorten it, or send it as a document"))?;
            expiring(Body::Reply(Reply { to: to.message, text }), &options)
        });
        match body {
            Ok(body) => self.post_text(to.conversation, body, &options.consent, reply),
            Err(failure) => respond(reply, Err(failure)),
        }
    }

    /// [`Command::React`], [`Command::Edit`], [`Command::Delete`], [`Command::Acknowledge`].
    pub(crate) fn change_message(&mut self, command: Command, reply: ReplyTo) -> Result<(), Failure> {
        let consent = match &command {
            Command::Edit { consent, .. } => consent.clone(),
            _ => Consent::None,
        };
        let changed = self.body_of_change(command).and_then(|(message, body)| {
            self.post_change(message, body, &consent)?;
            Ok(message)
        });
        let fatal = changed.as_ref().err().filter(|failure| failure.code == FailureCode::Damaged).cloned();
        let id = changed.as_ref().ok().map(|message| message.conversation);
        let _ = reply.send(changed.map(Answer::Changed));
        match (fatal, id) {
            (Some(failure), _) => Err(failure),
            (None, Some(id)) => self.pump(id),
            (None, None) => Ok(()),
        }
    }

    fn body_of_change(&self, command: Command) -> Result<(MessageRef, Body), Failure> {
        match command {
            Command::React { message, text } => {
                let text = Text::new(text)
                    .map_err(|_| failure::too_large("reaction", "32 bytes", "use one emoji or a short word"))?;
                Ok((message, Body::Reaction(Reaction { to: message.message, text })))
            }
            Command::Edit { message, text, .. } => {
                check_text(&text)?;
                let text = Text::new(text)
                    .map_err(|_| failure::too_large("text", "64 KiB", "shorten it, or send it as a document"))?;
                Ok((message, Body::Edit(Edit { of: message.message, text })))
            }
            Command::Delete { message } => Ok((message, Body::Delete(message.message))),
            Command::Acknowledge { message } => {
                let (row, life) = self.target(message)?;
                let version = life.version.unwrap_or(row.id);
                Ok((message, Body::Acknowledgement(Acknowledgement { of: row.id, version })))
            }
            _ => Err(failure::internal("not a change of a message")),
        }
    }

    /// A message that is to be changed or answered.
    fn target(&self, message: MessageRef) -> Result<(MessageRow, LifeRow), Failure> {
        let id = message.conversation;
        self.conversation(id)?;
        let sequence = self.sequence_of(id, message.message)?.ok_or_else(no_message)?;
        let row = self.vault.read::<MessageRow>(Scope::Messages(id), &sequence.to_be_bytes())?;
        let life = self.life(id, sequence)?.unwrap_or_else(|| LifeRow::new(sequence));
        let row = row.filter(|row| row.content_type != READS_FROM);
        Ok((row.ok_or_else(no_message)?, life))
    }

    /// Changes a message here and queues the content that tells the others, in one batch.
    fn post_change(&mut self, message: MessageRef, body: Body, consent: &Consent) -> Result<(), Failure> {
        let id = message.conversation;
        let (row, life) = self.target(message)?;
        self.allowed(&row, &life, &body)?;
        // A document that is still being uploaded is known to nobody else.
        let unsent = row.own && row.counter == 0;
        if !unsent {
            self.check_can_post(id)?;
        }
        self.pass_body(id, &body, consent)?;
        let (mut lives, mut batch) = (Lives::default(), Batch::default());
        let from = self.own.address().to_string();
        // The content's id is made when it is queued; its place in the log puts it right.
        let cause = Cause { from: &from, at: self.now(), content: life.version.unwrap_or(row.id) };
        self.change(id, &mut lives, cause, &body)?;
        self.write_lives(id, &lives, &mut batch)?;
        if unsent {
            self.vault.commit(batch)?;
        } else {
            let open = self.conversation(id)?.row.clone();
            let class = policy::builtin(tier_of(open.tier)).retention;
            self.queue(id, open, Outgoing { body, message: None, class, announce: false }, batch)?;
        }
        self.lives_changed(id, &lives)
    }

    /// Whether the others would take this change from us.
    fn allowed(&self, row: &MessageRow, life: &LifeRow, body: &Body) -> Result<(), Failure> {
        let not = |failed: &str, advice: &str| Err(Failure::new(FailureCode::NotAllowed, failed, advice));
        let own = *row.from == self.own.address().to_string();
        match life.presence {
            Presence::Deleted => return not("the message was deleted", "read the conversation again"),
            Presence::Expired if !matches!(body, Body::Delete(_)) => {
                return not("the message has expired", "read the conversation again");
            }
            _ => {}
        }
        let kind = ContentType(row.content_type);
        let editable = [ContentType::TEXT, ContentType::REPLY, ContentType::ACKNOWLEDGE].contains(&kind);
        match body {
            Body::Edit(_) | Body::Delete(_) if !own => {
                not("only its author can edit or delete a message", "write to its author")
            }
            Body::Edit(_) if !editable => not("only a text can be edited", "delete it, and send another"),
            Body::Reaction(_) if row.own && row.counter == 0 => {
                not("the document is still being sent", "wait until it is sent")
            }
            Body::Acknowledgement(_) if !kind.asks_acknowledgement() => {
                not("the message does not ask to be acknowledged", "react to it instead: amanat react")
            }
            Body::Acknowledgement(_) if own => not("it is your own message", "the others acknowledge it"),
            _ => Ok(()),
        }
    }

    /// One's own change stands in the log: there it counts, between those of the others.
    pub(crate) fn own_change(
        &self,
        id: ConversationId,
        lives: &mut Lives,
        queued: Option<&OutboxRow>,
    ) -> Result<(), Failure> {
        let Some(queued) = queued.filter(|queued| queued.message.is_none()) else { return Ok(()) };
        let Ok(content) = Content::from_bytes(&queued.content) else { return Ok(()) };
        let Ok(body) = content.body() else { return Ok(()) };
        let from = self.own.address().to_string();
        let cause = Cause { from: &from, at: content.sent_at, content: content.id(id, self.own.id()) };
        self.change(id, lives, cause, &body)?;
        Ok(())
    }

    /// The row and life of one's own new message, and the batch that begins with them.
    pub(crate) fn own_body(
        &self,
        row: &mut ConversationRow,
        message: MessageId,
        body: &Body,
    ) -> Result<(MessageRow, Batch), Failure> {
        let (inner, lifetime) = match body {
            Body::Expiring(expiring) => (expiring.inner(), Some(expiring.lifetime())),
            other => (other, None),
        };
        let bytes = inner
            .to_body()
            .map_err(|_| failure::too_large("message", "128 KiB", "shorten it, or send it as a document"))?;
        let message_row = self.own_message(row, message, inner.content_type().0, bytes.into_vec())?;
        let mut batch = Batch::default();
        self.begin_life(row, &message_row, lifetime, &mut batch);
        Ok((message_row, batch))
    }

    /// Puts when a message will expire into the batch that brings it.
    pub(crate) fn begin_life(
        &self,
        row: &ConversationRow,
        message: &MessageRow,
        lifetime: Option<Duration>,
        batch: &mut Batch,
    ) {
        if let Some(life) = self.new_life(row.tier, message, lifetime) {
            batch.put(Scope::Lives(row.id), &life.sequence.to_be_bytes(), &life);
            self.write_expiry(row.id, &life, batch);
            self.keep_until(row.id, message, Some(&life), batch);
        }
    }

    /// How the life of a message begins, where it will end.
    pub(crate) fn new_life(&self, tier: u8, row: &MessageRow, lifetime: Option<Duration>) -> Option<LifeRow> {
        let expires_at = expiry_of(tier, row.at, self.now(), lifetime);
        expires_at.map(|_| LifeRow { expires_at, ..LifeRow::new(row.sequence) })
    }
}

/// The command that sends a body to someone; `None` for what no command sends.
pub(crate) fn command_of(to: Target, body: Body, consent: Consent) -> Option<Command> {
    let (body, expires_after) = match body {
        Body::Expiring(expiring) => {
            let lifetime = expiring.lifetime();
            (expiring.into_inner(), Some(lifetime))
        }
        body => (body, None),
    };
    let (text, ask_acknowledgement) = match body {
        Body::Text(text) => (text, false),
        Body::AskAcknowledgement(text) => (text, true),
        _ => return None,
    };
    let options = SendOptions { ask_acknowledgement, expires_after, consent };
    Some(Command::SendWith { to, text: text.into_string(), options })
}

fn body_with(text: String, options: &SendOptions) -> Result<Body, Failure> {
    let text =
        Text::new(text).map_err(|_| failure::too_large("text", "64 KiB", "shorten it, or send it as a document"))?;
    expiring(if options.ask_acknowledgement { Body::AskAcknowledgement(text) } else { Body::Text(text) }, options)
}

/// A body with the lifetime that was wished for.
pub(crate) fn expiring(body: Body, options: &SendOptions) -> Result<Body, Failure> {
    let Some(lifetime) = options.expires_after else { return Ok(body) };
    let seconds = u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX);
    Expiring::new(seconds, body).map(Body::Expiring).ok_or_else(|| {
        let failed = "a message cannot expire at once";
        Failure::new(FailureCode::NotAllowed, failed, "let it stay a second or longer")
    })
}

/// There is no message of that id.
fn no_message() -> Failure {
    Failure::new(
        FailureCode::NotFound,
        "there is no such message",
        "messages have their ids in `amanat read CONVERSATION`",
    )
}
