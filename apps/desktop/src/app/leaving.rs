//! Leaving: to lock, by hand or because nobody is there, and to close. The engine is stopped first, so that nothing that was
//! written is lost; then the process ends, and with it every key and text that it held.

use std::time::Duration;

use iced::Task;

use super::{App, Message, Phase};
use crate::{settings::Holder, system::idle};

/// Why the window is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It comes back, locked.
    Locked,
    /// It is closed.
    Closed,
}

impl App {
    /// Leaves. What was shown is not shown any more from here on, whatever the engine takes to stop.
    pub(super) fn leave(&mut self, ending: Ending) -> Task<Message> {
        self.remember_holder();
        match std::mem::replace(&mut self.phase, Phase::Leaving(ending)) {
            Phase::Open { backend, .. } => {
                self.setting = None;
                Task::perform(backend.stop(), move |()| Message::Stopped(ending))
            }
            // Closed while it is being locked: it is not to come back.
            Phase::Leaving(_) => Task::none(),
            _ => self.left(ending),
        }
    }

    /// Nothing is left to be done.
    pub(super) fn left(&mut self, asked: Ending) -> Task<Message> {
        let ending = if let Phase::Leaving(ending) = &self.phase { *ending } else { asked };
        match (ending, self.relock) {
            (Ending::Locked, Some(relock)) => Task::future(async move { relock() }),
            (Ending::Locked, None) => Task::none(),
            (Ending::Closed, _) => iced::exit(),
        }
    }

    /// Locks where nobody is there.
    pub(super) fn tick(&mut self, now: Duration) -> Task<Message> {
        let minutes = self.settings.lock_after.min(self.ceiling());
        let open = matches!(self.phase, Phase::Open { .. });
        idle::allow(if open { minutes } else { 0 });
        if open && idle::is_over(idle::seen(), now, minutes) { self.leave(Ending::Locked) } else { Task::none() }
    }

    fn remember_holder(&mut self) {
        let Phase::Open { shell, .. } = &self.phase else { return };
        let holder = shell.own().map(|own| Holder { name: own.name.clone(), authority: own.authority.clone() });
        if holder.is_some() && holder != self.settings.holder {
            self.settings.holder = holder;
            self.keep_settings();
        }
    }
}
