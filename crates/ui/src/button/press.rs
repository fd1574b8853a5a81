//! What the toolkit's button lacks: the keyboard reaches it, shows where it is, and presses it.

use iced::{
    Border, Color, Element, Event, Length, Rectangle, Renderer, Size, Theme, Vector,
    advanced::{
        Clipboard, Layout, Renderer as _, Shell, Widget, layout, mouse, overlay, renderer,
        widget::{Id, Operation, Tree, operation, tree},
    },
    border, keyboard, touch,
};

/// Where the ring is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ring {
    /// A little outside: seen on any ground of the button.
    Around,
    /// On the edge: for what fills a list, which would cut it.
    Inside,
}

impl Ring {
    fn place(self, bounds: Rectangle) -> Rectangle {
        match self {
            Self::Around => bounds.expand(3.0),
            Self::Inside => bounds,
        }
    }
}

/// A button that the keyboard reaches, around one that the pointer presses.
pub(crate) struct Press<'a, Message> {
    content: Element<'a, Message>,
    id: Option<Id>,
    press: Option<Message>,
    ring: Ring,
    color: Color,
    corners: f32,
}

#[derive(Debug, Default)]
struct State {
    focused: bool,
    /// The keyboard brought it: the pointer shows by itself where it is.
    shown: bool,
}

impl operation::Focusable for State {
    fn is_focused(&self) -> bool {
        self.focused
    }

    fn focus(&mut self) {
        (self.focused, self.shown) = (true, true);
    }

    fn unfocus(&mut self) {
        (self.focused, self.shown) = (false, false);
    }
}

impl<'a, Message: Clone + 'a> Press<'a, Message> {
    /// Around a button that says `press` by itself when it is clicked.
    pub(crate) fn new(
        content: impl Into<Element<'a, Message>>,
        press: Option<Message>,
        color: Color,
        corners: f32,
    ) -> Self {
        Self { content: content.into(), id: None, press, ring: Ring::Around, color, corners }
    }

    pub(crate) fn ring(self, ring: Ring) -> Self {
        Self { ring, ..self }
    }

    pub(crate) fn id(self, id: impl Into<Id>) -> Self {
        Self { id: Some(id.into()), ..self }
    }

    fn on_pointer(&self, state: &mut State, over: bool, shell: &mut Shell<'_, Message>) {
        let was = state.shown;
        (state.focused, state.shown) = (over && self.press.is_some(), false);
        if was {
            shell.request_redraw();
        }
    }

    fn on_key(&self, state: &mut State, key: &keyboard::Key, repeat: bool, shell: &mut Shell<'_, Message>) {
        use keyboard::{Key, key::Named};
        let presses = matches!(key.as_ref(), Key::Named(Named::Enter | Named::Space) | Key::Character(" "));
        if !presses || !state.focused {
            return;
        }
        let Some(message) = &self.press else { return };
        shell.capture_event();
        if !repeat {
            state.shown = true;
            shell.publish(message.clone());
            shell.request_redraw();
        }
    }
}

impl<'a, Message: Clone + 'a> Widget<Message, Theme, Renderer> for Press<'a, Message> {
    fn tag(&self) -> tree::Tag {
        tree::Tag::of::<State>()
    }

    fn state(&self) -> tree::State {
        tree::State::new(State::default())
    }

    fn children(&self) -> Vec<Tree> {
        vec![Tree::new(&self.content)]
    }

    fn diff(&self, tree: &mut Tree) {
        if self.press.is_none() {
            operation::Focusable::unfocus(tree.state.downcast_mut::<State>());
        }
        tree.diff_children(std::slice::from_ref(&self.content));
    }

    fn size(&self) -> Size<Length> {
        self.content.as_widget().size()
    }

    fn size_hint(&self) -> Size<Length> {
        self.content.as_widget().size_hint()
    }

    fn layout(&mut self, tree: &mut Tree, renderer: &Renderer, limits: &layout::Limits) -> layout::Node {
        let Some(child) = tree.children.first_mut() else { return layout::Node::default() };
        self.content.as_widget_mut().layout(child, renderer, limits)
    }

    fn operate(&mut self, tree: &mut Tree, layout: Layout<'_>, renderer: &Renderer, operation: &mut dyn Operation) {
        if self.press.is_some() {
            operation.focusable(self.id.as_ref(), layout.bounds(), tree.state.downcast_mut::<State>());
        } else {
            operation.container(self.id.as_ref(), layout.bounds());
        }
        if let Some(child) = tree.children.first_mut() {
            self.content.as_widget_mut().operate(child, layout, renderer, operation);
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
        let state = tree.state.downcast_mut::<State>();
        match event {
            Event::Mouse(mouse::Event::ButtonPressed(_)) | Event::Touch(touch::Event::FingerPressed { .. }) => {
                self.on_pointer(state, cursor.is_over(layout.bounds()), shell);
            }
            Event::Keyboard(keyboard::Event::KeyPressed { key, modifiers, repeat, .. })
                if !shell.is_event_captured() && (*modifiers - keyboard::Modifiers::SHIFT).is_empty() =>
            {
                self.on_key(state, key, *repeat, shell);
            }
            _ => {}
        }
        if let Some(child) = tree.children.first_mut() {
            let content = self.content.as_widget_mut();
            content.update(child, event, layout, cursor, renderer, clipboard, shell, viewport);
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
        if let Some(child) = tree.children.first() {
            self.content.as_widget().draw(child, renderer, theme, style, layout, cursor, viewport);
        }
        if tree.state.downcast_ref::<State>().shown {
            let bounds = self.ring.place(layout.bounds());
            let corners = self.corners + if self.ring == Ring::Around { 3.0 } else { 0.0 };
            let border: Border = border::rounded(corners).width(2).color(self.color);
            renderer.fill_quad(renderer::Quad { bounds, border, ..renderer::Quad::default() }, Color::TRANSPARENT);
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
        let content = self.content.as_widget();
        tree.children.first().map_or_else(mouse::Interaction::default, |child| {
            content.mouse_interaction(child, layout, cursor, viewport, renderer)
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
        let child = tree.children.first_mut()?;
        self.content.as_widget_mut().overlay(child, layout, renderer, viewport, translation)
    }
}

impl<'a, Message: Clone + 'a> From<Press<'a, Message>> for Element<'a, Message> {
    fn from(press: Press<'a, Message>) -> Self {
        Self::new(press)
    }
}
