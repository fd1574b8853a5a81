//! Settings: what a person sets for this device. A dialog over whatever is shown; before it is unlocked, a strip of a few
//! of them. Each takes effect at once.

use amanat_ui::{
    button::{self, Kind},
    choice::{self, Choice},
    modal,
    notice::{self, Kind as Notice},
    surface,
    text::{Role, muted, paragraph, plain},
    theme::space,
};
use iced::{
    Alignment, Element, Fill,
    widget::{column, container, rule},
};

use super::Context;
use crate::{
    language::Language,
    settings::{LOCK_AFTER, Settings, TEXT_SIZES, Theme},
    wish::Wish,
};

/// The dialog's width, in logical pixels.
const WIDTH: f32 = 620.0;

const THEMES: [(Theme, &str); 4] = [
    (Theme::System, "theme-system"),
    (Theme::Light, "theme-light"),
    (Theme::Dark, "theme-dark"),
    (Theme::HighContrast, "theme-high-contrast"),
];

/// The column of keys, in logical pixels.
const KEY: f32 = 130.0;
/// Keys, with what each does.
const KEYS: [(&str, &str); 10] = [
    ("keys-switcher", "Ctrl+K"),
    ("keys-new", "Ctrl+N"),
    ("keys-search", "Ctrl+F"),
    ("keys-beside", "Alt+↑ ↓"),
    ("keys-attach", "Ctrl+O"),
    ("keys-date", "Ctrl+G"),
    ("keys-line", "Shift+Enter"),
    ("keys-last", "↑"),
    ("keys-arrange", "Ctrl+Shift+P, M"),
    ("keys-lock", "Ctrl+L"),
];

/// What it shows.
pub struct State {
    settings: Settings,
    /// Minutes at most.
    ceiling: u32,
    /// They could not be kept.
    failed: bool,
}

/// What happens on it.
#[derive(Clone)]
pub enum Message {
    /// Another language.
    Language(Language),
    /// Another theme.
    Theme(Theme),
    /// Another size, in percent.
    TextSize(u32),
    /// Lock after so many minutes.
    LockAfter(u32),
    /// It is done with.
    Close,
}

/// What it asks of its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// These hold from now on.
    Set(Settings),
    /// Close it.
    Close,
}

impl State {
    /// With what is set, and the longest time that may be set.
    #[must_use]
    pub fn new(settings: Settings, ceiling: u32) -> Self {
        Self { settings, ceiling, failed: false }
    }

    /// Something happened.
    pub fn update(&mut self, message: Message) -> Vec<Wish<Message, Action>> {
        let next = self.settings.clone();
        let next = match message {
            Message::Language(language) => Settings { language, ..next },
            Message::Theme(theme) => Settings { theme, ..next },
            Message::TextSize(text_size) => Settings { text_size, ..next },
            Message::LockAfter(minutes) => Settings { lock_after: minutes.min(self.ceiling), ..next },
            Message::Close => return vec![Wish::Parent(Action::Close)],
        };
        if next == self.settings {
            return Vec::new();
        }
        self.failed = false;
        self.settings = next.clone();
        vec![Wish::Parent(Action::Set(next))]
    }

    /// They hold, but could not be kept for the next time.
    pub fn not_kept(&mut self) {
        self.failed = true;
    }

    /// How it looks, as a dialog.
    #[must_use]
    pub fn card<'a, M: 'a>(&'a self, context: Context<'a>, wrap: impl Fn(Message) -> M + 'a) -> Element<'a, M> {
        modal::card(self.view(context).map(wrap), WIDTH, context.look)
    }

    fn view<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let title = vec![
            container(plain(words.say("settings-title"), Role::Title))
                .width(Fill)
                .align_x(look.direction.start())
                .into(),
            button::word(words.say("close"), Kind::Secondary, Some(Message::Close), look),
        ];
        let mut parts = column![
            look.direction.row(title).align_y(Alignment::Center),
            rule::horizontal(1).style(surface::line(look)),
            group(words.say("settings-language"), String::new(), languages(&self.settings, context), context),
            group(words.say("settings-theme"), String::new(), themes(&self.settings, context), context),
            group(words.say("settings-text-size"), String::new(), self.sizes(context), context),
            group(words.say("settings-lock-after"), self.why(context), self.minutes(context), context),
            group(words.say("keys-title"), String::new(), keys(context), context),
        ]
        .spacing(space::L);
        if self.failed {
            let (what, advice) = (words.say("settings-not-kept"), words.say("settings-not-kept-try"));
            parts = parts.push(notice::advice(Notice::Danger, what, advice, Vec::new(), look));
        }
        parts.into()
    }

    fn sizes<'a>(&self, context: Context<'a>) -> Element<'a, Message> {
        let choice = |size: u32| Choice {
            word: percent(size, context),
            chosen: self.settings.text_size == size,
            press: Some(Message::TextSize(size)),
        };
        choice::row_of(TEXT_SIZES.into_iter().map(choice).collect(), context.look)
    }

    fn minutes<'a>(&self, context: Context<'a>) -> Element<'a, Message> {
        let set = self.settings.lock_after.min(self.ceiling);
        let choice = |minutes: u32| Choice {
            word: context.words.with("settings-minutes", &[("count", u64::from(minutes).into())]),
            chosen: set == minutes,
            press: (minutes <= self.ceiling).then_some(Message::LockAfter(minutes)),
        };
        choice::row_of(LOCK_AFTER.into_iter().map(choice).collect(), context.look)
    }

    /// Why not all can be chosen.
    fn why(&self, context: Context<'_>) -> String {
        let [.., longest] = LOCK_AFTER;
        if self.ceiling >= longest {
            return context.words.say("settings-lock-explained");
        }
        context.words.with("settings-lock-ceiling", &[("count", u64::from(self.ceiling).into())])
    }
}

/// What each key does: a list for who looks for it.
fn keys<'a>(context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let row = |(means, key): (&'static str, &'static str)| -> Element<'a, Message> {
        let parts = vec![
            container(plain(key, Role::Label)).width(KEY).align_x(look.direction.start()).into(),
            container(muted(words.say(means), Role::Label, look)).width(Fill).align_x(look.direction.start()).into(),
        ];
        look.direction.row(parts).spacing(space::M).align_y(Alignment::Center).into()
    };
    column(KEYS.map(row)).spacing(space::XS).into()
}

fn percent(size: u32, context: Context<'_>) -> String {
    context.words.with("settings-percent", &[("size", u64::from(size).into())])
}

fn group<'a>(
    name: String,
    explained: String,
    choices: Element<'a, Message>,
    context: Context<'a>,
) -> Element<'a, Message> {
    let look = context.look;
    let mut parts = column![plain(name, Role::Strong)].spacing(space::S).align_x(look.direction.start_items());
    if !explained.is_empty() {
        parts = parts.push(paragraph(explained, Role::Label, look.tokens.muted, look));
    }
    parts.push(choices).width(Fill).into()
}

fn languages<'a>(settings: &Settings, context: Context<'a>) -> Element<'a, Message> {
    let choice = |(language, name): (Language, &str)| Choice {
        word: name.to_owned(),
        chosen: settings.language == language,
        press: Some(Message::Language(language)),
    };
    choice::row_of(Language::ALL.into_iter().map(choice).collect(), context.look)
}

fn themes<'a>(settings: &Settings, context: Context<'a>) -> Element<'a, Message> {
    let choice = |(theme, key): (Theme, &str)| Choice {
        word: context.words.say(key),
        chosen: settings.theme == theme,
        press: Some(Message::Theme(theme)),
    };
    choice::row_of(THEMES.into_iter().map(choice).collect(), context.look)
}

/// A screen with language, theme and size of text under it: for those before it is unlocked.
#[must_use]
pub fn under<'a, M: Clone + 'a>(
    screen: Element<'a, M>,
    settings: &Settings,
    context: Context<'a>,
    wrap: impl Fn(Message) -> M + 'a,
) -> Element<'a, M> {
    let Context { look, words, .. } = context;
    let quiet = |word: String, press: Option<Message>| button::word(word, Kind::Quiet, press, look);
    let mut parts = Vec::new();
    for (language, name) in Language::ALL {
        if language != settings.language {
            parts.push(quiet(name.to_owned(), Some(Message::Language(language))));
        }
    }
    let theme = THEMES.iter().position(|(theme, _)| *theme == settings.theme).unwrap_or(0);
    if let (Some((_, now)), Some((next, _))) = (THEMES.get(theme), THEMES.iter().cycle().nth(theme + 1)) {
        let word = words.with("settings-theme-now", &[("theme", words.say(now).into())]);
        parts.push(quiet(word, Some(Message::Theme(*next))));
    }
    let smaller = TEXT_SIZES.into_iter().rev().find(|size| *size < settings.text_size);
    let larger = TEXT_SIZES.into_iter().find(|size| *size > settings.text_size);
    parts.push(quiet(words.say("settings-smaller"), smaller.map(Message::TextSize)));
    parts.push(muted(percent(settings.text_size, context), Role::Label, look).into());
    parts.push(quiet(words.say("settings-larger"), larger.map(Message::TextSize)));
    let strip = look.direction.row(parts).spacing(space::M).align_y(Alignment::Center);
    let strip = container(strip).center_x(Fill).padding(space::S).style(surface::canvas(look));
    let strip: Element<'a, Message> = strip.into();
    column![container(screen).height(Fill), strip.map(wrap)].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(wishes: Vec<Wish<Message, Action>>) -> Option<Settings> {
        wishes.into_iter().find_map(|wish| match wish {
            Wish::Parent(Action::Set(settings)) => Some(settings),
            _ => None,
        })
    }

    #[test]
    fn each_takes_effect_at_once_and_the_same_again_does_nothing() {
        let mut state = State::new(Settings::default(), 15);
        let urdu = set(state.update(Message::Language(Language::Urdu))).unwrap();
        assert_eq!(urdu.language, Language::Urdu);
        assert!(state.update(Message::Language(Language::Urdu)).is_empty());
        let both = set(state.update(Message::TextSize(200))).unwrap();
        assert_eq!((both.language, both.text_size), (Language::Urdu, 200));
        state.not_kept();
        state.update(Message::Theme(Theme::Dark));
        assert!(!state.failed, "what failed is tried again with the next");
        assert!(matches!(state.update(Message::Close)[..], [Wish::Parent(Action::Close)]));
    }

    #[test]
    fn no_longer_than_the_ceiling() {
        let mut state = State::new(Settings { lock_after: 2, ..Settings::default() }, 5);
        assert_eq!(set(state.update(Message::LockAfter(15))).unwrap().lock_after, 5);
    }
}
