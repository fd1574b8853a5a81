//! Who is in a conversation: creating it, adding to it, removing from it, for each who takes part.

use amanat_client::{Command, Failure, Reply, api::ConversationState};
use amanat_identity::Tier;
use amanat_primitives::ConversationId;
use amanat_store::table::faults::Fault;

use crate::world::{ALL, CLERK, DIRECTOR, Operation, SECRETARY, World, at_every_commit};

/// Everyone's sync, one after the other, as far as it goes.
async fn settle(world: &World) -> Result<(), Failure> {
    for handle in ALL.into_iter().chain(ALL) {
        world.person(handle).engine.ask(Command::Sync).await?;
    }
    Ok(())
}

#[derive(Default)]
struct Create {
    created: Option<ConversationId>,
}

impl Create {
    fn command(world: &World) -> Command {
        let members = vec![world.address(DIRECTOR), world.address(CLERK)];
        Command::New { title: format!("new {}", world.round), tier: Tier::Official, members }
    }

    /// Those of this round, as somebody has them.
    async fn found(world: &World, handle: &str) -> Vec<ConversationId> {
        let title = format!("new {}", world.round);
        let list = world.conversations(handle).await;
        list.into_iter().filter(|view| view.title == title).map(|view| view.id).collect()
    }
}

impl Operation for Create {
    async fn prepare(&mut self, _: &mut World) {
        self.created = None;
    }

    async fn run(&mut self, world: &World) -> Result<(), Failure> {
        let Reply::Sent { conversation, .. } = world.person(SECRETARY).engine.ask(Self::command(world)).await? else {
            panic!()
        };
        self.created = Some(conversation);
        settle(world).await
    }

    async fn again(&mut self, world: &World, _: &Result<(), Failure>, _: Fault) {
        let found = Self::found(world, SECRETARY).await;
        if let Some(created) = self.created {
            assert_eq!(found, [created], "what was replied is there");
        }
        if found.is_empty() {
            let reply = world.person(SECRETARY).ask(Self::command(world)).await;
            assert!(matches!(reply, Reply::Sent { .. }));
        }
    }

    async fn check(&mut self, world: &mut World) {
        world.sync_all(&ALL).await;
        let found = Self::found(world, SECRETARY).await;
        assert_eq!(found.len(), 1);
        world.agree(found[0], &ALL).await;
        for handle in ALL {
            assert_eq!(Self::found(world, handle).await, found, "{handle}");
        }
    }
}

/// The secretary adds the clerk.
#[derive(Default)]
struct Add {
    group: Option<ConversationId>,
    /// It was replied to as done.
    done: bool,
}

impl Operation for Add {
    async fn prepare(&mut self, world: &mut World) {
        self.done = false;
        self.group = Some(world.group(SECRETARY, &[DIRECTOR]).await);
    }

    async fn run(&mut self, world: &World) -> Result<(), Failure> {
        let add = Command::Add { conversation: self.group.unwrap(), members: vec![world.address(CLERK)] };
        world.person(SECRETARY).engine.ask(add).await?;
        self.done = true;
        settle(world).await
    }

    async fn again(&mut self, world: &World, _: &Result<(), Failure>, _: Fault) {
        let conversation = self.group.unwrap();
        if !world.members(SECRETARY, conversation).await.contains(CLERK) {
            assert!(!self.done, "it was done");
            world.person(SECRETARY).ask(Command::Add { conversation, members: vec![world.address(CLERK)] }).await;
        }
    }

    async fn check(&mut self, world: &mut World) {
        world.sync_all(&ALL).await;
        let group = self.group.unwrap();
        world.agree(group, &ALL).await;
        for handle in ALL {
            let views = world.conversations(handle).await;
            let title = views.into_iter().find(|view| view.id == group).map(|view| view.title);
            assert_eq!(title, Some(format!("group {}", world.round)), "{handle}");
        }
    }
}

/// The secretary removes the clerk.
#[derive(Default)]
struct Remove {
    group: Option<ConversationId>,
    /// It was replied to as done.
    done: bool,
}

impl Operation for Remove {
    async fn prepare(&mut self, world: &mut World) {
        self.done = false;
        self.group = Some(world.group(SECRETARY, &[DIRECTOR, CLERK]).await);
    }

    async fn run(&mut self, world: &World) -> Result<(), Failure> {
        let remove = Command::Remove { conversation: self.group.unwrap(), member: world.address(CLERK) };
        world.person(SECRETARY).engine.ask(remove).await?;
        self.done = true;
        settle(world).await
    }

    async fn again(&mut self, world: &World, _: &Result<(), Failure>, _: Fault) {
        let conversation = self.group.unwrap();
        if world.members(SECRETARY, conversation).await.contains(CLERK) {
            assert!(!self.done, "it was done");
            world.person(SECRETARY).ask(Command::Remove { conversation, member: world.address(CLERK) }).await;
        }
    }

    async fn check(&mut self, world: &mut World) {
        world.sync_all(&ALL).await;
        world.agree(self.group.unwrap(), &[SECRETARY, DIRECTOR]).await;
        assert_eq!(world.state(CLERK, self.group.unwrap()).await, Some(ConversationState::Removed));
    }
}

// [DELIV-181]
#[tokio::test(flavor = "multi_thread")]
async fn who_creates() {
    at_every_commit(SECRETARY, 0, Create::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_put_into_a_new_one() {
    at_every_commit(DIRECTOR, 1, Create::default()).await;
}

// [DELIV-181]
#[tokio::test(flavor = "multi_thread")]
async fn who_adds() {
    at_every_commit(SECRETARY, 0, Add::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sees_somebody_added() {
    at_every_commit(DIRECTOR, 1, Add::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_added() {
    at_every_commit(CLERK, 1, Add::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_removes() {
    at_every_commit(SECRETARY, 0, Remove::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sees_somebody_removed() {
    at_every_commit(DIRECTOR, 1, Remove::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_removed() {
    at_every_commit(CLERK, 1, Remove::default()).await;
}
