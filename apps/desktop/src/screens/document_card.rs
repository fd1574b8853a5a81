//! A document, in a conversation and in its list of documents: what it is, how far it is on its way, and what can be done.

use amanat_client::api::{Direction, DocumentView, Progress, TransferState, TransferView};
use amanat_ui::{
    badge, bidi,
    button::{self, Kind},
    look::Look,
    surface,
    text::{Role, line, muted, plain},
    theme::{radius, space},
};
use iced::{
    Alignment, ContentFit, Element, Fill, Length, Size,
    widget::{column, container, image, image::Handle, progress_bar},
};

use super::{Context, inbox::tier_number};

/// The mark's edge, in logical pixels.
const MARK: f32 = 44.0;
/// The box of a thumbnail, in logical pixels.
const PICTURE: Size = Size::new(96.0, 72.0);
/// The height of the progress bar.
const GIRTH: f32 = 5.0;
/// Characters of a name.
const NAME: usize = 80;
/// Characters of a name's ending.
const ENDING: usize = 4;

/// What can be done with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Save it somewhere.
    Save,
    /// Let it rest.
    Pause,
    /// Let it go on.
    Resume,
    /// Give it up.
    Cancel,
}

/// What can be done now.
#[must_use]
pub fn deeds(document: &DocumentView) -> &'static [Deed] {
    let Some(transfer) = document.transfer else { return &[Deed::Save] };
    match (transfer.state, transfer.direction) {
        (TransferState::Cancelled, _) => &[],
        (TransferState::Paused | TransferState::Failed, _) | (TransferState::Waiting, Direction::Fetching) => {
            &[Deed::Resume, Deed::Cancel]
        }
        (TransferState::Running | TransferState::Waiting, _) => &[Deed::Pause, Deed::Cancel],
    }
}

/// It has come further; whether it is this one.
pub fn progressed(document: &mut DocumentView, progress: Progress) -> bool {
    let Progress { document: id, direction, done, total } = progress;
    if document.id == id {
        let state = TransferState::Running;
        document.transfer = (done < total).then_some(TransferView { direction, state, done });
    }
    document.id == id
}

/// It could not go on; whether it is this one.
pub fn stopped(document: &mut DocumentView, id: amanat_primitives::DocumentId) -> bool {
    if document.id == id
        && let Some(transfer) = &mut document.transfer
    {
        transfer.state = TransferState::Failed;
    }
    document.id == id
}

/// How it looks; `under` stands below its name.
pub fn view<'a, M: Clone + 'a>(
    document: &'a DocumentView,
    under: Option<String>,
    picture: Option<&'a Handle>,
    on: impl Fn(Deed) -> M,
    context: Context<'a>,
) -> Element<'a, M> {
    let Context { look, words, .. } = context;
    let size = words.language().size(document.size);
    let about = vec![
        badge::tier(words.tier(document.tier), tier_number(document.tier), look),
        muted(size, Role::Caption, look).into(),
    ];
    let mut texts = column![
        line(bidi::defuse(&document.name, NAME), Role::Strong, look.tokens.text),
        look.direction.row(about).spacing(space::S).align_y(Alignment::Center),
    ]
    .spacing(space::XS)
    .align_x(look.direction.start_items());
    if let Some(under) = under {
        texts = texts.push(muted(under, Role::Caption, look));
    }
    let deeds = deeds(document);
    let press = |deed: &Deed| -> Element<'a, M> {
        let key = match deed {
            Deed::Save => "document-save",
            Deed::Pause => "document-pause",
            Deed::Resume => "document-resume",
            Deed::Cancel => "document-cancel",
        };
        button::word(words.say(key), Kind::Secondary, Some(on(*deed)), look)
    };
    let mut beside: Vec<Element<'a, M>> = Vec::new();
    let mut below: Element<'a, M> = column![].into();
    match document.transfer {
        None => beside.extend(deeds.iter().map(press)),
        Some(transfer) => below = on_its_way(document, transfer, deeds.iter().map(press).collect(), context),
    }
    let mark =
        picture.map_or_else(|| mark(document, context), |shown| picture_of(shown, PICTURE.width, PICTURE.height, look));
    let mut parts = vec![mark, container(texts).width(Fill).align_x(look.direction.start()).into()];
    parts.append(&mut beside);
    let row = look.direction.row(parts).spacing(space::M).align_y(Alignment::Center);
    column![row, below].spacing(space::XS).into()
}

/// A thumbnail in the middle of a box, all of it.
pub fn picture_of<'a, M: 'a>(picture: &'a Handle, width: impl Into<Length>, height: f32, look: Look) -> Element<'a, M> {
    let shown = image(picture).content_fit(ContentFit::Contain).width(Fill).height(Fill);
    container(shown).width(width).height(height).padding(space::XS).style(surface::card(look)).into()
}

/// The ending of its name, on its tier's colour.
pub fn mark<'a, M: 'a>(document: &'a DocumentView, context: Context<'a>) -> Element<'a, M> {
    ending(&document.name, tier_number(document.tier), context)
}

/// The ending of a name, on a tier's colour.
pub fn ending<'a, M: 'a>(name: &str, tier: usize, context: Context<'a>) -> Element<'a, M> {
    let kind = name.rsplit_once('.').map_or("", |(_, kind)| kind);
    let kind: String = bidi::defuse(kind, ENDING).to_uppercase();
    let mark = container(plain(kind, Role::Mark)).center(MARK);
    mark.style(surface::filled(context.look.tokens.tier(tier), radius::M)).into()
}

fn on_its_way<'a, M: Clone + 'a>(
    document: &'a DocumentView,
    transfer: TransferView,
    buttons: Vec<Element<'a, M>>,
    context: Context<'a>,
) -> Element<'a, M> {
    let Context { look, words, .. } = context;
    let state = match (transfer.state, transfer.direction) {
        (TransferState::Cancelled, _) => return muted(words.say("transfer-cancelled"), Role::Caption, look).into(),
        (TransferState::Running, Direction::Sending) => words.say("document-sending"),
        (TransferState::Running, Direction::Fetching) => words.say("document-fetching"),
        (TransferState::Waiting, _) => words.say("transfer-waiting"),
        (TransferState::Paused, _) => words.say("transfer-paused"),
        (TransferState::Failed, _) => words.say("transfer-failed"),
    };
    let language = words.language();
    let (done, size) = (language.size(transfer.done), language.size(document.size));
    let said =
        words.with("document-progress", &[("state", state.into()), ("done", done.into()), ("size", size.into())]);
    let share = (transfer.done as f64 / document.size.max(1) as f64) as f32;
    let bar = progress_bar(0.0..=1.0, share).girth(GIRTH);
    let mut row = vec![container(muted(said, Role::Caption, look)).width(Fill).align_x(look.direction.start()).into()];
    row.extend(buttons);
    column![mirrored(bar.into(), share, context), look.direction.row(row).spacing(space::S).align_y(Alignment::Center)]
        .spacing(space::XS)
        .into()
}

/// The toolkit's bar fills from the left; the mirrored one is of two boxes.
fn mirrored<'a, M: 'a>(bar: Element<'a, M>, share: f32, context: Context<'a>) -> Element<'a, M> {
    let look = context.look;
    if !look.direction.is_rtl() {
        return bar;
    }
    let parts = u16::try_from((share.clamp(0.0, 1.0) * 1000.0) as i32).unwrap_or_default();
    let done = container(column![]).width(iced::Length::FillPortion(parts.max(1))).height(GIRTH);
    let left = container(column![]).width(iced::Length::FillPortion((1000 - parts.min(999)).max(1))).height(GIRTH);
    let rest = amanat_ui::theme::Pair { ground: look.tokens.line, ink: look.tokens.text };
    look.direction
        .row(vec![
            done.style(surface::filled(look.tokens.primary, GIRTH / 2.0)).into(),
            left.style(surface::filled(rest, GIRTH / 2.0)).into(),
        ])
        .into()
}

#[cfg(test)]
mod tests {
    use amanat_primitives::DocumentId;

    use super::*;
    use crate::fake;

    #[test]
    fn what_can_be_done_follows_how_far_it_is() {
        let mut document = fake::documents(fake::conversations()[0].id)[0].clone();
        document.transfer = None;
        assert_eq!(deeds(&document), [Deed::Save]);
        let progress = Progress { document: document.id, direction: Direction::Fetching, done: 10, total: 100 };
        assert!(progressed(&mut document, progress));
        assert_eq!(deeds(&document), [Deed::Pause, Deed::Cancel]);
        assert!(stopped(&mut document, progress.document));
        assert_eq!(deeds(&document), [Deed::Resume, Deed::Cancel]);
        assert!(progressed(&mut document, Progress { done: 100, ..progress }));
        assert_eq!(document.transfer, None, "it is over");
        let other = Progress { document: DocumentId::from_bytes([9; 16]), ..progress };
        assert!(!progressed(&mut document, other) && document.transfer.is_none());
    }
}
