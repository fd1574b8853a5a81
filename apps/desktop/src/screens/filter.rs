//! What the leak filter says of a text while it is written: a strip beside its field, with what was found and what has to be
//! done before it is sent.
//!
//! Whoever holds a field says after everything that happens how it reads by then ([`State::look_over`]), and asks before it
//! sends whether that may pass ([`State::lets_pass`]). The engine judges what is sent once more: what was not judged yet is
//! sent as if nothing were found.

#[cfg(test)]
mod tests;
mod view;

use std::{ops::Range, sync::Arc, time::Duration};

use amanat_client::{
    Command, Reply,
    api::{Action, Consent, Judged, Place, Target},
};
use amanat_ui::edit;
use iced::{
    Task,
    widget::{Id, operation},
};

pub use self::view::Manner;
use super::warnings::FRESH;
use crate::wish::{Answer, Wish};

/// The name of the reason's field.
pub const REASON: &str = "filter-reason";
/// The name of the button that sends all the same.
const PRESS: &str = "filter-press";
/// Bytes of a reason.
const REASON_BYTES: usize = 500;

/// What is known of a text.
#[derive(Default)]
pub struct State {
    /// As it reads now.
    now: Option<Question>,
    /// What is on its way to the engine: one question at a time.
    open: Option<Question>,
    /// What was found last, where that is not allowed as it stands.
    found: Option<Judged>,
    /// That was said of the text as it reads now.
    fresh: bool,
    /// How the sender answers; gone as soon as the text is another.
    consent: Consent,
    reason: edit::Content,
    /// Attention was called to it.
    pointed: bool,
    /// When it was first known what time it is, after it appeared as it is or attention was called to it.
    since: Option<Duration>,
    /// Since the machine started, as it was told last.
    moment: Duration,
}

/// A text, and where it would go.
#[derive(Clone, PartialEq, Eq)]
pub struct Question {
    to: Target,
    text: Arc<str>,
}

/// What happens on it.
#[derive(Clone)]
pub enum Message {
    /// The engine answers.
    Judged(Question, Box<Answer>),
    /// The reason was typed into.
    Reason(edit::Action),
    /// It is to be sent as it stands.
    Press,
}

impl State {
    /// It is this long since the machine started.
    pub fn at(&mut self, moment: Duration) {
        self.moment = self.moment.max(moment);
        if self.found.is_some() {
            self.since.get_or_insert(self.moment);
        }
    }

    /// It was seen for so short a time that a press is not meant.
    fn is_young(&self) -> bool {
        self.since.is_none_or(|since| self.moment.saturating_sub(since) < FRESH)
    }

    /// It can be pressed in a moment: it wants to be told how time goes by.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.asks() == Action::Warn && self.is_young()
    }

    /// A text reads like this now: asks about it, unless that is known or another question is open.
    pub fn look_over<M, A>(&mut self, to: &Target, text: &str, wrap: fn(Message) -> M) -> Vec<Wish<M, A>>
    where
        M: 'static,
    {
        if self.now.as_ref().is_none_or(|now| now.to != *to || *now.text != *text) {
            self.changed(Question { to: to.clone(), text: text.into() });
        }
        let Some(now) = &self.now else { return Vec::new() };
        if self.fresh || self.open.is_some() || now.text.trim().is_empty() {
            return Vec::new();
        }
        let question = now.clone();
        self.open = Some(question.clone());
        let judge = Command::Judge { to: to.clone(), text: text.to_owned() };
        vec![Wish::ask(judge, move |answer| wrap(Message::Judged(question, Box::new(answer))))]
    }

    /// What was said of the text before is shown until the next answer, so that nothing flickers while one types.
    fn changed(&mut self, now: Question) {
        (self.fresh, self.pointed, self.consent) = (false, false, Consent::None);
        let before = self.now.replace(now.clone()).filter(|before| before.to == now.to);
        if now.text.trim().is_empty() {
            (self.found, self.reason) = (None, edit::Content::new());
        }
        match (before, &mut self.found) {
            (Some(before), Some(found)) => move_places(&mut found.places, &before.text, &now.text),
            (None, found) => *found = None,
            (Some(_), None) => {}
        }
    }

    /// Something happened; whether it is to be sent now.
    pub fn update(&mut self, message: Message) -> bool {
        match message {
            Message::Judged(question, answer) => self.judged(&question, *answer),
            Message::Reason(action) => self.reason.perform_within(action, REASON_BYTES),
            Message::Press => return self.press(),
        }
        false
    }

    fn judged(&mut self, question: &Question, answer: Answer) {
        if self.open.as_ref() != Some(question) {
            return;
        }
        self.open = None;
        if self.now.as_ref() != Some(question) {
            // It is another text by now, which is asked about next.
            return;
        }
        let found = match answer {
            Ok(Reply::Judged(judged)) if judged.action > Action::Allow => Some(judged),
            _ => None,
        };
        let asked = |found: &Option<Judged>| found.as_ref().map(|found| found.action);
        if asked(&found) != asked(&self.found) {
            (self.since, self.pointed) = (None, false);
        }
        (self.found, self.fresh) = (found, true);
    }

    /// What was shown is to be sent all the same. The second press of a double click is not meant.
    fn press(&mut self) -> bool {
        let Some(found) = self.found.as_ref().filter(|_| self.fresh) else { return false };
        let reason = self.reason.as_str().trim();
        self.consent = match found.action {
            Action::Warn if !self.is_young() => Consent::Seen,
            Action::Reason if !reason.is_empty() => Consent::Reason(reason.to_owned()),
            _ => return false,
        };
        true
    }

    /// It may be sent: nothing was found, or its sender has answered.
    #[must_use]
    pub fn lets_pass(&self) -> bool {
        match self.asks() {
            Action::Allow => true,
            Action::Warn => self.consent != Consent::None,
            Action::Reason => matches!(self.consent, Consent::Reason(_)),
            Action::Approve | Action::Refuse => false,
        }
    }

    /// It is not sent, whatever its sender says.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.asks() >= Action::Approve
    }

    fn asks(&self) -> Action {
        self.found.as_ref().map_or(Action::Allow, |found| found.action)
    }

    /// There is something to show.
    #[must_use]
    pub fn has_found(&self) -> bool {
        self.found.is_some()
    }

    /// Calls attention to what has to be done: the keyboard goes there.
    pub fn point<M: Send + 'static>(&mut self) -> Task<M> {
        (self.pointed, self.since) = (true, None);
        match self.asks() {
            Action::Warn => operation::focus(Id::new(PRESS)),
            Action::Reason => operation::focus(Id::new(REASON)),
            Action::Allow | Action::Approve | Action::Refuse => Task::none(),
        }
    }

    /// How the sender has answered, once.
    pub fn take_consent(&mut self) -> Consent {
        std::mem::take(&mut self.consent)
    }

    /// It is on its way: what is written next is another text.
    pub fn sent(&mut self) {
        let open = self.open.take();
        *self = Self { open, moment: self.moment, ..Self::default() };
    }

    /// It was sent with this answer, and comes back.
    pub fn came_back(&mut self, consent: &Consent) {
        if let Consent::Reason(reason) = consent
            && self.reason.is_empty()
        {
            self.reason = edit::Content::with_text(reason);
        }
    }

    /// Where the text is marked.
    #[must_use]
    pub fn marks(&self) -> Vec<Range<usize>> {
        let Some(found) = &self.found else { return Vec::new() };
        let asks = |place: &&Place| found.kinds.iter().any(|kind| kind.kind == place.kind && is_asked(kind.action));
        found.places.iter().filter(asks).map(|place| place.range.clone()).collect()
    }
}

fn is_asked(action: Action) -> bool {
    action > Action::Allow
}

/// Places as they stand after a change; those that it touched are gone until the next answer.
fn move_places(places: &mut Vec<Place>, before: &str, after: &str) {
    let alike = before.bytes().zip(after.bytes()).take_while(|(a, b)| a == b).count();
    let most = before.len().min(after.len()) - alike;
    let behind = before.bytes().rev().zip(after.bytes().rev()).take(most).take_while(|(a, b)| a == b).count();
    let until = before.len() - behind;
    places.retain_mut(|place| {
        if place.range.end <= alike {
            return true;
        }
        let moved = |at: usize| at + after.len() - before.len();
        let stays = place.range.start >= until;
        if stays {
            place.range = moved(place.range.start)..moved(place.range.end);
        }
        stays
    });
}
