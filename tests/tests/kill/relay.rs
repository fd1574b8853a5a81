//! The relay is killed while several people send as fast as they can.

use std::time::{Duration, Instant};

use amanat_client::{Command, Reply};
use amanat_identity::Tier;
use amanat_relay_core::Config;
use amanat_tests::{Rig, programs::RelayProcess};

use crate::{Moments, by_sender, rounds, sync, talker::Talk};

const HANDLES: [&str; 3] = ["secretary", "director", "officer"];

// [DELIV-80] [DELIV-82]
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_killed_under_load_loses_and_repeats_nothing_that_it_accepted() {
    let mut moments = Moments::new();
    let mut rig = Rig::new().await;
    let mut people = Vec::new();
    for handle in HANDLES {
        people.push(rig.person(handle, Tier::Secret).await);
    }
    let conversations = open(&rig, &people).await;
    // From here on the relay is a process of its own, at the same address and in the same folder.
    rig.stop_relay().await;
    let dir = rig.relay_dir();
    let address = Config::load(&dir).unwrap().listen[0];
    let start = || {
        let dir = dir.clone();
        tokio::task::spawn_blocking(move || RelayProcess::start(&dir, address))
    };
    let mut relay = start().await.unwrap();
    let talk = Talk::new(usize::MAX);
    let talkers: Vec<_> =
        people.into_iter().map(|person| tokio::spawn(talk.clone().run(person, conversations.clone()))).collect();
    for round in 0..rounds() {
        // It must have been at work again, for a random while, before the next kill.
        let until = talk.accepted() + 1 + moments.below(150);
        let deadline = Instant::now() + Duration::from_secs(60);
        while talk.accepted() < until {
            assert!(Instant::now() < deadline, "round {round}: nothing is accepted any more\n{}", relay.log());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        println!("round {round}: {} accepted", talk.accepted());
        relay.kill();
        relay = start().await.unwrap();
    }
    talk.stop();
    let mut ended = Vec::new();
    for talker in talkers {
        ended.push(talker.await.unwrap());
    }
    println!("{} kills, {} messages accepted", rounds(), talk.accepted());
    for _ in 0..2 {
        for (person, _) in &ended {
            sync(person).await;
        }
    }
    for conversation in &conversations {
        for (reader, memory) in &ended {
            let messages = reader.messages(*conversation).await;
            let found = by_sender(&messages);
            for (sender, theirs) in &ended {
                let sent: Vec<_> =
                    theirs.sent.iter().filter(|(to, _)| to == conversation).map(|(_, text)| text).collect();
                let read: Vec<_> = found[&sender.handle].iter().collect();
                assert!(read == sent, "{} does not have all of {} once and in order", reader.handle, sender.handle);
            }
            assert_eq!(memory.alarms, [""; 0], "{}", reader.handle);
        }
    }
    for (person, memory) in &mut ended {
        // What came during the last syncs was shown too.
        while let Ok(Some(event)) = tokio::time::timeout(Duration::ZERO, person.events.next()).await {
            if let amanat_client::Event::Message { message, .. } = event {
                memory.shown.extend((!message.own).then_some(message.id));
            }
        }
        let mut once = memory.shown.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), memory.shown.len(), "{} was shown a message twice", person.handle);
    }
    let log = relay.log();
    assert_eq!(relay.terminate(), Some(0), "{log}");
}

/// Two conversations in which all three are.
async fn open(rig: &Rig, people: &[amanat_tests::Person]) -> Vec<amanat_primitives::ConversationId> {
    let domain = rig.office.authority().domain();
    let mut conversations = Vec::new();
    for (founder, title) in [(0, "First"), (1, "Second")] {
        let others = HANDLES.iter().filter(|handle| **handle != HANDLES[founder]);
        let members = others.map(|handle| format!("{handle}@{domain}").parse().unwrap()).collect();
        let new = Command::New { title: title.into(), tier: Tier::Restricted, members };
        let Reply::Sent { conversation, .. } = people[founder].ask(new).await else { panic!() };
        conversations.push(conversation);
    }
    for _ in 0..2 {
        for person in people {
            person.sync().await;
        }
    }
    conversations
}
