//! A list of revocations that is on its way while something is queued (protocol-spec/07-delivery, section 12).

use amanat_client::{Command, api::Notice};
use amanat_identity::Target as Of;
use amanat_wire::relay::RevocationPage;

use super::*;

// [DELIV-109]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_before_a_newer_list_is_here() {
    let (rig, mut secretary, target, script) = after_one_message().await;
    let mut scripted = script.session().await;
    secretary.say(&target, "two").await;
    scripted.append().await;
    drop(scripted);
    // It is encrypted, and goes out again over the next link.
    let (status, entries) = rig.office.revoke(&[], &[Of::Person("director".parse().unwrap())], rig.clock.now());
    let mut scripted = script.greet(Bytes::new(status.to_bytes()).unwrap()).await;
    let (mut list, mut news, mut synced) = (None, 0, None);
    while news < 2 || list.is_none() {
        match scripted.request().await {
            (number, Request::Revocations(0)) => list = Some(number),
            (_, Request::Append(unit)) => panic!("{:?} was sent", unit.id),
            (number, request) => {
                let asked = matches!(request, Request::News(_));
                scripted.pass(number, request).await;
                if asked {
                    // What the answer lets go has been sent when this asks for news again.
                    news += 1;
                    let engine = secretary.engine.clone();
                    synced.get_or_insert_with(|| tokio::spawn(async move { engine.ask(Command::Sync).await }));
                }
            }
        }
    }
    let revocations = entries.iter().map(|entry| Bytes::new(entry.to_bytes()).unwrap()).collect::<Vec<_>>();
    let page = RevocationPage { revocations: List::new(revocations).unwrap(), more: false };
    scripted.answer(list.unwrap(), Answer::Revocations(page)).await;
    let revoked = |event: &Event| matches!(event, Event::Notice(Notice::Revoked { .. })).then_some(());
    secretary.until("revocation", revoked).await;
    let (_, unit) = scripted.append().await;
    assert_eq!(unit.kind, UnitKind::Commit, "the director is removed before anything else is sent");
}
