//! Words and looks that several commands share: tiers, states, sizes, problems, events.

use std::time::Duration;

use amanat_client::{
    Event,
    api::{Alarm, Change, ChangeView, ConversationState, LinkState, LinkView, MemberChange, MessageState, Notice, Who},
};
use amanat_identity::Tier;
use amanat_primitives::ConversationId;
use anstyle::{AnsiColor, Style};

use super::{
    table::{self, Cell, paint},
    text::plain,
    time,
};
use crate::problem::Problem;

/// A failed command's two lines.
pub(crate) fn problem(problem: &Problem) -> String {
    format!(
        "{} {}\n  {} {}",
        paint("error:", table::BAD),
        lines_plain(problem.failed()),
        paint("try:", table::CAUTION),
        lines_plain(problem.advice())
    )
}

/// A sentence of ours that may carry somebody's words.
fn lines_plain(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n       ")
}

/// A tier's colour; its word is always beside it.
fn tier_style(tier: Tier) -> Style {
    match tier {
        Tier::Official => Style::new(),
        Tier::Restricted => AnsiColor::Cyan.on_default(),
        Tier::Confidential => AnsiColor::Yellow.on_default(),
        Tier::Secret => AnsiColor::Red.on_default(),
        Tier::TopSecret => AnsiColor::Red.on_default().bold().underline(),
    }
}

/// A tier, for a table.
pub(crate) fn tier_cell(tier: Tier) -> Cell {
    Cell::styled(tier.name(), tier_style(tier))
}

/// A tier, in a sentence.
pub(crate) fn tier(tier: Tier) -> String {
    paint(tier.name(), tier_style(tier))
}

/// Whether a safety number was compared.
pub(crate) fn verified_cell(verified: bool) -> Cell {
    if verified { Cell::styled("yes", table::GOOD) } else { Cell::styled("no", table::QUIET) }
}

/// The mark behind one's own message.
pub(crate) fn mark(state: MessageState) -> String {
    let (text, style) = match state {
        MessageState::Queued => ("queued", table::CAUTION),
        MessageState::Accepted => ("accepted", table::QUIET),
        MessageState::Delivered => ("delivered", table::QUIET),
        MessageState::Read => ("read", table::GOOD),
        MessageState::Unread => ("new", table::STRONG),
        MessageState::Expired => ("expired", table::CAUTION),
        MessageState::Cancelled => ("cancelled", table::CAUTION),
    };
    paint(text, style)
}

/// A conversation's state, for a table; empty where all is well.
pub(crate) fn conversation_state(state: ConversationState) -> Cell {
    let (words, style) = state_words(state);
    Cell::styled(words, style)
}

fn state_words(state: ConversationState) -> (&'static str, Style) {
    match state {
        ConversationState::Active => ("", table::QUIET),
        ConversationState::Creating => ("waiting for the relay", table::CAUTION),
        ConversationState::StatusExpired => ("status statement lapsed", table::CAUTION),
        ConversationState::Frozen => ("FROZEN", table::BAD),
        ConversationState::Removed => ("removed", table::CAUTION),
        ConversationState::Removing => ("removing a member", table::CAUTION),
        ConversationState::Left => ("left", table::QUIET),
        ConversationState::Over => ("nobody else is left", table::QUIET),
        ConversationState::Archived => ("archived", table::QUIET),
        ConversationState::FellOut => ("being added again", table::CAUTION),
        ConversationState::Waiting => ("waiting for the relay", table::CAUTION),
    }
}

/// `3.2 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64;
    let mut name = "B";
    for unit in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        name = unit;
    }
    format!("{value:.1} {name}")
}

/// `one message`, `3 messages`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// What a link negotiated, on one line.
pub(crate) fn link(link: &LinkView) -> String {
    plain(&format!("{}: {}, {}, {}; {} inside", link.address, link.tls, link.key_exchange, link.cipher, link.noise))
        .into_owned()
}

/// Something is wrong with a conversation's history.
pub(crate) fn alarm(alarm: &Alarm) -> String {
    match alarm {
        Alarm::Gap { sender, from, to } if from == to => format!("Message {from} of {sender} is missing."),
        Alarm::Gap { sender, from, to } => format!("Messages {from} to {to} of {sender} are missing."),
        Alarm::Fork { sender, position } => format!(
            "{sender} has seen another history than this device at position {position}: the relay has shown two. \
             Tell your security officer."
        ),
        Alarm::Replay { sender } => {
            format!("A message of {sender} came a second time. It is not shown again.")
        }
        Alarm::Broken { sender } => format!(
            "A message of {sender} does not follow the one before it, though nothing is missing between. It is shown, but \
             somebody may have a copy of that device. Tell your security officer."
        ),
        Alarm::NotAuthor { sender, message } => format!(
            "{sender} tried to edit or delete message {}, which another person wrote. Nothing was changed. Tell your \
             security officer.",
            short(&message.to_string())
        ),
        Alarm::NotAllowed { sender } => format!(
            "{sender} tried to change the title, which only the founder and moderators may. Nothing was changed. Tell your \
             security officer."
        ),
        Alarm::WaitingStatus { number } => format!(
            "A change of members rests on status statement {number}, which the relay does not give. What comes after \
             waits. Tell your security officer."
        ),
        Alarm::Undecryptable { position, sender } => {
            format!("The entry at position {position}, from device {sender}, does not decrypt. It is not shown.")
        }
        Alarm::VoidCommit { position, sender } => {
            format!("The change of members at position {position}, from device {sender}, breaks the rules: skipped.")
        }
        Alarm::Receipt { position } => format!(
            "The relay's receipt for the change of members at position {position} is missing, wrong, or contradicts an \
             earlier one. What comes after may wait until it gives the right one. Tell your security officer."
        ),
        Alarm::Waiting { device } => format!(
            "A member was added whose certificate cannot be had or is refused (device {device}). What comes after waits. \
             Tell your security officer."
        ),
        Alarm::Excluded { position } => format!(
            "The relay keeps messages from this device from position {position} on, though no valid change has removed \
             it. Tell your security officer."
        ),
        Alarm::ExpiredEntries { from, to } => {
            format!("Entries {from} to {to} were deleted under the retention rules before this device fetched them.")
        }
    }
}

/// Something that needs a person's attention.
pub(crate) fn notice(notice: &Notice) -> String {
    match notice {
        Notice::StatusExpired { since } => format!(
            "The authority's status statement lapsed at {}. From confidential upward nothing is sent until a security \
             officer runs `amanat attest`.",
            time::local(*since)
        ),
        Notice::RelayRestored => "The relay was restored from a copy; each conversation is compared with it.".into(),
        Notice::RelayBehind { conversation, missing } => relay_behind(*conversation, *missing),
        Notice::NewDevice { address, .. } => {
            format!("{address} reads with a new device. Compare the safety number again: amanat verify {address}.")
        }
        // Not the code: it is to be read from the device itself.
        Notice::DeviceAsks { device, .. } => format!(
            "A new device ({}) was enrolled in your name and asks for your approval. If it is yours, type the code that it \
             shows: amanat device approve CODE. If you have enrolled none, tell your security officer at once.",
            short(&device.to_string())
        ),
        Notice::RelaySettling { conversation } => format!(
            "The relay was restored and waits, ten minutes at most, for what it has lost of conversation {}. What you send \
             there stays queued for so long.",
            short(&conversation.to_string())
        ),
        Notice::ProfileOutdated { conversations } => profile_outdated(*conversations),
        Notice::DeviceApproved { device, by } => format!(
            "Your new device {} was approved by your device {}. If that was not you, tell your security officer at once.",
            short(&device.to_string()),
            short(&by.to_string())
        ),
        Notice::AwaitingApproval { code } => {
            format!("This device waits for another device of yours to approve it. There: amanat device approve {code}.")
        }
        Notice::GrantReused { address } => format!(
            "Two devices hold a certificate for one invitation of {address}: neither is believed. Tell your security \
             officer."
        ),
        Notice::Revoked { address, device, reason } => format!(
            "A device of {address} is revoked ({}): {}. Nothing new is opened with it.",
            reason.name(),
            short(&device.to_string())
        ),
        Notice::LastResortUsed => "This device's last KeyPackage was used; new ones are being published.".into(),
        Notice::InvitationReused { at } => format!(
            "Someone tried to use this device's invitation again at {}. Tell your security officer.",
            time::local(*at)
        ),
        Notice::DocumentLost { document, failure } => {
            format!("Document {}: {}. Try: {}.", short(&document.to_string()), failure.failed, failure.advice)
        }
        Notice::JoinRefused { conversation, failure } => {
            format!("Refused to join conversation {conversation}: {} {}", failure.failed, failure.advice)
        }
        Notice::CreationRefused { conversation, failure } => {
            format!("The relay refused to open conversation {conversation}: {} {}", failure.failed, failure.advice)
        }
        Notice::Member { conversation, by, whom, device, change } => {
            let device = device.map(|device| short(&device.to_string()).to_owned()).unwrap_or_default();
            let said = membership(by, whom, &device, *change);
            format!("{said} ({})", short(&conversation.to_string()))
        }
        Notice::ClockSkew { by } => {
            format!("The clocks of this machine and the relay differ by {}. Set this machine's clock.", span(*by))
        }
    }
}

fn relay_behind(conversation: ConversationId, missing: u64) -> String {
    format!(
        "The relay has lost the last {missing} entries of conversation {}. They are safe here; nothing is sent there \
         and what is queued stays queued until another member brings them back. Tell the IT team if it lasts: a later \
         backup has them; else open a new conversation.",
        short(&conversation.to_string())
    )
}

fn profile_outdated(conversations: u64) -> String {
    format!(
        "This profile is older than what was sent and read with it, in {conversations} of its conversations. Nothing \
         is sent or read there until a member has removed this device and added it again; what is queued stays \
         queued. If nobody put this folder back from a copy, somebody else has one: tell your security officer at once."
    )
}

/// How long, in the largest unit that gives more than one.
fn span(by: std::time::Duration) -> String {
    let minutes = by.as_secs() / 60;
    match minutes {
        0..120 => count(minutes, "minute", "minutes"),
        120..2880 => count(minutes / 60, "hour", "hours"),
        _ => count(minutes / 1440, "day", "days"),
    }
}

/// What has changed of a conversation.
pub(crate) fn change(view: &ChangeView) -> String {
    match &view.change {
        Change::Member { whom, device, change } => {
            let device = device.map(|device| short(&device.to_string()).to_owned()).unwrap_or_default();
            membership(&view.by, whom, &device, *change)
        }
        Change::Title(title) => format!("{} changed the title to “{title}”.", view.by.name),
    }
}

/// What a commit has changed for a person.
fn membership(by: &Who, whom: &Who, device: &str, change: MemberChange) -> String {
    let (who, name, itself) = (&by.name, &whom.name, by.address == whom.address);
    match change {
        // Only a new device of one's own is told of so: to everybody else it is one more device of a member.
        MemberChange::Added if itself => "One of your other devices added this one.".into(),
        MemberChange::Added => format!("{who} added {name}."),
        MemberChange::Removed => format!("{who} removed {name}."),
        MemberChange::Left => format!("{name} left."),
        MemberChange::Moderator => format!("{who} made {name} a moderator."),
        MemberChange::NotModerator => format!("{who} made {name} a plain member."),
        MemberChange::DeviceAdded if itself => format!("{who} added a device ({device})."),
        MemberChange::DeviceAdded => format!("{who} added a device of {name} ({device})."),
        MemberChange::DeviceRemoved if itself => format!("{who} removed a device ({device})."),
        MemberChange::DeviceRemoved => format!("{who} removed a device of {name} ({device})."),
        MemberChange::AddedAgain => format!("A device of {name} ({device}) was added again by {who}."),
    }
}

/// One event on a line, for `watch`; `None` for what only scripts want. Messages are shown by `messages`.
pub(crate) fn event(event: &Event) -> Option<String> {
    let line = match event {
        Event::Link(LinkState::Connecting) => paint("connecting ...", table::QUIET),
        Event::Link(LinkState::Up(view)) => format!("{} {}", paint("connected", table::GOOD), link(view)),
        Event::Link(LinkState::CaughtUp) => paint("up to date", table::GOOD),
        Event::Link(LinkState::Down { failure, retry_in }) if *retry_in == Duration::MAX => {
            format!(
                "{} {} {}",
                paint("not connected:", table::CAUTION),
                plain(&crate::problem::sentence(&failure.failed)),
                plain(&failure.advice)
            )
        }
        Event::Link(LinkState::Down { failure, retry_in }) => format!(
            "{} {} Next try in {} s.",
            paint("not connected:", table::CAUTION),
            plain(&crate::problem::sentence(&failure.failed)),
            retry_in.as_secs()
        ),
        Event::Conversation(view) => {
            let (words, style) = state_words(view.state);
            let state = if words.is_empty() { String::new() } else { format!(": {}", paint(words, style)) };
            let id = view.id.to_string();
            format!("conversation {} {} ({}){state}", short(&id), plain(&view.title), tier(view.tier))
        }
        Event::DocumentFailed { document, failure } => {
            let words = plain(&crate::problem::sentence(&failure.failed)).into_owned();
            let advice = plain(&crate::problem::sentence(&failure.advice)).into_owned();
            format!("{} {words} {advice}", paint(&format!("document {}:", short(&document.to_string())), table::BAD))
        }
        Event::Alarm { conversation, alarm: what } => {
            warning(&format!("ALARM in {}:", short(&conversation.to_string())), table::BAD, &alarm(what))
        }
        Event::Notice(what) => warning("notice:", table::CAUTION, &notice(what)),
        Event::Missed => {
            warning("notice:", table::CAUTION, "More happened than could be shown: read the conversations.")
        }
        Event::Stopped(failure) => warning("stopped:", table::BAD, &failure.failed),
        Event::Message { .. } | Event::MessageChanged { .. } | Event::MessageState { .. } | Event::Progress(_) => {
            return None;
        }
    };
    Some(line)
}

fn warning(head: &str, style: Style, words: &str) -> String {
    format!("{} {}", paint(head, style), plain(words))
}

/// The first 8 characters of an id: what a person types.
pub(crate) fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1024), "1.0 KiB");
        assert_eq!(size(5 << 20), "5.0 MiB");
        assert_eq!(size(3 << 40), "3.0 TiB");
        assert_eq!(size(u64::MAX), "16777216.0 TiB");
    }

    #[test]
    fn a_problem_is_two_lines_and_cannot_move_the_cursor() {
        let text = problem(&Problem::new("file", "Cannot read \u{1b}[2Jx.", "Look."));
        let bare = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(bare, "error: Cannot read \\u{1b}[2Jx.\n  try: Look.");
    }
}
