//! A window without a display: what a person does goes in, tasks are carried out, and pictures come out.

#![allow(dead_code)] // each test takes of it what it needs

use std::sync::Arc;

use amanat_desktop::{
    app::{App, Message},
    fake::{self, Fake},
    language::Language,
    settings::{Settings, Theme},
};
use amanat_ui::fonts;
use iced::{Point, Size, Task, mouse};
use iced_test::{
    Simulator,
    core::{Event, window},
    futures::futures::{FutureExt as _, StreamExt as _, stream::BoxStream},
    runtime::{Action, task::into_stream},
};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};

/// The window's size in pictures, in logical pixels.
const SIZE: Size = Size::new(1240.0, 820.0);
/// How far a picture may be from its reference: the mean difference of a channel of a pixel, of 255. Letters that moved by a
/// pixel on one line of the window make about 0.1.
const TOLERANCE: f64 = 0.05;
/// And how far each part of it may be: a word that is another, or a button that is gone, shows there and hardly in the whole.
const PART_TOLERANCE: f64 = 4.0;
/// Width and height of a part, in pixels of a picture: about two letters.
const PART: u32 = 10;

/// How every screen is looked at: a name for its picture, language, theme.
pub(crate) const LOOKS: [(&str, Language, Theme); 6] = [
    ("en-light", Language::English, Theme::Light),
    ("en-dark", Language::English, Theme::Dark),
    ("en-high-contrast", Language::English, Theme::HighContrast),
    ("ur-light", Language::Urdu, Theme::Light),
    ("ur-dark", Language::Urdu, Theme::Dark),
    ("ur-high-contrast", Language::Urdu, Theme::HighContrast),
];

/// Unlocked, over an engine with conversations of so many messages.
pub(crate) fn unlocked(messages: u64, language: Language, theme: Theme) -> (Window, Arc<Fake>) {
    let (opened, fake) = Fake::open(messages);
    let settings = Settings { language, theme, ..Settings::default() };
    (Window::open(App::with(&opened, settings, fake::NOW)), fake)
}

/// A window and what runs in it.
pub(crate) struct Window {
    pub(crate) app: App,
    running: Vec<BoxStream<'static, Action<Message>>>,
    seconds: u64,
}

impl Window {
    /// Opens it.
    pub(crate) fn open((app, task): (App, Task<Message>)) -> Self {
        let mut window = Self { app, running: Vec::new(), seconds: 0 };
        window.run(task);
        window
    }

    /// Carries out a task, and what comes of it, until everything waits.
    pub(crate) fn run(&mut self, task: Task<Message>) {
        self.running.extend(into_stream(task));
        // A stream may wake itself: it waits only where it does so several times.
        let mut quiet = 0;
        while quiet < 16 {
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

    /// A second later: what has appeared was seen.
    pub(crate) fn later(&mut self) {
        self.seconds += 1;
        self.run(Task::done(Message::Tick(std::time::Duration::from_secs(self.seconds))));
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
        self.scrolled_picture(name, Point::ORIGIN, 0.0);
    }

    /// The same, with what is at a place scrolled down by so much.
    pub(crate) fn scrolled_picture(&mut self, name: &str, at: Point, down: f32) {
        self.settle();
        let theme = self.app.theme();
        let made = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
        let double = made.join(format!("{name}-double"));
        let written = made.join(format!("{name}-double-tiny-skia.png"));
        let _ = std::fs::remove_file(&written);
        let mut shown = simulator(&self.app);
        if down > 0.0 {
            shown.point_at(at);
            let delta = mouse::ScrollDelta::Pixels { x: 0.0, y: -down };
            shown.simulate([Event::Mouse(mouse::Event::WheelScrolled { delta })]);
        }
        assert!(shown.snapshot(&theme).unwrap().matches_image(&double).unwrap());
        let shown = image::open(&written).unwrap();
        // References are kept at half the size and in few shades: what moves or changes colour shows in them as well.
        let (width, height) = (SIZE.width as u32 / 2, SIZE.height as u32 / 2);
        let mut shown = shown.resize_exact(width, height, image::imageops::FilterType::Triangle).to_rgb8();
        shown.iter_mut().for_each(|shade| *shade &= 0xF0);
        std::fs::remove_file(&written).unwrap();
        shown.save(made.join(format!("{name}.png"))).unwrap();
        let reference = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/pictures/{name}.png"));
        if std::env::var("AMANAT_PICTURES").as_deref() == Ok("write") {
            keep(&shown, &reference);
        }
        let kept = image::open(&reference).unwrap_or_else(|error| panic!("{}: {error}", reference.display())).to_rgb8();
        assert_eq!(kept.dimensions(), shown.dimensions(), "{name}");
        let (mean, worst) = distance(&kept, &shown);
        let near = mean <= TOLERANCE && worst <= PART_TOLERANCE;
        assert!(near, "{name}: {mean:.3} from its reference, {worst:.1} in a part; see {}", made.display());
    }
}

/// Writes a reference as small as it gets.
fn keep(picture: &image::RgbImage, path: &std::path::Path) {
    let file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let encoder = PngEncoder::new_with_quality(file, CompressionType::Best, FilterType::Adaptive);
    picture.write_with_encoder(encoder).unwrap();
}

/// The mean difference of a channel in two pictures of a size, and that in the part where it is greatest.
fn distance(one: &image::RgbImage, other: &image::RgbImage) -> (f64, f64) {
    let (width, height) = one.dimensions();
    let (across, down) = (width.div_ceil(PART), height.div_ceil(PART));
    let mut parts = vec![0_u64; (across * down) as usize];
    for (x, y, pixel) in one.enumerate_pixels() {
        let differences =
            pixel.0.iter().zip(other.get_pixel(x, y).0).map(|(one, other)| u64::from(one.abs_diff(other)));
        parts[(y / PART * across + x / PART) as usize] += differences.sum::<u64>();
    }
    let mean = |sum: u64, pixels: u32| sum as f64 / (f64::from(pixels) * 3.0);
    let worst = parts.iter().copied().max().unwrap_or_default();
    (mean(parts.iter().sum(), width * height), mean(worst, PART * PART))
}

fn simulator(app: &App) -> Simulator<'_, Message> {
    let fonts = fonts::FONTS.iter().map(|font| (*font).into()).collect();
    let settings = iced::Settings { fonts, default_font: fonts::LATIN, ..iced::Settings::default() };
    Simulator::with_size(settings, SIZE, app.view())
}
