//! People of another ministry who were added since one's own last message: whoever writes next is asked first whether they are
//! to read it.

use std::collections::{BTreeMap, BTreeSet};

use amanat_client::{
    Command, Reply,
    api::{Change, Line, Member, MemberChange, Role, Who},
};
use amanat_identity::Address;
use amanat_ui::{
    bidi,
    button::{self, Kind},
    dialog, surface,
    text::{Role as Size, muted, plain},
    theme::space,
};
use iced::{
    Element, Fill,
    widget::{column, container},
};

use super::{Asked, Message, Mode, State, Wishes, list::PAGE};
use crate::{
    screens::{Context, frame, warnings::FRESH},
    wish::{Answer, Wish},
};

/// Characters of a name.
const NAME: usize = 80;
/// People who are shown at once; more are scrolled, in this height.
const AT_ONCE: usize = 5;
const PEOPLE: f32 = 340.0;

/// Lines that are read back, at most, to one's own last message.
const BACK: u64 = 2_000;

/// Who of other ministries reads here, and whether this person knows.
#[derive(Default)]
pub(super) struct Newcomers {
    /// Of the question who the members are: an answer to an earlier one says nothing.
    turn: u64,
    /// It is on its way.
    asking: bool,
    /// Of which members it was asked: their epoch and how many they are.
    of: Option<(u64, usize)>,
    /// Members of other ministries.
    foreign: Option<Vec<Who>>,
    /// One founded it, or it is between two.
    chosen: bool,
    /// Those of them to whom this person has written knowingly; none before that was read.
    known: Option<BTreeSet<Address>>,
    /// Whether those who are not known came since one's own last message is not to be said.
    unsure: bool,
    /// What is being read back.
    back: Option<Back>,
    /// Changes up to here were looked at for that.
    settled: u64,
    /// One's own last message.
    since: u64,
    last: u64,
    /// Who came, or went, by the line that says so.
    changes: BTreeMap<u64, (Who, bool)>,
}

/// Lines above `from` were read; first up to the end, then back from where that began.
#[derive(Clone, Copy)]
struct Back {
    from: u64,
    until: u64,
    ended: bool,
}

/// What is to be read next.
enum Next {
    Read(u64),
    Enough,
}

impl Newcomers {
    /// A line was read.
    pub(super) fn saw(&mut self, line: &Line) {
        self.last = self.last.max(line.sequence());
        match line {
            // One that is sent from now on says nothing of who came just before it.
            Line::Message(message) if message.own && self.known.is_none() => {
                self.since = self.since.max(message.sequence);
            }
            Line::Message(_) => {}
            Line::Change(change) => {
                let Change::Member { whom, change: what, .. } = &change.change else { return };
                let came = match what {
                    MemberChange::Added => true,
                    MemberChange::Removed | MemberChange::Left => false,
                    _ => return,
                };
                let new = self.changes.insert(change.sequence, (whom.clone(), came)).is_none();
                if let Some(known) = self.known.as_mut().filter(|_| new && change.sequence > self.settled) {
                    // Who comes again is new again.
                    known.remove(&whom.address);
                }
            }
        }
    }

    /// These are the members now.
    fn told(&mut self, members: &[Member]) {
        let own = members.iter().find(|member| member.own);
        let ministry = own.map(|own| &own.address.domain);
        self.chosen |= own.is_some_and(|own| own.role == Some(Role::Founder));
        let mut foreign: Vec<Who> = Vec::new();
        for member in members.iter().filter(|member| Some(&member.address.domain) != ministry) {
            if !foreign.iter().any(|who| who.address == member.address) {
                foreign.push(Who { address: member.address.clone(), name: member.name.clone() });
            }
        }
        if let Some(known) = &mut self.known {
            // Who was away is new again.
            let here = |who: &Address| foreign.iter().any(|member| member.address == *who);
            known.retain(here);
        } else if foreign.is_empty() {
            (self.known, self.settled) = (Some(BTreeSet::new()), self.last);
        }
        self.foreign = Some(foreign);
        self.asking = false;
    }

    /// It is known who reads here, and to whom of them this person has written.
    fn is_ready(&self) -> bool {
        !self.asking && self.foreign.is_some() && self.known.is_some()
    }

    /// These may read what one writes.
    fn confirmed(&mut self, who: &[Who]) {
        self.known.get_or_insert_default().extend(who.iter().map(|who| who.address.clone()));
    }

    /// Members of other ministries to whom this person has not written knowingly.
    fn strangers(&self) -> Vec<Who> {
        let known = |who: &&Who| self.known.as_ref().is_some_and(|known| known.contains(&who.address));
        self.foreign.iter().flatten().filter(|who| !known(who)).cloned().collect()
    }

    /// Begins to read back.
    fn begin(&mut self, last: u64) -> u64 {
        let from = self.last.max(last).saturating_sub(PAGE);
        self.back = Some(Back { from, until: from, ended: false });
        from
    }

    /// So many lines were read, up to the last of them.
    fn read(&mut self, lines: &[Line]) -> Option<Next> {
        lines.iter().for_each(|line| self.saw(line));
        let mut back = self.back?;
        let until = lines.iter().map(Line::sequence).max().unwrap_or_default();
        if !back.ended && lines.len() as u64 >= PAGE && until > back.until {
            back.until = until;
            self.back = Some(back);
            return Some(Next::Read(until));
        }
        back.ended = true;
        if self.since > back.from || back.from == 0 || self.last.saturating_sub(back.from) >= BACK {
            self.settle(back.from);
            return Some(Next::Enough);
        }
        back.from = back.from.saturating_sub(PAGE);
        self.back = Some(back);
        Some(Next::Read(back.from))
    }

    /// All above a line was read: who was here when one wrote last is known. Where that was not found, nobody is, unless one
    /// has chosen them.
    fn settle(&mut self, from: u64) {
        let found = self.since > from || (from == 0 && self.chosen);
        let mut came = BTreeSet::new();
        for (whom, here) in self.changes.range(self.since.saturating_add(1)..).map(|(_, change)| change) {
            if *here {
                came.insert(&whom.address);
            }
        }
        let foreign = self.foreign.iter().flatten().map(|who| &who.address);
        let known = foreign.filter(|address| found && !came.contains(address)).cloned().collect();
        (self.back, self.unsure, self.settled) = (None, !found, self.last);
        self.known = Some(known);
    }
}

/// What waits until it is known who reads here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// To send.
    Send,
    /// To send to those who were shown.
    SendAll,
}

impl State {
    /// Asks who the members are, where they may be others than they were.
    pub(super) fn look_around(&mut self) -> Wishes {
        let now = (self.view.epoch, self.view.members);
        if self.newcomers.of == Some(now) { Vec::new() } else { self.ask_members() }
    }

    /// Asks who the members are.
    pub(super) fn ask_members(&mut self) -> Wishes {
        let newcomers = &mut self.newcomers;
        newcomers.turn += 1;
        // What is being read back may not say of them how they came.
        (newcomers.asking, newcomers.back) = (true, None);
        newcomers.chosen |= self.view.direct;
        newcomers.of = Some((self.view.epoch, self.view.members));
        let (turn, conversation) = (newcomers.turn, self.id());
        vec![Wish::ask(Command::Members { conversation }, move |answer| Message::Members(turn, answer))]
    }

    /// They were told.
    pub(super) fn members(&mut self, turn: u64, answer: Answer) -> Wishes {
        if turn != self.newcomers.turn {
            return Vec::new();
        }
        let Ok(Reply::Members(members)) = answer else {
            (self.newcomers.asking, self.newcomers.foreign, self.newcomers.of) = (false, None, None);
            return self.not_known(answer);
        };
        self.newcomers.told(&members);
        self.go_on()
    }

    /// Lines were read back.
    pub(super) fn before(&mut self, turn: u64, answer: Answer) -> Wishes {
        if turn != self.newcomers.turn {
            return Vec::new();
        }
        let Ok(Reply::Lines(lines)) = answer else {
            self.newcomers.back = None;
            return self.not_known(answer);
        };
        match self.newcomers.read(&lines) {
            Some(Next::Read(since)) => self.read_back(since),
            Some(Next::Enough) => self.go_on(),
            None => Vec::new(),
        }
    }

    fn read_back(&self, since: u64) -> Wishes {
        let read = Command::Read { conversation: self.id(), since, limit: PAGE as u32, mark: false };
        let turn = self.newcomers.turn;
        vec![Wish::ask(read, move |answer| Message::Before(turn, answer))]
    }

    /// What waits does not happen, and is said why.
    fn not_known(&mut self, answer: Answer) -> Wishes {
        if self.held.take().is_some() {
            self.failure = answer.err();
            self.hold_nothing();
        }
        Vec::new()
    }

    /// What waits happens, if nothing is to be read for it any more.
    fn go_on(&mut self) -> Wishes {
        match self.held.take() {
            Some(Held::Send) => self.send(),
            Some(Held::SendAll) => self.send_all(),
            None => Vec::new(),
        }
    }

    /// Whether something may be sent, as far as members of other ministries go; else it is asked, or waits for what is being
    /// read.
    pub(super) fn may_send(&mut self, what: Held) -> Result<(), Wishes> {
        if !self.newcomers.is_ready() {
            self.held = Some(what);
            return Err(self.find_out());
        }
        let strangers = self.newcomers.strangers();
        if strangers.is_empty() {
            return Ok(());
        }
        if what == Held::SendAll
            && let Some(Asked::Newcomers { who, .. }) = &self.asked
            && strangers.iter().all(|stranger| who.contains(stranger))
        {
            self.newcomers.confirmed(&strangers);
            return Ok(());
        }
        self.asked = Some(Asked::Newcomers { who: strangers, since: self.moment });
        Err(Vec::new())
    }

    fn find_out(&mut self) -> Wishes {
        if self.newcomers.asking || self.newcomers.back.is_some() {
            return Vec::new();
        }
        if self.newcomers.foreign.is_none() {
            return self.ask_members();
        }
        let since = self.newcomers.begin(self.list.last());
        self.read_back(since)
    }

    /// Those who were shown may read it: they, and nobody who came since. The second press of a double click is not meant.
    pub(super) fn send_all(&mut self) -> Wishes {
        let Some(Asked::Newcomers { since, .. }) = &self.asked else { return Vec::new() };
        if self.moment.saturating_sub(*since) < FRESH {
            return Vec::new();
        }
        match self.may_send(Held::SendAll) {
            Ok(()) => {
                self.asked = None;
                self.send()
            }
            Err(wishes) => wishes,
        }
    }

    /// The question.
    pub(super) fn ask_about<'a>(&'a self, who: &'a [Who], context: Context<'a>) -> Element<'a, Message> {
        let unsure = if self.newcomers.unsure { "newcomers-unsure" } else { "newcomers-explained" };
        let send = if matches!(self.mode, Mode::Edit(..)) { "composer-change" } else { "composer-send" };
        view(who, (unsure, send), context)
    }
}

/// The question.
fn view<'a>(strangers: &'a [Who], (explained, send): (&str, &str), context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let person = |who: &Who| -> Element<'a, Message> {
        let ministry = bidi::defuse(who.address.domain.as_str(), NAME);
        let texts = column![
            plain(bidi::defuse(&who.name, NAME), Size::Strong),
            muted(words.with("foreign-ministry", &[("ministry", ministry.into())]), Size::Label, look),
        ];
        let texts = texts.spacing(space::XS).width(Fill).align_x(look.direction.start_items());
        container(texts).padding(space::M).width(Fill).style(surface::card(look)).into()
    };
    let mut parts = column![plain(words.say(explained), Size::Body)];
    let people = column(strangers.iter().map(person)).spacing(space::M).width(Fill);
    // What is confirmed is what is shown: all of them.
    let people: Element<'a, Message> = if strangers.len() > AT_ONCE {
        container(frame::scrolled(people.into())).max_height(PEOPLE).into()
    } else {
        people.into()
    };
    parts = parts.push(people);
    let parts = parts.spacing(space::M).width(Fill).align_x(look.direction.start_items());
    let buttons = vec![
        button::word(words.say("newcomers-not-now"), Kind::Secondary, Some(Message::Back), look),
        button::word(words.say(send), Kind::Primary, Some(Message::SendAll), look),
    ];
    dialog::card(words.say("newcomers-title"), parts, buttons, look)
}

#[cfg(test)]
mod tests {
    use amanat_client::api::{ChangeView, ConversationView};
    use amanat_ui::edit;

    use super::*;
    use crate::fake;

    fn who(address: &str) -> Who {
        Who { address: address.parse().unwrap(), name: address.to_owned() }
    }

    fn line(sequence: u64, address: &str, change: MemberChange) -> Line {
        let (by, at) = (who("director@cabinet.example"), fake::NOW);
        Line::Change(ChangeView {
            sequence,
            by,
            at,
            change: Change::Member { whom: who(address), device: None, change },
        })
    }

    fn message(own: bool, sequence: u64) -> Line {
        let id = fake::conversations()[0].id;
        let mut view = fake::hit(id, 2).unwrap().message;
        (view.own, view.sequence) = (own, sequence);
        Line::Message(Box::new(view))
    }

    fn members(foreign: &[&str]) -> Answer {
        let own = fake::members().into_iter().find(|member| member.own).unwrap();
        let with = |address: &&str| Member {
            address: address.parse().unwrap(),
            name: (*address).to_owned(),
            role: Some(Role::Member),
            own: false,
            ..own.clone()
        };
        let others = foreign.iter().map(with).collect::<Vec<_>>();
        Ok(Reply::Members([Member { role: Some(Role::Member), ..own }].into_iter().chain(others).collect()))
    }

    fn commands(wishes: &[Wish<Message, super::super::Action>]) -> Vec<&Command> {
        let command = |wish: &'_ Wish<_, _>| matches!(wish, Wish::Ask(..));
        let asks = wishes.iter().filter(|wish| command(wish));
        asks.filter_map(|wish| if let Wish::Ask(command, _) = wish { Some(command) } else { None }).collect()
    }

    fn sends(wishes: &Wishes) -> bool {
        commands(wishes).iter().any(|command| {
            matches!(command, Command::SendText { .. } | Command::SendReply { .. } | Command::Edit { .. })
        })
    }

    /// Has written, to these; the messages are as many.
    fn opened(last: u64, foreign: &[&str]) -> State {
        let mut view = fake::conversations().swap_remove(3);
        view.last.as_mut().unwrap().sequence = last;
        let (mut state, wishes) = State::open(view, "text");
        assert!(commands(&wishes).iter().any(|command| matches!(command, Command::Members { .. })));
        let turn = state.newcomers.turn;
        state.update(Message::Members(turn, members(foreign)));
        state
    }

    /// Answers what is read back, until nothing is.
    fn read(state: &mut State, mut wishes: Wishes, lines: &[Line]) -> Wishes {
        for _ in 0..40 {
            let Some(Command::Read { since, limit, mark: false, .. }) = commands(&wishes).first().copied().cloned()
            else {
                return wishes;
            };
            let page = lines.iter().filter(|line| line.sequence() > since).take(limit as usize).cloned().collect();
            wishes = state.update(Message::Before(state.newcomers.turn, Ok(Reply::Lines(page))));
        }
        panic!("it is read without end")
    }

    fn asked(state: &State) -> Vec<&str> {
        match &state.asked {
            Some(Asked::Newcomers { who, .. }) => who.iter().map(|who| who.name.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// Somebody else's messages, but for these.
    fn lines(last: u64, others: Vec<Line>) -> Vec<Line> {
        let mut lines: BTreeMap<u64, Line> = (1..=last).map(|n| (n, message(false, n))).collect();
        lines.extend(others.into_iter().map(|line| (line.sequence(), line)));
        lines.into_values().collect()
    }

    fn later(state: &mut State) {
        state.at(state.moment + FRESH);
    }

    const A: &str = "a@health.example";
    const B: &str = "b@finance.example";

    #[test]
    fn where_all_are_of_ones_own_ministry_nothing_is_read_or_asked() {
        let mut state = opened(900, &["b@cabinet.example"]);
        assert!(sends(&state.update(Message::Send)));
    }

    #[test]
    fn nothing_is_sent_before_it_is_known_who_reads_it() {
        let (mut state, _) = State::open(fake::conversations().swap_remove(3), "text");
        assert!(state.update(Message::Send).is_empty(), "Enter before the first answer");
        let turn = state.newcomers.turn;
        assert!(!sends(&state.update(Message::Members(turn - 1, members(&[])))), "an answer to another question");
        assert!(sends(&state.update(Message::Members(turn, members(&[])))), "it is held, not lost");
        let (mut state, _) = State::open(fake::conversations().swap_remove(3), "text");
        state.update(Message::Send);
        state.update(Message::Typed(edit::Action::insert("and more".to_owned())));
        assert!(!sends(&state.update(Message::Members(1, members(&[])))), "it is another text by now");
        let (mut state, _) = State::open(fake::conversations().swap_remove(3), "text");
        state.update(Message::Send);
        let failure = amanat_client::Failure::new(amanat_client::FailureCode::File, "no", "again");
        state.update(Message::Members(1, Err(failure)));
        assert!(state.failure.is_some() && state.draft() == "text");
        assert!(matches!(commands(&state.update(Message::Send))[..], [Command::Members { .. }]), "asked again");
    }

    #[test]
    fn who_came_before_many_messages_is_asked_about() {
        let mut state = opened(700, &[A, B]);
        let lines = lines(700, vec![message(true, 300), line(301, A, MemberChange::Added)]);
        let wishes = state.update(Message::Send);
        assert!(!sends(&read(&mut state, wishes, &lines)));
        assert_eq!(asked(&state), [A], "the other one was here when one wrote last");
        assert!(state.update(Message::SendAll).is_empty(), "the second press of a double click");
        later(&mut state);
        assert!(sends(&state.update(Message::SendAll)));
        state.draft = edit::Content::with_text("more");
        assert!(sends(&state.update(Message::Send)), "it is asked once");
    }

    #[test]
    fn what_follows_the_last_message_is_read_too() {
        let mut state = opened(128, &[A]);
        let lines = lines(128, vec![message(true, 128), line(129, A, MemberChange::Added)]);
        let wishes = state.update(Message::Send);
        assert!(!sends(&read(&mut state, wishes, &lines)));
        assert_eq!(asked(&state), [A]);
    }

    #[test]
    fn where_ones_own_last_message_is_not_found_all_of_other_ministries_are_asked_about() {
        let mut state = opened(9000, &[A, B]);
        let wishes = state.update(Message::Send);
        assert!(!sends(&read(&mut state, wishes, &lines(9000, vec![message(true, 10)]))));
        assert_eq!(asked(&state), [A, B]);
        let mut state = opened(40, &[A]);
        let wishes = state.update(Message::Send);
        assert!(!sends(&read(&mut state, wishes, &lines(40, Vec::new()))));
        assert_eq!(asked(&state), [A], "one has never written here");
        let mut state = opened(40, &[A]);
        state.newcomers.chosen = true;
        let wishes = state.update(Message::Send);
        assert!(sends(&read(&mut state, wishes, &lines(40, Vec::new()))), "one has chosen them");
    }

    #[test]
    fn what_is_confirmed_is_what_was_shown() {
        let mut state = opened(40, &[A]);
        let lines = lines(40, Vec::new());
        let wishes = state.update(Message::Send);
        read(&mut state, wishes, &lines);
        later(&mut state);
        let view = ConversationView { epoch: 99, ..state.view.clone() };
        assert!(commands(&state.happened(view)).iter().any(|command| matches!(command, Command::Members { .. })));
        assert!(state.update(Message::SendAll).is_empty(), "who reads it now is being asked");
        let turn = state.newcomers.turn;
        assert!(state.update(Message::Members(turn, members(&[A, B]))).is_empty());
        assert_eq!(asked(&state), [A, B], "and is shown");
        state.update(Message::SendAll);
        assert!(state.asks(), "the second press of a double click");
        state.back();
        state.update(Message::Send);
        assert_eq!(asked(&state), [A, B], "nobody was confirmed");
        later(&mut state);
        assert!(sends(&state.update(Message::SendAll)) && !state.asks());
    }

    #[test]
    fn who_comes_while_it_is_read_back_is_not_taken_for_known() {
        let mut state = opened(40, &[A]);
        let before = lines(40, vec![message(true, 39)]);
        state.update(Message::Send);
        let turn = state.newcomers.turn;
        let view = ConversationView { epoch: 99, ..state.view.clone() };
        state.happened(view);
        let page = Ok(Reply::Lines(before.clone()));
        let wishes = state.update(Message::Members(turn + 1, members(&[A, B])));
        assert!(matches!(commands(&wishes)[..], [Command::Read { .. }]), "once more");
        assert!(state.update(Message::Before(turn, page)).is_empty());
        let after = lines(41, vec![message(true, 39), line(41, B, MemberChange::Added)]);
        assert!(!sends(&read(&mut state, wishes, &after)));
        assert_eq!(asked(&state), [B]);
    }

    #[test]
    fn a_change_of_a_message_asks_as_well() {
        let mut state = opened(40, &[A]);
        let own = fake::hit(state.id(), 38).unwrap().message;
        let lines = lines(40, vec![line(39, A, MemberChange::Added), Line::Message(Box::new(own.clone()))]);
        state.update(Message::Lines { page: 0, answer: Ok(Reply::Lines(lines.clone())) });
        state.update(Message::Do(super::super::Deed::Edit, own.id));
        let wishes = state.update(Message::Send);
        read(&mut state, wishes, &lines);
        assert_eq!(asked(&state), [A]);
        later(&mut state);
        let wishes = state.update(Message::SendAll);
        assert!(matches!(commands(&wishes)[..], [Command::Edit { .. }]));
    }

    #[test]
    fn who_comes_again_is_new_again() {
        let mut state = opened(40, &[A]);
        let lines = lines(40, vec![message(true, 39)]);
        let wishes = state.update(Message::Send);
        assert!(sends(&read(&mut state, wishes, &lines)));
        state.draft = edit::Content::with_text("more");
        state.update(Message::Since(Ok(Reply::Lines(vec![message(true, 43)]))));
        let came = vec![line(41, A, MemberChange::Left), line(42, A, MemberChange::Added)];
        state.update(Message::Since(Ok(Reply::Lines(came))));
        assert!(!sends(&state.update(Message::Send)));
        assert_eq!(asked(&state), [A]);
    }
}
