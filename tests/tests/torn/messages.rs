//! Messages and what happens to them afterwards, for who sends and who receives.

use amanat_client::{
    Command, Failure, Reply,
    api::{Line, MessageBody, MessageRef, MessageView, Target},
};
use amanat_primitives::{ConversationId, MessageId};
use amanat_store::table::faults::Fault;

use crate::world::{DIRECTOR, Operation, SECRETARY, World, at_every_commit};

const BOTH: [&str; 2] = [SECRETARY, DIRECTOR];

/// The secretary writes, the director reads and reacts, the secretary edits, the director takes it in.
#[derive(Default)]
struct Talk {
    group: Option<ConversationId>,
    /// What a reply said was queued.
    sent: Option<MessageId>,
}

impl Talk {
    fn text(world: &World) -> String {
        format!("talk {}", world.round)
    }

    fn edited(world: &World) -> String {
        format!("talk {}, edited", world.round)
    }

    fn conversation(&self) -> ConversationId {
        self.group.unwrap()
    }

    fn send(&self, world: &World) -> Command {
        Command::SendText { to: Target::Conversation(self.conversation()), text: Self::text(world) }
    }

    /// The message of this round, as somebody has it; one at most.
    async fn found(&self, world: &World, handle: &str) -> Option<MessageView> {
        let (text, edited) = (MessageBody::Text(Self::text(world)), MessageBody::Text(Self::edited(world)));
        let messages = world.person(handle).messages(self.conversation()).await;
        let mut found = messages.into_iter().filter(|message| message.body == text || message.body == edited);
        let first = found.next();
        assert!(found.next().is_none(), "{handle} has it twice");
        first
    }

    /// What is left to do of the round, as each of the two sees it.
    async fn go_on(&self, world: &World) -> Result<(), Failure> {
        let conversation = self.conversation();
        let (secretary, director) = (&world.person(SECRETARY).engine, &world.person(DIRECTOR).engine);
        director.ask(Command::Sync).await?;
        let read = Command::Read { conversation, since: 0, limit: u32::MAX, mark: true };
        let Reply::Lines(lines) = director.ask(read.clone()).await? else { panic!() };
        let message = lines.into_iter().filter_map(Line::into_message).next_back().map(|last| last.id).unwrap();
        director.ask(Command::React { message: MessageRef { conversation, message }, text: "seen".into() }).await?;
        director.ask(Command::Sync).await?;
        let message = MessageRef { conversation, message };
        secretary.ask(Command::Edit { message, text: Self::edited(world), consent: Default::default() }).await?;
        for _ in 0..2 {
            secretary.ask(Command::Sync).await?;
            director.ask(Command::Sync).await?;
        }
        Ok(())
    }
}

impl Operation for Talk {
    async fn begin(&mut self, world: &mut World) {
        self.group = Some(world.group(SECRETARY, &[DIRECTOR]).await);
    }

    async fn prepare(&mut self, _: &mut World) {
        self.sent = None;
    }

    async fn run(&mut self, world: &World) -> Result<(), Failure> {
        let Reply::Sent { message, .. } = world.person(SECRETARY).engine.ask(self.send(world)).await? else { panic!() };
        self.sent = message;
        world.person(SECRETARY).engine.ask(Command::Sync).await?;
        self.go_on(world).await
    }

    async fn again(&mut self, world: &World, told: &Result<(), Failure>, fault: Fault) {
        let found = self.found(world, SECRETARY).await;
        match (self.sent, &found) {
            (Some(sent), found) => assert_eq!(found.as_ref().map(|message| message.id), Some(sent), "it was queued"),
            (None, Some(_)) => assert_eq!(fault, Fault::After, "it was refused, and is there all the same"),
            (None, None) => {
                world.person(SECRETARY).ask(self.send(world)).await;
            }
        }
        if told.is_err() {
            world.sync_all(&BOTH).await;
            self.go_on(world).await.unwrap();
        }
    }

    async fn check(&mut self, world: &mut World) {
        for handle in BOTH {
            let message = self.found(world, handle).await.unwrap_or_else(|| panic!("{handle} does not have it"));
            assert_eq!(message.body, MessageBody::Text(Self::edited(world)), "{handle}");
            assert_eq!(message.reactions.len(), 1, "{handle}: {message:?}");
        }
        world.agree(self.conversation(), &BOTH).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends() {
    at_every_commit(SECRETARY, 0, Talk::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_receives() {
    at_every_commit(DIRECTOR, 0, Talk::default()).await;
}
