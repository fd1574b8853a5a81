//! A list of revocations that is on its way while something is queued (protocol-spec/07-delivery, section 12).

use amanat_client::{Command, Reply, api::Notice};
use amanat_conversation::{KeyPackageMaker, Records};
use amanat_identity::{RevocationEntry, SignedStatus, Target as Of};
use amanat_wire::relay::RevocationPage;
use rand_core::OsRng;

use super::*;

fn bytes_of(status: &SignedStatus) -> Bytes<{ limits::CHAIN }> {
    Bytes::new(status.to_bytes()).unwrap()
}

fn page(entries: &[RevocationEntry]) -> Answer {
    let revocations = entries.iter().map(|entry| Bytes::new(entry.to_bytes()).unwrap()).collect::<Vec<_>>();
    Answer::Revocations(RevocationPage { revocations: List::new(revocations).unwrap(), more: false })
}

/// Waits until a person's engine has taken a status statement.
async fn until_taken(person: &Person, status: &SignedStatus) {
    let taken = tokio::time::timeout(PATIENCE, async {
        loop {
            let Reply::Status(overview) = person.ask(Command::Status).await else { panic!() };
            if overview.status.is_some_and(|taken| taken.number == status.statement.signed.number) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    taken.await.expect("the statement is taken");
}

// [DELIV-95] An honest relay lists a revoked device no more; this one does, as one of two.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_device_that_is_still_listed_is_left_out_of_a_new_conversation() {
    let (rig, secretary, _, script) = after_one_message().await;
    let now = rig.clock.now();
    let enrol = || rig.office.enrol(&mut OsRng, "ghost", Tier::Secret, now);
    let ((_, lost_chain, lost), (keys, chain, good)) = (enrol(), enrol());
    let (status, entries) = rig.office.revoke(&[], &[Of::Device(lost.id())], now);
    let mut scripted = script.greet(bytes_of(&status)).await;
    let (number, _) = until_request(&mut scripted, |request| match request {
        Request::Revocations(first) => Ok(first),
        other => Err(other),
    })
    .await;
    scripted.answer(number, page(&entries)).await;
    until_taken(&secretary, &status).await;

    let (engine, to) = (secretary.engine.clone(), rig.to("ghost", Tier::Official));
    let asked = tokio::spawn(async move { engine.ask(Command::SendText { to, text: "x".into() }).await });
    let (number, ()) = until_request(&mut scripted, |request| match request {
        Request::People(_) => Ok(()),
        other => Err(other),
    })
    .await;
    let chains = [&lost_chain, &chain].map(|chain| Bytes::new(chain.to_bytes()).unwrap());
    scripted.answer(number, Answer::Chains(Chains { chains: List::new(chains).unwrap(), more: false })).await;
    let claimed = until_request(&mut scripted, |request| match request {
        Request::ClaimKeyPackages(devices) => Ok(devices),
        other => Err(other),
    });
    let (number, devices) = tokio::select! {
        claimed = claimed => claimed,
        refused = asked => panic!("{refused:?}"),
    };
    assert_eq!(devices.to_vec(), [good.id()]);
    let maker = KeyPackageMaker { device: &good, signing: keys.signing() };
    let key_package = maker.one_time(1, &mut Records::default(), now, &mut OsRng).unwrap().remove(0);
    let claimed = ClaimedKeyPackage { device: good.id(), key_package, last_resort: false };
    scripted.answer(number, Answer::KeyPackages(List::new(vec![claimed]).unwrap())).await;
    let (_, unit) = scripted.append().await;
    assert_eq!((unit.kind, unit.roster_add.to_vec()), (UnitKind::Create, vec![good.id()]));
}

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
    let mut scripted = script.greet(bytes_of(&status)).await;
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
    scripted.answer(list.unwrap(), page(&entries)).await;
    let revoked = |event: &Event| matches!(event, Event::Notice(Notice::Revoked { .. })).then_some(());
    secretary.until("revocation", revoked).await;
    let (_, unit) = scripted.append().await;
    assert_eq!(unit.kind, UnitKind::Commit, "the director is removed before anything else is sent");
}
