//! `amanat send`: queued durably first, then followed until the relay has it, for ten seconds or a document's upload.

use std::{
    collections::{HashSet, VecDeque},
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use amanat_client::{
    Command, Event, Failure, FailureCode, Reply,
    api::{ConversationState, ConversationView, DocumentView, LinkState, MessageState, Notice, SendOptions, Target},
};
use amanat_identity::Tier;
use amanat_primitives::{ConversationId, DocumentId, MessageId};
use tokio::time::Instant;

use super::filter;
use crate::{
    args::Send,
    context::{Context, Interrupt},
    output::{
        json,
        progress::Bars,
        say,
        table::{self, paint},
    },
    problem::{Outcome, Problem, sentence},
    session::{Link, Session, is_prefix, unexpected},
};

/// How long a message may take to be accepted, and a document to make any progress.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// The engine's limit for a text, and one byte to see that it is exceeded.
const TEXT_READ: u64 = 64 * 1024 + 1;

/// What is sent.
enum Content {
    Text(String),
    File(PathBuf),
}

/// What became of it.
pub(crate) struct Followed {
    conversation: ConversationId,
    message: MessageId,
    document: Option<DocumentId>,
    accepted: bool,
    offline: Option<Failure>,
}

pub(super) async fn run(context: &Context, words: Send) -> Outcome {
    let content = content(context, &words).await?;
    if words.tier.is_some() && is_prefix(&words.to) {
        return Err(Problem::usage(
            "--tier goes with an address: a conversation has its tier already.",
            "Leave --tier out, or write handle@domain.",
        ));
    }
    let options = SendOptions {
        ask_acknowledgement: words.ask_ack,
        expires_after: words.expires,
        consent: words.answer.consent(),
    };
    let mut session = Session::open(context, link(words.queue)).await?;
    let outcome = send(&mut session, &words, content, options).await;
    let followed = session.close(outcome).await?;
    show(context, &followed, words.queue)
}

/// A message that is only queued needs no relay.
pub(super) fn link(only_queue: bool) -> Link {
    if only_queue { Link::Stay } else { Link::Dial }
}

/// Says what became of a message.
pub(super) fn show(context: &Context, followed: &Followed, only_queue: bool) -> Outcome {
    if context.screen.is_json() {
        return context.screen.object(&json::Sent::new(
            followed.conversation,
            Some(followed.message),
            followed.document,
        ));
    }
    context.screen.line(outcome_words(followed, only_queue))
}

fn outcome_words(followed: &Followed, only_queue: bool) -> String {
    let conversation = followed.conversation.to_string();
    let place = paint(&format!("in {}", say::short(&conversation)), table::QUIET);
    if followed.accepted {
        return format!("{} {place}", paint("accepted by the relay", table::GOOD));
    }
    let why = match &followed.offline {
        Some(failure) => format!(": {} It is sent at the next amanat sync.", sentence(&failure.failed)),
        None if only_queue => ": it is sent at the next amanat sync.".into(),
        None => ": the relay has not accepted it yet. It is sent at the next amanat sync.".into(),
    };
    format!("{} {place}{}", paint("queued", table::CAUTION), crate::output::text::plain(&why))
}

async fn content(context: &Context, words: &Send) -> Outcome<Content> {
    match (&words.text, &words.file) {
        (_, Some(path)) => readable(path).map(Content::File),
        (Some(text), None) => self::text(context, text).await.map(Content::Text),
        (None, None) => Err(Problem::usage(
            "There is nothing to send.",
            format!("Write the text: amanat send {} \"...\", or --file PATH, or - to read it from a pipe.", words.to),
        )),
    }
}

/// A text as typed, or from standard input where it is `-`.
pub(super) async fn text(context: &Context, typed: &str) -> Outcome<String> {
    if typed == "-" {
        return from_stdin(context.interrupt.clone()).await;
    }
    if typed.trim().is_empty() {
        return Err(Problem::usage("The text is empty: there is nothing to send.", "Write the text, in quotes."));
    }
    Ok(typed.to_owned())
}

/// Refuses at once what the engine would find out after a passphrase.
fn readable(path: &Path) -> Outcome<PathBuf> {
    let failed = |error: std::io::Error| Problem::file("read", path, &error);
    let meta = std::fs::File::open(path).and_then(|file| file.metadata()).map_err(failed)?;
    if !meta.is_file() {
        return Err(Problem::new(
            "file",
            format!("{} is not a file.", path.display()),
            "Pack a folder into one file first, for example with tar.",
        ));
    }
    std::path::absolute(path).map_err(failed)
}

async fn from_stdin(mut interrupt: Interrupt) -> Outcome<String> {
    let reading = tokio::task::spawn_blocking(|| {
        let mut text = String::new();
        std::io::stdin().take(TEXT_READ).read_to_string(&mut text).map(|_| text)
    });
    let text = interrupt.or(reading).await?.map_err(|_| Problem::internal("Standard input could not be read."))?;
    let text = text.map_err(|error| {
        Problem::new(
            "file",
            format!("Standard input is not text: {error}."),
            "Send what is not text as a document: --file PATH.",
        )
    })?;
    // What `echo` adds is not part of the message.
    let text = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line)).to_owned();
    if text.trim().is_empty() {
        return Err(Problem::usage("Standard input was empty: there is nothing to send.", "Pipe a text into it."));
    }
    Ok(text)
}

async fn send(session: &mut Session, words: &Send, content: Content, mut options: SendOptions) -> Outcome<Followed> {
    let to = target(session, &words.to, words.tier).await?;
    let command = match content {
        Content::Text(text) => {
            options.consent = filter::consent(session, &to, &text, &words.answer).await?;
            Command::SendWith { to, text, options }
        }
        Content::File(path) => Command::SendDocument { to, path, options },
    };
    post(session, command, words.queue).await
}

/// Queues a message, and follows it until the relay has it.
pub(super) async fn post(session: &mut Session, command: Command, only_queue: bool) -> Outcome<Followed> {
    let mut accepted = HashSet::new();
    let reply = session.ask_with(command, &mut |event| note(event, &mut accepted)).await?;
    let Reply::Sent { conversation, message: Some(message), document } = reply else { return Err(unexpected()) };
    let mut followed =
        Followed { conversation, message, document, accepted: accepted.contains(&message), offline: None };
    if !only_queue {
        follow(session, &mut followed).await?;
    }
    Ok(followed)
}

/// Follows a document whose upload goes on.
pub(super) async fn follow_document(session: &mut Session, document: &DocumentView) -> Outcome<Followed> {
    let mut followed = Followed {
        conversation: document.conversation,
        message: document.message,
        document: Some(document.id),
        accepted: false,
        offline: None,
    };
    follow(session, &mut followed).await?;
    Ok(followed)
}

/// Where `to` leads: a conversation by its id or a beginning of it, else a person.
async fn target(session: &mut Session, to: &str, tier: Option<Tier>) -> Outcome<Target> {
    if is_prefix(to) {
        match session.conversation(to).await {
            // A handle may look like the beginning of an id.
            Err(problem) if problem.code() == FailureCode::NotFound.name() && to.len() < 32 => {
                let Ok(address) = session.address(to).await else { return Err(problem) };
                let known = session.ask(Command::People { query: address.handle.to_string() }).await?;
                let Reply::People { people, .. } = known else { return Err(unexpected()) };
                if people.iter().all(|person| person.address != address) {
                    return Err(problem);
                }
                return Ok(Target::Person(address, tier));
            }
            found => return found.map(Target::Conversation),
        }
    }
    Ok(Target::Person(session.address(to).await?, tier))
}

fn note(event: &Event, accepted: &mut HashSet<MessageId>) {
    if let Event::MessageState {
        message,
        state: MessageState::Accepted | MessageState::Delivered | MessageState::Read,
        ..
    } = event
    {
        accepted.insert(*message);
    }
}

/// Waits until the relay has it, or patience ends.
async fn follow(session: &mut Session, followed: &mut Followed) -> Outcome {
    let mut bars = Bars::new(session.screen());
    let mut deadline = Instant::now() + PATIENCE;
    // What was said while something else was asked.
    let mut heard = VecDeque::new();
    while !followed.accepted {
        followed.offline = session.down().cloned();
        if let Some(failure) = followed.offline.as_ref().filter(|failure| failure.code != FailureCode::Offline) {
            return Err(queued_but(failure));
        }
        let event = match heard.pop_front() {
            Some(event) => Some(event),
            None => session.event_before(deadline, &mut bars).await?,
        };
        let Some(event) = event else { return held_back(session, followed.conversation, &mut heard).await };
        match &event {
            Event::MessageState { message, .. } if *message == followed.message => {
                let mut accepted = HashSet::new();
                note(&event, &mut accepted);
                followed.accepted = !accepted.is_empty();
            }
            // A document is given as long as it moves.
            Event::Progress(progress) if Some(progress.document) == followed.document => {
                deadline = Instant::now() + PATIENCE;
            }
            Event::DocumentFailed { document, failure } if Some(*document) == followed.document => {
                return Err(failure.clone().into());
            }
            Event::Conversation(view) if view.id == followed.conversation && view.state == ConversationState::Over => {
                held_back(session, followed.conversation, &mut heard).await?;
            }
            // The relay's own status statement has been seen.
            Event::Link(LinkState::CaughtUp) => held_back(session, followed.conversation, &mut heard).await?,
            Event::Notice(Notice::CreationRefused { conversation, failure })
                if *conversation == followed.conversation =>
            {
                return Err(failure.clone().into());
            }
            _ => (),
        }
    }
    Ok(())
}

/// Fails where a lapsed status statement forbids to send what is queued, or nobody is left to send it to.
async fn held_back(session: &mut Session, conversation: ConversationId, heard: &mut VecDeque<Event>) -> Outcome {
    let look = &mut |event: &Event| heard.push_back(event.clone());
    let Reply::Conversations(views) = session.ask_with(Command::Conversations, look).await? else {
        return Err(unexpected());
    };
    let is = |state| move |view: &ConversationView| view.id == conversation && view.state == state;
    if views.iter().any(is(ConversationState::Over)) {
        return Err(queued_but(&Failure::new(
            FailureCode::Conversation,
            "nobody else is in this conversation any more",
            "send it again to the person's address, which opens a new one",
        )));
    }
    if !views.iter().any(is(ConversationState::StatusExpired)) {
        return Ok(());
    }
    Err(queued_but(&Failure::new(
        FailureCode::StatusExpired,
        "the authority's status statement has lapsed, and this tier sends nothing without a fresh one",
        "ask the security officer to run `amanat attest`, then run amanat sync",
    )))
}

/// The relay answers, and will not take it however long one waits.
fn queued_but(failure: &Failure) -> Problem {
    let failed = format!("{} The message stays queued.", sentence(&failure.failed));
    Problem::new(failure.code.name(), failed, sentence(&failure.advice))
}
