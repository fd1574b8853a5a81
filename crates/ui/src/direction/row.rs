//! A row whose first child stands at the start: mirrored in place, so that Tab goes through it as it is read.

use iced::{
    Element, Event, Length, Padding, Pixels, Point, Rectangle, Renderer, Size, Theme, Vector,
    advanced::{
        Clipboard, Layout, Shell, Widget, layout, mouse, overlay, renderer,
        widget::{Operation, Tree, tree},
    },
    widget,
};

/// Children from the start on.
pub struct Row<'a, Message> {
    row: widget::Row<'a, Message>,
    rtl: bool,
}

impl<'a, Message: 'a> Row<'a, Message> {
    pub(super) fn new(children: Vec<Element<'a, Message>>, rtl: bool) -> Self {
        Self { row: widget::row(children), rtl }
    }

    /// Between children.
    #[must_use]
    pub fn spacing(mut self, amount: impl Into<Pixels>) -> Self {
        self.row = self.row.spacing(amount);
        self
    }

    /// Around them; left and right are what they say.
    #[must_use]
    pub fn padding(mut self, padding: impl Into<Padding>) -> Self {
        let Padding { top, right, bottom, left } = padding.into();
        let (left, right) = if self.rtl { (right, left) } else { (left, right) };
        self.row = self.row.padding(Padding { top, right, bottom, left });
        self
    }

    /// Of the whole.
    #[must_use]
    pub fn width(mut self, width: impl Into<Length>) -> Self {
        self.row = self.row.width(width);
        self
    }

    /// Of the whole.
    #[must_use]
    pub fn height(mut self, height: impl Into<Length>) -> Self {
        self.row = self.row.height(height);
        self
    }

    /// Where lower children stand.
    #[must_use]
    pub fn align_y(mut self, align: impl Into<iced::alignment::Vertical>) -> Self {
        self.row = self.row.align_y(align);
        self
    }

    /// What does not fit is cut.
    #[must_use]
    pub fn clip(mut self, clip: bool) -> Self {
        self.row = self.row.clip(clip);
        self
    }

    /// One more, at the end.
    #[must_use]
    pub fn push(mut self, child: impl Into<Element<'a, Message>>) -> Self {
        self.row = self.row.push(child);
        self
    }
}

impl<'a, Message: 'a> From<Row<'a, Message>> for Element<'a, Message> {
    fn from(row: Row<'a, Message>) -> Self {
        if row.rtl { Self::new(Mirrored(row.row.into())) } else { row.row.into() }
    }
}

/// What it holds is laid out from left to right, then turned over.
pub(super) struct Mirrored<'a, Message>(pub(super) Element<'a, Message>);

impl<Message> Widget<Message, Theme, Renderer> for Mirrored<'_, Message> {
    fn tag(&self) -> tree::Tag {
        self.0.as_widget().tag()
    }

    fn state(&self) -> tree::State {
        self.0.as_widget().state()
    }

    fn children(&self) -> Vec<Tree> {
        self.0.as_widget().children()
    }

    fn diff(&self, tree: &mut Tree) {
        self.0.as_widget().diff(tree);
    }

    fn size(&self) -> Size<Length> {
        self.0.as_widget().size()
    }

    fn size_hint(&self) -> Size<Length> {
        self.0.as_widget().size_hint()
    }

    fn layout(&mut self, tree: &mut Tree, renderer: &Renderer, limits: &layout::Limits) -> layout::Node {
        let node = self.0.as_widget_mut().layout(tree, renderer, limits);
        let size = node.size();
        let turned = node.children().iter().map(|child| {
            let bounds = child.bounds();
            child.clone().move_to(Point::new(size.width - bounds.x - bounds.width, bounds.y))
        });
        layout::Node::with_children(size, turned.collect())
    }

    fn operate(&mut self, tree: &mut Tree, layout: Layout<'_>, renderer: &Renderer, operation: &mut dyn Operation) {
        self.0.as_widget_mut().operate(tree, layout, renderer, operation);
    }

    fn update(
        &mut self,
        tree: &mut Tree,
        event: &Event,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        renderer: &Renderer,
        clipboard: &mut dyn Clipboard,
        shell: &mut Shell<'_, Message>,
        viewport: &Rectangle,
    ) {
        self.0.as_widget_mut().update(tree, event, layout, cursor, renderer, clipboard, shell, viewport);
    }

    fn draw(
        &self,
        tree: &Tree,
        renderer: &mut Renderer,
        theme: &Theme,
        style: &renderer::Style,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        viewport: &Rectangle,
    ) {
        self.0.as_widget().draw(tree, renderer, theme, style, layout, cursor, viewport);
    }

    fn mouse_interaction(
        &self,
        tree: &Tree,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        viewport: &Rectangle,
        renderer: &Renderer,
    ) -> mouse::Interaction {
        self.0.as_widget().mouse_interaction(tree, layout, cursor, viewport, renderer)
    }

    fn overlay<'b>(
        &'b mut self,
        tree: &'b mut Tree,
        layout: Layout<'b>,
        renderer: &Renderer,
        viewport: &Rectangle,
        translation: Vector,
    ) -> Option<overlay::Element<'b, Message, Theme, Renderer>> {
        self.0.as_widget_mut().overlay(tree, layout, renderer, viewport, translation)
    }
}
