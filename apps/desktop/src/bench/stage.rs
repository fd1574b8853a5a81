//! A window in memory: events go in, tasks are carried out, frames are laid out and drawn.

use std::{fs, io, time::Duration};

use iced::{
    Event, Font, Pixels, Point, Size, Task, Theme,
    advanced::{
        clipboard,
        graphics::text::font_system,
        renderer::{Headless, Style},
        widget::{Operation, operation::Outcome},
    },
    futures::{FutureExt as _, StreamExt as _, stream::BoxStream},
    mouse, theme, window,
};
use iced_runtime::{Action, UserInterface, task::into_stream, user_interface::Cache};

use crate::app::{App, Message};
use amanat_ui::fonts;

/// The window's size, in logical pixels.
const SIZE: Size = Size::new(1240.0, 820.0);
/// Times that a quiet stream is asked again.
const QUIET: u32 = 4;
/// Frames after which a layout has come to rest.
const FRAMES: u32 = 6;

/// The window.
pub(super) struct Stage {
    app: App,
    renderer: iced::Renderer,
    cache: Cache,
    cursor: mouse::Cursor,
    running: Vec<BoxStream<'static, Action<Message>>>,
    operations: Vec<Box<dyn Operation>>,
}

impl Stage {
    /// Opens it.
    pub(super) fn open((app, task): (App, Task<Message>)) -> io::Result<Self> {
        if let Ok(mut system) = font_system().write() {
            fonts::FONTS.iter().for_each(|font| system.load_font((*font).into()));
        }
        let size: Pixels = iced::Settings::default().default_text_size;
        let font: Font = fonts::LATIN;
        // The software renderer waits for nothing.
        let renderer = <iced::Renderer as Headless>::new(font, size, None).now_or_never().flatten();
        let renderer = renderer.ok_or_else(|| io::Error::other("there is no renderer"))?;
        let mut stage = Self {
            app,
            renderer,
            cache: Cache::new(),
            cursor: mouse::Cursor::Unavailable,
            running: Vec::new(),
            operations: Vec::new(),
        };
        stage.run(task);
        Ok(stage)
    }

    /// The pointer is here.
    pub(super) fn point_at(&mut self, at: Point) {
        self.cursor = mouse::Cursor::Available(at);
    }

    /// Something happened.
    pub(super) fn tell(&mut self, message: Message) {
        let task = self.app.update(message);
        self.run(task);
    }

    /// Reacts to events and lays out what comes of them; how many messages came.
    pub(super) fn frame(&mut self, events: &[Event]) -> usize {
        let mut told = self.pass(events, false);
        told += self.pass(&[Event::Window(window::Event::RedrawRequested(std::time::Instant::now()))], true);
        told
    }

    /// Frames until nothing moves.
    pub(super) fn settle(&mut self) {
        for _ in 0..FRAMES {
            if self.frame(&[]) == 0 && self.operations.is_empty() {
                return;
            }
        }
    }

    /// Draws what is laid out, whole; its bytes.
    pub(super) fn draw(&mut self) -> usize {
        let size = Size::new(SIZE.width as u32, SIZE.height as u32);
        self.renderer.screenshot(size, 1.0, self.app.theme().palette().background).len()
    }

    fn pass(&mut self, events: &[Event], record: bool) -> usize {
        let theme = self.app.theme();
        let cache = std::mem::take(&mut self.cache);
        let mut ui: UserInterface<'_, Message, Theme, iced::Renderer> =
            UserInterface::build(self.app.view(), SIZE, cache, &mut self.renderer);
        for mut operation in self.operations.drain(..) {
            loop {
                ui.operate(&self.renderer, &mut *operation);
                match operation.finish() {
                    Outcome::Chain(next) => operation = next,
                    Outcome::None | Outcome::Some(()) => break,
                }
            }
        }
        let mut messages = Vec::new();
        let _ = ui.update(events, self.cursor, &mut self.renderer, &mut clipboard::Null, &mut messages);
        if record {
            let text_color = theme::Base::base(&theme).text_color;
            ui.draw(&mut self.renderer, &theme, &Style { text_color }, self.cursor);
        }
        self.cache = ui.into_cache();
        let told = messages.len();
        messages.into_iter().for_each(|message| self.tell(message));
        told
    }

    /// Carries out a task, and what comes of it, until everything waits.
    fn run(&mut self, task: Task<Message>) {
        self.running.extend(into_stream(task));
        let mut quiet = 0;
        while quiet < QUIET {
            let (mut said, mut operations) = (Vec::new(), Vec::new());
            self.running.retain_mut(|stream| {
                loop {
                    match stream.next().now_or_never() {
                        Some(Some(Action::Output(message))) => said.push(message),
                        Some(Some(Action::Widget(operation))) => operations.push(operation),
                        Some(Some(_)) => {}
                        Some(None) => return false,
                        None => return true,
                    }
                }
            });
            self.operations.append(&mut operations);
            quiet = if said.is_empty() { quiet + 1 } else { 0 };
            for message in said {
                let task = self.app.update(message);
                self.running.extend(into_stream(task));
            }
        }
    }
}

/// What this process has used so far.
pub(super) fn processor_time() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec.try_into().unwrap_or_default(), used.tv_nsec.try_into().unwrap_or_default())
}

/// Memory that this process holds.
pub(super) fn resident_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kib = line.split_whitespace().next().and_then(|number| number.parse::<f64>().ok()).unwrap_or_default();
    (kib / 1024.0 * 10.0).round() / 10.0
}
