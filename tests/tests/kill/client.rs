//! A client is killed while it sends, receives, reads and syncs. It is this test's own executable, run again: it opens
//! the profile, sends numbered texts as fast as they become durable, and says on standard output what was promised to
//! it; the test reads that, and kills it when it likes.

use std::{
    collections::HashSet,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command as Process, Stdio},
    time::Duration,
};

use amanat_client::{
    Command, Engine, Event, Options, Reply,
    api::{Line, MessageState, Target},
    profile,
};
use amanat_identity::Tier;
use amanat_primitives::passphrase::WorkPolicy;
use amanat_tests::{PASSPHRASE, Rig, programs::signal};

use crate::{Moments, by_sender, rounds, sync, talker::Talk};

/// What the killed client is told: the profile's folder, the conversation, how its texts begin.
const JOB: [&str; 3] = ["KILL_PROFILE", "KILL_CONVERSATION", "KILL_PREFIX"];
/// Texts of the killed client that may wait for the relay's acceptance.
const WAITING: usize = 64;

/// The entry of the killed client's process; in a plain run of the tests it has nothing to do.
#[tokio::test(flavor = "multi_thread")]
async fn the_client() {
    if let [Ok(dir), Ok(conversation), Ok(prefix)] = JOB.map(std::env::var) {
        run(&dir, &conversation, &prefix).await;
    }
}

async fn run(dir: &str, conversation: &str, prefix: &str) {
    let opened = profile::open(dir.as_ref(), PASSPHRASE, &WorkPolicy::FOR_TESTS).unwrap_or_else(|e| panic!("{e:?}"));
    let (engine, mut events) = Engine::start(opened, Options::default());
    let to = Target::Conversation(conversation.parse().unwrap());
    // The test runner may have left its own words on this line.
    say("");
    let (mut number, mut waiting, mut read) = (0u64, HashSet::new(), 0);
    loop {
        tokio::select! {
            biased;
            event = events.next() => match event.unwrap() {
                Event::MessageState { message, state: MessageState::Accepted, .. } => drop(waiting.remove(&message)),
                Event::Alarm { alarm, .. } => say(&format!("alarm {alarm:?}")),
                Event::Stopped(failure) => panic!("{failure:?}"),
                _ => {}
            },
            () = std::future::ready(()), if waiting.len() < WAITING => {
                let text = format!("{prefix}.{number}");
                match engine.ask(Command::SendText { to: to.clone(), text: text.clone() }).await {
                    Ok(Reply::Sent { message: Some(message), .. }) => {
                        waiting.insert(message);
                        say(&format!("queued {text}"));
                    }
                    // The engine says why it has stopped.
                    Err(_) => continue,
                    other => panic!("{other:?}"),
                }
                number += 1;
                if number.is_multiple_of(20) {
                    read = read_on(&engine, &to, read).await;
                }
            }
        }
    }
}

/// Marks what has come as read, so that receipts are killed too. Gives the sequence of the last one.
async fn read_on(engine: &Engine, to: &Target, since: u64) -> u64 {
    let Target::Conversation(conversation) = *to else { return since };
    let read = Command::Read { conversation, since, limit: 500, mark: true };
    let Ok(Reply::Lines(lines)) = engine.ask(read).await else { panic!() };
    // It may take longer than this client lives.
    let _ = tokio::time::timeout(Duration::from_millis(500), engine.ask(Command::Sync)).await;
    say("synced");
    lines.last().map_or(since, Line::sequence)
}

/// Says it at once: what was not said before the kill was never promised.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).unwrap();
}

/// The killed client's process, whose lines are read in `life`.
fn start(dir: &std::path::Path, conversation: &str, prefix: &str) -> Child {
    let values = [dir.to_str().unwrap(), conversation, prefix];
    Process::new(std::env::current_exe().unwrap())
        .args(["--exact", "client::the_client", "--nocapture"])
        .envs(JOB.into_iter().zip(values))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// One life of the client: it is killed a moment after it has said `lines` things. Gives the texts that it promised.
fn life(mut child: Child, lines: u64, moment: Duration) -> Vec<String> {
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut promised = Vec::new();
    let mut said = 0;
    while said < lines {
        let line = out.next().unwrap_or_else(|| panic!("the client ended by itself")).unwrap();
        said += u64::from(note(&line, &mut promised));
    }
    // Not a wait for anything: the kill is to come at any moment of whatever is done meanwhile.
    std::thread::sleep(moment);
    child.kill().unwrap();
    child.wait().unwrap();
    // What it had said by then; a line is one write, which a kill does not cut.
    for line in out.map_while(Result::ok) {
        note(&line, &mut promised);
    }
    promised
}

fn note(line: &str, promised: &mut Vec<String>) -> bool {
    assert!(!line.starts_with("alarm"), "the killed client: {line}");
    match line.strip_prefix("queued ") {
        Some(text) => promised.push(text.to_owned()),
        None => return line == "synced",
    }
    true
}

// [DELIV-80] [DELIV-82]
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_killed_keeps_what_it_promised_and_repeats_nothing() {
    let mut moments = Moments::new();
    let rig = Rig::new().await;
    rig.enrol("secretary", Tier::Secret).await;
    let director = rig.person("director", Tier::Secret).await;
    let secretary = rig.start("secretary").await;
    let (conversation, _) = secretary.say(&rig.to("director", Tier::Confidential), "begin").await;
    secretary.sync().await;
    director.sync().await;
    secretary.engine.stop().await;

    let talk = Talk::new(200);
    let talker = tokio::spawn(talk.clone().run(director, vec![conversation]));
    let mut promised: Vec<Vec<String>> = Vec::new();
    for round in 0..rounds() {
        let child = start(&rig.dir.path().join("secretary"), &conversation.to_string(), &format!("life {round}"));
        let (id, lines, moment) = (child.id(), moments.below(120), moments.within(Duration::from_millis(30)));
        let lived = tokio::task::spawn_blocking(move || life(child, lines, moment));
        let Ok(texts) = tokio::time::timeout(Duration::from_secs(60), lived).await else {
            signal("KILL", id);
            panic!("life {round}: the client has stopped sending");
        };
        promised.push(texts.unwrap());
        talk.allow(200);
    }
    talk.stop();
    let (mut director, memory) = talker.await.unwrap();

    let mut secretary = rig.start("secretary").await;
    for _ in 0..2 {
        sync(&secretary).await;
        sync(&director).await;
    }
    let written = by_sender(&secretary.messages(conversation).await);
    let read = by_sender(&director.messages(conversation).await);
    println!("{} kills, {} and {} messages", rounds(), written["secretary"].len(), written["director"].len());
    // Both see the same of each.
    assert_eq!(written, read);
    let sent: Vec<_> = memory.sent.iter().map(|(_, text)| text.clone()).collect();
    assert_eq!(written["director"], sent);
    // Each life's texts stand there as they were queued: all that was promised, and at most the one that it could not
    // promise any more.
    let mut rest = written["secretary"].strip_prefix(&["begin".to_owned()][..]).unwrap();
    for (round, texts) in promised.iter().enumerate() {
        let here = rest.iter().take_while(|text| text.starts_with(&format!("life {round}."))).count();
        let (of_this_life, others) = rest.split_at(here);
        assert!(of_this_life.starts_with(texts), "life {round}: {of_this_life:?} does not begin with {texts:?}");
        assert!(of_this_life.len() <= texts.len() + 1, "life {round}: {of_this_life:?} is more than {texts:?}");
        rest = others;
    }
    assert_eq!(rest, [""; 0]);
    assert_eq!(memory.alarms, [""; 0]);
    for person in [&mut secretary, &mut director] {
        while let Ok(Some(event)) = tokio::time::timeout(Duration::ZERO, person.events.next()).await {
            assert!(!matches!(event, Event::Alarm { .. }), "{}: {event:?}", person.handle);
        }
    }
}
