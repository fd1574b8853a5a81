//! The field in a window: events become actions, the lines are drawn.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use iced::{
    Border, Color, Element, Event, Length, Padding, Point, Rectangle, Renderer, Size, Theme, Vector,
    advanced::{
        Clipboard, InputMethod, Layout, Renderer as _, Shell, Widget, clipboard,
        graphics::text::{Raw, Renderer as _},
        input_method, layout, mouse, renderer,
        widget::{Id, Operation, Tree, operation, tree},
    },
    border, keyboard, window,
};

use super::{
    Action, Content, Field, Kind,
    keys::{Manner, Press, Stroke, press},
    lines::{Lines, Measure},
    operated::Operated,
    steps,
};
use crate::{
    look::Look,
    text::Role,
    theme::{radius, space},
};

const PADDING: Padding = Padding { top: space::S, right: space::M, bottom: space::S, left: space::M };
/// Of what is shown of several lines.
const MOST: f32 = 164.0;
/// One line is at least so high, so that a field of Latin text is as easily hit as a button.
const LEAST: f32 = 22.0;
const BLINK: Duration = Duration::from_millis(500);
/// A mark's line.
const UNDERLINE: f32 = 2.0;
/// What a notch of the wheel moves.
const NOTCH: f32 = 40.0;

/// Looks at what is pasted, and may say something in its place.
type LookAt<'a, Message> = Box<dyn Fn(&str) -> Option<Message> + 'a>;

/// A field for text.
pub struct Editor<'a, Message> {
    content: &'a Content,
    id: Id,
    placeholder: String,
    submit: Option<Message>,
    manner: Manner,
    on_action: Box<dyn Fn(Action) -> Message + 'a>,
    most: f32,
    sealed: bool,
    marks: Vec<Range<usize>>,
    on_paste: Option<LookAt<'a, Message>>,
    on_up: Option<Message>,
    look: Look,
}

#[derive(Debug, Clone, Copy)]
struct Focus {
    since: Instant,
    now: Instant,
    window: bool,
}

impl Focus {
    fn now() -> Self {
        let now = Instant::now();
        Self { since: now, now, window: true }
    }

    fn shows_caret(self) -> bool {
        let beats = self.now.saturating_duration_since(self.since).as_millis() / BLINK.as_millis();
        self.window && beats.is_multiple_of(2)
    }

    fn next_beat(self) -> Instant {
        let into = self.now.saturating_duration_since(self.since).as_millis() % BLINK.as_millis();
        self.now + BLINK - Duration::from_millis(u64::try_from(into).unwrap_or(0))
    }
}

#[derive(Default)]
struct State {
    focus: Option<Focus>,
    preedit: Option<input_method::Preedit>,
    click: Option<mouse::Click>,
    /// Where the pointer that selects was last.
    drag: Option<usize>,
    modifiers: keyboard::Modifiers,
    /// Asked for by an operation, which cannot report it itself.
    asked: Option<Action>,
    placeholder: Lines,
    version: u64,
    shown: String,
}

impl operation::Focusable for State {
    fn is_focused(&self) -> bool {
        self.focus.is_some()
    }

    fn focus(&mut self) {
        self.focus = Some(Focus::now());
    }

    fn unfocus(&mut self) {
        self.focus = None;
        self.preedit = None;
    }
}

impl<'a, Message: Clone + 'a> Editor<'a, Message> {
    pub(super) fn new(
        content: &'a Content,
        field: Field<Message>,
        on_action: impl Fn(Action) -> Message + 'a,
        look: Look,
    ) -> Self {
        let Field { id, placeholder, submit, several } = field;
        let manner = Manner { several, submits: submit.is_some(), beside_list: false };
        Self {
            content,
            id: Id::new(id),
            placeholder,
            submit,
            manner,
            on_action: Box::new(on_action),
            most: MOST,
            sealed: false,
            marks: Vec::new(),
            on_paste: None,
            on_up: None,
            look,
        }
    }

    /// Nothing of it goes to the clipboard: what would copy does nothing, and neither does what would cut.
    #[must_use]
    pub fn sealed(mut self, sealed: bool) -> Self {
        self.sealed = sealed;
        self
    }

    /// These bytes of the text stand out: on a tint, and underlined, so that they do without its colour.
    #[must_use]
    pub fn marked(mut self, marks: Vec<Range<usize>>) -> Self {
        self.marks = marks;
        self
    }

    /// A list stands beside it: the keys that go through a list are the window's, also while it has the keyboard.
    #[must_use]
    pub fn beside_list(mut self) -> Self {
        self.manner.beside_list = true;
        self
    }

    /// What is pasted is looked at first: where that gives a message, it is said and nothing is inserted.
    #[must_use]
    pub fn on_paste(mut self, look_at: impl Fn(&str) -> Option<Message> + 'a) -> Self {
        self.on_paste = Some(Box::new(look_at));
        self
    }

    /// What Up says where nothing is written.
    #[must_use]
    pub fn on_up(mut self, message: Message) -> Self {
        self.on_up = Some(message);
        self
    }

    /// Grows to so many pixels, then scrolls.
    #[must_use]
    pub fn max_height(mut self, height: f32) -> Self {
        self.most = (height - PADDING.top - PADDING.bottom).max(LEAST);
        self
    }

    fn publish(&self, shell: &mut Shell<'_, Message>, action: Action) {
        shell.publish((self.on_action)(action));
    }

    /// Where the text is.
    fn inside(bounds: Rectangle, lines: &Lines) -> Rectangle {
        let inside = bounds.shrink(PADDING);
        let spare = (inside.height - lines.size().height).max(0.0);
        Rectangle { y: inside.y + spare / 2.0, height: inside.height - spare, ..inside }
    }

    fn on_keyboard(
        &self,
        state: &mut State,
        event: &keyboard::Event,
        clipboard: &mut dyn Clipboard,
        shell: &mut Shell<'_, Message>,
    ) {
        if let keyboard::Event::ModifiersChanged(modifiers) = event {
            state.modifiers = *modifiers;
        }
        let keyboard::Event::KeyPressed { key, modified_key, physical_key, modifiers, text, repeat, .. } = event else {
            return;
        };
        if state.focus.is_none() {
            return;
        }
        let stroke = Stroke {
            key,
            modified: modified_key,
            physical: *physical_key,
            modifiers: *modifiers,
            text: text.as_deref(),
        };
        let Some(press) = press(&stroke, self.manner) else { return };
        shell.capture_event();
        self.restart(state, shell);
        if self.content.is_empty()
            && let (Press::Act(Action(Kind::Row { down: false, select: false })), Some(message)) = (&press, &self.on_up)
        {
            shell.publish(message.clone());
            return;
        }
        match press {
            Press::Act(action) => self.publish(shell, action),
            Press::Copy | Press::Cut if self.sealed => {}
            Press::Copy | Press::Cut => {
                let Some(selection) = self.content.selection() else { return };
                clipboard.write(clipboard::Kind::Standard, selection);
                if matches!(press, Press::Cut) {
                    self.publish(shell, Action(Kind::Delete(super::Reach::Before)));
                }
            }
            Press::Paste => {
                let Some(text) = clipboard.read(clipboard::Kind::Standard) else { return };
                match self.on_paste.as_ref().and_then(|look_at| look_at(&text)) {
                    Some(message) => shell.publish(message),
                    None => self.publish(shell, self.manner.insert(&text, false)),
                }
            }
            Press::Submit if *repeat => {}
            Press::Submit => {
                if let Some(message) = &self.submit {
                    shell.publish(message.clone());
                }
            }
        }
    }

    /// The caret is shown at once after anything that moves it.
    fn restart(&self, state: &mut State, shell: &mut Shell<'_, Message>) {
        if let Some(focus) = &mut state.focus {
            focus.since = Instant::now();
            focus.now = focus.since;
            shell.request_redraw();
        }
    }

    fn on_mouse(
        &self,
        state: &mut State,
        event: &mouse::Event,
        bounds: Rectangle,
        cursor: mouse::Cursor,
        shell: &mut Shell<'_, Message>,
    ) {
        let text = self.content.draft.text();
        let within = |point: Point| {
            let lines = self.content.lines.borrow();
            let inside = Self::inside(bounds, &lines);
            lines.hit(text, Point::ORIGIN + (point - inside.position()))
        };
        match event {
            mouse::Event::ButtonPressed(mouse::Button::Left) => {
                let Some(point) = cursor.position_over(bounds) else {
                    if state.focus.is_some() {
                        operation::Focusable::unfocus(state);
                        shell.request_redraw();
                    }
                    state.drag = None;
                    return;
                };
                let click = mouse::Click::new(point, mouse::Button::Left, state.click);
                let at = within(point);
                let kind = match click.kind() {
                    mouse::click::Kind::Single => {
                        Kind::Place { at, select: state.modifiers.shift() && state.focus.is_some() }
                    }
                    mouse::click::Kind::Double => {
                        let (from, to) = steps::word_at(text, at);
                        Kind::Select { from, to }
                    }
                    mouse::click::Kind::Triple => {
                        let (from, to) = steps::paragraph_at(text, at);
                        Kind::Select { from, to }
                    }
                };
                state.drag = (click.kind() == mouse::click::Kind::Single).then_some(at);
                state.click = Some(click);
                state.focus = Some(Focus::now());
                self.publish(shell, Action(kind));
                shell.capture_event();
            }
            mouse::Event::ButtonReleased(mouse::Button::Left) => state.drag = None,
            mouse::Event::CursorMoved { .. } if state.drag.is_some() => {
                let at = cursor.land().position().map(within);
                if at.is_some() && state.drag != at {
                    state.drag = at;
                    self.restart(state, shell);
                    at.into_iter().for_each(|at| self.publish(shell, Action(Kind::Place { at, select: true })));
                }
            }
            mouse::Event::WheelScrolled { delta } if self.manner.several && cursor.is_over(bounds) => {
                let by = match delta {
                    mouse::ScrollDelta::Lines { y, .. } => -y * NOTCH,
                    mouse::ScrollDelta::Pixels { y, .. } => -y,
                };
                if self.content.lines.borrow_mut().scroll(by) {
                    shell.capture_event();
                    shell.request_redraw();
                }
            }
            _ => {}
        }
    }

    fn on_input_method(&self, state: &mut State, event: &input_method::Event, shell: &mut Shell<'_, Message>) {
        if state.focus.is_none() {
            return;
        }
        match event {
            input_method::Event::Opened => state.preedit = Some(input_method::Preedit::new()),
            input_method::Event::Closed => state.preedit = None,
            input_method::Event::Preedit(content, selection) => {
                let (content, selection) = (content.clone(), selection.clone());
                state.preedit =
                    Some(input_method::Preedit { content, selection, text_size: Some(Role::Body.size().into()) });
            }
            input_method::Event::Commit(text) => {
                self.publish(shell, self.manner.insert(text, true));
                shell.capture_event();
            }
        }
        self.restart(state, shell);
    }

    fn on_window(&self, state: &mut State, event: &window::Event, bounds: Rectangle, shell: &mut Shell<'_, Message>) {
        let Some(focus) = &mut state.focus else { return };
        match event {
            window::Event::Unfocused => {
                focus.window = false;
                shell.request_redraw();
            }
            window::Event::Focused => {
                *focus = Focus::now();
                shell.request_redraw();
            }
            window::Event::RedrawRequested(now) if focus.window => {
                focus.now = *now;
                shell.request_redraw_at(focus.next_beat());
                shell.request_input_method(&self.input_method(state.preedit.as_ref(), bounds));
            }
            _ => {}
        }
    }

    fn input_method<'b>(&self, preedit: Option<&'b input_method::Preedit>, bounds: Rectangle) -> InputMethod<&'b str> {
        let lines = self.content.lines.borrow();
        let inside = Self::inside(bounds, &lines);
        let caret = lines.caret(self.content.draft.text(), self.content.draft.caret()).unwrap_or_default();
        InputMethod::Enabled {
            cursor: caret + Vector::new(inside.x, inside.y),
            purpose: input_method::Purpose::Normal,
            preedit: preedit.map(input_method::Preedit::as_ref),
        }
    }

    fn draw_lines(
        &self,
        lines: &Lines,
        inside: Rectangle,
        color: Color,
        viewport: &Rectangle,
        renderer: &mut Renderer,
    ) {
        let (buffer, shift) = lines.drawn();
        let position = Point::new(inside.x - shift, inside.y);
        let draw = |renderer: &mut Renderer, clip_bounds| {
            renderer.fill_raw(Raw { buffer: Arc::downgrade(buffer), position, color, clip_bounds });
        };
        if lines.overflows() {
            // The renderer cuts at a layer's edge alone, and only what reaches beyond it.
            let (half, margin) = (0.5, space::XS);
            let edge = Rectangle {
                x: inside.x - margin,
                y: inside.y + half,
                width: inside.width + margin * 2.0,
                height: inside.height - half * 2.0,
            };
            if let Some(edge) = edge.intersection(viewport) {
                renderer.with_layer(edge, |renderer| draw(renderer, edge));
            }
        } else if let Some(clip) = inside.expand(space::S).intersection(viewport) {
            // Tall letters reach a little out of their line.
            draw(renderer, clip);
        }
    }
}

impl<'a, Message: Clone + 'a> Widget<Message, Theme, Renderer> for Editor<'a, Message> {
    fn tag(&self) -> tree::Tag {
        tree::Tag::of::<State>()
    }

    fn state(&self) -> tree::State {
        tree::State::new(State::default())
    }

    fn size(&self) -> Size<Length> {
        Size::new(Length::Fill, Length::Shrink)
    }

    fn layout(&mut self, tree: &mut Tree, _renderer: &Renderer, limits: &layout::Limits) -> layout::Node {
        let state = tree.state.downcast_mut::<State>();
        let most = limits.width(Length::Fill).max();
        let inner = limits.shrink(Size::new(PADDING.left + PADDING.right, PADDING.top + PADDING.bottom)).max();
        let measure = Measure {
            width: inner.width.max(1.0),
            most: self.most.min(inner.height).max(LEAST),
            several: self.manner.several,
            size: Role::Body.size(),
            direction: self.look.direction,
        };
        let draft = &self.content.draft;
        let mut lines = self.content.lines.borrow_mut();
        lines.lay(draft.text(), draft.revision(), draft.caret(), measure);
        let mut height = lines.size().height;
        if draft.text().is_empty() {
            if state.shown != self.placeholder {
                state.shown.clone_from(&self.placeholder);
                state.version += 1;
            }
            // A long one is cut, not broken: the field keeps its height when the first letter is typed.
            state.placeholder.lay(&self.placeholder, state.version, 0, Measure { several: false, ..measure });
            height = height.max(state.placeholder.size().height);
        }
        let height = height.max(LEAST) + PADDING.top + PADDING.bottom;
        layout::Node::new(Size::new(most.width, height.min(most.height)))
    }

    fn update(
        &mut self,
        tree: &mut Tree,
        event: &Event,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        _renderer: &Renderer,
        clipboard: &mut dyn Clipboard,
        shell: &mut Shell<'_, Message>,
        _viewport: &Rectangle,
    ) {
        let state = tree.state.downcast_mut::<State>();
        if let Some(action) = state.asked.take() {
            self.publish(shell, action);
        }
        match event {
            Event::Keyboard(event) => self.on_keyboard(state, event, clipboard, shell),
            Event::Mouse(event) => self.on_mouse(state, event, layout.bounds(), cursor, shell),
            Event::InputMethod(event) => self.on_input_method(state, event, shell),
            Event::Window(event) => self.on_window(state, event, layout.bounds(), shell),
            Event::Touch(_) => {}
        }
    }

    fn draw(
        &self,
        tree: &Tree,
        renderer: &mut Renderer,
        _theme: &Theme,
        _style: &renderer::Style,
        layout: Layout<'_>,
        _cursor: mouse::Cursor,
        viewport: &Rectangle,
    ) {
        let state = tree.state.downcast_ref::<State>();
        let k = self.look.tokens;
        let bounds = layout.bounds();
        let edge: Border = match state.focus {
            Some(_) => border::rounded(radius::M).width(2).color(k.focus),
            None => border::rounded(radius::M).width(1).color(k.line),
        };
        let draft = &self.content.draft;
        let lines = self.content.lines.borrow();
        // Within something scrolled, the renderer looks for changed text of this kind where it would stand if it were not
        // (iced_tiny_skia 0.14.1). A ground that differs by what nobody sees has the whole field drawn anew.
        let unseen = (lines.shown() % 97) as f32 * 1e-6;
        let ground = Color { r: (k.field.r - unseen).abs(), ..k.field };
        renderer.fill_quad(renderer::Quad { bounds, border: edge, ..renderer::Quad::default() }, ground);
        let inside = Self::inside(bounds, &lines);
        let offset = Vector::new(inside.x, inside.y);
        // At the start of Urdu the caret stands beside the text, in the margin.
        let around = Rectangle { x: inside.x - space::XS, width: inside.width + space::XS * 2.0, ..inside };
        let fill = |renderer: &mut Renderer, place: Rectangle, color: Color| {
            let shown = (place + offset).intersection(&around).and_then(|place| place.intersection(viewport));
            if let Some(bounds) = shown {
                renderer.fill_quad(renderer::Quad { bounds, ..renderer::Quad::default() }, color);
            }
        };
        for place in lines.marked(draft.text(), &self.marks) {
            let under = Rectangle { y: place.y + place.height - UNDERLINE, height: UNDERLINE, ..place };
            fill(renderer, place, Color { a: 0.16, ..k.mark() });
            fill(renderer, under, k.mark());
        }
        let (from, to) = draft.selected();
        if from != to {
            let color = Color { a: if state.focus.is_some() { 0.4 } else { 0.25 }, ..k.focus };
            for place in lines.selection(draft.text(), (from, to)) {
                fill(renderer, place, color);
            }
        }
        if draft.text().is_empty() {
            // Nastaliq reaches over the edge where the caret stands.
            let aside = if self.look.direction.is_rtl() { -space::XS } else { 0.0 };
            let placed = Self::inside(bounds, &state.placeholder) + Vector::new(aside, 0.0);
            self.draw_lines(&state.placeholder, placed, k.muted, viewport, renderer);
        } else {
            self.draw_lines(&lines, inside, k.text, viewport, renderer);
        }
        let shows = state.focus.is_some_and(Focus::shows_caret);
        if let Some(caret) = lines.caret(draft.text(), draft.caret()).filter(|_| shows) {
            fill(renderer, caret, k.text);
        }
    }

    fn mouse_interaction(
        &self,
        _tree: &Tree,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        _viewport: &Rectangle,
        _renderer: &Renderer,
    ) -> mouse::Interaction {
        if cursor.is_over(layout.bounds()) { mouse::Interaction::Text } else { mouse::Interaction::default() }
    }

    fn operate(&mut self, tree: &mut Tree, layout: Layout<'_>, _renderer: &Renderer, operation: &mut dyn Operation) {
        let state = tree.state.downcast_mut::<State>();
        operation.focusable(Some(&self.id), layout.bounds(), state);
        let text = if self.content.is_empty() { self.placeholder.as_str() } else { self.content.as_str() };
        let mut operated = Operated { text, asked: &mut state.asked };
        operation.text_input(Some(&self.id), layout.bounds(), &mut operated);
    }
}

impl<'a, Message: Clone + 'a> From<Editor<'a, Message>> for Element<'a, Message> {
    fn from(editor: Editor<'a, Message>) -> Self {
        Self::new(editor)
    }
}
