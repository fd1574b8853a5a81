//! Who reads this: the members of a conversation with their posts, clearances and devices, what is to be known about them,
//! their safety numbers, and what may be changed.

mod view;

use std::collections::BTreeSet;

use amanat_client::{
    Command, Failure, FailureCode, Reply,
    api::{ConversationView, Member, Role, Verification},
};
use amanat_identity::{Address, Domain, Tier};
use amanat_primitives::{ConversationId, DeviceId};
use amanat_ui::edit;
use iced::widget::qr_code;

use super::picker;
use crate::wish::{Answer, Wish};

/// The name of the title's field.
pub const TITLE: &str = "readers-title";
/// Bytes of a title.
const TITLE_BYTES: usize = 200;

/// A member, with all devices.
#[derive(Clone)]
struct Reader {
    address: Address,
    name: String,
    post: String,
    clearance: Option<Tier>,
    role: Option<Role>,
    devices: Vec<DeviceId>,
    verified: bool,
    own: bool,
}

/// What it shows.
pub struct State {
    view: ConversationView,
    own: Option<Domain>,
    readers: Vec<Reader>,
    /// Whose safety number is shown, once it is there.
    shown: Option<Address>,
    verification: Option<(Verification, Option<qr_code::Data>)>,
    /// It became another one while somebody compared it.
    changed: bool,
    asked: Option<Question>,
    busy: bool,
    failure: Option<Failure>,
}

/// What is asked before it is done.
enum Question {
    Remove(Address),
    Moderator(Address, bool),
    Leave,
    Title(edit::Content),
    Add(picker::State),
}

/// What happens on it.
#[derive(Clone)]
pub enum Message {
    /// The members were read.
    Members(ConversationId, Answer),
    /// Somebody's safety number is wanted, or not any more.
    Show(Address),
    /// It is there, or not.
    Verified(Answer),
    /// It was compared.
    Compared(Address),
    /// That is remembered, or the number is another one by now.
    Remembered(Address, Answer),
    /// Somebody is to be removed.
    Remove(Address),
    /// Somebody is to be a moderator, or none any more.
    Moderator(Address, bool),
    /// To leave.
    Leave,
    /// The title is to be changed.
    Retitle,
    /// It is typed into.
    Title(edit::Action),
    /// Somebody is to be added.
    Add,
    /// In the picker.
    Picker(picker::Message),
    /// The question was answered with yes.
    Sure,
    /// The question was answered with no.
    Back,
    /// It is done, or not.
    Done(Answer),
    /// Enough.
    Close,
}

/// What it asks of its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Close this.
    Close,
    /// The list of conversations is out of date.
    Changed,
}

type Wishes = Vec<Wish<Message, Action>>;

impl State {
    /// Of a conversation; one's own ministry is where one's own address is.
    #[must_use]
    pub fn open(view: ConversationView, own: Option<Domain>) -> (Self, Wishes) {
        let (shown, verification, asked, failure) = (None, None, None, None);
        let (readers, changed, busy) = (Vec::new(), false, false);
        let state = Self { view, own, readers, shown, verification, changed, asked, busy, failure };
        let wishes = state.read();
        (state, wishes)
    }

    /// Which.
    #[must_use]
    pub fn id(&self) -> ConversationId {
        self.view.id
    }

    /// Title, members or state have changed.
    pub fn changed(&mut self, view: ConversationView) -> Wishes {
        let again = self.view.epoch != view.epoch || self.view.members != view.members;
        self.view = view;
        if again { self.read() } else { Vec::new() }
    }

    /// A device or a member is another one than before.
    pub fn read(&self) -> Wishes {
        let conversation = self.id();
        vec![Wish::ask(Command::Members { conversation }, move |answer| Message::Members(conversation, answer))]
    }

    /// Addresses of all members.
    #[must_use]
    pub fn addresses(&self) -> Vec<Address> {
        self.readers.iter().map(|reader| reader.address.clone()).collect()
    }

    /// A question is open.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.asked.is_some()
    }

    fn show(&mut self, members: Vec<Member>) {
        self.readers.clear();
        for member in members {
            if let Some(reader) = self.readers.iter_mut().find(|reader| reader.address == member.address) {
                reader.devices.push(member.device);
                reader.own |= member.own;
                reader.verified &= member.verified;
                continue;
            }
            self.readers.push(Reader {
                address: member.address,
                name: member.name,
                post: member.post,
                clearance: member.clearance,
                role: member.role,
                devices: vec![member.device],
                verified: member.verified,
                own: member.own,
            });
        }
    }

    /// One's own role; none in a 1:1.
    fn role(&self) -> Option<Role> {
        self.readers.iter().find(|reader| reader.own)?.role
    }

    /// Who may add, remove and give the title.
    fn may_change(&self) -> bool {
        matches!(self.role(), Some(Role::Founder | Role::Moderator))
    }

    fn may_remove(&self, reader: &Reader) -> bool {
        self.may_change() && !reader.own && reader.role != Some(Role::Founder)
    }

    fn may_appoint(&self, reader: &Reader) -> bool {
        self.role() == Some(Role::Founder) && !reader.own
    }

    fn foreign(&self, reader: &Reader) -> bool {
        self.own.as_ref().is_some_and(|own| *own != reader.address.domain)
    }

    fn reader(&self, address: &Address) -> Option<&Reader> {
        self.readers.iter().find(|reader| reader.address == *address)
    }

    /// Something happened.
    pub fn update(&mut self, message: Message) -> Wishes {
        match message {
            Message::Members(of, _) if of != self.id() => {}
            Message::Members(_, Ok(Reply::Members(members))) => self.show(members),
            Message::Members(_, answer) => self.failure = answer.err(),
            Message::Show(address) => return self.show_number(address),
            Message::Verified(answer) => self.verified(answer),
            Message::Compared(address) => return self.compared(address),
            Message::Remembered(address, answer) => return self.remembered(address, answer),
            Message::Remove(address) => self.asked = Some(Question::Remove(address)),
            Message::Moderator(address, moderator) => self.asked = Some(Question::Moderator(address, moderator)),
            Message::Leave => self.asked = Some(Question::Leave),
            Message::Retitle => self.asked = Some(Question::Title(edit::Content::with_text(&self.view.title))),
            Message::Title(action) => {
                if let Some(Question::Title(title)) = &mut self.asked {
                    title.perform(action);
                }
            }
            Message::Add => {
                let (picker, wishes) = picker::State::open(self.addresses().into_iter().collect::<BTreeSet<_>>());
                self.asked = Some(Question::Add(picker));
                return picker::lift(wishes, Message::Picker);
            }
            Message::Picker(message) => {
                let Some(Question::Add(picker)) = &mut self.asked else { return Vec::new() };
                return picker::lift(picker.update(message), Message::Picker);
            }
            Message::Sure => return self.sure(),
            Message::Back => self.asked = None,
            Message::Done(answer) => {
                self.busy = false;
                self.failure = answer.err();
                let mut wishes = self.read();
                wishes.push(Wish::Parent(Action::Changed));
                return wishes;
            }
            Message::Close => return vec![Wish::Parent(Action::Close)],
        }
        Vec::new()
    }

    /// What was on the screen was compared, and nothing else.
    fn compared(&self, address: Address) -> Wishes {
        let shown = self.verification.as_ref().filter(|(found, _)| found.person.address == address);
        let Some((found, _)) = shown else { return Vec::new() };
        let verify = Command::Verify { address: address.clone(), compared: Some(found.safety_number.clone()) };
        vec![Wish::ask(verify, move |answer| Message::Remembered(address, answer))]
    }

    fn remembered(&mut self, address: Address, answer: Answer) -> Wishes {
        let refused = answer.as_ref().is_err_and(|failure| failure.code == FailureCode::NotAllowed);
        if refused && self.shown.as_ref() == Some(&address) {
            (self.changed, self.verification) = (true, None);
            return vec![Wish::ask(Command::Verify { address, compared: None }, Message::Verified)];
        }
        if answer.is_ok() {
            self.changed = false;
        }
        self.verified(answer);
        self.read()
    }

    fn show_number(&mut self, address: Address) -> Wishes {
        (self.verification, self.changed) = (None, false);
        if self.shown.as_ref() == Some(&address) {
            self.shown = None;
            return Vec::new();
        }
        self.shown = Some(address.clone());
        vec![Wish::ask(Command::Verify { address, compared: None }, Message::Verified)]
    }

    fn verified(&mut self, answer: Answer) {
        match answer {
            Ok(Reply::Verification(found)) if self.shown.as_ref() == Some(&found.person.address) => {
                let verified = found.person.verified;
                if let Some(reader) = self.readers.iter_mut().find(|reader| reader.address == found.person.address) {
                    reader.verified = verified;
                }
                let digits: String = found.safety_number.chars().filter(char::is_ascii_digit).collect();
                let code = qr_code::Data::new(digits.as_bytes()).ok();
                self.verification = Some((found, code));
            }
            Ok(_) => {}
            Err(failure) => self.failure = Some(failure),
        }
    }

    /// What is asked can be done as it stands.
    fn ready(&self) -> bool {
        let whole = match &self.asked {
            None => false,
            Some(Question::Title(title)) => {
                let title = title.text();
                let title = title.trim();
                (1..=TITLE_BYTES).contains(&title.len()) && title != self.view.title
            }
            Some(Question::Add(picker)) => {
                let cleared = |person: &amanat_client::api::Person| person.clearance >= self.view.tier;
                !picker.chosen().is_empty() && picker.chosen().iter().all(cleared)
            }
            Some(_) => true,
        };
        whole && !self.busy
    }

    fn sure(&mut self) -> Wishes {
        if !self.ready() {
            return Vec::new();
        }
        let conversation = self.id();
        let command = match self.asked.take() {
            None => return Vec::new(),
            Some(Question::Remove(member)) => Command::Remove { conversation, member },
            Some(Question::Moderator(person, moderator)) => Command::SetRole { conversation, person, moderator },
            Some(Question::Leave) => Command::Leave { conversation },
            Some(Question::Title(title)) => Command::Retitle { conversation, title: title.text().trim().to_owned() },
            Some(Question::Add(picker)) => {
                let members = picker.chosen().iter().map(|person| person.address.clone()).collect();
                Command::Add { conversation, members }
            }
        };
        (self.busy, self.failure) = (true, None);
        vec![Wish::ask(command, Message::Done)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    fn opened() -> State {
        let view = fake::conversations().remove(0);
        let (mut state, wishes) = State::open(view, "cabinet.example".parse().ok());
        assert!(matches!(&wishes[..], [Wish::Ask(Command::Members { .. }, _)]));
        state.update(Message::Members(state.id(), Ok(Reply::Members(fake::members()))));
        state
    }

    #[test]
    fn devices_of_one_person_are_one_reader() {
        let state = opened();
        let own = state.readers.iter().find(|reader| reader.own).unwrap();
        assert_eq!(own.devices.len(), 2);
        assert!(state.readers.len() < fake::members().len());
        assert!(state.readers.iter().any(|reader| state.foreign(reader)));
    }

    #[test]
    fn nobody_is_removed_without_a_question() {
        let mut state = opened();
        let other = state.readers.iter().find(|reader| state.may_remove(reader)).unwrap().address.clone();
        assert!(state.update(Message::Sure).is_empty());
        state.update(Message::Remove(other.clone()));
        state.update(Message::Back);
        assert!(state.update(Message::Sure).is_empty());
        state.update(Message::Remove(other.clone()));
        let wishes = state.update(Message::Sure);
        assert!(matches!(&wishes[..], [Wish::Ask(Command::Remove { member, .. }, _)] if *member == other));
        assert!(!state.asks());
    }

    #[test]
    fn a_title_must_be_another_one_and_not_empty() {
        let mut state = opened();
        state.update(Message::Retitle);
        assert!(!state.ready(), "the same");
        state.asked = Some(Question::Title(edit::Content::with_text(&"ا".repeat(101))));
        assert!(!state.ready(), "too long");
        state.asked = Some(Question::Title(edit::Content::with_text("Budget 2032")));
        let wishes = state.update(Message::Sure);
        assert!(matches!(&wishes[..], [Wish::Ask(Command::Retitle { title, .. }, _)] if title == "Budget 2032"));
    }

    #[test]
    fn a_safety_number_is_of_whom_it_was_asked_for() {
        let mut state = opened();
        let person = fake::people().remove(0);
        state.update(Message::Show(person.address.clone()));
        let other = fake::verification(&fake::people()[1]);
        state.update(Message::Verified(Ok(Reply::Verification(other))));
        assert!(state.verification.is_none());
        state.update(Message::Verified(Ok(Reply::Verification(fake::verification(&person)))));
        let (_, code) = state.verification.as_ref().unwrap();
        assert!(code.is_some());
        assert!(state.update(Message::Compared(fake::people()[1].address.clone())).is_empty(), "nobody else's");
        let wishes = state.update(Message::Compared(person.address.clone()));
        let on_screen = fake::verification(&person).safety_number;
        let [Wish::Ask(Command::Verify { compared, .. }, _)] = &wishes[..] else { panic!() };
        assert_eq!(compared.as_ref(), Some(&on_screen), "the very one that was on the screen");
    }

    #[test]
    fn a_number_that_changed_meanwhile_is_read_again_and_said() {
        let mut state = opened();
        let person = fake::people().remove(1);
        let verification = || fake::verification(&person);
        state.update(Message::Show(person.address.clone()));
        state.update(Message::Verified(Ok(Reply::Verification(verification()))));
        let refused = || Err(Failure::new(FailureCode::NotAllowed, "another one", "compare again"));
        let wishes = state.update(Message::Remembered(person.address.clone(), refused()));
        assert!(matches!(&wishes[..], [Wish::Ask(Command::Verify { compared: None, .. }, _)]));
        assert!(state.changed && state.verification.is_none() && state.failure.is_none());
        assert!(state.update(Message::Compared(person.address.clone())).is_empty(), "there is nothing to compare");
        let other = Verification { safety_number: "11111 22222".into(), ..verification() };
        state.update(Message::Verified(Ok(Reply::Verification(other.clone()))));
        assert!(state.changed, "it is said beside the new number");
        let wishes = state.update(Message::Compared(person.address.clone()));
        assert!(matches!(&wishes[..], [Wish::Ask(Command::Verify { compared: Some(number), .. }, _)]
            if *number == other.safety_number));
        state.update(Message::Remembered(person.address, Ok(Reply::Verification(other))));
        assert!(!state.changed);
    }
}
