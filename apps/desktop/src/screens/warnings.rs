//! Alarms of conversations and notices about this device: each stays in sight until it was read, and those that say who may
//! read along stay in a list after that.

mod wording;

use amanat_client::{
    Event,
    api::{Alarm, MemberChange, Notice},
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

use super::Context;

/// Banners that are shown at once; the next one comes when one was read.
const AT_ONCE: usize = 2;
/// Warnings that are kept.
const KEPT: usize = 500;

/// What is said.
#[derive(Clone, PartialEq, Eq)]
enum What {
    Alarm(ConversationId, Alarm),
    Notice(Notice),
}

/// How much it weighs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Caution,
    Danger,
}

struct Item {
    number: u64,
    what: What,
    read: bool,
}

/// All that was said since the start.
#[derive(Default)]
pub struct State {
    items: Vec<Item>,
    next: u64,
    own: Option<Address>,
}

/// What happens on it.
#[derive(Clone, Copy)]
pub enum Message {
    /// One was read.
    Read(u64),
    /// The conversation of one is to be shown.
    Open(ConversationId),
}

impl What {
    /// The conversation above which it stands; none for what is about this device.
    fn conversation(&self) -> Option<ConversationId> {
        match self {
            Self::Alarm(conversation, _)
            | Self::Notice(
                Notice::RelayBehind { conversation, .. }
                | Notice::RelaySettling { conversation }
                | Notice::Member { conversation, .. },
            ) => Some(*conversation),
            Self::Notice(_) => None,
        }
    }

    /// It says who may read along, and stays in the list.
    fn stays(&self) -> bool {
        match self {
            Self::Alarm(_, alarm) => matches!(alarm, Alarm::Gap { .. } | Alarm::Fork { .. }),
            Self::Notice(Notice::Member { .. } | Notice::NewDevice { .. } | Notice::Revoked { .. }) => true,
            Self::Notice(_) => false,
        }
    }

    /// The person whom it is about, where it names no conversation.
    fn person(&self) -> Option<&Address> {
        match self {
            Self::Notice(Notice::NewDevice { address, .. } | Notice::Revoked { address, .. }) => Some(address),
            _ => None,
        }
    }
}

impl State {
    /// Whose device this is.
    pub fn belongs_to(&mut self, own: Address) {
        self.own = Some(own);
    }

    /// The engine says something.
    pub fn heard(&mut self, event: &Event) {
        let what = match event {
            Event::Alarm { conversation, alarm } => What::Alarm(*conversation, alarm.clone()),
            Event::Notice(notice) if self.is_for_a_banner(notice) => What::Notice(notice.clone()),
            _ => return,
        };
        if self.items.iter().any(|item| !item.read && item.what == what) {
            return;
        }
        if self.items.len() >= KEPT {
            // What was not read is never let go.
            let oldest = self.items.iter().position(|item| item.read);
            oldest.map(|at| self.items.remove(at));
        }
        self.items.push(Item { number: self.next, what, read: false });
        self.next += 1;
    }

    /// Changes of members stand among the messages; a banner has what lets others read along, or no longer.
    fn is_for_a_banner(&self, notice: &Notice) -> bool {
        let Notice::Member { by, whom, change, .. } = notice else { return true };
        let own = |address: &Address| self.own.as_ref() == Some(address);
        match change {
            MemberChange::Removed | MemberChange::DeviceAdded | MemberChange::DeviceRemoved => !own(&by.address),
            MemberChange::Added => self.own.as_ref().is_some_and(|own| own.domain != whom.address.domain),
            _ => false,
        }
    }

    /// One was read.
    pub fn read(&mut self, number: u64) {
        self.items.iter_mut().filter(|item| item.number == number).for_each(|item| item.read = true);
    }

    fn unread(&self, of: Option<ConversationId>) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(move |item| !item.read && item.what.conversation() == of)
    }

    /// Banners of a conversation, or those about this device.
    #[must_use]
    pub fn banners<'a>(&'a self, of: Option<ConversationId>, context: Context<'a>) -> Vec<Element<'a, Message>> {
        let mut banners: Vec<_> = self.unread(of).take(AT_ONCE).map(|item| banner(item, context)).collect();
        let more = self.unread(of).count().saturating_sub(AT_ONCE) as u64;
        if more > 0 {
            let text = context.words.with("warnings-more", &[("count", more.into())]);
            let text = container(plain(text, Role::Label)).width(Fill).align_x(context.look.direction.start());
            let text = text.padding([space::XS, space::L]);
            banners.push(text.style(surface::filled(context.look.tokens.caution, 0.0)).into());
        }
        banners
    }

    /// Conversations with something unread, without the one that is shown.
    #[must_use]
    pub fn elsewhere(&self, shown: Option<ConversationId>) -> Vec<ConversationId> {
        let mut found = Vec::new();
        for item in self.items.iter().filter(|item| !item.read) {
            match item.what.conversation() {
                Some(id) if Some(id) != shown && !found.contains(&id) => found.push(id),
                _ => {}
            }
        }
        found
    }

    /// What stays in the list of a conversation with these members: what it means.
    #[must_use]
    pub fn kept<'a>(&'a self, of: ConversationId, members: &[Address], context: Context<'a>) -> Vec<String> {
        let stays = |item: &&Item| {
            let about = item.what.person().is_some_and(|address| members.contains(address));
            item.what.stays() && (item.what.conversation() == Some(of) || about)
        };
        self.items.iter().filter(stays).map(|item| wording::words(&item.what, context.words).0).collect()
    }

    /// All that is about this device, the latest first: what it means.
    #[must_use]
    pub fn notices(&self, context: Context<'_>) -> Vec<String> {
        let about = self.items.iter().rev().filter(|item| item.what.conversation().is_none());
        about.map(|item| wording::words(&item.what, context.words).0).collect()
    }

    /// How often each kind was said, for a diagnostic file: without names.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let alarms = self.items.iter().filter(|item| matches!(item.what, What::Alarm(..))).count();
        (alarms, self.items.len() - alarms)
    }
}

fn banner<'a>(item: &'a Item, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let (means, advice) = wording::words(&item.what, words);
    let k = look.tokens;
    // Not the whole banner in the colour of danger: that of a tier may stand below it.
    let (mark, pair) = match wording::kind(&item.what) {
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
    let read = Some(Message::Read(item.number));
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
mod tests {
    use super::*;
    use crate::{fake, language::Language, words::Words};

    #[test]
    fn every_alarm_and_notice_is_worded_in_every_language() {
        for language in [Language::English, Language::Urdu] {
            let words = Words::new(language);
            let alarms = fake::alarms().into_iter().map(|alarm| What::Alarm(fake::conversations()[0].id, alarm));
            let all: Vec<_> = alarms.chain(fake::notices().into_iter().map(What::Notice)).collect();
            assert!(all.len() > 30);
            for what in all {
                let (means, advice) = wording::words(&what, &words);
                for text in [means, advice] {
                    let bare = text.starts_with("alarm-") || text.starts_with("notice-");
                    assert!(!bare && !text.contains('{'), "{language:?}: {text}");
                }
            }
        }
    }

    #[test]
    fn nothing_goes_unread_and_what_says_who_reads_stays() {
        let context = Context { look: fake::look(), words: &Words::new(Language::English), now: fake::NOW };
        let conversation = fake::conversations()[0].id;
        let mut state = State::default();
        let gap = fake::alarms().remove(0);
        for _ in 0..2 {
            state.heard(&Event::Alarm { conversation, alarm: gap.clone() });
        }
        assert_eq!(state.unread(Some(conversation)).count(), 1, "said once");
        assert_eq!(state.elsewhere(None), [conversation]);
        assert!(state.elsewhere(Some(conversation)).is_empty());
        state.read(0);
        assert_eq!(state.unread(Some(conversation)).count(), 0);
        assert_eq!(state.kept(conversation, &[], context).len(), 1);
        state.heard(&Event::Alarm { conversation, alarm: gap });
        assert_eq!(state.unread(Some(conversation)).count(), 1, "it happened again");
    }

    #[test]
    fn what_was_not_read_is_never_let_go() {
        let conversation = fake::conversations()[0].id;
        let mut state = State::default();
        for position in 0..KEPT as u64 + 10 {
            state.heard(&Event::Alarm { conversation, alarm: Alarm::Receipt { position } });
        }
        assert_eq!(state.unread(Some(conversation)).count(), KEPT + 10);
    }
}
