//! `bench drain`: what waits for a device that was away, from dialling until all of it is read and its cursors say so.

use std::{collections::HashMap, time::Instant};

use amanat_primitives::ConversationId;
use amanat_wire::{
    client::{Read, Request, WhatIsNew},
    limits,
    relay::{Answer, Entries, FromRelay, LogState},
};

use super::{
    BODY, broken,
    crew::{Crew, Device},
    fill::fill,
    measured::Measured,
    relay::Relay,
    wire::{self, Wire},
};
use crate::{
    bench::latencies::Latencies,
    context::Context,
    problem::{Outcome, Problem},
};

/// Pages that are asked for at once, each of another conversation.
const OPEN: usize = 3;

/// What is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) messages: u32,
    pub(crate) conversations: u32,
    pub(crate) runs: u32,
}

/// Each run is another device's, for which the same messages wait.
pub(super) async fn run(context: &Context, relay: Relay, wanted: Wanted) -> Outcome<(Relay, Vec<Measured>)> {
    let mut crew = Crew::new(&relay.office)?;
    let readers = crew.enrol(context, wanted.runs).await?;
    let ids: Vec<_> = readers.iter().map(|reader| reader.id()).collect();
    fill(context, &mut crew, wanted.conversations, wanted.messages, &ids).await?;
    // As after a night: nothing of it is in the relay's memory.
    let (relay, _) = relay.restart(context).await?;
    let mut done = Vec::new();
    let mut interrupt = context.interrupt.clone();
    for reader in readers {
        let sync_p50_ms = tokio::task::block_in_place(|| relay.disk())?;
        let before = relay.look()?;
        let mut latencies = Latencies::new()?;
        let read = interrupt.or(drain(&reader, &mut latencies)).await??;
        if read < u64::from(wanted.messages) {
            return Err(Problem::internal("Not every message was read."));
        }
        let spent = before.until(&relay.look()?);
        done.push(Measured::new(read as f64 / spent.seconds, &latencies, spent, sync_p50_ms));
    }
    Ok((relay, done))
}

/// Reads everything; gives how many messages that were.
async fn drain(reader: &Device, latencies: &mut Latencies) -> Outcome<u64> {
    let mut wire = reader.link().await?;
    let mut waiting = news(&mut wire).await?;
    let mut open: HashMap<u32, (LogState, Instant)> = HashMap::new();
    let mut advances = 0u32;
    let mut read = 0;
    while !(waiting.is_empty() && open.is_empty() && advances == 0) {
        while open.len() < OPEN
            && let Some(log) = waiting.pop()
        {
            let number = ask(&mut wire, log.conversation, log.cursor).await?;
            open.insert(number, (log, Instant::now()));
        }
        wire.asking.flush().await?;
        let FromRelay::Answer(answer) = wire::hear(&mut wire.hearing).await? else { continue };
        match wire::accepted(answer.answer)? {
            Answer::Entries(entries) => {
                let (mut log, asked) = open.remove(&answer.number).ok_or_else(broken)?;
                latencies.record(asked.elapsed())?;
                read += take(&mut log, &entries)?;
                wire.asking.put(wire::advance(log.conversation, log.cursor, 0)?).await?;
                advances += 1;
                if log.cursor < log.head {
                    waiting.push(log);
                }
            }
            Answer::Done(_) => advances = advances.saturating_sub(1),
            other => return Err(wire::unasked(&other)),
        }
    }
    wire.end().await;
    Ok(read)
}

/// Moves on behind a page; gives its messages.
fn take(log: &mut LogState, page: &Entries) -> Outcome<u64> {
    let mut messages = 0;
    for entry in page.entries.iter() {
        if entry.position != log.cursor + 1 {
            return Err(Problem::internal("A log has a gap."));
        }
        log.cursor = entry.position;
        messages += u64::from(entry.body.len() == BODY);
    }
    if page.entries.is_empty() && log.cursor < log.head { Err(broken()) } else { Ok(messages) }
}

async fn ask(wire: &mut Wire, conversation: ConversationId, after: u64) -> Outcome<u32> {
    let max_entries = u16::try_from(limits::ENTRIES).unwrap_or(u16::MAX);
    wire.asking.put(Request::Read(Read { conversation, after, max_entries })).await
}

/// Every log in which something is new.
async fn news(wire: &mut Wire) -> Outcome<Vec<LogState>> {
    let (mut logs, mut after) = (Vec::new(), None);
    loop {
        let Answer::News(news) = wire.ask(Request::News(WhatIsNew { after })).await? else { return Err(broken()) };
        logs.extend(news.logs);
        after = news.more_logs;
        if after.is_none() {
            return Ok(logs);
        }
    }
}
