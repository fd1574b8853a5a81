//! `amanat-desktop bench`: what the window costs, over the fake engine with 10,000 and 100,000 messages. Hidden: it is for those
//! who build it.
//!
//! No display is needed: the window is laid out and drawn by the same renderer into memory. A frame here is drawn whole, where
//! the window on a display draws only what has changed: frames are no cheaper there, and a key is a small part of one. What the
//! display itself takes, and an idle window, are not in these figures.

mod stage;

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use iced::{
    Point,
    keyboard::{self, key},
    mouse,
};
use serde::{Deserialize, Serialize};

use self::stage::{Stage, processor_time, resident_mib};
use crate::{
    app::{App, Message, Start},
    fake::{self, Fake},
    screens::{inbox, shell},
    settings::Settings,
};

/// Sizes of the conversation.
const MESSAGES: [u64; 2] = [10_000, 100_000];
/// Frames that are scrolled, and keys that are typed.
const FRAMES: u32 = 120;
/// What a child says when the first frame is there.
const FIRST_FRAME: &str = "first-frame";
/// Over the list of messages.
const POINTER: Point = Point::new(800.0, 400.0);

/// One run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figures {
    /// In the conversation.
    messages: u64,
    /// From the start of the process to the first frame in memory.
    start_ms: f64,
    /// With the conversation open.
    resident_mib: f64,
    /// Opening it: processor time to the frame that shows it.
    switch_ms: f64,
    /// Processor time of a frame while scrolling.
    scroll_ms: f64,
    /// Of a key typed: reaction and layout, without the drawing.
    key_ms: f64,
    /// Drawing the whole window once.
    draw_ms: f64,
}

/// What is measured, the most that it may be, and which figure it is.
type Bar = (&'static str, f64, fn(&Figures) -> f64);

/// What must be met.
const BARS: [Bar; 5] = [
    ("start to first frame, ms", 400.0, |f| f.start_ms),
    ("resident, MiB", 80.0, |f| f.resident_mib),
    ("switch to it, ms of processor", 50.0, |f| f.switch_ms),
    ("a frame while scrolling, ms of processor", 30.0, |f| f.scroll_ms),
    ("a key typed, ms of processor (without drawing)", 5.0, |f| f.key_ms),
];

/// Measures each size in a process of its own, and prints a table, or a line of JSON each.
///
/// # Errors
/// A process cannot be started, or output not be written.
pub fn run(json: bool) -> io::Result<()> {
    let mut all = Vec::new();
    for messages in MESSAGES {
        all.push(child(messages)?);
    }
    let mut out = io::stdout().lock();
    if json {
        for figures in &all {
            writeln!(out, "{}", serde_json::to_string(figures)?)?;
        }
        return Ok(());
    }
    write!(out, "{:<50}", "messages in the conversation")?;
    all.iter().try_for_each(|figures| write!(out, "{:>10}", figures.messages))?;
    writeln!(out, "{:>10}", "bar")?;
    for (name, bar, figure) in BARS {
        write!(out, "{name:<50}")?;
        all.iter().try_for_each(|figures| write!(out, "{:>10.1}", figure(figures)))?;
        let met = all.iter().all(|figures| figure(figures) <= bar);
        writeln!(out, "{bar:>10.0}  {}", if met { "met" } else { "NOT met" })?;
    }
    write!(out, "{:<50}", "drawing the whole window once, ms of processor")?;
    all.iter().try_for_each(|figures| write!(out, "{:>10.1}", figures.draw_ms))?;
    writeln!(out)
}

fn child(messages: u64) -> io::Result<Figures> {
    let begun = Instant::now();
    let mut child = Command::new(std::env::current_exe()?);
    child.args(["bench", "--messages", &messages.to_string()]).stdout(Stdio::piped());
    let mut child = child.spawn()?;
    let lines = child.stdout.take().map(BufReader::new).into_iter().flat_map(BufReader::lines);
    let (mut start, mut figures) = (Duration::ZERO, None);
    for line in lines {
        let line = line?;
        if line == FIRST_FRAME {
            start = begun.elapsed();
        } else {
            figures = Some(serde_json::from_str::<Figures>(&line)?);
        }
    }
    child.wait()?;
    let figures = figures.ok_or_else(|| io::Error::other("the measuring process said nothing"))?;
    Ok(Figures { start_ms: millis(start), ..figures })
}

/// Measures one size in this process.
///
/// # Errors
/// There is no renderer, or output cannot be written.
pub fn measure(messages: u64) -> io::Result<()> {
    let profile = std::env::temp_dir().join("amanat-bench-no-profile");
    let mut first = Stage::open(App::new(&Start { profile }))?;
    first.frame(&[]);
    first.draw();
    writeln!(io::stdout(), "{FIRST_FRAME}")?;
    drop(first);
    let (opened, _fake) = Fake::open(messages);
    let mut stage = Stage::open(App::with(&opened, Settings::default(), fake::NOW))?;
    stage.settle();
    stage.draw();
    let ids = fake::conversations().into_iter().map(|view| view.id).take(2).collect::<Vec<_>>();
    let mut switch = Duration::ZERO;
    for id in &ids {
        let begun = processor_time();
        stage.tell(Message::Shell(shell::Message::Inbox(inbox::Message::Choose(*id))));
        stage.settle();
        stage.draw();
        switch = processor_time().saturating_sub(begun);
    }
    let draw = repeated(&mut stage, |stage, _| {
        stage.draw();
    });
    let key = repeated(&mut stage, |stage, number| {
        stage.frame(&typed(if number % 6 == 5 { " " } else { "a" }));
    });
    stage.point_at(POINTER);
    let scroll = repeated(&mut stage, |stage, number| {
        let delta = mouse::ScrollDelta::Lines { x: 0.0, y: if number % 40 < 30 { 2.0 } else { -1.0 } };
        stage.frame(&[iced::Event::Mouse(mouse::Event::WheelScrolled { delta })]);
        stage.draw();
    });
    let figures = Figures {
        messages,
        start_ms: 0.0,
        resident_mib: resident_mib(),
        switch_ms: millis(switch),
        scroll_ms: millis(scroll),
        key_ms: millis(key),
        draw_ms: millis(draw),
    };
    writeln!(io::stdout(), "{}", serde_json::to_string(&figures)?)
}

/// The processor time of one turn of several.
fn repeated(stage: &mut Stage, mut turn: impl FnMut(&mut Stage, u32)) -> Duration {
    let begun = processor_time();
    (0..FRAMES).for_each(|number| turn(stage, number));
    processor_time().saturating_sub(begun) / FRAMES
}

fn typed(text: &str) -> [iced::Event; 1] {
    let key = keyboard::Key::Character(text.into());
    [iced::Event::Keyboard(keyboard::Event::KeyPressed {
        key: key.clone(),
        modified_key: key,
        physical_key: key::Physical::Unidentified(key::NativeCode::Unidentified),
        location: keyboard::Location::Standard,
        modifiers: keyboard::Modifiers::default(),
        repeat: false,
        text: Some(text.into()),
    })]
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_driven_without_a_display() {
        let (opened, fake) = Fake::open(500);
        let mut stage = Stage::open(App::with(&opened, Settings::default(), fake::NOW)).unwrap();
        stage.settle();
        let id = fake::conversations().swap_remove(0).id;
        stage.tell(Message::Shell(shell::Message::Inbox(inbox::Message::Choose(id))));
        stage.settle();
        stage.point_at(POINTER);
        let reads = |fake: &Fake| fake.asked().len();
        let before = reads(&fake);
        for _ in 0..60 {
            let delta = mouse::ScrollDelta::Lines { x: 0.0, y: 20.0 };
            stage.frame(&[iced::Event::Mouse(mouse::Event::WheelScrolled { delta })]);
        }
        assert!(reads(&fake) > before, "scrolling reads what comes into view");
        assert!(stage.draw() > 1_000_000);
        assert!(resident_mib() > 1.0 && processor_time() > Duration::ZERO);
    }
}
