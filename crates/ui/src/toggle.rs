//! What is on or off, and what is one of a few: reached and pressed as buttons are. What is so is shown by place and by a drawn
//! mark, not by colour alone.

use iced::{
    Alignment, Border, Color, Element, Fill, Theme, border,
    widget::{self, Id, button::Status, container, space},
};

use crate::{
    button::press::Press,
    look::Look,
    sign::{Sign, sign},
    text::{Role, coloured},
    theme::{Pair, radius, space as distance},
};

const TRACK: (f32, f32) = (40.0, 22.0);
const THUMB: f32 = 16.0;
const MARK: f32 = 10.0;

/// A switch after its label, over the whole width; without a message it cannot be changed.
#[must_use]
pub fn switch<'a, Message: Clone + 'a>(
    label: impl Into<String>,
    on: bool,
    toggle: Option<Message>,
    look: Look,
) -> Element<'a, Message> {
    switched(label, on, toggle, look).into()
}

/// The same, to be given the keyboard by its id.
#[must_use]
pub fn switch_as<'a, Message: Clone + 'a>(
    id: impl Into<Id>,
    label: impl Into<String>,
    on: bool,
    toggle: Option<Message>,
    look: Look,
) -> Element<'a, Message> {
    switched(label, on, toggle, look).id(id).into()
}

fn switched<'a, Message: Clone + 'a>(
    label: impl Into<String>,
    on: bool,
    toggle: Option<Message>,
    look: Look,
) -> Press<'a, Message> {
    let k = look.tokens;
    let ink = if toggle.is_some() { k.text } else { k.muted };
    let label = container(coloured(label, Role::Body, ink)).width(Fill);
    let label = if look.direction.is_rtl() { label.align_right(Fill) } else { label };
    let row = look.direction.row(vec![label.into(), track(on, toggle.is_some(), look)]);
    let row = row.spacing(distance::M).align_y(Alignment::Center);
    let button = widget::button(row)
        .padding([distance::XS, distance::S])
        .width(Fill)
        .on_press_maybe(toggle.clone())
        .style(move |_: &Theme, status| plain(status, k.hover, ink));
    Press::new(button, toggle, k.focus, radius::M)
}

fn plain(status: Status, hover: Color, ink: Color) -> widget::button::Style {
    let over = matches!(status, Status::Hovered | Status::Pressed);
    let ground = if over { hover } else { Color::TRANSPARENT };
    let border = border::rounded(radius::M);
    widget::button::Style { background: Some(ground.into()), text_color: ink, border, ..Default::default() }
}

/// On: the thumb is at the end, with a tick. Off: at the start, with a cross.
fn track<'a, Message: 'a>(on: bool, live: bool, look: Look) -> Element<'a, Message> {
    let k = look.tokens;
    let (ground, edge) = match (on, live) {
        (true, true) => (k.primary.ground, k.primary.ground),
        (true, false) | (false, _) => (k.field, k.muted),
    };
    let (thumb, mark) = match (on, live) {
        (true, true) => (k.primary.ink, k.primary.ground),
        (true, false) | (false, _) => (k.muted, k.panel),
    };
    let mark = sign(if on { Sign::Tick } else { Sign::Cross }, MARK, mark);
    let thumb = container(mark).center(THUMB).style(move |_: &Theme| shape(thumb, border::rounded(THUMB / 2.0)));
    let parts = if on {
        vec![space().width(Fill).into(), thumb.into()]
    } else {
        vec![thumb.into(), space().width(Fill).into()]
    };
    let (width, height) = TRACK;
    container(look.direction.row(parts).align_y(Alignment::Center))
        .width(width)
        .height(height)
        .padding((height - THUMB) / 2.0)
        .style(move |_: &Theme| shape(ground, border::rounded(height / 2.0).width(1).color(edge)))
        .into()
}

fn shape(ground: Color, border: Border) -> container::Style {
    container::Style { background: Some(ground.into()), border, ..Default::default() }
}

/// One of a few, side by side; the chosen one is filled and ticked.
#[must_use]
pub fn choice<'a, T: PartialEq + Clone, Message: Clone + 'a>(
    options: impl IntoIterator<Item = (T, String)>,
    chosen: &T,
    choose: impl Fn(T) -> Message,
    look: Look,
) -> Element<'a, Message> {
    let k = look.tokens;
    let options = options.into_iter().map(|(value, label)| option(label, value == *chosen, choose(value), look));
    let row = look.direction.row(options.collect()).spacing(distance::XS);
    container(row)
        .padding(3.0)
        .style(move |_: &Theme| shape(k.field, border::rounded(radius::M + 3.0).width(1).color(k.line)))
        .into()
}

fn option<'a, Message: Clone + 'a>(label: String, chosen: bool, press: Message, look: Look) -> Element<'a, Message> {
    let k = look.tokens;
    let pair = if chosen { k.primary } else { Pair { ground: Color::TRANSPARENT, ink: k.text } };
    let mut parts = Vec::new();
    if chosen {
        parts.push(sign(Sign::Tick, 12.0, pair.ink));
    }
    parts.push(coloured(label, Role::Strong, pair.ink).into());
    let row = look.direction.row(parts).spacing(distance::S).align_y(Alignment::Center);
    let style = move |_: &Theme, status: Status| {
        if chosen { plain(Status::Hovered, pair.ground, pair.ink) } else { plain(status, k.hover, pair.ink) }
    };
    let button = widget::button(row).padding([distance::XS, distance::M]).on_press(press.clone()).style(style);
    Press::new(button, Some(press), k.focus, radius::M).into()
}

#[cfg(test)]
mod tests {
    use iced::{advanced::widget::operation::focusable, keyboard::key::Named, widget::column};

    use super::*;
    use crate::{
        direction::Direction,
        stage::{operate, stage},
        theme::{Appearance, Tokens},
    };

    #[test]
    fn switches_and_choices_answer_to_keys_and_clicks() {
        let look = Look::new(Tokens::of(Appearance::Light), Direction::Rtl);
        let tiers = [(1, "One".to_owned()), (2, "Two".to_owned())];
        let view = column![
            switch_as("lock", "Lock", false, Some(0), look),
            switch("Not now", true, None, look),
            choice(tiers, &1, |tier| tier, look),
        ];
        let mut window = stage(view, (300.0, 200.0));
        operate(&mut window, focusable::focus(Id::new("lock")));
        window.tap_key(Named::Space);
        operate(&mut window, focusable::focus_next::<()>());
        window.tap_key(Named::Enter);
        operate(&mut window, focusable::focus_next::<()>());
        window.tap_key(Named::Enter);
        window.click("Lock").unwrap();
        window.click("Not now").unwrap();
        assert_eq!(window.into_messages().collect::<Vec<_>>(), [0, 1, 2, 0]);
    }
}
