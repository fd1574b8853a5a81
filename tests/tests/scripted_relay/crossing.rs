//! Answers that cross (protocol-spec/07-delivery, section 12).

use amanat_client::{Command, Event, api::Notice};
use amanat_primitives::Digest;
use amanat_wire::client::Request;

use super::*;

// [DELIV-183]
#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_meanwhile_makes_no_relay_fall_behind() {
    let (_rig, mut secretary, target, script) = after_one_message().await;
    let Target::Conversation(conversation) = target else { panic!() };
    let mut scripted = script.session().await;
    let (_, message) = secretary.say(&target, "two").await;
    let (append, _) = scripted.append().await;
    let engine = secretary.engine.clone();
    let sync = tokio::spawn(async move { engine.ask(Command::Sync).await });
    let news = until_news(&mut scripted).await;
    // The log has three entries when the relay looks, and the fourth is answered first.
    scripted.answer(append, appended(4, Digest::ZERO)).await;
    secretary.until_state(message, MessageState::Accepted).await;
    let log = LogState { conversation, head: 3, first_kept: 1, cursor: 3 };
    let News { direct, more_logs, more_direct, key_packages, last_resort_used, .. } = no_news();
    let logs = List::new(vec![log]).unwrap();
    let said = News { logs, direct, more_logs, more_direct, key_packages, last_resort_used };
    scripted.answer(news, Answer::News(said)).await;
    let passed = async {
        loop {
            let (number, request) = scripted.request().await;
            scripted.pass(number, request).await;
        }
    };
    tokio::select! {
        synced = sync => drop(synced.unwrap().unwrap()),
        () = passed => {}
    }
    // All events up to here are looked at before one that comes later.
    let (_, after) = secretary.say(&target, "three").await;
    secretary
        .until("its own message", |event| match event {
            Event::Notice(Notice::RelayBehind { missing, .. }) => panic!("{missing} entries behind"),
            Event::Message { message, .. } => (message.id == after).then_some(()),
            _ => None,
        })
        .await;
}

async fn until_news(scripted: &mut Scripted) -> u32 {
    loop {
        match scripted.request().await {
            (number, Request::News(_)) => return number,
            (number, request) => scripted.pass(number, request).await,
        }
    }
}

fn no_news() -> News {
    let Answer::News(news) = nothing_new() else { panic!() };
    news
}
