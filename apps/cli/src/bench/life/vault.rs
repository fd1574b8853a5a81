//! A vault with many messages: unlocking it, a search at once and one that was prepared for, later ones.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use amanat_client::{Command, Engine, Options, Reply, profile, rehearsal};
use amanat_primitives::{ConversationId, passphrase::WorkPolicy};

use crate::{
    bench::{latencies::Latencies, rounded},
    output::{json, time},
    problem::Outcome,
    session::unexpected,
};

/// Searches after the first.
const SEARCHES: u32 = 100;
/// Between two looks at whether a search is prepared.
const LOOK: Duration = Duration::from_millis(10);
/// The search that is measured at once and prepared.
const QUERY: &str = "summary اجلاس";
/// Words of which the texts are made; each search takes two of them.
const WORDS: [&str; 16] = [
    "summary",
    "budget",
    "cabinet",
    "meeting",
    "draft",
    "annex",
    "approval",
    "تاریخ",
    "منظوری",
    "خلاصہ",
    "اجلاس",
    "بجٹ",
    "report",
    "records",
    "minister",
    "Lahore",
];

/// Writes so many messages of some 110 bytes into a conversation.
pub(super) fn fill(dir: &Path, secret: &str, conversation: ConversationId, messages: u32) -> Outcome {
    let profile = profile::open(dir, secret, &WorkPolicy::STANDARD)?;
    let mut state = 1u64;
    let mut texts = Vec::new();
    for number in 0..messages {
        let mut text = format!("No. {number}:");
        for _ in 0..14 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(state >> 60).unwrap_or(0);
            text.push(' ');
            text.push_str(WORDS.get(at).copied().unwrap_or("word"));
        }
        texts.push(text);
    }
    Ok(rehearsal::fill(&profile, conversation, &texts, time::now())?)
}

/// Opens the vault and searches in it: first as a face that runs makes the index, then at once after unlocking.
pub(super) async fn measure(dir: &Path, secret: &str, messages: u32) -> Outcome<json::SearchRun> {
    let (engine, ..) = open(dir, secret).await?;
    let begun = Instant::now();
    engine.ask(Command::Search { query: String::new(), conversation: None, limit: 0 }).await?;
    while preparing(&engine).await? {
        tokio::time::sleep(LOOK).await;
    }
    let prepared_in_ms = millis(begun);
    let prepared_ms = timed(&engine, QUERY).await?;
    let mut times = Latencies::new()?;
    for number in 0..SEARCHES as usize {
        let word = |at: usize| WORDS.get(at % WORDS.len()).copied().unwrap_or_default();
        let query = format!("{} {}", word(number), word(number / WORDS.len() + number + 1));
        let begun = Instant::now();
        search(&engine, &query).await?;
        times.record(begun.elapsed())?;
    }
    engine.stop().await;
    let (engine, argon2_ms, unlock_ms) = open(dir, secret).await?;
    let first_ms = timed(&engine, QUERY).await?;
    engine.stop().await;
    Ok(json::SearchRun {
        messages,
        argon2_ms: rounded(argon2_ms),
        unlock_ms: rounded(unlock_ms),
        first_ms: rounded(first_ms),
        prepared_in_ms: rounded(prepared_in_ms),
        prepared_ms: rounded(prepared_ms),
        p50_ms: rounded(times.millis(0.5)),
        p99_ms: rounded(times.millis(0.99)),
    })
}

/// An engine on the vault, without links; milliseconds of Argon2id, and from there to the first answer.
async fn open(dir: &Path, secret: &str) -> Outcome<(Engine, f64, f64)> {
    let begun = Instant::now();
    let unlocked = profile::unlock(dir, secret, &WorkPolicy::STANDARD)?;
    let argon2_ms = millis(begun);
    let begun = Instant::now();
    let (engine, _events) = Engine::start(unlocked.open()?, Options { connect: false, ..Options::default() });
    engine.ask(Command::Conversations).await?;
    Ok((engine, argon2_ms, millis(begun)))
}

async fn preparing(engine: &Engine) -> Outcome<bool> {
    match engine.ask(Command::Status).await? {
        Reply::Status(overview) => Ok(overview.preparing_search),
        _ => Err(unexpected()),
    }
}

async fn timed(engine: &Engine, query: &str) -> Outcome<f64> {
    let begun = Instant::now();
    search(engine, query).await?;
    Ok(millis(begun))
}

fn millis(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1000.0
}

async fn search(engine: &Engine, query: &str) -> Outcome {
    match engine.ask(Command::Search { query: query.to_owned(), conversation: None, limit: 50 }).await? {
        Reply::Hits(hits) if !hits.is_empty() => Ok(()),
        _ => Err(unexpected()),
    }
}
