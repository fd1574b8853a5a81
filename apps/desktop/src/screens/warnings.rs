//! Alarms of conversations and notices about this device: each stays in sight until it was read, and those that say who may
//! read along stay in a list after that.

mod wording;

use std::{collections::BTreeSet, time::Duration};

use amanat_client::{
    Command, Event, Failure, Reply,
    api::{Alarm, MemberChange, Notice, Warning, WarningOf},
};
use amanat_identity::Address;
use amanat_primitives::ConversationId;
use amanat_ui::{
    bidi, button,
    direction::Direction,
    surface,
    text::{Role, plain},
    theme::{Pair, radius, space},
};
use iced::{
    Alignment, Element, Fill,
    widget::{column, container, rule},
};

use super::{Context, frame};
use crate::{
    turn::Turn,
    wish::{Answer, Wish},
};

/// Warnings in the list of all.
const LISTED: usize = 50;
/// Banners that are shown at once; the next one comes when one was read.
const AT_ONCE: usize = 2;
/// A banner that came into its place more lately than this is not pressed: that is the second press of a double click.
pub(super) const FRESH: Duration = Duration::from_millis(400);

/// How much it weighs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Danger,
    Caution,
}

/// A banner in its place.
struct Sight {
    id: u64,
    place: usize,
    since: Duration,
}

/// What the vault keeps of them.
#[derive(Default)]
pub struct State {
    items: Vec<Warning>,
    /// Read here; the vault may not have that yet.
    read: BTreeSet<u64>,
    asking: Turn,
    own: Option<Address>,
    now: Duration,
    sights: Vec<Sight>,
    failure: Option<Failure>,
}

/// What happens on it.
#[derive(Clone)]
pub enum Message {
    /// They were asked for.
    Listed(Answer),
    /// One was read.
    Read(u64),
    /// That is in the vault, or not.
    Kept(Vec<u64>, Answer),
    /// The conversation of one is to be shown.
    Open(ConversationId),
}

/// What it asks of its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Show a conversation.
    Open(ConversationId),
}

type Wishes = Vec<Wish<Message, Action>>;

/// Where a warning is said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a banner.
    Banner,
    /// Among the messages of its conversation alone.
    Messages,
    /// It depends on whose device this is, and that is not known yet.
    Later,
}

/// The conversation above which it stands; none for what is about this device.
fn conversation(of: &WarningOf) -> Option<ConversationId> {
    match of {
        WarningOf::Alarm { conversation, .. }
        | WarningOf::Notice(
            Notice::RelayBehind { conversation, .. }
            | Notice::RelaySettling { conversation }
            | Notice::Member { conversation, .. },
        ) => Some(*conversation),
        WarningOf::Notice(_) => None,
    }
}

/// It says who may read along, and stays in the list.
fn stays(of: &WarningOf) -> bool {
    match of {
        WarningOf::Alarm { alarm, .. } => matches!(alarm, Alarm::Gap { .. } | Alarm::Fork { .. }),
        WarningOf::Notice(Notice::Member { .. } | Notice::NewDevice { .. } | Notice::Revoked { .. }) => true,
        WarningOf::Notice(_) => false,
    }
}

/// The person whom it is about, where it names no conversation.
fn person(of: &WarningOf) -> Option<&Address> {
    match of {
        WarningOf::Notice(Notice::NewDevice { address, .. } | Notice::Revoked { address, .. }) => Some(address),
        _ => None,
    }
}

impl State {
    /// What the vault has.
    pub fn begin(&mut self) -> Wishes {
        if self.asking.ask() { list() } else { Vec::new() }
    }

    /// Whose device this is.
    pub fn belongs_to(&mut self, own: Address) -> Wishes {
        self.own = Some(own);
        self.settle()
    }

    /// The engine says something: what is to be read is asked of the vault, which has it before it is said.
    pub fn heard(&mut self, event: &Event) -> Wishes {
        match event {
            Event::Alarm { .. } | Event::Notice(_) | Event::Missed => self.begin(),
            _ => Vec::new(),
        }
    }

    /// Something happened.
    pub fn update(&mut self, message: Message) -> Wishes {
        match message {
            Message::Listed(answer) => self.listed(answer),
            Message::Read(id) if self.is_fresh(id) || !self.read.insert(id) => Vec::new(),
            Message::Read(id) => {
                self.failure = None;
                keep(vec![id])
            }
            Message::Kept(_, Ok(_)) => Vec::new(),
            Message::Kept(ids, Err(failure)) => {
                // They are in sight again, with why.
                ids.iter().for_each(|id| {
                    self.read.remove(id);
                });
                self.failure = Some(failure);
                Vec::new()
            }
            Message::Open(id) => vec![Wish::Parent(Action::Open(id))],
        }
    }

    fn listed(&mut self, answer: Answer) -> Wishes {
        match answer {
            Ok(Reply::Warnings(items)) => {
                self.failure = None;
                let unread = |id: &u64| items.iter().any(|item| item.id == *id && !item.read);
                self.read.retain(unread);
                self.items = items;
            }
            answer => self.failure = answer.err(),
        }
        let mut wishes = self.settle();
        if self.asking.answered() {
            wishes.extend(list());
        }
        wishes
    }

    /// What stands among the messages and in no banner is not kept as unread for ever.
    fn settle(&mut self) -> Wishes {
        let among = |item: &&Warning| self.is_unread(item) && self.place(&item.of) == Place::Messages;
        let ids: Vec<_> = self.items.iter().filter(among).map(|item| item.id).collect();
        self.read.extend(&ids);
        if ids.is_empty() { Vec::new() } else { keep(ids) }
    }

    /// Changes of members stand among the messages; a banner has what lets others read along, or no longer.
    fn place(&self, of: &WarningOf) -> Place {
        let WarningOf::Notice(Notice::Member { by, whom, change, .. }) = of else { return Place::Banner };
        let Some(own) = &self.own else { return Place::Later };
        let banner = match change {
            MemberChange::Removed | MemberChange::DeviceAdded | MemberChange::DeviceRemoved => *own != by.address,
            MemberChange::Added => own.domain != whom.address.domain,
            _ => false,
        };
        if banner { Place::Banner } else { Place::Messages }
    }

    fn is_unread(&self, item: &Warning) -> bool {
        !item.read && !self.read.contains(&item.id)
    }

    /// What banners there are: of a conversation, or about this device; danger first, then the earliest.
    fn unread(&self, of: Option<ConversationId>) -> Vec<&Warning> {
        let fits = |item: &&Warning| {
            self.is_unread(item) && conversation(&item.of) == of && self.place(&item.of) == Place::Banner
        };
        let mut unread: Vec<_> = self.items.iter().filter(fits).collect();
        unread.sort_by_key(|item| (wording::kind(&item.of), item.at, item.id));
        unread
    }

    /// It is this long since the machine started.
    pub fn at(&mut self, now: Duration) {
        self.now = now;
    }

    /// This conversation is shown, or none: where which banner stands, and since when.
    pub fn sighted(&mut self, shown: Option<ConversationId>) {
        let above: Vec<_> = self.unread(None).into_iter().take(AT_ONCE).map(|item| item.id).collect();
        let between = above.len() + self.elsewhere(shown).len();
        let below = shown.map(|id| self.unread(Some(id))).unwrap_or_default();
        let below = below.into_iter().take(AT_ONCE).map(|item| item.id);
        let places: Vec<_> =
            above.iter().copied().enumerate().chain(below.enumerate().map(|(n, id)| (between + n, id))).collect();
        let since = |place: usize, id: u64| {
            let before = self.sights.iter().find(|sight| sight.id == id && sight.place == place);
            before.map_or(self.now, |sight| sight.since)
        };
        self.sights = places.into_iter().map(|(place, id)| Sight { id, place, since: since(place, id) }).collect();
    }

    /// It has not been in its place for long enough to be meant.
    fn is_fresh(&self, id: u64) -> bool {
        let sight = self.sights.iter().find(|sight| sight.id == id);
        sight.is_none_or(|sight| self.now.saturating_sub(sight.since) < FRESH)
    }

    /// Banners of a conversation, or those about this device.
    #[must_use]
    pub fn banners<'a>(&'a self, of: Option<ConversationId>, context: Context<'a>) -> Vec<Element<'a, Message>> {
        let unread = self.unread(of);
        let more = unread.len().saturating_sub(AT_ONCE);
        let mut banners: Vec<_> = unread.into_iter().take(AT_ONCE).map(|item| banner(item, context)).collect();
        banners.extend(more_follow(more, context));
        banners
    }

    /// Why they cannot be read, or not be kept as read.
    #[must_use]
    pub fn trouble<'a>(&self, context: Context<'a>) -> Option<Element<'a, Message>> {
        let failure = self.failure.as_ref()?;
        let said = column![plain(context.words.say("warnings-failed"), Role::Label), frame::failure(failure, context),];
        Some(container(said).padding([space::XS, space::L]).width(Fill).into())
    }

    /// Conversations with a banner, without the one that is shown.
    #[must_use]
    pub fn elsewhere(&self, shown: Option<ConversationId>) -> Vec<ConversationId> {
        let mut found = Vec::new();
        let banners = self.items.iter().filter(|item| self.is_unread(item) && self.place(&item.of) == Place::Banner);
        for item in banners {
            match conversation(&item.of) {
                Some(id) if Some(id) != shown && !found.contains(&id) => found.push(id),
                _ => {}
            }
        }
        found
    }

    /// What stays in the list of a conversation with these members: what it means.
    #[must_use]
    pub fn kept<'a>(&'a self, of: ConversationId, members: &[Address], context: Context<'a>) -> Vec<String> {
        let stays = |item: &&Warning| {
            let about = person(&item.of).is_some_and(|address| members.contains(address));
            let banner = self.place(&item.of) == Place::Banner;
            banner && stays(&item.of) && (conversation(&item.of) == Some(of) || about)
        };
        self.items.iter().filter(stays).map(|item| wording::words(&item.of, context.words).0).collect()
    }

    /// All that was said, the latest first: when, and what it means.
    #[must_use]
    pub fn said(&self, context: Context<'_>) -> Vec<String> {
        let Context { words, now, .. } = context;
        let line = |item: &Warning| {
            let (when, text) = (words.when(item.at, now), wording::words(&item.of, words).0);
            words.with("warnings-said", &[("when", when.into()), ("text", text.into())])
        };
        self.items.iter().rev().filter(|item| self.place(&item.of) == Place::Banner).take(LISTED).map(line).collect()
    }

    /// How many of each kind there are, for a diagnostic file: without names.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let alarms = self.items.iter().filter(|item| matches!(item.of, WarningOf::Alarm { .. })).count();
        (alarms, self.items.len() - alarms)
    }
}

/// That there are so many more than are shown.
pub fn more_follow<'a, M: 'a>(count: usize, context: Context<'a>) -> Option<Element<'a, M>> {
    if count == 0 {
        return None;
    }
    let text = context.words.with("warnings-more", &[("count", (count as u64).into())]);
    let text = container(plain(text, Role::Label)).width(Fill).align_x(context.look.direction.start());
    let text = text.padding([space::XS, space::L]);
    Some(text.style(surface::filled(context.look.tokens.caution, 0.0)).into())
}

fn list() -> Wishes {
    vec![Wish::ask(Command::Warnings, Message::Listed)]
}

fn keep(warnings: Vec<u64>) -> Wishes {
    let read = Command::WarningsRead { warnings: warnings.clone() };
    vec![Wish::ask(read, move |answer| Message::Kept(warnings, answer))]
}

fn banner<'a>(item: &'a Warning, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let (means, advice) = wording::words(&item.of, words);
    let k = look.tokens;
    // Not the whole banner in the colour of danger: that of a tier may stand below it.
    let (mark, pair) = match wording::kind(&item.of) {
        Kind::Caution => ("warnings-caution", Pair { ground: k.caution.ink, ink: k.caution.ground }),
        Kind::Danger => ("warnings-danger", k.danger),
    };
    let mark = container(plain(words.say(mark), Role::Mark)).padding([1.0, space::S]);
    let texts = column![
        mark.style(surface::filled(pair, radius::S)),
        wrapped(means, Role::Strong),
        wrapped(advice, Role::Label),
    ]
    .spacing(space::XS)
    .align_x(look.direction.start_items())
    .width(Fill);
    let read = Some(Message::Read(item.id));
    let read = button::word(words.say("warnings-read"), button::Kind::Secondary, read, look);
    let parts = vec![container(texts).width(Fill).into(), read];
    let row = look.direction.row(parts).spacing(space::M).align_y(Alignment::Center);
    let row = container(row).padding([space::S, space::L]).width(Fill).style(surface::filled(k.caution, 0.0));
    column![row, rule::horizontal(1).style(surface::line(look))].into()
}

/// Text with names in it, which is broken within a word where it would leave its box.
pub(super) fn wrapped<'a>(content: impl Into<String>, role: Role) -> iced::widget::Text<'a> {
    // Where all runs one way nothing needs to be isolated, and what is isolated is broken in the wrong place.
    let mut content = content.into();
    if !content.chars().any(|c| bidi::direction(c.encode_utf8(&mut [0; 4])) == Some(Direction::Rtl)) {
        content.retain(|c| !matches!(c, '\u{2068}' | '\u{2069}'));
    }
    plain(content, role).wrapping(iced::widget::text::Wrapping::WordOrGlyph)
}

#[cfg(test)]
mod tests;
