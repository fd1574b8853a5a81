//! How the readers of a conversation look: a panel beside it, and the questions before what changes it.

use amanat_client::api::{Role as MemberRole, Verification};
use amanat_ui::{
    bidi,
    button::{self, Kind},
    edit::{self, Field},
    surface,
    text::{Role, muted, plain},
    theme::{Appearance, Tokens, radius, space},
};
use iced::{
    Alignment, Element, Fill,
    widget::{column, container, qr_code, rule},
};

use super::{Message, Question, Reader, State, TITLE};
use crate::screens::{
    Context,
    conversation::NO_COPY_FROM,
    frame,
    frame::Dialog,
    person::{self, Shown},
    warnings,
};

/// The QR code's size, in logical pixels.
const CODE: f32 = 180.0;
/// Groups of a safety number on a line.
const GROUPS: usize = 4;
/// Letters of a device's id that are shown.
const DEVICE: usize = 16;

impl State {
    /// The panel; what was warned about stays in it.
    #[must_use]
    pub fn view<'a>(&'a self, warnings: &'a warnings::State, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let title = container(plain(words.say("conversation-readers"), Role::Heading)).width(Fill);
        let head = vec![
            title.align_x(look.direction.start()).into(),
            button::word(words.say("close"), Kind::Quiet, Some(Message::Close), look),
        ];
        let head = look.direction.row(head).align_y(Alignment::Center);
        let mut parts: Vec<Element<'a, Message>> = Vec::new();
        if let Some(failure) = &self.failure {
            parts.push(frame::failure(failure, context));
        }
        parts.extend(self.attention(warnings, context));
        for reader in &self.readers {
            parts.push(self.reader_row(reader, context));
            parts.push(rule::horizontal(1).style(surface::line(look)).into());
        }
        parts.extend(self.deeds(context));
        let list = frame::scrolled(frame::stacked(parts, look).spacing(space::M).into());
        let list = container(list).height(Fill);
        container(column![head, list].spacing(space::M))
            .padding(space::L)
            .height(Fill)
            .style(surface::panel(look))
            .into()
    }

    /// What is to be known before something is written.
    fn attention<'a>(&'a self, warnings: &'a warnings::State, context: Context<'a>) -> Vec<Element<'a, Message>> {
        let Context { look, words, .. } = context;
        let mut parts: Vec<Element<'a, Message>> = vec![plain(words.say("readers-attention"), Role::Mark).into()];
        for reader in self.readers.iter().filter(|reader| !reader.own) {
            let ministry = reader.address.domain.to_string();
            let foreign =
                self.foreign(reader).then(|| words.with("foreign-ministry", &[("ministry", ministry.into())]));
            let unverified = (!reader.verified).then(|| words.say("readers-unverified"));
            let about: Vec<String> = foreign.into_iter().chain(unverified).collect();
            if about.is_empty() {
                continue;
            }
            // A name has a face of its own: it is not set within the sentence.
            parts.push(plain(bidi::defuse(&reader.name, person::NAME), Role::Strong).into());
            parts.extend(about.into_iter().map(|text| warnings::wrapped(text, Role::Label).into()));
        }
        let kept = warnings.kept(self.id(), &self.addresses(), context);
        parts.extend(kept.into_iter().map(|text| warnings::wrapped(text, Role::Label).into()));
        if parts.len() == 1 {
            return Vec::new();
        }
        vec![frame::apart(parts, look.tokens.caution, look).into()]
    }

    fn reader_row<'a>(&'a self, reader: &'a Reader, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let mut role = reader.role.map(|role| {
            words.say(match role {
                MemberRole::Founder => "role-founder",
                MemberRole::Moderator => "role-moderator",
                MemberRole::Member => "role-member",
            })
        });
        if reader.own {
            let you = words.say("readers-you");
            role =
                Some(role.map_or(you.clone(), |role| {
                    words.with("readers-and", &[("one", you.into()), ("other", role.into())])
                }));
        }
        let shown = Shown {
            name: &reader.name,
            post: &reader.post,
            address: &reader.address,
            clearance: reader.clearance,
            devices: reader.devices.len(),
            verified: (!reader.own).then_some(reader.verified),
            role,
        };
        let mut parts = vec![person::row(&shown, context)];
        let quiet =
            |key: &str, message| button::over(plain(words.say(key), Role::Label), Kind::Quiet, Some(message), look);
        let mut deeds = Vec::new();
        if !reader.own {
            let shown = self.shown.as_ref() == Some(&reader.address);
            let key = if shown { "readers-hide" } else { "readers-show" };
            deeds.push(quiet(key, Message::Show(reader.address.clone())));
        }
        if self.may_appoint(reader) {
            let moderator = reader.role == Some(MemberRole::Moderator);
            let key = if moderator { "readers-member" } else { "readers-moderator" };
            deeds.push(quiet(key, Message::Moderator(reader.address.clone(), !moderator)));
        }
        if self.may_remove(reader) {
            deeds.push(quiet("readers-remove", Message::Remove(reader.address.clone())));
        }
        if !deeds.is_empty() {
            parts.push(look.direction.wrapped(deeds, space::XS));
        }
        if self.shown.as_ref() == Some(&reader.address) {
            parts.push(self.number(reader, context));
        }
        frame::stacked(parts, look).into()
    }

    fn number<'a>(&'a self, reader: &'a Reader, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let mut parts: Vec<Element<'a, Message>> = Vec::new();
        if self.changed {
            let said = vec![
                plain(words.say("readers-number-changed"), Role::Strong).into(),
                warnings::wrapped(words.say("readers-number-changed-do"), Role::Label).into(),
            ];
            parts.push(frame::apart(said, look.tokens.danger, look).into());
        }
        match &self.verification {
            None => parts.push(muted(words.say("readers-number-asking"), Role::Label, look).into()),
            Some((found, code)) => {
                parts.push(plain(words.say("readers-number"), Role::Label).into());
                parts.push(digits(found));
                parts.extend(code.as_ref().map(scanned));
            }
        }
        let ids = reader.devices.iter().map(|device| device.to_string().chars().take(DEVICE).collect::<String>());
        for id in ids {
            parts.push(muted(words.with("readers-device", &[("device", id.into())]), Role::Caption, look).into());
        }
        if self.verification.is_some() && !reader.verified {
            let compared = Message::Compared(reader.address.clone());
            parts.push(button::word(words.say("readers-compared"), Kind::Primary, Some(compared), look));
        }
        let parts = frame::stacked(parts, look).align_x(Alignment::Center);
        container(parts).padding(space::M).width(Fill).style(surface::card(look)).into()
    }

    fn deeds<'a>(&'a self, context: Context<'a>) -> Vec<Element<'a, Message>> {
        let Context { look, words, .. } = context;
        if self.view.direct {
            return Vec::new();
        }
        let word = |key: &str, kind, message| button::word(words.say(key), kind, Some(message), look);
        let mut deeds = Vec::new();
        if self.may_change() {
            deeds.push(word("readers-add", Kind::Secondary, Message::Add));
            deeds.push(word("readers-retitle", Kind::Secondary, Message::Retitle));
        }
        deeds.push(word("readers-leave", Kind::Secondary, Message::Leave));
        vec![look.direction.wrapped(deeds, space::S)]
    }

    /// What is asked before something is changed.
    #[must_use]
    pub fn dialog<'a>(&'a self, context: Context<'a>) -> Option<Dialog<'a, Message>> {
        let Context { look, words, .. } = context;
        let named = |address| {
            let name = self.reader(address).map(|reader| bidi::defuse(&reader.name, person::NAME));
            name.unwrap_or_else(|| address.to_string())
        };
        let said = |key: &str, address| plain(words.with(key, &[("name", named(address).into())]), Role::Body);
        let (title, content, yes, kind): (_, Element<'a, Message>, _, _) = match self.asked.as_ref()? {
            Question::Remove(address) => {
                ("readers-remove", said("readers-remove-asked", address).into(), "readers-remove", Kind::Danger)
            }
            Question::Moderator(address, true) => {
                ("readers-moderator", said("readers-moderator-asked", address).into(), "readers-yes", Kind::Primary)
            }
            Question::Moderator(address, false) => {
                ("readers-member", said("readers-member-asked", address).into(), "readers-yes", Kind::Primary)
            }
            Question::Leave => {
                let text = plain(words.say("readers-leave-asked"), Role::Body);
                ("readers-leave", text.into(), "readers-leave", Kind::Danger)
            }
            Question::Title(content) => {
                let placeholder = words.say("new-name");
                let field = Field { id: TITLE, placeholder, submit: Some(Message::Sure), several: false };
                // A title is as much of the conversation's tier as what is written in it.
                let sealed = self.view.tier >= NO_COPY_FROM;
                let field = edit::editor(content, field, Message::Title, look).sealed(sealed);
                ("readers-retitle", field.into(), "readers-retitle", Kind::Primary)
            }
            Question::Add(_) => ("readers-add", self.adding(context), "readers-add", Kind::Primary),
        };
        let buttons = vec![
            button::word(words.say("cancel"), Kind::Secondary, Some(Message::Back), look),
            button::word(words.say(yes), kind, self.ready().then_some(Message::Sure), look),
        ];
        let content = frame::stacked(vec![content], look).into();
        Some(Dialog { title: words.say(title), content, buttons, close: None })
    }

    fn adding<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let Some(Question::Add(picker)) = &self.asked else { return column![].into() };
        let mut parts: Vec<Element<'a, Message>> =
            vec![plain(words.say("readers-add-asked"), Role::Body).into(), picker.view(context).map(Message::Picker)];
        for person in picker.chosen().iter().filter(|person| person.clearance < self.view.tier) {
            let (name, tier) = (bidi::defuse(&person.name, person::NAME), words.tier(person.clearance));
            let text = words.with("new-barred", &[("name", name.into()), ("tier", tier.into())]);
            parts.push(muted(text, Role::Label, look).into());
        }
        frame::stacked(parts, look).spacing(space::M).into()
    }
}

/// Sixty digits in groups of five, left to right in every language, in the digits that both sides read out.
fn digits<'a>(found: &'a Verification) -> Element<'a, Message> {
    let groups: Vec<&str> = found.safety_number.split_whitespace().collect();
    let lines = groups.chunks(GROUPS).map(|line| plain(line.join("  "), Role::Heading).into());
    column(lines).spacing(space::XS).align_x(Alignment::Center).into()
}

/// Dark on light in all themes, as cameras want it.
fn scanned(code: &qr_code::Data) -> Element<'_, Message> {
    let light = Tokens::of(Appearance::Light);
    let style = move |_: &iced::Theme| qr_code::Style { cell: light.text, background: light.panel };
    let code = qr_code(code).total_size(CODE).style(style);
    let ground = amanat_ui::theme::Pair { ground: light.panel, ink: light.text };
    container(code).padding(space::S).style(surface::filled(ground, radius::M)).into()
}
