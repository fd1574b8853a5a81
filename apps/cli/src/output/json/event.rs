//! What `watch` prints, and what other commands warn of (protocol-spec/json-output.md, section 4).

use std::time::Duration;

use serde::Serialize;

use amanat_client::{
    Event, Failure,
    api::{Alarm, LinkState, Notice, Warning},
};

use super::{ConversationLine, Link, MessageLine};
use crate::output::time::utc;

/// One line of `watch`.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum EventLine {
    /// The link's state changed.
    Link {
        state: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        link: Option<Link>,
        #[serde(skip_serializing_if = "Option::is_none")]
        failure: Option<FailureObject>,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_in_s: Option<u64>,
    },
    /// A conversation is new, or its title, members, roles or state have changed.
    Conversation { conversation: ConversationLine },
    /// A message is new.
    Message { conversation: String, message: MessageLine },
    /// A message looks different.
    Changed { conversation: String, message: MessageLine },
    /// One's own message has come further.
    State { conversation: String, message: String, state: &'static str },
    /// A document is on its way.
    Progress { document: String, direction: &'static str, done: u64, total: u64 },
    /// A document could not be sent or fetched.
    DocumentFailed { document: String, failure: FailureObject },
    /// Something is wrong with a conversation.
    Alarm {
        conversation: String,
        alarm: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        number: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        sender: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        position: Option<u64>,
    },
    /// Something needs a person's attention.
    Notice(NoticeLine),
    /// Events were missed: read the conversations again.
    Missed,
    /// The engine has stopped.
    Stopped { failure: FailureObject },
}

/// A notice; what has no meaning for its kind is left out.
#[derive(Serialize, Default)]
pub(crate) struct NoticeLine {
    notice: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversations: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureObject>,
}

/// A line of `warnings`.
#[derive(Serialize)]
pub(crate) struct WarningLine {
    id: u64,
    at: String,
    read: bool,
    warning: EventLine,
}

impl From<&Warning> for WarningLine {
    fn from(warning: &Warning) -> Self {
        let said = EventLine::from(&Event::from(warning.of.clone()));
        Self { id: warning.id, at: utc(warning.at), read: warning.read, warning: said }
    }
}

/// A failure inside an event, in the error line's words.
#[derive(Serialize)]
pub(crate) struct FailureObject {
    error: &'static str,
    failed: String,
    r#try: String,
}

impl From<&Failure> for FailureObject {
    fn from(failure: &Failure) -> Self {
        Self { error: failure.code.name(), failed: failure.failed.clone(), r#try: failure.advice.clone() }
    }
}

impl From<&Event> for EventLine {
    fn from(event: &Event) -> Self {
        match event {
            Event::Link(state) => link(state),
            Event::Conversation(view) => Self::Conversation { conversation: view.into() },
            Event::Message { conversation, message } => {
                Self::Message { conversation: conversation.to_string(), message: message.into() }
            }
            Event::MessageChanged { conversation, message } => {
                Self::Changed { conversation: conversation.to_string(), message: message.into() }
            }
            Event::MessageState { conversation, message, state } => Self::State {
                conversation: conversation.to_string(),
                message: message.to_string(),
                state: state.name(),
            },
            Event::Progress(progress) => Self::Progress {
                document: progress.document.to_string(),
                direction: progress.direction.name(),
                done: progress.done,
                total: progress.total,
            },
            Event::DocumentFailed { document, failure } => {
                Self::DocumentFailed { document: document.to_string(), failure: failure.into() }
            }
            Event::Alarm { conversation, alarm } => self::alarm(conversation.to_string(), alarm),
            Event::Notice(notice) => Self::Notice(self::notice(notice)),
            Event::Missed => Self::Missed,
            Event::Stopped(failure) => Self::Stopped { failure: failure.into() },
        }
    }
}

fn seconds(retry_in: Duration) -> Option<u64> {
    (retry_in != Duration::MAX).then_some(retry_in.as_secs())
}

fn link(state: &LinkState) -> EventLine {
    let (state, link, failure, retry_in_s) = match state {
        LinkState::Connecting => ("connecting", None, None, None),
        LinkState::Up(view) => ("up", Some(view.into()), None, None),
        LinkState::CaughtUp => ("caught-up", None, None, None),
        LinkState::Down { failure, retry_in } => ("down", None, Some(failure.into()), seconds(*retry_in)),
    };
    EventLine::Link { state, link, failure, retry_in_s }
}

fn alarm(conversation: String, alarm: &Alarm) -> EventLine {
    let (sender, range, at) = match alarm {
        Alarm::Gap { sender, from, to } => (Some(sender.to_string()), Some((*from, *to)), None),
        Alarm::Fork { sender, position } => (Some(sender.to_string()), None, Some(*position)),
        Alarm::Replay { sender }
        | Alarm::Broken { sender }
        | Alarm::NotAuthor { sender, .. }
        | Alarm::NotAllowed { sender } => (Some(sender.to_string()), None, None),
        Alarm::WaitingStatus { .. } => (None, None, None),
        Alarm::Undecryptable { position, sender } | Alarm::VoidCommit { position, sender } => {
            (Some(sender.to_string()), None, Some(*position))
        }
        Alarm::Receipt { position } | Alarm::Excluded { position } => (None, None, Some(*position)),
        Alarm::Waiting { device } => (Some(device.to_string()), None, None),
        Alarm::ExpiredEntries { from, to } => (None, Some((*from, *to)), None),
    };
    let (from, to) = range.unzip();
    let message = match alarm {
        Alarm::NotAuthor { message, .. } => Some(message.to_string()),
        _ => None,
    };
    let number = match alarm {
        Alarm::WaitingStatus { number } => Some(*number),
        _ => None,
    };
    EventLine::Alarm { conversation, alarm: alarm.kind(), number, sender, from, to, message, position: at }
}

fn notice(notice: &Notice) -> NoticeLine {
    let named = |notice| NoticeLine { notice, ..NoticeLine::default() };
    match notice {
        Notice::StatusExpired { since } => NoticeLine { at: Some(utc(*since)), ..named("status-expired") },
        Notice::RelayRestored => named("relay-restored"),
        Notice::RelayBehind { conversation, missing } => NoticeLine {
            conversation: Some(conversation.to_string()),
            missing: Some(*missing),
            ..named("relay-behind")
        },
        Notice::ProfileOutdated { conversations } => {
            NoticeLine { conversations: Some(*conversations), ..named("profile-outdated") }
        }
        Notice::RelaySettling { conversation } => {
            NoticeLine { conversation: Some(conversation.to_string()), ..named("relay-settling") }
        }
        Notice::NewDevice { address, device } => {
            NoticeLine { address: Some(address.to_string()), device: Some(device.to_string()), ..named("new-device") }
        }
        Notice::DeviceAsks { device, .. } => NoticeLine { device: Some(device.to_string()), ..named("device-asks") },
        Notice::DeviceApproved { device, by } => NoticeLine {
            device: Some(device.to_string()),
            approved_by: Some(by.to_string()),
            ..named("device-approved")
        },
        Notice::AwaitingApproval { code } => NoticeLine { code: Some(code.to_string()), ..named("awaiting-approval") },
        Notice::GrantReused { address } => NoticeLine { address: Some(address.to_string()), ..named("grant-reused") },
        Notice::Revoked { address, device, reason } => NoticeLine {
            address: Some(address.to_string()),
            device: Some(device.to_string()),
            reason: Some(reason.name()),
            ..named("revoked")
        },
        Notice::LastResortUsed => named("last-resort-used"),
        Notice::InvitationReused { at } => NoticeLine { at: Some(utc(*at)), ..named("invitation-reused") },
        Notice::DocumentLost { document, failure } => {
            NoticeLine { document: Some(document.to_string()), failure: Some(failure.into()), ..named("document-lost") }
        }
        Notice::JoinRefused { conversation, failure } => NoticeLine {
            conversation: Some(conversation.to_string()),
            failure: Some(failure.into()),
            ..named("join-refused")
        },
        Notice::CreationRefused { conversation, failure } => NoticeLine {
            conversation: Some(conversation.to_string()),
            failure: Some(failure.into()),
            ..named("creation-refused")
        },
        Notice::Member { conversation, by, whom, device, change } => NoticeLine {
            address: Some(whom.address.to_string()),
            name: Some(whom.name.clone()),
            device: device.map(|device| device.to_string()),
            change: Some(change.name()),
            by: Some(by.address.to_string()),
            by_name: Some(by.name.clone()),
            conversation: Some(conversation.to_string()),
            ..named("member")
        },
        Notice::ClockSkew { by } => NoticeLine { by_s: Some(by.as_secs()), ..named("clock-skew") },
    }
}
