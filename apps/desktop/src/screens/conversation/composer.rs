//! What stands above and below the messages: the title with what can be seen of the whole, and the composer.

use amanat_client::{Failure, FailureCode};
use amanat_ui::{
    badge, bidi,
    button::{self, Kind},
    edit::{self, Field},
    notice,
    text::{Role, line, muted},
    theme::space,
};
use iced::{
    Alignment, Element, Fill,
    widget::{column, container},
};

use super::{COMPOSER, Message, Mode, NO_COPY_FROM, State};
use crate::screens::{Context, files, filter};

/// Characters of a title.
const TITLE: usize = 120;

impl State {
    pub(super) fn header<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let title = bidi::defuse(&self.view.title, TITLE);
        let members = words.with("members", &[("count", (self.view.members as u64).into())]);
        let texts = column![
            line(title, Role::Heading, look.tokens.text),
            muted(words.with("conversation-about", &[("members", members.into())]), Role::Caption, look),
        ]
        .align_x(look.direction.start_items())
        .width(Fill);
        let parts = vec![
            badge::face(&self.view.title, 40.0, look),
            texts.into(),
            button::word(words.say("documents-title"), Kind::Secondary, Some(Message::Documents), look),
            button::word(words.say("conversation-readers"), Kind::Secondary, Some(Message::Readers), look),
        ];
        look.direction.row(parts).spacing(space::M).align_y(Alignment::Center).into()
    }

    pub(super) fn composer<'a>(&'a self, context: Context<'a>) -> Element<'a, Message> {
        let Context { look, words, .. } = context;
        let mut parts = column![].spacing(space::S);
        let sealed = self.tier() >= NO_COPY_FROM;
        let changes = matches!(self.mode, Mode::Edit(..));
        if let Some(strip) = self.filter.view(filter::Manner { changes, sealed }, context) {
            parts = parts.push(strip.map(Message::Filter));
        }
        // What the filter said when it was sent stands in its strip.
        let said = |failure: &&Failure| failure.code == FailureCode::Filtered && self.filter.has_found();
        if let Some(failure) = self.failure.as_ref().filter(|failure| !said(failure)) {
            let (failed, advice) = words.failure(failure);
            parts = parts.push(notice::advice(notice::Kind::Caution, failed, advice, Vec::new(), look));
        }
        if let Some(state) = words.state(self.view.state) {
            parts = parts.push(muted(state, Role::Label, look));
        }
        let about = match &self.mode {
            Mode::New => None,
            Mode::Reply { name, text, .. } => {
                let (name, text) = (bidi::defuse(name, 40), bidi::defuse(text, TITLE));
                Some(words.with("composer-reply", &[("name", name.into()), ("text", text.into())]))
            }
            Mode::Edit(..) => Some(words.say("composer-edit")),
        };
        if let Some(about) = about {
            let cancel = button::word(words.say("cancel"), Kind::Quiet, Some(Message::Cancel), look);
            let about = container(line(about, Role::Label, look.tokens.muted)).width(Fill);
            parts = parts.push(look.direction.row(vec![about.into(), cancel]).align_y(Alignment::Center));
        }
        let field = Field {
            id: COMPOSER,
            placeholder: words.say("composer-write"),
            submit: Some(Message::Send),
            several: true,
        };
        let field = edit::editor(&self.draft, field, Message::Typed, look)
            .sealed(sealed)
            .marked(self.filter.marks())
            .beside_list();
        let names_files = |text: &str| files::paths::named(text).map(|_| Message::Pasted(text.to_owned()));
        let field = field.on_paste(names_files).on_up(Message::EditLast);
        let ready = !self.draft.as_str().trim().is_empty() && !self.filter.refuses();
        let word = words.say(if changes { "composer-change" } else { "composer-send" });
        let row = vec![
            button::word(words.say("composer-attach"), Kind::Secondary, Some(Message::Attach), look),
            container(field).width(Fill).into(),
            button::word(word, Kind::Primary, ready.then_some(Message::Send), look),
        ];
        parts.push(look.direction.row(row).spacing(space::S).align_y(Alignment::End)).into()
    }
}
