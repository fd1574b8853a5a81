//! A leak filter of three rules: identity cards, payment cards, and the word that marks what is secret. It asks for what the
//! built-in policy asks for at OFFICIAL, in all conversations below SECRET.

use std::{collections::BTreeSet, ops::Range};

use amanat_client::{
    Command, Failure, FailureCode, Reply,
    api::{Action, Consent, ConversationView, Judged, KindFound, Place, Target},
};
use amanat_identity::Tier;
use amanat_primitives::ConversationId;

/// Kinds with the names of their rules.
const RULES: [(&str, &str); 3] = [("cnic", "identity card"), ("card", "payment card"), ("marking", "SECRET")];
const MARKING: &str = "SECRET";

/// What it says of a text that would go there.
pub(super) fn reply(to: &Target, text: &str, conversations: &[ConversationView]) -> Reply {
    Reply::Judged(judge(text, tier_of(to, conversations)))
}

/// Where a text would go: its tier.
fn tier_of(to: &Target, conversations: &[ConversationView]) -> Tier {
    match to {
        Target::Conversation(id) => tier_in(*id, conversations),
        Target::Person(_, tier) => tier.unwrap_or(Tier::Official),
    }
}

fn tier_in(id: ConversationId, conversations: &[ConversationView]) -> Tier {
    conversations.iter().find(|view| view.id == id).map_or(Tier::Official, |view| view.tier)
}

/// What it says of a text.
fn judge(text: &str, tier: Tier) -> Judged {
    let (mut kinds, mut places) = (Vec::new(), Vec::new());
    for (name, rule) in RULES {
        let (Ok(kind), found) = (name.parse(), found(text, name)) else { continue };
        let values: BTreeSet<&str> = found.iter().filter_map(|range| text.get(range.clone())).collect();
        let count = values.len() as u32;
        let action = if tier < Tier::Secret { asked(name, count) } else { Action::Allow };
        if count > 0 {
            let place = |range| Place { kind: amanat_client::api::Kind::clone(&kind), rule: rule.to_owned(), range };
            places.extend(found.into_iter().map(place));
            kinds.push(KindFound { kind, count, action });
        }
    }
    kinds.sort_by_key(|found| std::cmp::Reverse(found.action));
    places.sort_by_key(|place| place.range.start);
    let action = kinds.first().map_or(Action::Allow, |found| found.action);
    Judged { tier, action, kinds, places, unread: false }
}

fn asked(kind: &str, count: u32) -> Action {
    match (kind, count) {
        (_, 0) => Action::Allow,
        ("marking", _) => Action::Refuse,
        ("cnic", 10..) | ("card", 3..) => Action::Approve,
        ("cnic", 3..) | ("card", _) => Action::Reason,
        _ => Action::Warn,
    }
}

fn found(text: &str, kind: &str) -> Vec<Range<usize>> {
    let within = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut at = 0;
    let parts = text.split_inclusive(|c| !within(c)).map(|part| {
        at += part.len();
        let word = part.trim_end_matches(|c| !within(c));
        (word, at - part.len())
    });
    let fits = |word: &str| {
        let groups: Vec<usize> = word.split('-').map(str::len).collect();
        match kind {
            "cnic" => groups == [5, 7, 1],
            "card" => groups == [4, 4, 4, 4] || groups == [16],
            _ => word == MARKING,
        }
    };
    let digits = |word: &str| kind == "marking" || !word.contains(|c: char| c.is_ascii_alphabetic());
    parts.filter(|(word, _)| fits(word) && digits(word)).map(|(word, start)| start..start + word.len()).collect()
}

/// Why a command is not carried out.
pub(super) fn stops(command: &Command, conversations: &[ConversationView]) -> Option<Failure> {
    let none = Consent::None;
    let (text, tier, consent) = match command {
        Command::SendText { to, text } => (text.clone(), tier_of(to, conversations), &none),
        Command::SendWith { to, text, options } => (text.clone(), tier_of(to, conversations), &options.consent),
        Command::SendReply { to, text, options } => {
            (text.clone(), tier_in(to.conversation, conversations), &options.consent)
        }
        Command::Edit { message, text, consent } => {
            (text.clone(), tier_in(message.conversation, conversations), consent)
        }
        Command::SendDocument { to, path, options } => {
            let name = path.file_name()?.to_string_lossy().into_owned();
            (name, tier_of(to, conversations), &options.consent)
        }
        Command::New { title, tier, .. } => (title.clone(), *tier, &none),
        _ => return None,
    };
    let passes = match judge(&text, tier).action {
        Action::Allow => true,
        Action::Warn => *consent != Consent::None,
        Action::Reason => matches!(consent, Consent::Reason(_)),
        Action::Approve | Action::Refuse => false,
    };
    let failed = "the leak filter found what is not for this conversation";
    (!passes).then(|| Failure::new(FailureCode::Filtered, failed, "take it out, or send it all the same"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_finds_its_own_where_it_stands() {
        let text = "جی، 35202-1234567-1, again 35202-1234567-1 and 4111-1111-1111-1111. NOT-SECRET";
        let judged = judge(text, Tier::Official);
        let found: Vec<_> = judged.kinds.iter().map(|found| (found.kind.as_str(), found.count, found.action)).collect();
        assert_eq!(found, [("card", 1, Action::Reason), ("cnic", 1, Action::Warn)]);
        let texts: Vec<_> = judged.places.iter().map(|place| &text[place.range.clone()]).collect();
        assert_eq!(texts, ["35202-1234567-1", "35202-1234567-1", "4111-1111-1111-1111"]);
        assert_eq!(judge("it is SECRET.", Tier::Official).action, Action::Refuse);
        assert_eq!(judge(text, Tier::Secret).action, Action::Allow);
    }
}
