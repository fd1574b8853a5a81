//! A directory that lies (protocol-spec/03-identity, sections 6 and 10): what a client believes of what it lists.

use amanat_client::{
    Command, Failure, FailureCode, Reply,
    api::{Notice, Verification, Warning, WarningOf},
};
use amanat_identity::{DeviceChain, DeviceKeys, StatusView};
use amanat_primitives::passphrase::WorkPolicy;
use amanat_wire::relay::{Direct, DirectItem, WelcomePart};
use rand_core::OsRng;

use super::*;

/// Answers the next look-up in the directory.
async fn list(scripted: &mut Scripted, chains: &[&DeviceChain]) {
    let (number, ()) = until_request(scripted, |request| match request {
        Request::People(_) => Ok(()),
        other => Err(other),
    })
    .await;
    let chains: Vec<_> = chains.iter().map(|chain| Bytes::new(chain.to_bytes()).unwrap()).collect();
    scripted.answer(number, Answer::Chains(Chains { chains: List::new(chains).unwrap(), more: false })).await;
}

/// Asks for the director's safety number while the directory lists `chains` of the director.
async fn verify(
    person: &Person,
    scripted: &mut Scripted,
    chains: &[&DeviceChain],
    number: Option<&str>,
) -> Verification {
    try_verify(person, scripted, chains, number).await.unwrap()
}

async fn try_verify(
    person: &Person,
    scripted: &mut Scripted,
    chains: &[&DeviceChain],
    number: Option<&str>,
) -> Result<Verification, Failure> {
    let engine = person.engine.clone();
    let address = "director@interior.gov.pk".parse().unwrap();
    let compared = number.map(str::to_owned);
    let asked = tokio::spawn(async move { engine.ask(Command::Verify { address, compared }).await });
    list(scripted, chains).await;
    list(scripted, &[]).await;
    match asked.await.unwrap()? {
        Reply::Verification(verification) => Ok(verification),
        other => panic!("{other:?}"),
    }
}

// [DELIV-130], [DELIV-225]
#[tokio::test(flavor = "multi_thread")]
async fn a_compared_number_speaks_for_the_devices_in_it_alone() {
    let (rig, secretary, target, script) = after_one_message().await;
    let Target::Conversation(conversation) = target else { panic!() };
    let mut scripted = script.session().await;
    let enrol = || rig.office.enrol(&mut OsRng, "director", Tier::Secret, rig.clock.now());
    let ((_, second, second_device), (_, third, third_device)) = (enrol(), enrol());
    // The relay lists a device of its own choice and hides the one that is in the conversation: the number is over both.
    let alone = verify(&secretary, &mut scripted, &[], None).await;
    assert_eq!(alone.person.devices.len(), 1);
    // It came since the number was read: what was compared is refused, and nothing is confirmed.
    let refused = try_verify(&secretary, &mut scripted, &[&second], Some(&alone.safety_number)).await.unwrap_err();
    assert_eq!(refused.code, FailureCode::NotAllowed);
    let both = verify(&secretary, &mut scripted, &[], None).await;
    assert!(!both.person.verified);
    assert!(try_verify(&secretary, &mut scripted, &[], Some("")).await.is_err());
    let spaced = both.safety_number.replace(' ', "\n ");
    let both = verify(&secretary, &mut scripted, &[], Some(&spaced)).await;
    assert_eq!(both.person.devices.len(), 2);
    assert!(both.person.devices.contains(&second_device.id()) && both.person.verified);
    assert_ne!(alone.safety_number, both.safety_number);
    let members = |reply| match reply {
        Reply::Members(members) => members,
        other => panic!("{other:?}"),
    };
    let shown = members(secretary.ask(Command::Members { conversation }).await);
    assert!(shown.iter().filter(|member| !member.own).all(|member| member.verified), "{shown:?}");
    // A device that comes later is not vouched for, and those that were compared stay so.
    let all = verify(&secretary, &mut scripted, &[&third], None).await;
    assert_eq!(all.person.devices.len(), 3);
    assert!(all.person.devices.contains(&third_device.id()) && !all.person.verified);
    let shown = members(secretary.ask(Command::Members { conversation }).await);
    assert!(shown.iter().filter(|member| !member.own).all(|member| member.verified), "{shown:?}");
    assert!(verify(&secretary, &mut scripted, &[], Some(&all.safety_number)).await.person.verified);
}

// [ID-18]: a relay that was taken over signs receipts for two devices of one invitation.
#[tokio::test(flavor = "multi_thread")]
async fn two_certificates_for_one_grant_are_both_refused_for_good() {
    let (rig, mut secretary, _, script) = after_one_message().await;
    let (office, now) = (&rig.office, rig.clock.now());
    let invitation = office.invite(&mut OsRng, "ghost", Tier::Secret, now);
    let invitation = invitation.open(None, &WorkPolicy::STANDARD, now).unwrap();
    let chain = || {
        let enrolment = invitation.redeem(&DeviceKeys::create(&mut OsRng), now).unwrap();
        let verified = enrolment.verify(office.authority(), now, &StatusView::new()).unwrap();
        let receipt = office.relay_keys.receipt(&verified, now).unwrap();
        enrolment.into_chain(office.relay_certificate.clone(), receipt)
    };
    let (first, second) = (chain(), chain());
    let mut scripted = script.session().await;
    let people = async |person: &Person, scripted: &mut Scripted, chains: &[&DeviceChain]| {
        let engine = person.engine.clone();
        let asked = tokio::spawn(async move { engine.ask(Command::People { query: "ghost".into() }).await });
        list(scripted, chains).await;
        match asked.await.unwrap().unwrap() {
            Reply::People { people, .. } => people.len(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(people(&secretary, &mut scripted, &[&first]).await, 1);
    assert_eq!(people(&secretary, &mut scripted, &[&first, &second]).await, 0);
    secretary.until("alarm", |event| matches!(event, Event::Notice(Notice::GrantReused { .. })).then_some(())).await;
    let reused = async |person: &Person| match person.ask(Command::Warnings).await {
        Reply::Warnings(warnings) => {
            let reused = |warning: &Warning| matches!(warning.of, WarningOf::Notice(Notice::GrantReused { .. }));
            warnings.into_iter().filter(reused).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    // [DELIV-226] It is kept, once, also where no face looked.
    let kept = reused(&secretary).await;
    assert!(kept.len() == 1 && !kept[0].read, "{kept:?}");
    assert!(matches!(secretary.ask(Command::WarningsRead { warnings: vec![kept[0].id] }).await, Reply::Kept));
    assert_eq!(people(&secretary, &mut scripted, &[&first]).await, 0);
    drop(scripted);
    secretary.engine.stop().await;

    let secretary = rig.start("secretary").await;
    assert_eq!(reused(&secretary).await, [Warning { read: true, ..kept[0].clone() }]);
    let mut scripted = script.session().await;
    for chains in [[&first], [&second]] {
        assert_eq!(people(&secretary, &mut scripted, &chains).await, 0);
    }
}

// [DELIV-134]
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_whose_welcome_is_refused_is_declined() {
    let (_rig, mut secretary, _, script) = after_one_message().await;
    let mut scripted = script.session().await;
    let conversation = amanat_primitives::ConversationId::from_bytes([8; 16]);
    let part = WelcomePart {
        conversation,
        position: 1,
        running: Digest::ZERO,
        sender: amanat_primitives::DeviceId::from_bytes([1; 32]),
        receipt: Bytes::default(),
        group_info: Bytes::new(vec![1; 40]).unwrap(),
        group_secrets: Bytes::new(vec![2; 40]).unwrap(),
    };
    scripted.say(&FromRelay::PushDirect(DirectItem { number: 1, body: Direct::Welcome(part) })).await;
    let (number, declined) = until_request(&mut scripted, |request| match request {
        Request::Decline(conversation) => Ok(conversation),
        other => Err(other),
    })
    .await;
    assert_eq!(declined, conversation);
    scripted.answer(number, Answer::Done(amanat_wire::client::Nothing {})).await;
    secretary.until("notice", |event| matches!(event, Event::Notice(Notice::JoinRefused { .. })).then_some(())).await;
}
