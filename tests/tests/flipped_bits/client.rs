//! Bits of a client's profile: the key file, and all files of the vault.

use std::path::{Path, PathBuf};

use amanat_client::{
    Command, Engine, Failure, Options, Reply,
    api::{SendOptions, Target},
    profile,
};
use amanat_identity::Tier;
use amanat_primitives::{ConversationId, passphrase::WorkPolicy};
use amanat_tests::{PASSPHRASE, Rig, copy_folder, put_back};

use crate::bits::{Flips, Outcome, files, flip};

/// All that a client shows without a link, each answer or why there is none.
type Answers = Vec<Result<String, Failure>>;

/// Opens a profile and asks everything.
async fn ask_all(dir: &Path, conversation: ConversationId) -> Result<Answers, Failure> {
    let dir = dir.to_owned();
    let opened =
        tokio::task::spawn_blocking(move || profile::open(&dir, PASSPHRASE, &WorkPolicy::FOR_TESTS)).await.unwrap()?;
    let (engine, _events) = Engine::start(opened, Options { connect: false, ..Options::default() });
    let search = |query: &str| Command::Search { query: query.into(), conversation: None, limit: 1_000 };
    let mut answers = Vec::new();
    for command in [
        Command::Conversations,
        Command::Read { conversation, since: 0, limit: u32::MAX, mark: false },
        Command::Documents { conversation },
        Command::Members { conversation },
        Command::Warnings,
        Command::Devices,
        search("word"),
    ] {
        answers.push(engine.ask(command).await.map(|reply| format!("{reply:?}")));
    }
    engine.stop().await;
    Ok(answers)
}

/// Whether all that is answered is what it was.
fn judge(whole: &Answers, now: Result<Answers, Failure>) -> Outcome {
    let Ok(now) = now else { return Outcome::Found };
    for (before, after) in whole.iter().zip(&now) {
        if let (Ok(before), Ok(after)) = (before, after)
            && before != after
        {
            let at = before.bytes().zip(after.bytes()).position(|(one, other)| one != other).unwrap_or_default();
            let part = |text: &str| text.chars().skip(at.saturating_sub(60)).take(240).collect::<String>();
            return Outcome::Wrong(format!("{} was {}, is {}", before.len(), part(before), part(after)));
        }
    }
    if now.iter().any(Result::is_err) { Outcome::Found } else { Outcome::Harmless }
}

/// Somebody with a conversation: texts, long ones, some from the other, a document, a draft.
async fn profile_with_history(rig: &Rig) -> ConversationId {
    let director = rig.person("director", Tier::Secret).await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    let (conversation, _) = secretary.say(&rig.to("director", Tier::Confidential), "word 0").await;
    secretary.sync().await;
    director.sync().await;
    let to = Target::Conversation(conversation);
    for number in 1..150 {
        let by = if number % 3 == 0 { &director } else { &secretary };
        let text = format!("word {number} {}", "x".repeat(if number % 20 == 0 { 9_000 } else { number * 2 }));
        by.say(&to, &text).await;
        if number % 50 == 0 {
            director.sync().await;
            secretary.sync().await;
        }
    }
    let path = rig.dir.path().join("plan.bin");
    std::fs::write(&path, vec![5; 3_000]).unwrap();
    let send = Command::SendDocument { to, path, options: SendOptions::default() };
    let Reply::Sent { .. } = director.ask(send).await else { panic!() };
    for _ in 0..2 {
        director.sync().await;
        secretary.sync().await;
    }
    secretary.ask(Command::KeepDraft { conversation, text: "not sent yet".into() }).await;
    // The index of texts, and what is made between other work.
    secretary.ask(Command::Search { query: "word".into(), conversation: None, limit: 10 }).await;
    secretary.engine.stop().await;
    director.engine.stop().await;
    conversation
}

// [DELIV-04] [DELIV-06]
#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_of_a_profile_is_found_or_harmless() {
    let mut flips = Flips::new();
    let rig = Rig::new().await;
    let conversation = profile_with_history(&rig).await;
    let (whole, dir) = (rig.dir.path().join("whole"), rig.dir.path().join("secretary"));
    copy_folder(&dir, &whole);
    let answers = ask_all(&dir, conversation).await.unwrap();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    put_back(&whole, &dir);
    assert_eq!(ask_all(&dir, conversation).await.unwrap(), answers, "the same is answered twice");
    let mut fewer = answers.clone();
    fewer[0] = fewer[4].clone();
    assert!(matches!(judge(&answers, Ok(fewer)), Outcome::Wrong(_)), "an answer that is another is seen");
    let in_vault = |named: fn(&str) -> bool| files(&whole.join("vault"), named);
    let kinds: [(&'static str, Vec<PathBuf>, f64); 7] = [
        ("key", vec![whole.join("key")], 1.0),
        ("db", in_vault(|name| name == "db"), 4.0),
        ("conf", in_vault(|name| name == "conf"), 1.0),
        ("snap", in_vault(|name| name.starts_with("snap.")), 1.0),
        ("format", in_vault(|name| name == "format"), 1.0),
        ("watermark", in_vault(|name| name == "watermark"), 1.0),
        ("slots", in_vault(|name| name == "slots"), 1.0),
    ];
    for (kind, files, share) in kinds {
        assert!(!files.is_empty(), "{kind}: there is no such file");
        for place in flips.places(&files, share) {
            put_back(&whole, &dir);
            let (path, at, bit) = &place;
            flip(&(dir.join(path.strip_prefix(&whole).unwrap()), *at, *bit));
            let outcome = judge(&answers, ask_all(&dir, conversation).await);
            flips.note(kind, &place, outcome);
        }
    }
    assert!(flips.found["key"].0 > 0 && flips.found["db"].0 > 0, "some are found: {:?}", flips.found);
    flips.end();
}
