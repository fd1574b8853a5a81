//! Where tests put what they look at: our fonts and no others, no window; operations and pictures, which the simulator keeps to
//! itself.

use std::{cell::RefCell, fs, path::PathBuf};

use iced::{
    Element, Event, Length, Rectangle, Renderer, Settings, Size, Theme,
    advanced::{
        Clipboard, Layout, Shell, Widget, clipboard, layout, mouse, renderer,
        widget::{
            Operation, Tree,
            operation::{self, Outcome},
            tree,
        },
    },
    keyboard, window,
};
use iced_test::Simulator;

use crate::fonts;

thread_local! {
    static ASKED: RefCell<Option<Box<dyn Operation>>> = const { RefCell::new(None) };
    static COPIED: RefCell<String> = const { RefCell::new(String::new()) };
}

/// An interface of a size, in logical pixels.
pub(crate) fn stage<'a, Message: 'a>(
    element: impl Into<Element<'a, Message>>,
    size: impl Into<Size>,
) -> Simulator<'a, Message> {
    let settings = Settings {
        fonts: fonts::FONTS.iter().map(|font| (*font).into()).collect(),
        default_font: fonts::LATIN,
        ..Settings::default()
    };
    Simulator::with_size(settings, size, Element::new(Stage(element.into())))
}

/// Runs an operation, as a window does for a task.
pub(crate) fn operate<T: Send + 'static>(window: &mut Simulator<'_, T>, operation: impl Operation + 'static) {
    ASKED.with(|asked| asked.replace(Some(Box::new(operation))));
    window.simulate([Event::Window(window::Event::CloseRequested)]);
}

/// What is in the clipboard of a test.
pub(crate) struct Board;

impl Clipboard for Board {
    fn read(&self, _kind: clipboard::Kind) -> Option<String> {
        Some(COPIED.with(|copied| copied.borrow().clone()))
    }

    fn write(&mut self, _kind: clipboard::Kind, contents: String) {
        COPIED.with(|copied| copied.replace(contents));
    }
}

/// A key pressed with others held.
pub(crate) fn key(key: impl Into<keyboard::Key>, modifiers: keyboard::Modifiers) -> Event {
    let key = key.into();
    Event::Keyboard(keyboard::Event::KeyPressed {
        modified_key: key.clone(),
        key,
        physical_key: keyboard::key::Physical::Unidentified(keyboard::key::NativeCode::Unidentified),
        location: keyboard::Location::Standard,
        modifiers,
        text: None,
        repeat: false,
    })
}

/// Where pictures are left to be looked at.
pub(crate) fn pictures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/gallery")
}

/// What is shown, left as a picture under a name of its own.
pub(crate) fn picture<T>(window: &mut Simulator<'_, T>, theme: &Theme, name: &str) -> image::RgbaImage {
    let file = pictures().join(format!("{name}-tiny-skia.png"));
    // An older one would be compared instead of written.
    let _absent = fs::remove_file(&file);
    window.snapshot(theme).unwrap().matches_image(pictures().join(name)).unwrap();
    image::open(file).unwrap().into_rgba8()
}

struct Stage<'a, Message>(Element<'a, Message>);

impl<Message> Widget<Message, Theme, Renderer> for Stage<'_, Message> {
    fn tag(&self) -> tree::Tag {
        tree::Tag::stateless()
    }

    fn children(&self) -> Vec<Tree> {
        vec![Tree::new(&self.0)]
    }

    fn diff(&self, tree: &mut Tree) {
        tree.diff_children(std::slice::from_ref(&self.0));
    }

    fn size(&self) -> Size<Length> {
        self.0.as_widget().size()
    }

    fn layout(&mut self, tree: &mut Tree, renderer: &Renderer, limits: &layout::Limits) -> layout::Node {
        self.0.as_widget_mut().layout(&mut tree.children[0], renderer, limits)
    }

    fn operate(&mut self, tree: &mut Tree, layout: Layout<'_>, renderer: &Renderer, operation: &mut dyn Operation) {
        self.0.as_widget_mut().operate(&mut tree.children[0], layout, renderer, operation);
    }

    fn update(
        &mut self,
        tree: &mut Tree,
        event: &Event,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        renderer: &Renderer,
        _clipboard: &mut dyn Clipboard,
        shell: &mut Shell<'_, Message>,
        viewport: &Rectangle,
    ) {
        let content = self.0.as_widget_mut();
        let mut asked = ASKED.with(RefCell::take);
        while let Some(mut operation) = asked.take() {
            content.operate(&mut tree.children[0], layout, renderer, &mut operation::black_box(&mut *operation));
            if let Outcome::Chain(next) = operation.finish() {
                asked = Some(next);
            }
        }
        content.update(&mut tree.children[0], event, layout, cursor, renderer, &mut Board, shell, viewport);
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
        self.0.as_widget().draw(&tree.children[0], renderer, theme, style, layout, cursor, viewport);
    }
}
