//! A document, for who sends and who saves it.

use std::{fs, path::PathBuf};

use amanat_client::{
    Command, Failure, Reply,
    api::{DocumentView, SendOptions, Target},
};
use amanat_primitives::{ConversationId, DocumentId};
use amanat_store::table::faults::Fault;

use crate::world::{DIRECTOR, Operation, SECRETARY, World, at_every_commit};

const BOTH: [&str; 2] = [SECRETARY, DIRECTOR];
/// Three segments, the last one not full.
const SIZE: usize = 2_500_000;

/// The secretary sends a document, the director saves it.
#[derive(Default)]
struct Exchange {
    group: Option<ConversationId>,
    /// The document's name in this round.
    name: String,
    content: Vec<u8>,
    /// What a reply said was queued, and was saved.
    sent: Option<DocumentId>,
    saved: Option<PathBuf>,
}

impl Exchange {
    fn source(&self, world: &World) -> PathBuf {
        world.rig.dir.path().join(&self.name)
    }

    fn out(&self, world: &World) -> PathBuf {
        world.rig.dir.path().join(format!("out of {}", self.name))
    }

    fn send(&self, world: &World) -> Command {
        Command::SendDocument {
            to: Target::Conversation(self.group.unwrap()),
            path: self.source(world),
            options: SendOptions::default(),
        }
    }

    /// The document of this round, as somebody has it; one at most.
    async fn found(&self, world: &World, handle: &str) -> Option<DocumentView> {
        let list = Command::Documents { conversation: self.group.unwrap() };
        let Reply::Documents(list) = world.person(handle).ask(list).await else { panic!() };
        let mut found = list.into_iter().filter(|document| document.name == self.name);
        let first = found.next();
        assert!(found.next().is_none(), "{handle} has it twice");
        first
    }

    async fn save(&mut self, world: &World) -> Result<(), Failure> {
        let director = &world.person(DIRECTOR).engine;
        director.ask(Command::Sync).await?;
        let list = Command::Documents { conversation: self.group.unwrap() };
        let Reply::Documents(list) = director.ask(list).await? else { panic!() };
        let document = list.iter().find(|document| document.name == self.name).unwrap().id;
        let save = Command::Save { document, out: self.out(world) };
        let Reply::Saved { path, .. } = director.ask(save).await? else { panic!() };
        self.saved = Some(path);
        Ok(())
    }
}

impl Operation for Exchange {
    async fn begin(&mut self, world: &mut World) {
        self.group = Some(world.group(SECRETARY, &[DIRECTOR]).await);
    }

    async fn prepare(&mut self, world: &mut World) {
        (self.sent, self.saved) = (None, None);
        self.name = format!("plan {}.bin", world.round);
        self.content = (0..SIZE).map(|at| (at * 31 + at / 253) as u8 ^ world.round as u8).collect();
        fs::write(self.source(world), &self.content).unwrap();
        fs::create_dir(self.out(world)).unwrap();
    }

    async fn run(&mut self, world: &World) -> Result<(), Failure> {
        let secretary = &world.person(SECRETARY).engine;
        let Reply::Sent { document, .. } = secretary.ask(self.send(world)).await? else { panic!() };
        self.sent = document;
        secretary.ask(Command::Sync).await?;
        self.save(world).await?;
        for handle in [DIRECTOR, SECRETARY] {
            world.person(handle).engine.ask(Command::Sync).await?;
        }
        Ok(())
    }

    async fn again(&mut self, world: &World, _: &Result<(), Failure>, fault: Fault) {
        let found = self.found(world, SECRETARY).await;
        match (self.sent, &found) {
            (Some(sent), found) => assert_eq!(found.as_ref().map(|document| document.id), Some(sent), "it was queued"),
            (None, Some(_)) => assert_eq!(fault, Fault::After, "it was refused, and is there all the same"),
            (None, None) => {
                world.person(SECRETARY).ask(self.send(world)).await;
            }
        }
        world.sync_all(&BOTH).await;
        if let Some(path) = &self.saved {
            assert!(fs::read(path).unwrap() == self.content, "it was saved");
        } else {
            self.save(world).await.unwrap();
        }
    }

    async fn check(&mut self, world: &mut World) {
        world.sync_all(&BOTH).await;
        let (sent, received) =
            (self.found(world, SECRETARY).await.unwrap(), self.found(world, DIRECTOR).await.unwrap());
        assert_eq!((sent.id, &sent.digest, sent.size), (received.id, &received.digest, received.size));
        assert!(sent.transfer.is_none() && received.transfer.is_none(), "{sent:?}, {received:?}");
        assert!(fs::read(self.saved.as_ref().unwrap()).unwrap() == self.content, "another document was saved");
        // Whatever else was saved is whole as well, and no part file is left.
        for entry in fs::read_dir(self.out(world)).unwrap() {
            let path = entry.unwrap().path();
            assert!(fs::read(&path).unwrap() == self.content, "{}", path.display());
        }
        world.agree(self.group.unwrap(), &BOTH).await;
        fs::remove_file(self.source(world)).unwrap();
        fs::remove_dir_all(self.out(world)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_it() {
    at_every_commit(SECRETARY, 0, Exchange::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_saves_it() {
    at_every_commit(DIRECTOR, 0, Exchange::default()).await;
}
