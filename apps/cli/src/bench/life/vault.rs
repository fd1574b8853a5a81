//! A vault with many messages: unlocking it, the first search, later ones.

use std::{path::Path, time::Instant};

use amanat_client::{Command, Engine, Options, Reply, profile, rehearsal};
use amanat_primitives::{ConversationId, Label, passphrase, passphrase::WorkPolicy};

use crate::{
    bench::{latencies::Latencies, rounded},
    output::{json, time},
    problem::{Outcome, Problem},
    session::unexpected,
};

/// Searches after the first.
const SEARCHES: u32 = 100;
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

/// Opens the vault and searches in it.
pub(super) async fn measure(dir: &Path, secret: &str, messages: u32) -> Outcome<json::SearchRun> {
    let key = std::fs::read(dir.join("key")).map_err(|error| Problem::file("read", &dir.join("key"), &error))?;
    let begun = Instant::now();
    let opened = passphrase::unlock(Label::VAULT_HEADER, secret.as_bytes(), &WorkPolicy::STANDARD, &key);
    drop(opened.map_err(|_| Problem::internal("The vault's key does not open."))?);
    let argon2_ms = begun.elapsed().as_secs_f64() * 1000.0;
    let begun = Instant::now();
    let profile = profile::open(dir, secret, &WorkPolicy::STANDARD)?;
    let (engine, _events) = Engine::start(profile, Options { connect: false, ..Options::default() });
    engine.ask(Command::Conversations).await?;
    let opened_ms = begun.elapsed().as_secs_f64() * 1000.0;
    let begun = Instant::now();
    search(&engine, "summary اجلاس").await?;
    let first_ms = begun.elapsed().as_secs_f64() * 1000.0;
    let mut times = Latencies::new()?;
    for number in 0..SEARCHES as usize {
        let word = |at: usize| WORDS.get(at % WORDS.len()).copied().unwrap_or_default();
        let query = format!("{} {}", word(number), word(number / WORDS.len() + number + 1));
        let begun = Instant::now();
        search(&engine, &query).await?;
        times.record(begun.elapsed())?;
    }
    engine.stop().await;
    Ok(json::SearchRun {
        messages,
        argon2_ms: rounded(argon2_ms),
        unlock_ms: rounded((opened_ms - argon2_ms).max(0.0)),
        first_ms: rounded(first_ms),
        p50_ms: rounded(times.millis(0.5)),
        p99_ms: rounded(times.millis(0.99)),
    })
}

async fn search(engine: &Engine, query: &str) -> Outcome {
    match engine.ask(Command::Search { query: query.to_owned(), limit: 50 }).await? {
        Reply::Hits(hits) if !hits.is_empty() => Ok(()),
        _ => Err(unexpected()),
    }
}
