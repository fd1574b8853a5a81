//! A conversation as people read it: a heading for each day, then who, when, what, and how far one's own are.

use amanat_client::api::{MessageBody, MessageView};
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
        for line in body(message, columns) {
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
    let number = paint(&format!("#{}", message.sequence), table::QUIET);
    format!("{}  {}  {number}{mark}", time::clock(message.at), paint(&plain(&message.name), style))
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
        MessageBody::NeedsNewerVersion => {
            vec![paint("(this version of amanat cannot show it: update)", table::CAUTION)]
        }
    }
}

#[cfg(test)]
mod tests {
    use amanat_client::api::MessageState;
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
        }
    }

    fn bare(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn each_day_is_named_once_and_hostile_names_are_harmless() {
        let mut scroll = Scroll::default();
        let first = bare(&scroll.message(&message(1_900_000_000, "one\ntwo", false, MessageState::Unread), None));
        assert_eq!(first.lines().count(), 4, "{first}");
        assert!(first.starts_with("── ") && first.contains("Amina\\u{202e}  #7  new\n    one\n    two"));
        let second = bare(&scroll.message(&message(1_900_000_001, "three", true, MessageState::Delivered), None));
        assert!(!second.contains("──") && second.ends_with("#7  delivered\n    three"), "{second}");
        let later = bare(&scroll.message(&message(1_900_200_000, "four", false, MessageState::Read), None));
        assert!(later.starts_with("\n── ") && later.ends_with("#7\n    four"), "{later}");
    }
}
