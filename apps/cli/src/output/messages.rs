//! A conversation as people read it: a heading for each day, then who, when, what, and how far one's own are.

use amanat_client::api::{ChangeView, ConversationView, MessageBody, MessageView};
use amanat_identity::Address;
use amanat_primitives::Timestamp;
use anstyle::{AnsiColor, Style};

use super::{
    say,
    table::{self, paint},
    text::{plain, wrap},
    time,
};

const INDENT: &str = "    ";
const OWN: Style = AnsiColor::Cyan.on_default().bold();

/// Shows messages one after the other, remembering the day it has already named.
#[derive(Debug, Default)]
pub(crate) struct Scroll {
    day: String,
}

impl Scroll {
    /// The lines of one message, and its day's heading before the first of a day.
    pub(crate) fn message(&mut self, message: &MessageView, columns: Option<usize>) -> String {
        let mut out = self.day_of(message.at);
        out.push_str(&head(message));
        for line in quote(message).into_iter().chain(body(message, columns)).chain(after(message)) {
            out.push('\n');
            out.push_str(INDENT);
            out.push_str(&line);
        }
        out
    }

    /// The line of what changed between messages, likewise.
    pub(crate) fn change(&mut self, change: &ChangeView) -> String {
        let said = say::change(change);
        let quiet = paint(&format!("— {}  #{}", plain(&said), change.sequence), table::QUIET);
        format!("{}{}  {quiet}", self.day_of(change.at), time::clock(change.at))
    }

    fn day_of(&mut self, at: Timestamp) -> String {
        let day = time::day(at);
        if day == self.day {
            return String::new();
        }
        let gap = if self.day.is_empty() { "" } else { "\n" };
        let heading = format!("{gap}{}\n", paint(&format!("── {day} ──"), table::QUIET));
        self.day = day;
        heading
    }
}

fn head(message: &MessageView) -> String {
    let style = if message.own { OWN } else { table::STRONG };
    let mark = match (message.own, message.state) {
        (false, amanat_client::api::MessageState::Read) => String::new(),
        (_, state) => format!("  {}", say::mark(state)),
    };
    let id = message.id.to_string();
    let number = paint(&format!("#{} {}", message.sequence, say::short(&id)), table::QUIET);
    let edited = if message.edited.is_some() { paint("  (edited)", table::QUIET) } else { String::new() };
    let imported = if message.imported { paint("  (from a file)", table::QUIET) } else { String::new() };
    format!("{}  {}  {number}{imported}{edited}{mark}", time::clock(message.at), paint(&plain(&message.name), style))
}

/// What it answers.
fn quote(message: &MessageView) -> Option<String> {
    let quote = message.reply_to.as_ref()?;
    let id = quote.message.to_string();
    let words = match (&quote.name, &quote.text) {
        (Some(name), Some(text)) => format!("> {}: {}", plain(name), plain(text)),
        (Some(name), None) => format!("> a message of {}", plain(name)),
        (None, _) => format!("> message {}, which is not here", say::short(&id)),
    };
    Some(paint(&words, table::QUIET))
}

/// What happened to it: reactions, acknowledgements, when it goes.
fn after(message: &MessageView) -> Vec<String> {
    let mut lines = Vec::new();
    if !message.reactions.is_empty() {
        let said = message.reactions.iter().map(|(from, text)| format!("{} {}", plain(text), from.handle));
        lines.push(paint(&said.collect::<Vec<_>>().join(", "), table::QUIET));
    }
    if let Some(acknowledgement) = &message.acknowledgement {
        let names = |people: &[Address]| people.iter().map(|one| one.handle.to_string()).collect::<Vec<_>>().join(", ");
        if !acknowledgement.by.is_empty() {
            lines.push(paint(&format!("acknowledged by {}", names(&acknowledgement.by)), table::GOOD));
        }
        if !acknowledgement.missing.is_empty() && message.body != MessageBody::Gone {
            lines.push(paint(&format!("not acknowledged by {}", names(&acknowledgement.missing)), table::CAUTION));
        }
    }
    if let Some(at) = message.expires_at.filter(|_| message.body != MessageBody::Gone) {
        lines.push(paint(&format!("expires {}", time::local(at)), table::QUIET));
    }
    lines
}

/// A conversation's heading.
pub(crate) fn title(view: &ConversationView) -> String {
    format!("{}  {} ({})", say::short(&view.id.to_string()), plain(&view.title), view.tier.name())
}

fn body(message: &MessageView, columns: Option<usize>) -> Vec<String> {
    match &message.body {
        MessageBody::Text(text) => wrap(text, columns.map(|columns| columns.saturating_sub(INDENT.len()))),
        MessageBody::Document(document) => vec![format!(
            "{} {} ({}, {})",
            paint(&format!("document {}", say::short(&document.id.to_string())), table::QUIET),
            plain(&document.name),
            say::size(document.size),
            say::tier(document.tier)
        )],
        MessageBody::ReadsFromHere => {
            let words = "This device reads from here on; earlier messages come by `amanat device transfer`.";
            vec![paint(words, table::CAUTION)]
        }
        MessageBody::Gone if message.deleted => vec![paint("(deleted)", table::QUIET)],
        MessageBody::Gone => vec![paint("(expired)", table::QUIET)],
        MessageBody::NeedsNewerVersion => {
            vec![paint("(this version of amanat cannot show it: update)", table::CAUTION)]
        }
    }
}

#[cfg(test)]
mod tests {
    use amanat_client::api::{Acknowledgement, Change, MemberChange, MessageState, Quote, Who};
    use amanat_primitives::{DeviceId, MessageId};

    use super::*;

    fn message(at: u64, text: &str, own: bool, state: MessageState) -> MessageView {
        MessageView {
            id: MessageId::from_bytes([1; 16]),
            sequence: 7,
            from: "a@b".parse().unwrap(),
            name: "Registrar\u{202e}".into(),
            device: DeviceId::from_bytes([2; 32]),
            at: Timestamp::from_secs(at),
            body: MessageBody::Text(text.into()),
            state,
            own,
            imported: false,
            reply_to: None,
            edited: None,
            deleted: false,
            reactions: Vec::new(),
            acknowledgement: None,
            expires_at: None,
        }
    }

    #[test]
    fn what_happened_to_a_message_stands_around_it() {
        let mut view = message(1_900_000_000, "Leave is cancelled.", false, MessageState::Unread);
        let quote = |name: Option<&str>, text: Option<&str>| Quote {
            message: MessageId::from_bytes([9; 16]),
            name: name.map(Into::into),
            text: text.map(Into::into),
        };
        view.reply_to = Some(quote(Some("Records Clerk"), Some("May I go?")));
        view.edited = Some(Timestamp::from_secs(1_900_000_009));
        view.reactions = vec![("clerk@b".parse().unwrap(), "👍".into()), ("aide@b".parse().unwrap(), "\u{1b}x".into())];
        view.acknowledgement = Some(Acknowledgement {
            by: vec!["clerk@b".parse().unwrap()],
            missing: vec!["aide@b".parse().unwrap(), "guard@b".parse().unwrap()],
        });
        let shown = bare(&Scroll::default().message(&view, None));
        let lines: Vec<&str> = shown.lines().skip(1).collect();
        assert!(lines[0].ends_with("#7 01010101  (edited)  new"), "{}", lines[0]);
        let imported = MessageView { imported: true, state: MessageState::Read, ..view.clone() };
        let shown = bare(&Scroll::default().message(&imported, None));
        assert!(shown.lines().any(|line| line.ends_with("#7 01010101  (from a file)  (edited)")), "{shown}");
        let rest = [
            "    > Records Clerk: May I go?",
            "    Leave is cancelled.",
            "    👍 clerk, \\u{1b}x aide",
            "    acknowledged by clerk",
            "    not acknowledged by aide, guard",
        ];
        assert_eq!(lines[1..], rest);

        view.reply_to = Some(quote(None, None));
        view.body = MessageBody::Gone;
        view.deleted = true;
        let shown = bare(&Scroll::default().message(&view, None));
        assert!(shown.contains("(deleted)") && !shown.contains("not acknowledged"), "{shown}");
        view.deleted = false;
        assert!(bare(&Scroll::default().message(&view, None)).contains("(expired)"));
    }

    #[test]
    fn who_came_and_how_it_is_called_stand_between_messages() {
        let who = |address: &str, name: &str| Who { address: address.parse().unwrap(), name: name.into() };
        let (secretary, clerk) = (who("a@b", "Private Secretary"), who("clerk@b", "Clerk\u{1b} One"));
        let added = |whom| Change::Member { whom, device: None, change: MemberChange::Added };
        let at = Timestamp::from_secs(1_900_000_000);
        let change = ChangeView { sequence: 8, by: secretary.clone(), at, change: added(clerk) };
        let mut scroll = Scroll::default();
        let shown = bare(&scroll.change(&change));
        assert!(
            shown.starts_with("── ") && shown.ends_with("  — Private Secretary added Clerk\\u{1b} One.  #8"),
            "{shown}"
        );
        let further = ChangeView { change: added(secretary), ..change.clone() };
        let shown = bare(&scroll.change(&further));
        assert!(shown.ends_with("— One of your other devices added this one.  #8"), "{shown}");
        let shown = bare(&scroll.change(&ChangeView { change: Change::Title("Budget 2032".into()), ..change }));
        assert!(
            !shown.contains("──") && shown.ends_with("— Private Secretary changed the title to “Budget 2032”.  #8"),
            "{shown}"
        );
    }

    fn bare(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn each_day_is_named_once_and_hostile_names_are_harmless() {
        let mut scroll = Scroll::default();
        let first = bare(&scroll.message(&message(1_900_000_000, "one\ntwo", false, MessageState::Unread), None));
        assert_eq!(first.lines().count(), 4, "{first}");
        assert!(first.starts_with("── ") && first.contains("Registrar\\u{202e}  #7 01010101  new\n    one\n    two"));
        let second = bare(&scroll.message(&message(1_900_000_001, "three", true, MessageState::Delivered), None));
        assert!(!second.contains("──") && second.ends_with("#7 01010101  delivered\n    three"), "{second}");
        let later = bare(&scroll.message(&message(1_900_200_000, "four", false, MessageState::Read), None));
        assert!(later.starts_with("\n── ") && later.ends_with("#7 01010101\n    four"), "{later}");
    }
}
