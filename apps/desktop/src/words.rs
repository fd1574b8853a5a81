//! Every string of the window, from fluent files (`i18n/`): one folder a language, one file a screen.
//!
//! What is put into a sentence is isolated (U+2068, U+2069), so that a name of another direction moves nothing around it;
//! numbers are written in the language's digits.

use std::borrow::Cow;

use amanat_client::{Failure, FailureCode, api::ConversationState};
use amanat_identity::Tier;
use amanat_primitives::Timestamp;
use fluent_bundle::{FluentArgs, FluentBundle, FluentResource, FluentValue};

use crate::language::{Language, zoned};

/// The files, by language.
macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        const ENGLISH: &[&str] = &[$(include_str!(concat!("../i18n/en/", $name, ".ftl"))),+];
        const URDU: &[&str] = &[$(include_str!(concat!("../i18n/ur/", $name, ".ftl"))),+];
    };
}
files!(
    "calendar",
    "common",
    "conversation",
    "documents",
    "failures",
    "filter",
    "inbox",
    "people",
    "readers",
    "security",
    "settings",
    "switcher",
    "unlock",
    "warnings",
    "welcome",
);

/// Strings in one language.
pub struct Words {
    language: Language,
    bundle: FluentBundle<FluentResource>,
}

impl Words {
    /// Those of a language.
    #[must_use]
    pub fn new(language: Language) -> Self {
        let (tag, files) = match language {
            Language::English => (language.tag(), ENGLISH),
            Language::Urdu => (language.tag(), URDU),
        };
        let mut bundle = FluentBundle::new(vec![tag.parse().unwrap_or_default()]);
        for file in files {
            // A fault in a file is a fault of ours: a test reads all of them strictly.
            let resource = match FluentResource::try_new((*file).to_owned()) {
                Ok(resource) | Err((resource, _)) => resource,
            };
            bundle.add_resource_overriding(resource);
        }
        let urdu: fn(&FluentValue<'_>, &_) -> Option<String> = |value, _| match value {
            FluentValue::Number(number) => Some(Language::Urdu.digits(&number.as_string())),
            _ => None,
        };
        if language == Language::Urdu {
            bundle.set_formatter(Some(urdu));
        }
        Self { language, bundle }
    }

    /// Which.
    #[must_use]
    pub fn language(&self) -> Language {
        self.language
    }

    /// A string.
    #[must_use]
    pub fn say(&self, key: &str) -> String {
        self.format(key, None)
    }

    /// A string with something in it: names and numbers.
    #[must_use]
    pub fn with<'a>(&self, key: &str, values: &[(&'a str, Value<'a>)]) -> String {
        let mut args = FluentArgs::new();
        for (name, value) in values {
            match value {
                Value::Text(text) => args.set(*name, text.as_ref()),
                Value::Number(number) => args.set(*name, *number),
            }
        }
        self.format(key, Some(&args))
    }

    fn format(&self, key: &str, args: Option<&FluentArgs<'_>>) -> String {
        let pattern = self.bundle.get_message(key).and_then(|message| message.value());
        let Some(pattern) = pattern else {
            tracing::error!(key, "a string is missing");
            return key.to_owned();
        };
        self.bundle.format_pattern(pattern, args, &mut Vec::new()).into_owned()
    }

    /// A tier's name.
    #[must_use]
    pub fn tier(&self, tier: Tier) -> String {
        self.say(match tier {
            Tier::Official => "tier-official",
            Tier::Restricted => "tier-restricted",
            Tier::Confidential => "tier-confidential",
            Tier::Secret => "tier-secret",
            Tier::TopSecret => "tier-top-secret",
        })
    }

    /// Why nothing can be sent in a conversation; none where it can.
    #[must_use]
    pub fn state(&self, state: ConversationState) -> Option<String> {
        let key = match state {
            ConversationState::Active => return None,
            ConversationState::Creating => "state-creating",
            ConversationState::StatusExpired => "state-status-expired",
            ConversationState::Frozen => "state-frozen",
            ConversationState::Removed => "state-removed",
            ConversationState::Left => "state-left",
            ConversationState::Over => "state-over",
            ConversationState::Archived => "state-archived",
            ConversationState::FellOut => "state-fell-out",
            ConversationState::Removing => "state-removing",
            ConversationState::Waiting => "state-waiting",
        };
        Some(self.say(key))
    }

    /// What failed, and what to try, in this language: by its code. The engine's own words, which are English and may name
    /// what it is about, stand behind it.
    #[must_use]
    pub fn failure(&self, failure: &Failure) -> (String, String) {
        match self.language {
            Language::English => (sentence(&failure.failed), sentence(&failure.advice)),
            Language::Urdu => self.code(failure.code),
        }
    }

    /// The same of a code alone.
    #[must_use]
    pub fn code(&self, code: FailureCode) -> (String, String) {
        let code = code.name();
        (self.say(&format!("failed-{code}")), self.say(&format!("try-{code}")))
    }

    /// A day: today and yesterday by name, else its date.
    #[must_use]
    pub fn day(&self, at: Timestamp, now: Timestamp) -> String {
        let (day, today) = (zoned(at).date(), zoned(now).date());
        if day == today {
            return self.say("day-today");
        }
        if today.yesterday().is_ok_and(|yesterday| yesterday == day) {
            return self.say("day-yesterday");
        }
        self.date(at)
    }

    /// A day by its date, whenever that is.
    #[must_use]
    pub fn date(&self, at: Timestamp) -> String {
        let day = zoned(at).date();
        let month = self.say(&format!("month-{}", day.month()));
        let day_of = self.language.number(u64::from(day.day().unsigned_abs()));
        let year = self.language.digits(&day.year().to_string());
        let date = self.with("date", &[("day", day_of.into()), ("month", month.into()), ("year", year.into())]);
        // A date is of one piece: isolated parts would stand in another order within a sentence.
        date.replace(['\u{2068}', '\u{2069}'], "")
    }

    /// When, for a row of a list: the time today, else the day.
    #[must_use]
    pub fn when(&self, at: Timestamp, now: Timestamp) -> String {
        if zoned(at).date() == zoned(now).date() { self.language.time(at) } else { self.day(at, now) }
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let rest = chars.as_str();
    let end = if text.is_empty() || text.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{rest}{end}")
}

/// What is put into a string.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// A name, or anything that is isolated.
    Text(Cow<'a, str>),
    /// A number, by which a string may choose its form.
    Number(u64),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn keys(files: &[&str]) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        for file in files {
            FluentResource::try_new((*file).to_owned()).unwrap_or_else(|(_, errors)| panic!("{errors:?}\n{file}"));
            for line in file.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase())) {
                let key = line.split_once('=').expect(line).0.trim().to_owned();
                assert!(keys.insert(key.clone()), "{key} stands twice");
            }
        }
        keys
    }

    #[test]
    fn every_string_stands_in_every_language() {
        assert_eq!(keys(ENGLISH), keys(URDU));
    }

    #[test]
    fn every_string_that_the_code_names_exists() {
        let keys = keys(ENGLISH);
        let mut named = 0;
        let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let source = std::fs::read_to_string(&path).unwrap();
                for call in ["words.say(\"", "words.with(\"", "self.say(\"", "self.with(\""] {
                    for found in source.split(call).skip(1) {
                        let key = found.split('"').next().unwrap();
                        assert!(keys.contains(key), "{}: {key}", path.display());
                        named += 1;
                    }
                }
            }
        }
        assert!(named > 20);
    }

    #[test]
    fn names_are_isolated_and_numbers_written_in_the_languages_digits() {
        let (english, urdu) = (Words::new(Language::English), Words::new(Language::Urdu));
        assert_eq!(english.with("members", &[("count", 1_u64.into())]), "\u{2068}1\u{2069} member");
        assert!(urdu.with("members", &[("count", 12_u64.into())]).contains("۱۲"));
    }
}
