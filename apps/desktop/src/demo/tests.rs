//! The stage without a window: everything stands, and colleagues read and answer.

use std::time::Duration;

use amanat_client::{
    Command, Event, Reply,
    api::{MessageState, Target},
};
use amanat_identity::Tier;
use iced::futures::StreamExt as _;

use super::*;

#[test]
fn colleagues_read_and_answer_and_nothing_is_left() {
    let scratch = Scratch::new().unwrap();
    let path = scratch.path().to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let stage = set(&scratch).await.unwrap();
        let backend = stage.opened.backend.clone();
        let until = tokio::time::Instant::now() + Duration::from_secs(60);
        let views = loop {
            let Ok(Reply::Conversations(views)) = backend.ask(Command::Conversations).await else { panic!() };
            if views.iter().filter(|view| view.unread > 0).count() == 3 || tokio::time::Instant::now() > until {
                break views;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let mut tiers: Vec<Tier> = views.iter().map(|view| view.tier).collect();
        tiers.sort();
        assert_eq!(tiers, [Tier::Official, Tier::Restricted, Tier::Secret]);
        let urdu = views.iter().find(|view| view.tier == Tier::Restricted).unwrap().id;
        let text = Command::SendText { to: Target::Conversation(urdu), text: "شکریہ".into() };
        let Ok(Reply::Sent { message: Some(sent), .. }) = backend.ask(text).await else { panic!() };
        let mut events = stage.opened.events.lock().unwrap().take().unwrap();
        let (mut read, mut answered) = (false, false);
        while !(read && answered) {
            let event = tokio::time::timeout_at(until, events.next()).await;
            match event.unwrap_or_else(|_| panic!("read: {read}, answered: {answered}")).unwrap() {
                Event::MessageState { message, state, .. } if message == sent => read |= state == MessageState::Read,
                Event::Message { conversation, message } if conversation == urdu => {
                    let text = amanat_client::api::MessageBody::Text(tale::reply(true, 0).into());
                    answered |= message.body == text;
                }
                _ => {}
            }
        }
        drop(events);
        stage.clear().await;
    });
    drop(scratch);
    assert!(!path.exists());
}
