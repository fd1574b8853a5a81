//! One question at a time: what is wanted while one is on its way is asked when its answer is there.

/// Whose turn it is: a question's, or nobody's.
#[derive(Debug, Clone, Copy, Default)]
pub struct Turn {
    busy: bool,
    again: bool,
}

impl Turn {
    /// Whether it is to be asked now; it is else asked after the answer.
    pub fn ask(&mut self) -> bool {
        self.again = self.busy;
        !std::mem::replace(&mut self.busy, true)
    }

    /// The answer is there; whether it is out of date, and the next question is to be asked now.
    pub fn answered(&mut self) -> bool {
        self.busy = std::mem::take(&mut self.again);
        self.busy
    }

    /// A question is on its way.
    #[must_use]
    pub fn is_busy(self) -> bool {
        self.busy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_meanwhile_is_asked_once_after_the_answer() {
        let mut turn = Turn::default();
        assert!(turn.ask() && turn.is_busy());
        assert!(!turn.ask() && !turn.ask());
        assert!(turn.answered(), "once more");
        assert!(!turn.answered() && !turn.is_busy());
        assert!(turn.ask() && !turn.answered());
    }
}
