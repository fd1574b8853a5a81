//! A person as every list shows them: name, post, address, clearance, devices, compared or not.

use amanat_client::api::Person;
use amanat_identity::{Address, Tier};
use amanat_ui::{
    badge, bidi,
    text::{Role, line, muted},
    theme::space,
};
use iced::{
    Alignment, Element, Fill,
    widget::{column, container},
};

use super::{Context, inbox::tier_number};

/// Characters of a name that are shown.
pub const NAME: usize = 60;
/// Characters of a post that are shown.
pub const POST: usize = 80;

/// What is shown of a person.
pub struct Shown<'a> {
    /// Name.
    pub name: &'a str,
    /// Post.
    pub post: &'a str,
    /// Address.
    pub address: &'a Address,
    /// Clearance; none where it is refused.
    pub clearance: Option<Tier>,
    /// How many devices.
    pub devices: usize,
    /// The safety number was compared; none of oneself.
    pub verified: Option<bool>,
    /// What the person may do, in words.
    pub role: Option<String>,
}

impl<'a> Shown<'a> {
    /// Somebody of the directory.
    #[must_use]
    pub fn of(person: &'a Person) -> Self {
        Self {
            name: &person.name,
            post: &person.post,
            address: &person.address,
            clearance: Some(person.clearance),
            devices: person.devices.len(),
            verified: Some(person.verified),
            role: None,
        }
    }
}

/// A row.
#[must_use]
pub fn row<'a, Message: 'a>(shown: &Shown<'a>, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let k = look.tokens;
    let name = line(bidi::defuse(shown.name, NAME), Role::Strong, k.text);
    let post = line(bidi::defuse(shown.post, POST), Role::Label, k.text);
    let verified = |verified| words.say(if verified { "person-verified" } else { "person-not-verified" });
    let devices = words.with("person-devices", &[("count", (shown.devices as u64).into())]);
    let mut marks = Vec::new();
    if let Some(tier) = shown.clearance {
        marks.push(badge::tier(words.tier(tier), tier_number(tier), look));
    } else {
        marks.push(muted(words.say("person-refused"), Role::Caption, look).into());
    }
    marks.push(muted(devices, Role::Caption, look).into());
    marks.extend(shown.verified.map(|known| muted(verified(known), Role::Caption, look).into()));
    if let Some(role) = &shown.role {
        marks.push(muted(role.clone(), Role::Caption, look).into());
    }
    let texts = column![
        name,
        post,
        line(shown.address.to_string(), Role::Caption, k.muted),
        look.direction.wrapped(marks, space::S),
    ]
    .spacing(2)
    .align_x(look.direction.start_items())
    .width(Fill);
    let parts = vec![badge::face(shown.name, 36.0, look), container(texts).width(Fill).into()];
    look.direction.row(parts).spacing(space::M).align_y(Alignment::Center).into()
}
