//! A command's hold on the client engine (protocol-spec/07-delivery, section 12): opened with the passphrase, asked,
//! and always stopped cleanly, so that what a command has done is durable when it ends.

use std::time::Duration;

use amanat_client::{
    Command, Engine, Event, Events, Failure, FailureCode, Options, Reply,
    api::{LinkState, MessageRef, Overview},
    profile,
};
use amanat_identity::Address;
use amanat_primitives::{ConversationId, DocumentId, passphrase::WorkPolicy};
use tokio::time::Instant;

use crate::{
    context::{Context, Interrupt},
    output::{Screen, json::event::EventLine, progress::Bars, say},
    problem::{Outcome, Problem},
    secrets::{self, Purpose},
};

/// Whether a command needs the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// Reads the vault only: never dials.
    Stay,
    /// Dials.
    Dial,
}

/// How long a command waits for a first word from the relay before it goes on without.
const FIRST_WORD: Duration = Duration::from_secs(5);
/// How long a command that depends on what the others have done waits for that.
const CATCHING_UP: Duration = Duration::from_secs(10);
/// What an engine has said before it stopped is there at once.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// An open profile with its engine running.
pub(crate) struct Session {
    engine: Engine,
    events: Events,
    interrupt: Interrupt,
    screen: Screen,
    heard: Heard,
    warns: Warns,
}

/// What is shown on stderr beside a command's own output.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Warns {
    /// Alarms and notices.
    All,
    /// Alarms.
    Alarms,
    /// Nothing: the command's output has all of it.
    Nothing,
}

/// What the engine has said of its link.
#[derive(Default)]
struct Heard {
    /// The relay has answered once, or evidently does not.
    settled: bool,
    /// What was new when the link came up has come.
    caught_up: bool,
    /// Why the link is down.
    down: Option<Failure>,
}

impl Heard {
    fn note(&mut self, event: &Event) {
        let Event::Link(state) = event else { return };
        self.down = match state {
            LinkState::Connecting => return,
            LinkState::Up(_) | LinkState::CaughtUp => None,
            LinkState::Down { failure, .. } => Some(failure.clone()),
        };
        self.caught_up = matches!(state, LinkState::CaughtUp);
        self.settled = true;
    }
}

impl Session {
    /// Asks for the passphrase, opens the profile, starts the engine.
    pub(crate) async fn open(context: &Context, link: Link) -> Outcome<Self> {
        Self::require_profile(context)?;
        let passphrase = secrets::passphrase(Purpose::Profile)?;
        let session = Self::start(context, &context.profile, &passphrase, link).await?;
        Ok(Self { warns: Warns::All, ..session })
    }

    /// Fails where there is none, before a passphrase is asked for.
    pub(crate) fn require_profile(context: &Context) -> Outcome {
        if profile::exists(&context.profile) {
            return Ok(());
        }
        Err(Problem::new(
            FailureCode::NoProfile.name(),
            format!("There is no profile in {}.", context.profile.display()),
            "Join first (amanat join INVITATION), or name the folder: --profile DIR.",
        ))
    }

    /// As [`open`](Self::open), with a passphrase that is known: for one of many people in one program, whose notices
    /// nobody could tell apart. Their alarms are shown.
    pub(crate) async fn start(context: &Context, dir: &std::path::Path, passphrase: &str, link: Link) -> Outcome<Self> {
        let opened = profile::open(dir, passphrase, &WorkPolicy::STANDARD)?;
        context.interrupt.check()?;
        let options = Options { connect: link == Link::Dial, ..Options::default() };
        let (engine, events) = Engine::start(opened, options);
        Ok(Self {
            engine,
            events,
            interrupt: context.interrupt.clone(),
            screen: context.screen,
            heard: Heard { settled: link == Link::Stay, caught_up: link == Link::Stay, down: None },
            warns: Warns::Alarms,
        })
    }

    /// Asks, and meanwhile shows what happens: bars on a terminal, alarms and notices always.
    pub(crate) async fn ask(&mut self, command: Command) -> Outcome<Reply> {
        self.ask_with(command, &mut |_| ()).await
    }

    /// As [`ask`](Self::ask), and shows every event to `look`.
    pub(crate) async fn ask_with(&mut self, command: Command, look: &mut dyn FnMut(&Event)) -> Outcome<Reply> {
        let mut bars = Bars::new(&self.screen);
        let mut more = true;
        let asked = self.engine.ask(command);
        tokio::pin!(asked);
        loop {
            tokio::select! {
                reply = &mut asked => return Ok(reply?),
                () = self.interrupt.wait() => return Err(Problem::interrupted()),
                event = self.events.next(), if more => match event {
                    Some(event) => {
                        self.heard.note(&event);
                        attend(&self.screen, self.warns, &event, &mut bars);
                        look(&event);
                    }
                    None => more = false,
                },
            }
        }
    }

    /// The next event before `deadline`; `None` when it has passed.
    pub(crate) async fn event_before(&mut self, deadline: Instant, bars: &mut Bars) -> Outcome<Option<Event>> {
        let next = tokio::select! {
            event = self.events.next() => event.map(Some),
            () = tokio::time::sleep_until(deadline) => Some(None),
            () = self.interrupt.wait() => return Err(Problem::interrupted()),
        };
        match next {
            Some(Some(event)) => {
                self.heard.note(&event);
                attend(&self.screen, self.warns, &event, bars);
                if let Event::Stopped(failure) = event {
                    return Err(failure.into());
                }
                Ok(Some(event))
            }
            Some(None) => Ok(None),
            None => Err(Problem::internal("The engine has stopped.")),
        }
    }

    /// Waits until the relay has answered once, or evidently does not.
    pub(crate) async fn settle(&mut self) -> Outcome {
        let deadline = Instant::now() + FIRST_WORD;
        while !self.heard.settled {
            if self.event_before(deadline, &mut Bars::default()).await?.is_none() {
                self.heard.settled = true;
            }
        }
        Ok(())
    }

    /// Waits until what the relay has is here, so that it counts in what is decided next; without a link, goes on.
    pub(crate) async fn caught_up(&mut self) -> Outcome {
        self.settle().await?;
        let deadline = Instant::now() + CATCHING_UP;
        while !self.heard.caught_up && self.heard.down.is_none() {
            if self.event_before(deadline, &mut Bars::default()).await?.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// From here on the command prints all events itself.
    pub(crate) fn prints_events(&mut self) {
        self.warns = Warns::Nothing;
    }

    /// Why the link is down, if it is.
    pub(crate) fn down(&self) -> Option<&Failure> {
        self.heard.down.as_ref()
    }

    /// What tells of an interruption.
    pub(crate) fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }

    /// Where this command prints.
    pub(crate) fn screen(&self) -> &Screen {
        &self.screen
    }

    /// Who we are.
    pub(crate) async fn overview(&mut self) -> Outcome<Overview> {
        match self.ask(Command::Status).await? {
            Reply::Status(overview) => Ok(*overview),
            _ => Err(unexpected()),
        }
    }

    /// An address as typed: a bare handle means the own domain.
    pub(crate) async fn address(&mut self, text: &str) -> Outcome<Address> {
        let own = self.overview().await?.address.domain;
        Address::parse_in(text, &own).map_err(|error| {
            Problem::usage(
                format!("{text:?} is not an address: {error}."),
                "Write handle@domain, or a handle alone for your own domain; amanat people lists them.",
            )
        })
    }

    /// A conversation by its id or a beginning of it.
    pub(crate) async fn conversation(&mut self, prefix: &str) -> Outcome<ConversationId> {
        check_prefix(prefix, "conversation", "amanat conversations lists them")?;
        let found = match self.find(prefix).await {
            // Somebody may just have added this device to it.
            Err(problem) if problem.code() == FailureCode::NotFound.name() && !self.heard.caught_up => {
                self.caught_up().await?;
                self.find(prefix).await
            }
            found => found,
        };
        match found? {
            Reply::Found(id) => Ok(id),
            _ => Err(unexpected()),
        }
    }

    async fn find(&mut self, prefix: &str) -> Outcome<Reply> {
        self.ask(Command::Find { prefix: prefix.to_owned() }).await
    }

    /// A message by its id or a beginning of it, over all conversations.
    pub(crate) async fn message(&mut self, prefix: &str) -> Outcome<MessageRef> {
        check_prefix(prefix, "message", "amanat read CONVERSATION lists them")?;
        match self.ask(Command::FindMessage { prefix: prefix.to_owned() }).await? {
            Reply::FoundMessage(message) => Ok(message),
            _ => Err(unexpected()),
        }
    }

    /// A document by its id or a beginning of it.
    pub(crate) async fn document(&mut self, prefix: &str) -> Outcome<DocumentId> {
        check_prefix(prefix, "document", "amanat documents CONVERSATION lists them")?;
        match self.ask(Command::FindDocument { prefix: prefix.to_owned() }).await? {
            Reply::FoundDocument(id) => Ok(id),
            _ => Err(unexpected()),
        }
    }

    /// Stops the engine: everything durable, link closed. Then gives back what the command came to.
    pub(crate) async fn close<T>(mut self, outcome: Outcome<T>) -> Outcome<T> {
        self.engine.stop().await;
        // What was said beside the last answer is shown as well.
        let mut bars = Bars::default();
        while let Ok(Some(event)) = tokio::time::timeout(LAST_WORDS, self.events.next()).await {
            attend(&self.screen, self.warns, &event, &mut bars);
        }
        outcome
    }
}

/// Looks like an id or a beginning of one.
pub(crate) fn is_prefix(text: &str) -> bool {
    (8..=32).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn check_prefix(text: &str, what: &str, where_listed: &str) -> Outcome {
    if is_prefix(text) {
        return Ok(());
    }
    Err(Problem::usage(
        format!("{text:?} is not the id of a {what}: 8 to 32 of 0-9 and a-f, never a title or a name."),
        format!("{where_listed} with their ids; 8 characters are enough where they are unique."),
    ))
}

/// An engine that answers something else than was asked.
pub(crate) fn unexpected() -> Problem {
    Problem::internal("The engine answered something else than was asked.")
}

/// What must be seen whatever command runs, and the bars.
fn attend(screen: &Screen, warns: Warns, event: &Event, bars: &mut Bars) {
    let shown = match event {
        Event::Progress(progress) => return bars.update(progress),
        Event::Alarm { .. } => warns != Warns::Nothing,
        Event::Notice(_) => warns == Warns::All,
        _ => false,
    };
    if let Some(line) = say::event(event).filter(|_| shown) {
        screen.warn(line, &EventLine::from(event));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_titles() {
        assert!(is_prefix("3fa94c01") && is_prefix(&"0".repeat(32)));
        for text in ["", "3fa94c0", "3FA94C01", "Budget 2031", &"0".repeat(33)] {
            assert!(!is_prefix(text), "{text}");
            assert_eq!(check_prefix(text, "conversation", "x").unwrap_err().status(), 2);
        }
    }
}
