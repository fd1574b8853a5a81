//! More people than one commit takes: whoever founds the group is stopped in between.

use amanat_client::{Command, api::ConversationState};
use amanat_identity::Tier;
use amanat_primitives::ConversationId;
use amanat_store::table::faults::{self, Fault};
use amanat_wire::limits;

use crate::world::{DIRECTOR, SECRETARY, World};

/// A few more than fit into one commit.
const PEOPLE: usize = limits::ADDS + 3;

async fn founded(world: &World, title: &str) -> Option<ConversationId> {
    let list = world.conversations(SECRETARY).await;
    list.into_iter().find(|view| view.title == title).map(|view| view.id)
}

// [DELIV-213]
#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_a_large_group_comes_in_after_a_crash_at_any_commit() {
    let mut world = World::new().await;
    let mut members = vec![world.address(DIRECTOR)];
    for number in 1..PEOPLE {
        let handle = format!("official{number:02}");
        // Only their KeyPackages are needed.
        let person = world.rig.person(&handle, Tier::Secret).await;
        person.sync().await;
        person.engine.stop().await;
        members.push(world.address(&handle));
    }
    let mut crashed_in_between = false;
    for nth in 1.. {
        world.round += 1;
        world.rig.clock.forward(std::time::Duration::from_secs(61));
        let title = format!("all {nth}");
        let plan = faults::plan(&world.vault(SECRETARY), Fault::After, nth);
        let new = Command::New { title: title.clone(), tier: Tier::Official, members: members.clone() };
        let replied = world.person(SECRETARY).engine.ask(new).await.is_ok();
        let synced = replied && world.person(SECRETARY).engine.ask(Command::Sync).await.is_ok();
        let met = plan.met();
        drop(plan);
        assert!(met || synced, "round {nth}");
        if met {
            world.ends(SECRETARY).await;
        }
        let before = world.restart(SECRETARY).await;
        crashed_in_between |= before.newcomers == 1 && before.commits == 0;
        world.sync_all(&[SECRETARY, DIRECTOR]).await;
        let id = founded(&world, &title).await;
        assert!(id.is_some() || !replied, "round {nth}: what was replied is there");
        if let Some(id) = id {
            for handle in [SECRETARY, DIRECTOR] {
                assert_eq!(world.state(handle, id).await, Some(ConversationState::Active), "{handle}, round {nth}");
                assert_eq!(world.members(handle, id).await.len(), PEOPLE + 1, "{handle}, round {nth}");
            }
        }
        let left = world.restart(SECRETARY).await;
        assert_eq!((left.newcomers, left.commits, left.outbox), (0, 0, 0), "round {nth}");
        if !met {
            break;
        }
    }
    assert!(crashed_in_between, "no crash came between the first commit and the second");
    assert_eq!(PEOPLE, members.len());
}

// [DELIV-213]
#[tokio::test(flavor = "multi_thread")]
async fn more_than_one_commit_of_people_is_added_to_a_group() {
    let mut world = World::new().await;
    let id = world.group(SECRETARY, &[DIRECTOR]).await;
    let mut members = Vec::new();
    for number in 1..=PEOPLE {
        let handle = format!("official{number:02}");
        let person = world.rig.person(&handle, Tier::Secret).await;
        person.sync().await;
        person.engine.stop().await;
        members.push(world.address(&handle));
    }
    let plan = faults::plan(&world.vault(SECRETARY), Fault::After, 4);
    let add = Command::Add { conversation: id, members };
    let added = world.person(SECRETARY).engine.ask(add).await;
    assert!(plan.met(), "{added:?}");
    drop(plan);
    world.ends(SECRETARY).await;
    assert_eq!(world.restart(SECRETARY).await.newcomers, 1);
    world.sync_all(&[SECRETARY, DIRECTOR]).await;
    for handle in [SECRETARY, DIRECTOR] {
        assert_eq!(world.members(handle, id).await.len(), PEOPLE + 2, "{handle}");
    }
    assert_eq!(world.restart(SECRETARY).await.newcomers, 0);
}
