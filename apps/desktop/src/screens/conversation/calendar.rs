//! A small calendar to jump to a day of a conversation: a month at a time, gone through by mouse or by keys.

use amanat_client::{Command, Failure, Reply};
use amanat_primitives::{ConversationId, Timestamp};
use amanat_ui::{
    button::{self, Kind},
    notice, surface,
    text::{Role, muted, plain},
    theme::{radius, space},
};
use iced::{
    Alignment, Element, Fill, Task,
    widget::{Id, column, container, operation, row, space as gap},
};
use jiff::{
    ToSpan as _,
    civil::{Date, Weekday},
    tz::TimeZone,
};

use crate::{
    language::{Language, zoned},
    screens::Context,
    wish::{Answer, Wish},
};

/// A day's width and height, in logical pixels.
const CELL: f32 = 44.0;
/// The same of what marks a day.
const MARK: f32 = 32.0;
/// Days of a week.
const WEEK: usize = 7;
/// Weeks that are laid out, so that all months are of one height.
const WEEKS: usize = 6;
/// To the month on the left, on the right.
const ARROWS: [&str; 2] = ["‹", "›"];

/// What it shows.
pub struct State {
    /// The chosen one; its month is shown.
    day: Date,
    /// Is being looked for.
    asked: Option<Date>,
    /// Was chosen meanwhile.
    next: Option<Date>,
    said: Option<Said>,
}

/// What came of looking for a day.
enum Said {
    Nothing(Date),
    Failed(Failure),
}

/// What happens on it.
#[derive(Clone)]
pub enum Message {
    /// So many days on, or back.
    Days(i32),
    /// A month on, or back.
    Month(bool),
    /// To today, which is this.
    Today(Date),
    /// This one.
    Choose(Date),
    /// The one that is marked.
    Go,
    /// Where it begins, or not.
    Placed(Date, Answer),
    /// Enough.
    Close,
}

/// What it asks of the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// To the line of a sequence.
    Jump(u64),
    /// Close this.
    Close,
}

type Wishes = Vec<Wish<Message, Action>>;

impl State {
    /// At a day.
    #[must_use]
    pub fn open(at: Timestamp) -> (Self, Wishes) {
        let state = Self { day: zoned(at).date(), asked: None, next: None, said: None };
        let wishes = state.focused();
        (state, wishes)
    }

    /// Something happened.
    pub fn update(&mut self, message: Message, conversation: ConversationId) -> Wishes {
        match message {
            Message::Days(days) => self.to(self.day.saturating_add(i64::from(days).days())),
            Message::Month(onward) => {
                let month = 1.month();
                self.to(if onward { self.day.saturating_add(month) } else { self.day.saturating_sub(month) })
            }
            Message::Today(day) => self.to(day),
            Message::Choose(day) => {
                let mut wishes = self.to(day);
                wishes.extend(self.ask(conversation));
                wishes
            }
            Message::Go => self.ask(conversation),
            Message::Placed(day, answer) => self.placed(day, answer, conversation),
            Message::Close => vec![Wish::Parent(Action::Close)],
        }
    }

    fn to(&mut self, day: Date) -> Wishes {
        (self.day, self.said) = (day, None);
        self.focused()
    }

    fn focused(&self) -> Wishes {
        vec![Wish::Run(focus(self.day))]
    }

    fn ask(&mut self, conversation: ConversationId) -> Wishes {
        let (day, Some(at)) = (self.day, start_of(self.day)) else { return Vec::new() };
        match self.asked {
            Some(asked) => {
                self.next = (asked != day).then_some(day);
                return Vec::new();
            }
            None => self.asked = Some(day),
        }
        vec![Wish::ask(Command::FirstSince { conversation, at }, move |answer| Message::Placed(day, answer))]
    }

    fn placed(&mut self, day: Date, answer: Answer, conversation: ConversationId) -> Wishes {
        self.asked = None;
        if self.next.take().is_some_and(|next| next == self.day) {
            return self.ask(conversation);
        }
        match answer {
            // Another one is marked by now.
            _ if day != self.day => {}
            Ok(Reply::Place(Some(sequence))) => return vec![Wish::Parent(Action::Jump(sequence))],
            Ok(_) => self.said = Some(Said::Nothing(day)),
            Err(failure) => self.said = Some(Said::Failed(failure)),
        }
        Vec::new()
    }

    /// How it looks.
    #[must_use]
    pub fn view<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, now } = context;
        let today = zoned(now).date();
        let first = first_weekday(words.language());
        let names = (0..WEEK).map(|n| {
            let name = words.say(&format!("weekday-{}", number(first.wrapping_add(n as i64))));
            container(muted(name, Role::Caption, look)).center_x(CELL).into()
        });
        let mut rows = column![self.head(context), look.direction.row(names.collect())].spacing(space::S);
        let mut weeks = column![];
        for week in weeks_of(self.day, first).chunks(WEEK) {
            let days = week.iter().map(|day| self.cell(*day, today, context)).collect();
            weeks = weeks.push(look.direction.row(days));
        }
        rows = rows.push(weeks);
        match &self.said {
            Some(Said::Nothing(day)) => {
                let day = start_of(*day).map(|at| words.date(at)).unwrap_or_default();
                let text = words.with("calendar-nothing", &[("day", day.into())]);
                rows = rows.push(notice::notice(notice::Kind::Plain, text, Vec::new(), look));
            }
            Some(Said::Failed(failure)) => {
                let (failed, advice) = words.failure(failure);
                rows = rows.push(notice::advice(notice::Kind::Caution, failed, advice, Vec::new(), look));
            }
            None => {}
        }
        let buttons = vec![
            button::word(words.say("calendar-today"), Kind::Quiet, Some(Message::Today(today)), look),
            gap::horizontal().into(),
            button::word(words.say("close"), Kind::Quiet, Some(Message::Close), look),
            button::word(words.say("calendar-go"), Kind::Primary, self.asked.is_none().then_some(Message::Go), look),
        ];
        let buttons = look.direction.row(buttons).spacing(space::S).align_y(Alignment::Center);
        let width = CELL * WEEK as f32 + space::XL * 2.0;
        container(rows.push(buttons)).padding(space::XL).width(width).style(surface::card(look)).into()
    }

    /// The month's name, between the ways to those before and after it.
    fn head<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let month = words.say(&format!("month-{}", self.day.month()));
        let year = words.language().digits(&self.day.year().to_string());
        let title = words.with("calendar-month", &[("month", month.into()), ("year", year.into())]);
        let [left, right] = ARROWS;
        let (back, onward) = if look.direction.is_rtl() { (right, left) } else { (left, right) };
        let arrow = |sign: &str, onward| {
            button::over(plain(sign, Role::Heading), Kind::Quiet, Some(Message::Month(onward)), look)
        };
        let parts =
            vec![arrow(back, false), container(plain(title, Role::Heading)).center_x(Fill).into(), arrow(onward, true)];
        look.direction.row(parts).align_y(Alignment::Center).into()
    }

    /// A day: today is within an edge, the chosen one on a ground of its own.
    fn cell<'a>(&'a self, day: Option<Date>, today: Date, context: Context<'a>) -> Element<'a, Message> {
        let Some(day) = day else { return gap().width(CELL).height(CELL).into() };
        let Context { look, words, .. } = context;
        let k = look.tokens;
        let chosen = day == self.day;
        let number = words.language().number(u64::from(day.day().unsigned_abs()));
        let mut mark = container(plain(number, Role::Label)).center(MARK);
        if chosen {
            mark = mark.style(surface::filled(k.primary, radius::M));
        } else if day == today {
            mark = mark.style(surface::edged(
                amanat_ui::theme::Pair { ground: k.panel, ink: k.text },
                k.primary.ground,
                radius::M,
            ));
        }
        let press = button::over_as(name_of(day), mark, Kind::Quiet, Some(Message::Choose(day)), look);
        container(row![press]).center(CELL).into()
    }
}

/// A day's button.
fn name_of(day: Date) -> Id {
    Id::from(format!("day-{day}"))
}

fn focus<M: Send + 'static>(day: Date) -> Task<M> {
    operation::focus(name_of(day))
}

/// When a day begins, here.
fn start_of(day: Date) -> Option<Timestamp> {
    let start = day.to_zoned(TimeZone::system()).ok()?.timestamp().as_millisecond();
    u64::try_from(start).ok().map(Timestamp::from_millis)
}

/// The day that a week begins with.
fn first_weekday(language: Language) -> Weekday {
    match language {
        Language::English => Weekday::Monday,
        Language::Urdu => Weekday::Sunday,
    }
}

/// Monday is 1.
fn number(day: Weekday) -> i8 {
    day.to_monday_one_offset()
}

/// The days of a month in weeks, with what is empty before and after them.
fn weeks_of(day: Date, first: Weekday) -> Vec<Option<Date>> {
    let begins = day.first_of_month();
    let before = usize::try_from(first.until(begins.weekday())).unwrap_or_default();
    let days = (0..i64::from(begins.days_in_month())).map(|n| Some(begins.saturating_add(n.days())));
    let mut all: Vec<_> = std::iter::repeat_n(None, before).chain(days).collect();
    all.resize(WEEK * WEEKS, None);
    all
}

#[cfg(test)]
mod tests {
    use amanat_client::FailureCode;
    use jiff::civil::date;

    use super::*;

    fn conversation() -> ConversationId {
        ConversationId::from_bytes([1; 16])
    }

    fn at(day: Date) -> State {
        State::open(start_of(day).unwrap()).0
    }

    #[test]
    fn a_month_stands_in_weeks_from_the_languages_first_day() {
        // 1 May 2031 is a Thursday.
        let weeks = weeks_of(date(2031, 5, 4), first_weekday(Language::English));
        assert_eq!(weeks.len(), WEEK * WEEKS);
        assert_eq!(weeks.iter().position(Option::is_some), Some(3));
        assert_eq!(weeks.iter().flatten().count(), 31);
        let weeks = weeks_of(date(2031, 5, 4), first_weekday(Language::Urdu));
        assert_eq!(weeks.iter().position(Option::is_some), Some(4));
        let most = (1..=12).map(|month| weeks_of(date(2032, month, 1), Weekday::Sunday).iter().flatten().count());
        assert_eq!(most.sum::<usize>(), 366);
    }

    #[test]
    fn keys_go_over_the_ends_of_months() {
        let mut state = at(date(2031, 1, 31));
        state.update(Message::Month(true), conversation());
        assert_eq!(state.day, date(2031, 2, 28));
        state.update(Message::Days(1), conversation());
        assert_eq!(state.day, date(2031, 3, 1));
        state.update(Message::Days(-7), conversation());
        state.update(Message::Month(false), conversation());
        assert_eq!(state.day, date(2031, 1, 22));
    }

    fn is_asked(wish: &Wish<Message, Action>) -> bool {
        matches!(wish, Wish::Ask(Command::FirstSince { .. }, _))
    }

    #[test]
    fn a_chosen_day_is_asked_for_from_its_start_on_and_jumped_to() {
        let mut state = at(date(2031, 5, 4));
        let wishes = state.update(Message::Choose(date(2031, 5, 2)), conversation());
        let asked = wishes.iter().find_map(|wish| match wish {
            Wish::Ask(Command::FirstSince { at, .. }, _) => Some(*at),
            _ => None,
        });
        assert_eq!(asked, start_of(date(2031, 5, 2)));
        assert!(state.update(Message::Go, conversation()).is_empty(), "once");
        let late = state.update(Message::Placed(date(2031, 5, 1), Ok(Reply::Place(Some(3)))), conversation());
        assert!(late.is_empty(), "that is another day's");
        // A day that is chosen while another is looked for has its turn.
        state.update(Message::Choose(date(2031, 5, 2)), conversation());
        assert!(!state.update(Message::Choose(date(2031, 5, 3)), conversation()).iter().any(is_asked));
        let wishes = state.update(Message::Placed(date(2031, 5, 2), Ok(Reply::Place(Some(3)))), conversation());
        assert!(wishes.iter().any(is_asked));
        state.update(
            Message::Placed(date(2031, 5, 3), Err(Failure::new(FailureCode::Gone, "no", "again"))),
            conversation(),
        );
        state.update(Message::Choose(date(2031, 5, 2)), conversation());
        state.update(Message::Placed(date(2031, 5, 2), Ok(Reply::Place(None))), conversation());
        assert!(matches!(state.said, Some(Said::Nothing(day)) if day == date(2031, 5, 2)));
        let failure = Failure::new(FailureCode::NotFound, "no", "again");
        state.update(Message::Placed(date(2031, 5, 2), Err(failure)), conversation());
        assert!(matches!(state.said, Some(Said::Failed(_))));
        let wishes = state.update(Message::Placed(date(2031, 5, 2), Ok(Reply::Place(Some(7)))), conversation());
        assert!(matches!(wishes[..], [Wish::Parent(Action::Jump(7))]));
    }
}
