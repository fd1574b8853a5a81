//! A vault with many messages (protocol-spec/07-delivery, section 12): for measuring what a large one costs, without
//! sending them all. They are written as received messages are, into a conversation that is there.

use amanat_conversation::content::Body;
use amanat_primitives::{ConversationId, MessageId, MessageSeed, Timestamp};
use amanat_wire::Text;
use rand_core::OsRng;

use crate::{
    Failure,
    engine::{bounded, put_conversation, put_message},
    failure,
    profile::Profile,
    rows::MessageRow,
    vault::Batch,
};

/// Messages that become durable together.
const TOGETHER: usize = 1000;

/// Writes texts into a conversation of a profile on which no engine runs, a second apart and the last one now.
///
/// # Errors
/// No such conversation, a text that is too long, or what the disk says.
pub fn fill(profile: &Profile, id: ConversationId, texts: &[String], now: Timestamp) -> Result<(), Failure> {
    let open = profile.conversations.get(&id).ok_or_else(failure::no_conversation)?;
    let mut row = open.row.clone();
    let from = Text::new(profile.own.address().to_string()).map_err(|_| failure::internal("an address is too long"))?;
    let name = Text::new(profile.own.name().as_str()).map_err(|_| failure::internal("a name is too long"))?;
    let mut left = texts.len();
    for some in texts.chunks(TOGETHER) {
        let mut batch = Batch::default();
        for text in some {
            left -= 1;
            row.sequence += 1;
            let too_large = |_| failure::too_large("text", "64 KiB", "shorten it");
            let body = Body::text(text.as_str()).map_err(too_large)?;
            let message = MessageRow {
                id: MessageId::of(id, profile.own.id(), MessageSeed::random(&mut OsRng)),
                sequence: row.sequence,
                device: profile.own.id(),
                from: from.clone(),
                name: name.clone(),
                counter: 0,
                joined: 0,
                at: now.before(std::time::Duration::from_secs(left as u64)),
                content_type: body.content_type().0,
                body: bounded(body.to_body().map_err(too_large)?.into_vec())?,
                own: false,
            };
            put_message(&mut batch, id, &message);
        }
        put_conversation(&mut batch, &row);
        profile.vault.commit(batch)?;
    }
    Ok(())
}
