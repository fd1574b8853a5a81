//! A new conversation: with whom, at which tier, and what is written first; before anything goes to somebody new, a question
//! names who that is.

mod names;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use amanat_client::{
    Command, Failure, FailureCode, Reply,
    api::{Consent, ConversationView, Overview, Person, SendOptions, Target},
};
use amanat_identity::{Address, Tier};
use amanat_primitives::ConversationId;
use amanat_ui::{
    badge, bidi,
    button::{self, Kind},
    edit::{self, Field},
    text::{Role, muted, plain},
    theme::space,
};
use iced::{Alignment, Element};

use super::{
    Context, filter, frame,
    frame::Dialog,
    inbox::tier_number,
    person::{self, Shown},
    picker,
};
use crate::wish::{Answer, Wish};

/// The name of the title's field.
pub const TITLE: &str = "new-title";
/// The name of the first message's field.
pub const TEXT: &str = "new-text";
/// Bytes of a title.
const TITLE_BYTES: usize = 200;
/// Conversations between two people that are looked into for whom they are with.
const KNOWN: usize = 500;

/// What it shows.
pub struct State {
    own: Address,
    clearance: Tier,
    picker: picker::State,
    title: edit::Content,
    text: edit::Content,
    filter: filter::State,
    tier: Tier,
    /// Everybody, for names that are close.
    everybody: Vec<Person>,
    /// Whom there is a conversation with between two.
    met: BTreeMap<Address, ConversationId>,
    asking: bool,
    busy: bool,
    failure: Option<Failure>,
}

/// What happens on it.
#[derive(Clone)]
pub enum Message {
    /// In the picker.
    Picker(picker::Message),
    /// The directory, for names that are close.
    Everybody(Answer),
    /// Who is in a conversation between two.
    Known(ConversationId, Answer),
    /// The title was typed into.
    Title(edit::Action),
    /// The first message was typed into.
    Text(edit::Action),
    /// About what the leak filter says of it.
    Filter(filter::Message),
    /// A tier was chosen.
    Tier(Tier),
    /// Begin it, or ask whether that is who is meant.
    Begin,
    /// The question was answered with yes.
    Sure,
    /// The question was answered with no.
    Back,
    /// It is opened, or not.
    Opened(Answer),
    /// Not at all.
    Close,
}

/// What it asks of its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Show the conversation.
    Open(ConversationId),
    /// Close this.
    Close,
}

type Wishes = Vec<Wish<Message, Action>>;

impl State {
    /// For somebody with a clearance, who has conversations already; with somebody chosen, or nobody.
    #[must_use]
    pub fn open(own: &Overview, conversations: &[ConversationView], with: Option<Person>) -> (Self, Wishes) {
        let (picker, wishes) = picker::State::open(BTreeSet::from([own.address.clone()]));
        let mut wishes: Wishes = picker::lift(wishes, Message::Picker);
        wishes.push(Wish::ask(Command::People { query: String::new() }, Message::Everybody));
        for view in conversations.iter().filter(|view| view.direct).take(KNOWN) {
            let conversation = view.id;
            let members = Command::Members { conversation };
            wishes.push(Wish::ask(members, move |answer| Message::Known(conversation, answer)));
        }
        let mut state = Self {
            own: own.address.clone(),
            clearance: own.clearance,
            picker,
            title: edit::Content::new(),
            text: edit::Content::new(),
            filter: filter::State::default(),
            tier: Tier::Official,
            everybody: Vec::new(),
            met: BTreeMap::new(),
            asking: false,
            busy: false,
            failure: None,
        };
        with.into_iter().for_each(|person| state.picker.choose(person));
        (state, wishes)
    }

    /// It is this long since the machine started.
    pub fn at(&mut self, moment: Duration) {
        self.filter.at(moment);
    }

    /// It wants to be told how time goes by.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.filter.waits()
    }

    /// Something happened.
    pub fn update(&mut self, message: Message) -> Wishes {
        let mut wishes = self.react(message);
        if let Some(to) = self.target() {
            wishes.extend(self.filter.look_over(&to, self.text.as_str(), Message::Filter));
        }
        wishes
    }

    /// Where a first message goes; none where there is none.
    fn target(&self) -> Option<Target> {
        self.single().map(|person| Target::Person(person.address.clone(), Some(self.tier)))
    }

    fn react(&mut self, message: Message) -> Wishes {
        match message {
            Message::Picker(message) => {
                let wishes = picker::lift(self.picker.update(message), Message::Picker);
                self.lower();
                return wishes;
            }
            Message::Everybody(Ok(Reply::People { people, .. })) => self.everybody = people,
            Message::Known(id, Ok(Reply::Members(members))) => {
                let others = members.into_iter().filter(|member| member.address != self.own);
                others.for_each(|member| {
                    self.met.insert(member.address, id);
                });
            }
            // Without them the question is asked once more than it must be.
            Message::Everybody(_) | Message::Known(..) => {}
            Message::Title(action) => self.title.perform(action),
            Message::Text(action) => self.text.perform(action),
            Message::Tier(tier) if tier <= self.highest() => self.tier = tier,
            Message::Tier(_) => {}
            Message::Begin => {
                // What was agreed to before is not meant.
                self.filter.take_consent();
                return self.ask_or_begin();
            }
            Message::Filter(message) => {
                if self.filter.update(message) {
                    return self.ask_or_begin();
                }
            }
            Message::Sure => return self.begin(),
            Message::Back if self.asking => {
                self.asking = false;
                self.filter.take_consent();
            }
            Message::Opened(Ok(Reply::Sent { conversation, .. })) => {
                return vec![Wish::Parent(Action::Open(conversation))];
            }
            Message::Opened(answer) => {
                (self.busy, self.asking) = (false, false);
                self.failure = answer.err();
            }
            Message::Back | Message::Close => return vec![Wish::Parent(Action::Close)],
        }
        Vec::new()
    }

    /// The highest tier that everybody is cleared for.
    fn highest(&self) -> Tier {
        self.picker.chosen().iter().map(|person| person.clearance).fold(self.clearance, Tier::min)
    }

    fn lower(&mut self) {
        self.tier = self.tier.min(self.highest());
    }

    fn single(&self) -> Option<&Person> {
        match self.picker.chosen() {
            [person] => Some(person),
            _ => None,
        }
    }

    fn ready(&self) -> bool {
        let title = self.title.text().trim().len();
        let written = match self.picker.chosen() {
            [] => false,
            [_] => !self.text.text().trim().is_empty(),
            _ => (1..=TITLE_BYTES).contains(&title),
        };
        written && !self.busy && self.tier <= self.highest()
    }

    fn foreign(&self, person: &Person) -> bool {
        person.address.domain != self.own.domain
    }

    /// Those who are new here and were not compared, or are of another ministry and were not written to.
    fn doubtful(&self) -> impl Iterator<Item = &Person> {
        let met = |person: &Person| self.met.contains_key(&person.address);
        let chosen = self.picker.chosen().iter();
        chosen.filter(move |person| !met(person) && (!person.verified || self.foreign(person)))
    }

    /// The leak filter lets the first message pass, or there is none.
    fn lets_pass(&self) -> bool {
        self.single().is_none() || self.filter.lets_pass()
    }

    fn ask_or_begin(&mut self) -> Wishes {
        if self.ready() && self.lets_pass() && self.doubtful().next().is_some() {
            self.asking = true;
            return Vec::new();
        }
        self.begin()
    }

    fn begin(&mut self) -> Wishes {
        if !self.ready() {
            return Vec::new();
        }
        if !self.lets_pass() {
            self.asking = false;
            return vec![Wish::Run(self.filter.point())];
        }
        (self.busy, self.failure) = (true, None);
        let consent = self.filter.take_consent();
        let command = match self.picker.chosen() {
            [person] => {
                let to = Target::Person(person.address.clone(), Some(self.tier));
                let text = self.text.text().trim().to_owned();
                match consent {
                    Consent::None => Command::SendText { to, text },
                    consent => {
                        Command::SendWith { to, text, options: SendOptions { consent, ..SendOptions::default() } }
                    }
                }
            }
            people => Command::New {
                title: self.title.text().trim().to_owned(),
                tier: self.tier,
                members: people.iter().map(|person| person.address.clone()).collect(),
            },
        };
        vec![Wish::ask(command, Message::Opened)]
    }

    /// How it looks.
    #[must_use]
    pub fn view<'a>(&'a self, context: Context<'a>) -> Dialog<'a, Message> {
        if self.asking { self.question(context) } else { self.form(context) }
    }

    fn form<'a>(&'a self, context: Context<'a>) -> Dialog<'a, Message> {
        let Context { look, words, .. } = context;
        let mut parts: Vec<Element<'a, Message>> = Vec::new();
        // What the filter said when it was sent stands in its strip.
        let said = |failure: &&Failure| failure.code == FailureCode::Filtered && !self.lets_pass();
        if let Some(failure) = self.failure.as_ref().filter(|failure| !said(failure)) {
            parts.push(frame::failure(failure, context));
        }
        parts.push(self.picker.view(context).map(Message::Picker));
        match self.picker.chosen() {
            [] => parts.push(muted(words.say("new-nobody"), Role::Label, look).into()),
            [person] => {
                let name = bidi::defuse(&person.name, person::NAME);
                let placeholder = words.with("new-text", &[("name", name.into())]);
                let field = Field { id: TEXT, placeholder, submit: Some(Message::Begin), several: true };
                let strip = self.filter.view(filter::Manner::default(), context);
                parts.extend(strip.map(|strip| strip.map(Message::Filter)));
                let field = edit::editor(&self.text, field, Message::Text, look).marked(self.filter.marks());
                parts.push(field.into());
            }
            _ => {
                let placeholder = words.say("new-name");
                let field = Field { id: TITLE, placeholder, submit: Some(Message::Begin), several: false };
                parts.push(edit::field(&self.title, field, Message::Title, look));
            }
        }
        parts.push(plain(words.say("tier"), Role::Strong).into());
        parts.push(self.tiers(context));
        parts.extend(self.reasons(context));
        let begin = words.say(match (self.busy, self.single()) {
            (true, _) => "new-busy",
            (false, Some(_)) => "composer-send",
            (false, None) => "new-begin",
        });
        let can = self.ready() && (self.single().is_none() || !self.filter.refuses());
        let buttons = vec![
            button::word(words.say("cancel"), Kind::Secondary, Some(Message::Close), look),
            button::word(begin, Kind::Primary, can.then_some(Message::Begin), look),
        ];
        let content = frame::stacked(parts, look).spacing(space::M).into();
        Dialog { title: words.say("new-title"), content, buttons, close: None }
    }

    fn tiers<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let choice = |tier: &Tier| {
            let (tier, chosen) = (*tier, *tier == self.tier);
            let name = words.tier(tier);
            let name = if chosen { words.with("new-tier-chosen", &[("tier", name.into())]) } else { name };
            let kind = if chosen { Kind::Primary } else { Kind::Secondary };
            let press = (tier <= self.highest()).then_some(Message::Tier(tier));
            button::over(plain(name, Role::Mark), kind, press, look)
        };
        look.direction.wrapped(Tier::ALL.iter().map(choice).collect(), space::S)
    }

    /// Who is not cleared for the tiers that cannot be chosen.
    fn reasons<'a>(&'a self, context: Context<'a>) -> Vec<Element<'a, Message>> {
        let Context { look, words, .. } = context;
        let top = Tier::TopSecret;
        let own = (self.clearance < top).then(|| {
            let tier = words.tier(self.clearance);
            words.with("new-barred-own", &[("tier", tier.into())])
        });
        let others = self.picker.chosen().iter().filter(|person| person.clearance < top).map(|person| {
            let (name, tier) = (bidi::defuse(&person.name, person::NAME), words.tier(person.clearance));
            words.with("new-barred", &[("name", name.into()), ("tier", tier.into())])
        });
        own.into_iter().chain(others).map(|text| muted(text, Role::Label, look).into()).collect()
    }

    fn question<'a>(&'a self, context: Context<'a>) -> Dialog<'a, Message> {
        let Context { look, words, .. } = context;
        let tier = vec![
            plain(words.say("tier"), Role::Strong).into(),
            badge::tier(words.tier(self.tier), tier_number(self.tier), look),
        ];
        let tier = look.direction.row(tier).spacing(space::S).align_y(Alignment::Center);
        let mut parts: Vec<Element<'a, Message>> =
            vec![plain(words.say("question-explained"), Role::Body).into(), tier.into()];
        parts.extend(self.doubtful().map(|person| self.doubt(person, context)));
        let word = words.say(if self.single().is_some() { "question-send" } else { "question-begin" });
        let buttons = vec![
            button::word(words.say("back"), Kind::Secondary, Some(Message::Back), look),
            button::word(word, Kind::Primary, (!self.busy).then_some(Message::Sure), look),
        ];
        let content = frame::stacked(parts, look).spacing(space::M).into();
        Dialog { title: words.say("question-title"), content, buttons, close: None }
    }

    fn doubt<'a>(&'a self, person: &'a Person, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let ministry = person.address.domain.as_str();
        let key = if self.foreign(person) { "foreign-ministry" } else { "question-ministry" };
        let mut why = vec![plain(words.with(key, &[("ministry", ministry.into())]), Role::Strong).into()];
        if !person.verified {
            why.push(plain(words.say("question-unverified"), Role::Label).into());
        }
        if let Some(other) = names::close(person, &self.everybody) {
            let (name, post) = (bidi::defuse(&other.name, person::NAME), bidi::defuse(&other.post, person::POST));
            let address = other.address.to_string();
            let values = [("name", name.into()), ("post", post.into()), ("address", address.into())];
            why.push(plain(words.with("question-close", &values), Role::Label).into());
        }
        let parts = vec![person::row(&Shown::of(person), context), frame::apart(why, look.tokens.caution, look).into()];
        frame::stacked(parts, look).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    fn with(names: &[&str]) -> State {
        let own = fake::overview().unwrap();
        let (mut state, _) = State::open(&own, &fake::conversations(), None);
        for person in fake::people().into_iter().filter(|person| names.contains(&person.name.as_str())) {
            state.picker.choose(person);
        }
        state
    }

    #[test]
    fn a_tier_above_somebodys_clearance_cannot_be_chosen() {
        let mut state = with(&["Sana Tariq"]);
        state.update(Message::Tier(Tier::TopSecret));
        assert_eq!(state.tier, Tier::Official);
        state.update(Message::Tier(Tier::Confidential));
        assert_eq!(state.tier, Tier::Confidential);
        let restricted = fake::people().into_iter().find(|person| person.clearance == Tier::Restricted).unwrap();
        state.picker.choose(restricted);
        state.lower();
        assert_eq!(state.tier, Tier::Restricted);
    }

    #[test]
    fn somebody_new_is_asked_about_and_somebody_known_is_not() {
        let mut state = with(&["Sana Tariq"]);
        assert!(state.update(Message::Begin).is_empty(), "nothing was written");
        state.text = edit::Content::with_text("Hello");
        let wishes = state.update(Message::Begin);
        assert!(matches!(&wishes[..], [Wish::Ask(Command::Judge { .. }, _)]) && state.asking, "nothing is sent");
        state.update(Message::Back);
        assert!(!state.asking);
        state.update(Message::Begin);
        let wishes = state.update(Message::Sure);
        assert!(matches!(&wishes[..], [Wish::Ask(Command::SendText { to: Target::Person(..), .. }, _)]));
        assert!(state.update(Message::Sure).is_empty(), "it is on its way");

        let mut state = with(&["Sana Tariq"]);
        state.text = edit::Content::with_text("Hello");
        let sana = state.picker.chosen()[0].address.clone();
        state.met.insert(sana, ConversationId::from_bytes([1; 16]));
        let wishes = state.update(Message::Begin);
        assert!(matches!(&wishes[..], [Wish::Ask(Command::SendText { .. }, _), Wish::Ask(Command::Judge { .. }, _)]));
    }

    #[test]
    fn a_group_needs_a_title() {
        let mut state = with(&["Sana Tariq", "Bilal Ahmed"]);
        assert!(!state.ready());
        state.title = edit::Content::with_text("Audit");
        state.update(Message::Begin);
        let wishes = state.update(Message::Sure);
        assert!(matches!(&wishes[..], [Wish::Ask(Command::New { members, .. }, _)] if members.len() == 2));
        let conversation = ConversationId::from_bytes([9; 16]);
        let sent = Reply::Sent { conversation, message: None, document: None };
        let wishes = state.update(Message::Opened(Ok(sent)));
        assert!(matches!(&wishes[..], [Wish::Parent(Action::Open(id))] if *id == conversation));
    }

    /// Answers what is asked about the first message, as it is written.
    fn written(state: &mut State, text: &str) {
        state.text = edit::Content::with_text(text);
        let (opened, _fake) = fake::Fake::open(1);
        for wish in state.update(Message::Text(edit::Action::insert(""))) {
            let Wish::Ask(command @ Command::Judge { .. }, then) = wish else { panic!("it is only asked") };
            let answer = iced::futures::executor::block_on(opened.backend.ask(command));
            state.update(then(answer));
        }
    }

    #[test]
    fn a_first_message_that_the_filter_warns_of_needs_a_second_press() {
        let mut state = with(&["Sana Tariq"]);
        let sana = state.picker.chosen()[0].address.clone();
        state.met.insert(sana, ConversationId::from_bytes([1; 16]));
        written(&mut state, "Her card is 35202-1234567-1");
        assert!(matches!(&state.update(Message::Begin)[..], [Wish::Run(_)]), "it is pointed at");
        state.at(Duration::from_secs(8));
        state.at(Duration::from_secs(9));
        let wishes = state.update(Message::Filter(filter::Message::Press));
        let [Wish::Ask(Command::SendWith { options, .. }, _)] = &wishes[..] else { panic!("it is sent") };
        assert_eq!(options.consent, Consent::Seen);
        state.update(Message::Opened(Err(Failure::new(FailureCode::DiskFull, "full", "free some"))));
        assert!(matches!(&state.update(Message::Begin)[..], [Wish::Run(_)]), "that was agreed to once");
        written(&mut state, "It is SECRET");
        assert!(state.ready() && !state.lets_pass() && state.filter.refuses());
    }
}
