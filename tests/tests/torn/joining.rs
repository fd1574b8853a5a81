//! Joining with an invitation: it is run again with the same one, or the profile that is there is used.

use std::time::Duration;

use amanat_client::{FailureCode, api::Target};
use amanat_identity::{
    Tier,
    armour::{self, FileKind},
};
use amanat_primitives::ConversationId;
use amanat_store::table::faults;
use amanat_tests::Rig;
use rand_core::OsRng;

use crate::world::FAULTS;

async fn first_message(rig: &Rig, from: &amanat_tests::Person, to: &str) -> ConversationId {
    from.say(&rig.to(to, Tier::Official), "welcome").await.0
}

// [DELIV-180]
#[tokio::test(flavor = "multi_thread")]
async fn who_joins() {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    let mut number = 0;
    for fault in FAULTS {
        for nth in 1.. {
            number += 1;
            rig.clock.forward(Duration::from_secs(61));
            let handle = format!("clerk{number}");
            let invitation = rig.office.invite(&mut OsRng, &handle, Tier::Secret, rig.clock.now());
            let text = armour::write(FileKind::Invitation, &invitation.to_secret_bytes()).unwrap();
            let plan = faults::plan(&rig.dir.path().join(&handle).join("vault"), fault, nth);
            let told = rig.join(&handle, text.as_bytes()).await;
            let met = plan.met();
            drop(plan);
            assert_eq!(told.is_err(), met, "{fault:?} at {nth}: {told:?}");
            if told.is_err() {
                match rig.join(&handle, text.as_bytes()).await {
                    Ok(_) => {}
                    // It was enrolled when it was interrupted: the rest is done by whatever opens it.
                    Err(failure) => assert_eq!(failure.code, FailureCode::ProfileExists, "{fault:?} at {nth}"),
                }
            }
            let mut clerk = rig.start(&handle).await;
            clerk.sync().await;
            let conversation = first_message(&rig, &secretary, &handle).await;
            let (theirs, message) = clerk.next_message().await;
            assert_eq!((theirs, message.own), (conversation, false));
            clerk.say(&Target::Conversation(conversation), "thank you").await;
            clerk.sync().await;
            secretary.sync().await;
            assert_eq!(secretary.texts(conversation).await, ["welcome", "thank you"]);
            clerk.engine.stop().await;
            if !met {
                assert!(nth > 2, "it commits more often than that");
                break;
            }
        }
    }
    secretary.engine.stop().await;
}
