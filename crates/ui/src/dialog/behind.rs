//! A page that lies behind a dialog: seen, not reached.

use iced::{
    Element, Event, Length, Rectangle, Renderer, Size, Theme, Vector,
    advanced::{
        Clipboard, Layout, Shell, Widget, layout, mouse, overlay, renderer,
        widget::{
            Id, Operation, Tree,
            operation::{self, Focusable, Outcome, Scrollable, focusable},
            tree,
        },
    },
};

pub(super) struct Behind<'a, Message> {
    page: Element<'a, Message>,
    covered: bool,
}

/// Whether it was covered when it was looked at last.
#[derive(Default)]
struct State(bool);

/// An operation that passes by what takes the keyboard.
struct Sealed<'a>(&'a mut dyn Operation);

impl Operation for Sealed<'_> {
    fn traverse(&mut self, operate: &mut dyn FnMut(&mut dyn Operation)) {
        self.0.traverse(&mut |operation| operate(&mut Sealed(operation)));
    }

    fn container(&mut self, id: Option<&Id>, bounds: Rectangle) {
        self.0.container(id, bounds);
    }

    fn scrollable(
        &mut self,
        id: Option<&Id>,
        bounds: Rectangle,
        content: Rectangle,
        translation: Vector,
        state: &mut dyn Scrollable,
    ) {
        self.0.scrollable(id, bounds, content, translation, state);
    }

    fn focusable(&mut self, _id: Option<&Id>, _bounds: Rectangle, state: &mut dyn Focusable) {
        state.unfocus();
    }

    fn text(&mut self, id: Option<&Id>, bounds: Rectangle, text: &str) {
        self.0.text(id, bounds, text);
    }

    fn finish(&self) -> Outcome<()> {
        self.0.finish()
    }
}

impl<'a, Message: 'a> Behind<'a, Message> {
    pub(super) fn new(page: Element<'a, Message>, covered: bool) -> Self {
        Self { page, covered }
    }
}

impl<Message> Widget<Message, Theme, Renderer> for Behind<'_, Message> {
    fn tag(&self) -> tree::Tag {
        tree::Tag::of::<State>()
    }

    fn state(&self) -> tree::State {
        tree::State::new(State::default())
    }

    fn children(&self) -> Vec<Tree> {
        vec![Tree::new(&self.page)]
    }

    fn diff(&self, tree: &mut Tree) {
        tree.diff_children(std::slice::from_ref(&self.page));
    }

    fn size(&self) -> Size<Length> {
        self.page.as_widget().size()
    }

    fn size_hint(&self) -> Size<Length> {
        self.page.as_widget().size_hint()
    }

    fn layout(&mut self, tree: &mut Tree, renderer: &Renderer, limits: &layout::Limits) -> layout::Node {
        let Some(child) = tree.children.first_mut() else { return layout::Node::default() };
        self.page.as_widget_mut().layout(child, renderer, limits)
    }

    fn operate(&mut self, tree: &mut Tree, layout: Layout<'_>, renderer: &Renderer, operation: &mut dyn Operation) {
        let Some(child) = tree.children.first_mut() else { return };
        if self.covered {
            self.page.as_widget_mut().operate(child, layout, renderer, &mut Sealed(operation));
        } else {
            self.page.as_widget_mut().operate(child, layout, renderer, operation);
        }
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
        let State(was) = tree.state.downcast_mut::<State>();
        let just = self.covered && !std::mem::replace(was, self.covered);
        let Some(child) = tree.children.first_mut() else { return };
        let page = self.page.as_widget_mut();
        if just {
            // What had the keyboard loses it.
            let mut unfocus = focusable::unfocus::<()>();
            page.operate(child, layout, renderer, &mut operation::black_box(&mut unfocus));
        }
        if !self.covered {
            page.update(child, event, layout, cursor, renderer, clipboard, shell, viewport);
        } else if matches!(event, Event::Window(_)) {
            let nowhere = mouse::Cursor::Unavailable;
            page.update(child, event, layout, nowhere, renderer, clipboard, shell, viewport);
        }
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
        let cursor = if self.covered { mouse::Cursor::Unavailable } else { cursor };
        if let Some(child) = tree.children.first() {
            self.page.as_widget().draw(child, renderer, theme, style, layout, cursor, viewport);
        }
    }

    fn mouse_interaction(
        &self,
        tree: &Tree,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        viewport: &Rectangle,
        renderer: &Renderer,
    ) -> mouse::Interaction {
        let page = self.page.as_widget();
        let child = tree.children.first().filter(|_| !self.covered);
        child.map_or_else(mouse::Interaction::default, |child| {
            page.mouse_interaction(child, layout, cursor, viewport, renderer)
        })
    }

    fn overlay<'b>(
        &'b mut self,
        tree: &'b mut Tree,
        layout: Layout<'b>,
        renderer: &Renderer,
        viewport: &Rectangle,
        translation: Vector,
    ) -> Option<overlay::Element<'b, Message, Theme, Renderer>> {
        let child = tree.children.first_mut().filter(|_| !self.covered)?;
        self.page.as_widget_mut().overlay(child, layout, renderer, viewport, translation)
    }
}

impl<'a, Message: 'a> From<Behind<'a, Message>> for Element<'a, Message> {
    fn from(behind: Behind<'a, Message>) -> Self {
        Self::new(behind)
    }
}
