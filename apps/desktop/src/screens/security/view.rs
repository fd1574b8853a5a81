//! How security looks: parts below each other, each of rows that name a thing and say what it is.

use amanat_client::api::{Overview, OwnDevice};
use amanat_ui::{
    badge, bidi,
    button::{self, Kind},
    edit::{self, Field},
    surface,
    text::{Role, coloured, muted, plain},
    theme::space,
};
use iced::{
    Alignment, Element, Fill, FillPortion,
    widget::{column, container},
};

use super::{Approval, CODE, Message, PATH, State};
use crate::screens::{Context, frame, frame::Dialog, inbox::tier_number, warnings};

/// Letters of a device's id that are shown of others.
const DEVICE: usize = 16;
/// A device that was seen more lately than this is connected, in milliseconds.
const CONNECTED: u64 = 2 * 60 * 1000;
/// Characters of a value.
const VALUE: usize = 120;

impl State {
    /// How it looks; `notices` are what the vault keeps.
    #[must_use]
    pub fn view<'a>(&'a self, notices: Vec<String>, context: Context<'a>) -> Dialog<'a, Message> {
        let Context { look, words, .. } = context;
        let mut parts: Vec<Element<'a, Message>> = Vec::new();
        if let Some(failure) = &self.failure {
            parts.push(frame::failure(failure, context));
        }
        if let Some(own) = &self.own {
            parts.push(part("security-this", this(own, context), context));
            parts.push(part("security-link", link(own, context), context));
        }
        parts.push(part("security-devices", self.owned(context), context));
        let alerts: Vec<Element<'a, Message>> = if notices.is_empty() {
            vec![muted(words.say("security-no-alerts"), Role::Label, look).into()]
        } else {
            notices.into_iter().map(|text| warnings::wrapped(text, Role::Label).into()).collect()
        };
        parts.push(part("passphrase-title", self.passphrase.rows(context), context));
        parts.push(part("security-alerts", alerts, context));
        parts.push(part("security-export", self.exporting(context), context));
        let content = frame::stacked(parts, look).spacing(space::M).into();
        Dialog { title: words.say("security-open"), content, buttons: Vec::new(), close: Some(Message::Close) }
    }

    fn owned<'a>(&'a self, context: Context<'a>) -> Vec<Element<'a, Message>> {
        let Context { look, words, .. } = context;
        let mut parts: Vec<Element<'a, Message>> =
            self.devices.iter().map(|device| device_row(device, self.from_cache, context)).collect();
        if self.from_cache {
            parts.push(muted(words.say("security-devices-cached"), Role::Caption, look).into());
        }
        parts.push(muted(words.say("security-approve-explained"), Role::Label, look).into());
        let placeholder = words.say("security-approve-field");
        let field = Field { id: CODE, placeholder, submit: Some(Message::Approve), several: false };
        let ready = !self.approving && !self.code.text().trim().is_empty();
        let row = vec![
            container(edit::field(&self.code, field, Message::Code, look)).width(Fill).into(),
            button::word(words.say("security-approve"), Kind::Secondary, ready.then_some(Message::Approve), look),
        ];
        parts.push(look.direction.row(row).spacing(space::S).align_y(Alignment::Center).into());
        match &self.approval {
            None => {}
            Some(Approval::Wrong) => parts.push(said("security-approve-wrong", look.tokens.caution, context)),
            Some(Approval::Done) => parts.push(said("security-approved", look.tokens.good, context)),
            Some(Approval::Failed(failure)) => parts.push(frame::failure(failure, context)),
        }
        parts
    }

    fn exporting<'a>(&'a self, context: Context<'a>) -> Vec<Element<'a, Message>> {
        let Context { look, words, .. } = context;
        let placeholder = words.say("security-export-field");
        let field = Field { id: PATH, placeholder, submit: Some(Message::Export), several: false };
        let ready = self.own.is_some() && !self.path.text().trim().is_empty();
        let row = vec![
            container(edit::field(&self.path, field, Message::Path, look)).width(Fill).into(),
            button::word(words.say("security-export-do"), Kind::Secondary, ready.then_some(Message::Export), look),
        ];
        let pick = self.own.is_some().then_some(Message::Pick);
        let mut parts = vec![
            muted(words.say("security-export-explained"), Role::Label, look).into(),
            button::word(words.say("security-export-pick"), Kind::Secondary, pick, look),
            muted(words.say("security-export-or"), Role::Label, look).into(),
            look.direction.row(row).spacing(space::S).align_y(Alignment::Center).into(),
        ];
        match &self.exported {
            None => {}
            Some(Ok(())) => parts.push(said("security-exported", look.tokens.good, context)),
            Some(Err(failure)) => parts.push(frame::failure(failure, context)),
        }
        parts
    }
}

fn said<'a>(key: &str, pair: amanat_ui::theme::Pair, context: Context<'a>) -> Element<'a, Message> {
    frame::apart(vec![plain(context.words.say(key), Role::Label).into()], pair, context.look).into()
}

fn part<'a>(title: &str, rows: Vec<Element<'a, Message>>, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let title = coloured(words.say(title), Role::Heading, look.tokens.text);
    let mut parts: Vec<Element<'a, Message>> = vec![title.into()];
    parts.extend(rows);
    let parts = frame::stacked(parts, look);
    container(parts).padding(space::L).width(Fill).style(surface::card(look)).into()
}

/// A thing and what it is.
fn fact<'a>(name: &str, value: String, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let name = container(muted(words.say(name), Role::Label, look)).width(FillPortion(2));
    let value = container(warnings::wrapped(bidi::defuse(&value, VALUE), Role::Label)).width(FillPortion(4));
    let parts = vec![name.align_x(look.direction.start()).into(), value.align_x(look.direction.start()).into()];
    look.direction.row(parts).spacing(space::S).width(Fill).into()
}

fn this<'a>(own: &Overview, context: Context<'a>) -> Vec<Element<'a, Message>> {
    let Context { look, words, now } = context;
    let tier = vec![
        container(muted(words.say("security-clearance"), Role::Label, look))
            .width(FillPortion(2))
            .align_x(look.direction.start())
            .into(),
        container(badge::tier(words.tier(own.clearance), tier_number(own.clearance), look))
            .width(FillPortion(4))
            .align_x(look.direction.start())
            .into(),
    ];
    let status = match own.status {
        None => words.say("security-status-none"),
        Some(status) => {
            let (number, until) = (words.language().number(status.number), words.when(status.next_update, now));
            let key = if status.expired { "security-status-lapsed" } else { "security-status-about" };
            words.with(key, &[("number", number.into()), ("until", until.into())])
        }
    };
    vec![
        fact("security-device", own.device.to_string(), context),
        look.direction.row(tier).spacing(space::S).width(Fill).into(),
        fact("security-authority", own.authority.clone(), context),
        fact("security-until", words.day(own.valid_until, now), context),
        fact("security-status", status, context),
        fact("security-suite", own.suite.to_owned(), context),
    ]
}

fn link<'a>(own: &Overview, context: Context<'a>) -> Vec<Element<'a, Message>> {
    match &own.link {
        None => vec![muted(context.words.say("security-offline"), Role::Label, context.look).into()],
        Some(link) => vec![
            fact("security-relay", link.address.clone(), context),
            fact("security-tls", link.tls.clone(), context),
            fact("security-key-exchange", link.key_exchange.clone(), context),
            fact("security-cipher", link.cipher.clone(), context),
            fact("security-noise", link.noise.clone(), context),
        ],
    }
}

fn device_row<'a>(device: &OwnDevice, from_cache: bool, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, now } = context;
    let id = |device: &amanat_primitives::DeviceId| device.to_string().chars().take(DEVICE).collect::<String>();
    let state = match (device.pending, device.approved_by) {
        (true, _) => words.say("security-device-pending"),
        (false, None) => words.say("security-device-first"),
        (false, Some(by)) => {
            words.with("security-device-approved", &[("by", id(&by).chars().take(8).collect::<String>().into())])
        }
    };
    let (added, until) = (words.day(device.added, now), words.day(device.valid_until, now));
    let about = words.with("security-device-added", &[("day", added.into()), ("until", until.into())]);
    let mut marks: Vec<Element<'a, Message>> = vec![plain(id(&device.device), Role::Strong).into()];
    if device.this {
        marks.push(muted(words.say("security-device-this"), Role::Label, look).into());
    }
    let used = match device.seen {
        // Without the relay nothing is known of it.
        _ if device.this || from_cache => None,
        None => Some(words.say("security-device-unseen")),
        Some(at) if now.as_millis().saturating_sub(at.as_millis()) < CONNECTED => {
            Some(words.say("security-device-now"))
        }
        Some(at) => Some(words.with("security-device-seen", &[("when", words.when(at, now).into())])),
    };
    marks.extend(used.map(|used| muted(used, Role::Label, look).into()));
    marks.push(muted(state, Role::Label, look).into());
    let mut texts = column![look.direction.wrapped(marks, space::S), muted(about, Role::Caption, look),]
        .align_x(look.direction.start_items())
        .width(Fill);
    if device.pending {
        let code = words.with("security-code", &[("code", device.code.to_string().into())]);
        texts = texts.push(plain(code, Role::Label));
    }
    texts.into()
}
