//! How the unlocked window looks: the inbox at the start, the conversation under its warnings, beside its readers.

use amanat_client::api::LinkState;
use amanat_ui::{
    badge,
    button::{self, Kind},
    dialog, surface,
    text::{Role, line, muted},
    theme::space,
};
use iced::{
    Alignment, Element, Fill,
    widget::{column, container, responsive, rule, space as gap},
};

use super::{Dialog, Message, State};
use crate::screens::{Context, conversation, frame, over};

/// The inbox's width, in logical pixels.
const INBOX: f32 = 340.0;

/// The least width of a conversation beside its readers, in logical pixels.
const CONVERSATION: f32 = 360.0;

impl State {
    /// How it looks.
    #[must_use]
    pub fn view<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        let look = context.look;
        let hairline = || rule::vertical(1).style(surface::line(look));
        let list = container(self.inbox.view(context).map(Message::Inbox)).height(Fill);
        let side = column![list, rule::horizontal(1).style(surface::line(look)), self.foot(context)];
        let side = container(side).width(INBOX).height(Fill).style(surface::panel(look));
        let parts = vec![side.into(), hairline().into(), self.main(context)];
        let shown = self.conversation.as_ref().map(|open| open.id());
        let above = self.over.above(shown, self.inbox.all(), context).map(Message::Over);
        let whole = column![above, look.direction.row(parts).height(Fill)];
        let whole = frame::over(whole.into(), self.over.dialog(context), Message::Over, context);
        dialog::over(whole, self.files.view(context).map(|question| question.map(Message::Files)))
    }

    /// The conversation, under its warnings, beside its readers.
    fn main<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        let look = context.look;
        if let Some(documents) = &self.documents {
            let banners = self.shown().map(|id| self.over.banners(id, context).map(Message::Over));
            let documents = documents.view(self.files.pictures(), context).map(Message::Documents);
            let to = self.conversation.as_ref().map(|open| open.about());
            let documents = container(self.files.hinted(documents, to, context)).height(Fill);
            return column![].push(banners).push(documents).width(Fill).into();
        }
        let Some(open) = &self.conversation else {
            return container(conversation::none(context)).width(Fill).into();
        };
        let shown = move || {
            let banners = self.over.banners(open.id(), context).map(Message::Over);
            let id = open.id();
            let conversation =
                open.view(self.files.pictures(), context).map(move |message| Message::Conversation(id, message));
            let conversation = self.files.hinted(conversation, Some(open.about()), context);
            column![banners, container(conversation).height(Fill)]
        };
        if !self.over.has_panel() {
            return container(shown()).width(Fill).into();
        }
        let both = responsive(move |size| {
            let panel = self.over.panel(context).map(Message::Over);
            if size.width < over::PANEL + CONVERSATION {
                let banners = self.over.banners(open.id(), context).map(Message::Over);
                return column![banners, container(panel).height(Fill)].into();
            }
            let line = rule::vertical(1).style(surface::line(look));
            let parts =
                vec![container(shown()).width(Fill).into(), line.into(), container(panel).width(over::PANEL).into()];
            look.direction.row(parts).into()
        });
        both.into()
    }

    /// Who am I, and how is the link.
    fn foot<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let key = match &self.link {
            LinkState::Connecting => "link-connecting",
            LinkState::Up(_) => "link-up",
            LinkState::CaughtUp => "link-caught-up",
            LinkState::Down { .. } => "link-down",
        };
        let name = self.own.as_ref().map(|own| own.name.clone()).unwrap_or_default();
        let texts = column![
            line(amanat_ui::bidi::defuse(&name, 60), Role::Strong, look.tokens.text),
            muted(words.say(key), Role::Caption, look),
        ];
        let texts = texts.align_x(look.direction.start_items()).width(Fill);
        let who = vec![badge::face(&name, 34.0, look), container(texts).width(Fill).into()];
        let security = Message::Show(Dialog::Security);
        let buttons = vec![
            button::word(words.say("security-open"), Kind::Quiet, Some(security), look),
            gap::horizontal().into(),
            button::word(words.say("settings"), Kind::Quiet, Some(Message::Settings), look),
            button::word(words.say("lock"), Kind::Quiet, Some(Message::Lock), look),
        ];
        let who = look.direction.row(who).spacing(space::S).align_y(Alignment::Center);
        let buttons = look.direction.row(buttons).spacing(space::S).align_y(Alignment::Center);
        container(column![who, buttons].spacing(space::S)).padding(space::M).into()
    }
}
