//! Leaving: to lock, by hand or because nobody is there, and to close. The engine is stopped first, so that nothing that was
//! written is lost; then the process ends, and with it every key and text that it held. So it does where the engine has stopped
//! by itself; the next one says why.

use std::time::Duration;

use amanat_client::FailureCode;
use iced::Task;

use super::{App, Message, Phase};
use crate::{
    screens::{shell, unlock},
    settings::Holder,
    system::idle,
};

/// Why the window is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It comes back, locked.
    Locked,
    /// It is closed.
    Closed,
    /// It comes back, locked, and says why.
    Stopped(FailureCode),
}

impl Ending {
    /// It comes back.
    pub(super) fn comes_back(self) -> bool {
        self != Self::Closed
    }
}

impl App {
    /// Leaves. What was shown is not shown any more from here on, whatever the engine takes to stop.
    pub(super) fn leave(&mut self, ending: Ending) -> Task<Message> {
        self.remember_holder();
        match std::mem::replace(&mut self.phase, Phase::Leaving(ending)) {
            Phase::Open { backend, shell } => {
                self.setting = None;
                Task::perform(backend.stop(shell.unkept()), move |()| Message::Stopped(ending))
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
            (Ending::Locked, Some(relock)) => Task::future(async move { relock(None) }),
            (Ending::Stopped(code), Some(relock)) => Task::future(async move { relock(Some(code)) }),
            (Ending::Locked, None) => Task::none(),
            (Ending::Stopped(code), None) => self.says_why(code),
            (Ending::Closed, _) => iced::exit(),
        }
    }

    /// The unlock screen, with why the engine that ran before has stopped.
    pub(super) fn says_why(&mut self, code: FailureCode) -> Task<Message> {
        if !matches!(self.phase, Phase::Leaving(_) | Phase::Unlock(_)) {
            return Task::none();
        }
        self.phase = Phase::Unlock(unlock::State::after(code));
        unlock::State::focus()
    }

    /// Locks where nobody is there; else what waits for its moment is done.
    pub(super) fn tick(&mut self, now: Duration) -> Task<Message> {
        self.moment = self.moment.max(now);
        let minutes = self.settings.lock_after.min(self.ceiling());
        let open = matches!(self.phase, Phase::Open { .. });
        idle::allow(if open { minutes } else { 0 });
        if open && idle::is_over(idle::seen(), now, minutes) {
            return self.leave(Ending::Locked);
        }
        if self.waits() { self.update(Message::Shell(shell::Message::Due)) } else { Task::none() }
    }

    pub(super) fn waits(&self) -> bool {
        matches!(&self.phase, Phase::Open { shell, .. } if shell.waits())
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
