//! A window without a display: what a person does goes in, tasks are carried out, and pictures come out.

#![allow(dead_code)] // each test takes of it what it needs

use amanat_desktop::app::{App, Message};
use amanat_ui::fonts;
use iced::{Settings, Size, Task};
use iced_test::{
    Simulator,
    core::{Event, window},
    futures::futures::{FutureExt as _, StreamExt as _, stream::BoxStream},
    runtime::{Action, task::into_stream},
};

/// The window's size in pictures, in logical pixels.
const SIZE: Size = Size::new(1240.0, 820.0);
/// How far a picture may be from its reference: the mean difference of a channel of a pixel, of 255. Letters that moved by a
/// pixel on one line of the window make about 0.1.
const TOLERANCE: f64 = 0.05;

/// A window and what runs in it.
pub(crate) struct Window {
    pub(crate) app: App,
    running: Vec<BoxStream<'static, Action<Message>>>,
}

impl Window {
    /// Opens it.
    pub(crate) fn open((app, task): (App, Task<Message>)) -> Self {
        let mut window = Self { app, running: Vec::new() };
        window.run(task);
        window
    }

    /// Carries out a task, and what comes of it, until everything waits.
    pub(crate) fn run(&mut self, task: Task<Message>) {
        self.running.extend(into_stream(task));
        // A stream may wake itself: it waits only where it does so several times.
        let mut quiet = 0;
        while quiet < 4 {
            let mut said = Vec::new();
            self.running.retain_mut(|stream| {
                loop {
                    match stream.next().now_or_never() {
                        Some(Some(Action::Output(message))) => said.push(message),
                        Some(Some(_)) => {}
                        Some(None) => return false,
                        None => return true,
                    }
                }
            });
            quiet = if said.is_empty() { quiet + 1 } else { 0 };
            for message in said {
                let task = self.app.update(message);
                self.running.extend(into_stream(task));
            }
        }
    }

    /// Does something with what is shown, and what comes of it.
    pub(crate) fn act<T>(&mut self, act: impl FnOnce(&mut Simulator<'_, Message>) -> T) -> T {
        self.settle();
        let mut simulator = simulator(&self.app);
        let done = act(&mut simulator);
        let messages: Vec<_> = simulator.into_messages().collect();
        for message in messages {
            let task = self.app.update(message);
            self.run(task);
        }
        done
    }

    /// Clicks on a text.
    pub(crate) fn click(&mut self, text: &str) {
        self.act(|shown| shown.click(text).map(|_| ()).unwrap_or_else(|error| panic!("{text}: {error}")));
    }

    /// Whether a text is shown.
    pub(crate) fn shows(&mut self, text: &str) -> bool {
        self.act(|shown| shown.find(text).is_ok())
    }

    /// Gives the keyboard to what is found, and types.
    pub(crate) fn type_into(&mut self, place: iced::widget::Id, text: &str) {
        self.act(|shown| {
            shown.click(place).map(|_| ()).unwrap();
            shown.typewrite(text);
        });
    }

    /// Rows are as high as they are once they were laid out.
    fn settle(&mut self) {
        for _ in 0..4 {
            let mut simulator = simulator(&self.app);
            simulator.simulate([Event::Window(window::Event::RedrawRequested(std::time::Instant::now()))]);
            let messages: Vec<_> = simulator.into_messages().collect();
            if messages.is_empty() {
                return;
            }
            for message in messages {
                let task = self.app.update(message);
                self.run(task);
            }
        }
    }

    /// Compares what is shown with the reference of a name; where there is none, that fails. `AMANAT_PICTURES=write` takes
    /// what is shown as the reference, to be looked at by a person before it is committed.
    pub(crate) fn picture(&mut self, name: &str) {
        self.settle();
        let theme = self.app.theme();
        let made = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
        let double = made.join(format!("{name}-double"));
        let written = made.join(format!("{name}-double-tiny-skia.png"));
        let _ = std::fs::remove_file(&written);
        assert!(simulator(&self.app).snapshot(&theme).unwrap().matches_image(&double).unwrap());
        let shown = image::open(&written).unwrap();
        // References are kept at half the size and in few shades: what moves or changes colour shows in them as well.
        let (width, height) = (SIZE.width as u32 / 2, SIZE.height as u32 / 2);
        let mut shown = shown.resize_exact(width, height, image::imageops::FilterType::Triangle).to_rgb8();
        shown.iter_mut().for_each(|shade| *shade &= 0xF0);
        std::fs::remove_file(&written).unwrap();
        shown.save(made.join(format!("{name}.png"))).unwrap();
        let reference = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/pictures/{name}.png"));
        if std::env::var("AMANAT_PICTURES").as_deref() == Ok("write") {
            shown.save(&reference).unwrap();
        }
        let kept = image::open(&reference).unwrap_or_else(|error| panic!("{}: {error}", reference.display())).to_rgb8();
        assert_eq!(kept.dimensions(), shown.dimensions(), "{name}");
        let sum: u64 = kept.iter().zip(shown.iter()).map(|(one, other)| u64::from(one.abs_diff(*other))).sum();
        let mean = sum as f64 / (f64::from(width) * f64::from(height) * 3.0);
        assert!(mean <= TOLERANCE, "{name}: {mean:.3} from its reference; see {}", made.display());
    }
}

fn simulator(app: &App) -> Simulator<'_, Message> {
    let fonts = fonts::FONTS.iter().map(|font| (*font).into()).collect();
    let settings = Settings { fonts, default_font: fonts::LATIN, ..Settings::default() };
    Simulator::with_size(settings, SIZE, app.view())
}
