//! Reading logs and news, and moving cursors (protocol-spec/07-delivery, sections 3 and 5).

use std::sync::Arc;

use amanat_primitives::{ConversationId, Digest};
use amanat_store::relay::{Body, NewsPage};
use amanat_wire::{
    List,
    client::{AddAgain, Advance, Nothing, Read, WhatIsNew},
    limits,
    log::{UnitKind, ciphertext_hash},
    relay::{Answer, Cursors, News, Refusal},
};

use super::{Asker, NotDone};
use crate::{again, outbox::Ticket, translate};

/// Bytes of entries asked of the store at once.
const READ_BYTES: usize = 1024 * 1024;
/// Bytes of direct items after which no more are put into one answer.
const DIRECT_BYTES: usize = 512 * 1024;

/// Part of a log, for whoever may read it.
// [DELIV-56]
pub(crate) fn read(asker: &Asker, read: &Read) -> Result<Answer, NotDone> {
    let count = usize::from(read.max_entries).clamp(1, limits::ENTRIES);
    let store = &asker.shared.store;
    let roster = store.roster(read.conversation)?.ok_or(Refusal::Unknown)?;
    let full_until = roster.reads_until(&asker.id).ok_or(Refusal::NotAllowed)?;
    let mut entries = store.read(read.conversation, read.after, count, READ_BYTES)?;
    for entry in &mut entries.entries {
        if entry.position > full_until && entry.kind == UnitKind::Message {
            entry.body = Body::Expired(body_hash(&entry.body));
        }
    }
    Ok(Answer::Entries(translate::entries(read.conversation, entries, &asker.shared.seal_key)?))
}

fn body_hash(body: &Body) -> Digest {
    match body {
        Body::Kept(bytes) => ciphertext_hash(bytes),
        Body::Expired(hash) => *hash,
    }
}

/// Takes the asking device out of a conversation.
// [DELIV-134]
pub(crate) fn decline(asker: &Arc<Asker>, ticket: Ticket, conversation: ConversationId) {
    let asker = Arc::clone(asker);
    tokio::spawn(async move {
        let outcome = asker.shared.store.decline(asker.id, conversation).await;
        asker.shared.again.forget(conversation, asker.id);
        asker.settle(ticket, outcome.map(|()| Answer::Done(Nothing {})).map_err(NotDone::from));
    });
}

/// Hands a request to be added again to the members. [DELIV-150]
pub(crate) fn ask_again(asker: &Asker, asked: AddAgain) -> Result<Answer, NotDone> {
    let shared = &asker.shared;
    // A reader of the log: a member, or one that is leaving it.
    let reads = asked.device == asker.id && shared.store.log_state(asker.id, asked.conversation)?.is_some();
    if !reads {
        return Err(Refusal::NotAllowed.into());
    }
    // [DELIV-217]
    let in_time = asker.meter.again(tokio::time::Instant::now()) && shared.again.keep(asked.clone(), shared.now());
    if !in_time {
        return Err(Refusal::TooFast.into());
    }
    again::tell(shared, &asked)?;
    Ok(Answer::Done(Nothing {}))
}

/// What is new for a device.
pub(crate) fn news(asker: &Asker, asked: &WhatIsNew) -> Result<Answer, NotDone> {
    let store = &asker.shared.store;
    let page = NewsPage {
        after: asked.after,
        logs: limits::CONVERSATIONS,
        direct_after: 0,
        direct: limits::DIRECT_ITEMS,
        direct_bytes: DIRECT_BYTES,
    };
    let news = store.news(asker.id, page)?;
    let packages = store.key_package_count(asker.id)?;
    let logs: Vec<_> = news.logs.into_iter().take(limits::CONVERSATIONS).map(translate::log_state).collect();
    // [WIRE-08]
    let mut room = limits::MESSAGE - 4096 - logs.len() * 64;
    let mut more_direct = news.more_direct;
    let mut direct = Vec::new();
    for item in &news.direct {
        let item = translate::direct(item)?;
        match room.checked_sub(translate::direct_size(&item)) {
            Some(rest) if direct.len() < limits::DIRECT_ITEMS => room = rest,
            _ => {
                more_direct = true;
                break;
            }
        }
        direct.push(item);
    }
    Ok(Answer::News(News {
        logs: List::new(logs)?,
        direct: List::new(direct)?,
        more_logs: news.more_logs,
        more_direct,
        key_packages: u16::try_from(packages.one_time).unwrap_or(u16::MAX),
        last_resort_used: packages.last_resort_used,
    }))
}

/// Where a device stands in all its logs: by it, a vault that was put back from an older copy knows what it is.
/// What it has said of itself before counts, though the store writes that a moment later: a copy that is started right
/// after the newer one would else be told that it is the newest. [DELIV-232]
pub(crate) async fn cursors(asker: &Arc<Asker>, ticket: Ticket, asked: WhatIsNew) {
    match asker.shared.store.flush().await {
        Ok(()) => super::spawn(asker, ticket, move |asker| written_cursors(asker, &asked)),
        Err(error) => asker.settle(ticket, Err(NotDone::from(error))),
    }
}

fn written_cursors(asker: &Asker, asked: &WhatIsNew) -> Result<Answer, NotDone> {
    let (logs, more) = asker.shared.store.cursors(asker.id, asked.after, limits::CONVERSATIONS)?;
    let logs = logs.into_iter().map(translate::log_state).collect::<Vec<_>>();
    Ok(Answer::Cursors(Cursors { logs: List::new(logs)?, more }))
}

/// Moves cursors. The store gathers these for a batch that is written anyway: a cursor that is lost in a crash only
/// means that a device is offered again what it has.
pub(crate) async fn advance(asker: &Arc<Asker>, ticket: Ticket, advance: Advance) {
    let cursors = advance.cursors.into_iter().map(|cursor| (cursor.conversation, cursor.position)).collect();
    let outcome = asker.shared.store.advance(asker.id, cursors, advance.direct).await;
    asker.settle(ticket, outcome.map(|()| Answer::Done(Nothing {})).map_err(NotDone::from));
}
