//! A conversation as people read it: a heading for each day, then who, when, what, and how far one's own are.

use amanat_client::api::{ConversationView, MessageBody, MessageView};
use amanat_identity::Address;
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
        let mut out = String::new();
        let day = time::day(message.at);
        if day != self.day {
            if !self.day.is_empty() {
                out.push('\n');
            }
            out.push_str(&paint(&format!("── {day} ──"), table::QUIET));
            out.push('\n');
            self.day = day;
        }
        out.push_str(&head(message));
        for line in quote(message).into_iter().chain(body(message, columns)).chain(after(message)) {
            out.push('\n');
            out.push_str(INDENT);
            out.push_str(&line);
        }
        out
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
    format!("{}  {}  {number}{edited}{mark}", time::clock(message.at), paint(&plain(&message.name), style))
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
    use amanat_client::api::{Acknowledgement, MessageState, Quote};
    use amanat_primitives::{DeviceId, MessageId, Timestamp};

    use super::*;

    fn message(at: u64, text: &str, own: bool, state: MessageState) -> MessageView {
        MessageView {
            id: MessageId::from_bytes([1; 16]),
            sequence: 7,
            from: "a@b".parse().unwrap(),
            name: "Amina\u{202e}".into(),
            device: DeviceId::from_bytes([2; 32]),
            at: Timestamp::from_secs(at),
            body: MessageBody::Text(text.into()),
            state,
            own,
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
        view.reply_to = Some(quote(Some("B. Bano"), Some("May I go?")));
        view.edited = Some(Timestamp::from_secs(1_900_000_009));
        view.reactions = vec![("clerk@b".parse().unwrap(), "👍".into()), ("aide@b".parse().unwrap(), "\u{1b}x".into())];
        view.acknowledgement = Some(Acknowledgement {
            by: vec!["clerk@b".parse().unwrap()],
            missing: vec!["aide@b".parse().unwrap(), "guard@b".parse().unwrap()],
        });
        let shown = bare(&Scroll::default().message(&view, None));
        let lines: Vec<&str> = shown.lines().skip(1).collect();
        assert!(lines[0].ends_with("#7 01010101  (edited)  new"), "{}", lines[0]);
        let rest = [
            "    > B. Bano: May I go?",
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

    fn bare(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn each_day_is_named_once_and_hostile_names_are_harmless() {
        let mut scroll = Scroll::default();
        let first = bare(&scroll.message(&message(1_900_000_000, "one\ntwo", false, MessageState::Unread), None));
        assert_eq!(first.lines().count(), 4, "{first}");
        assert!(first.starts_with("── ") && first.contains("Amina\\u{202e}  #7 01010101  new\n    one\n    two"));
        let second = bare(&scroll.message(&message(1_900_000_001, "three", true, MessageState::Delivered), None));
        assert!(!second.contains("──") && second.ends_with("#7 01010101  delivered\n    three"), "{second}");
        let later = bare(&scroll.message(&message(1_900_200_000, "four", false, MessageState::Read), None));
        assert!(later.starts_with("\n── ") && later.ends_with("#7 01010101\n    four"), "{later}");
    }
}
