//! One reading (protocol-spec/09-policy, section 9): what it has cost so far, and the way to the sink.

use std::cell::{Cell as Slot, RefCell};

use crate::kind::Kind;
use crate::limits::Limits;
use crate::piece::{Cell, Content, Flow, Piece, Place};
use crate::unreadable::{Reason, Unreadable};
use crate::{Summary, document};

/// Bytes of work between two looks at the clock.
const WORK: usize = 64 << 10;
/// Bytes of running text that are gathered into one piece.
const PIECE: usize = 64 << 10;

/// Why a reading, or that of one entry, ends early.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The sink has seen enough.
    Stopped,
    Unreadable(Unreadable),
}

impl From<Unreadable> for Halt {
    fn from(why: Unreadable) -> Self {
        Self::Unreadable(why)
    }
}

pub(crate) type Done<T = ()> = Result<T, Halt>;

/// An error in one line.
pub(crate) fn fail<T>(reason: Reason, detail: impl Into<String>) -> Done<T> {
    Err(Unreadable::new(reason, detail).into())
}

type OutOfTime<'s> = &'s mut dyn FnMut() -> bool;
type Sink<'s> = &'s mut dyn FnMut(Piece<'_>) -> Flow;

/// The counters of one call of `extract`, shared by everything that reads in it.
pub(crate) struct Reading<'s> {
    pub(crate) limits: &'s Limits,
    input: u64,
    out_of_time: RefCell<OutOfTime<'s>>,
    sink: RefCell<Sink<'s>>,
    within: RefCell<Vec<String>>,
    fault: RefCell<Option<Unreadable>>,
    work: Slot<usize>,
    text: Slot<u64>,
    rows: Slot<u64>,
    expanded: Slot<u64>,
    held: Slot<usize>,
    entries: Slot<u32>,
    pages: Slot<u32>,
    pictures: Slot<u32>,
}

impl<'s> Reading<'s> {
    pub(crate) fn new(limits: &'s Limits, input: usize, out_of_time: OutOfTime<'s>, sink: Sink<'s>) -> Self {
        Self {
            limits,
            input: input as u64,
            out_of_time: RefCell::new(out_of_time),
            sink: RefCell::new(sink),
            within: RefCell::default(),
            fault: RefCell::default(),
            work: Slot::new(0),
            text: Slot::new(0),
            rows: Slot::new(0),
            expanded: Slot::new(0),
            held: Slot::new(0),
            entries: Slot::new(0),
            pages: Slot::new(0),
            pictures: Slot::new(0),
        }
    }

    // --- time ----------------------------------------------------------------------------------------------------

    /// Counts `bytes` of work (or what takes as long), and looks at the clock every so often.
    pub(crate) fn work(&self, bytes: usize) -> Done {
        let work = self.work.get().saturating_add(bytes);
        if work < WORK {
            self.work.set(work);
            return Ok(());
        }
        self.work.set(0);
        self.check_time()
    }

    pub(crate) fn check_time(&self) -> Done {
        if (self.out_of_time.borrow_mut())() {
            return fail(Reason::OutOfTime, "reading it takes too long");
        }
        Ok(())
    }

    // --- memory --------------------------------------------------------------------------------------------------

    /// Counts what a stream has become: `out` new bytes, `total` in this stream, which is `packed` bytes long.
    pub(crate) fn expanded(&self, packed: usize, total: u64, out: usize) -> Done {
        let all = self.expanded.get().saturating_add(out as u64);
        self.expanded.set(all);
        let most =
            |packed: u64| packed.saturating_mul(self.limits.expansion).saturating_add(self.limits.expansion_free);
        if total > most(packed as u64) || all > most(self.input) {
            return fail(Reason::TooLarge, format!("expands more than {} times", self.limits.expansion));
        }
        self.work(out)
    }

    /// Counts bytes that stay in memory until what is returned goes.
    pub(crate) fn hold(&self, bytes: usize) -> Done<Held<'_>> {
        let held = self.held.get().saturating_add(bytes);
        if held > self.limits.held {
            return fail(Reason::TooLarge, format!("more than {} expanded bytes at a time", self.limits.held));
        }
        self.held.set(held);
        Ok(Held { slot: &self.held, bytes })
    }

    // --- counts --------------------------------------------------------------------------------------------------

    pub(crate) fn count_entry(&self) -> Done {
        self.entries.set(self.entries.get().saturating_add(1));
        if self.entries.get() > self.limits.entries {
            return fail(Reason::TooMany, format!("more than {} entries", self.limits.entries));
        }
        self.work(1024)
    }

    pub(crate) fn count_page(&self) -> Done {
        self.pages.set(self.pages.get().saturating_add(1));
        if self.pages.get() > self.limits.pages {
            return fail(Reason::TooMany, format!("more than {} pages", self.limits.pages));
        }
        Ok(())
    }

    pub(crate) fn count_picture(&self) {
        self.pictures.set(self.pictures.get().saturating_add(1));
    }

    // --- faults --------------------------------------------------------------------------------------------------

    /// Notes that a part was not read; the reading goes on.
    pub(crate) fn fault(&self, mut why: Unreadable) {
        let mut fault = self.fault.borrow_mut();
        if fault.is_none() {
            why.within.clone_from(&self.within.borrow());
            *fault = Some(why);
        }
    }

    pub(crate) fn first_fault(&self) -> Option<Unreadable> {
        self.fault.borrow().clone()
    }

    pub(crate) fn summary(&self, kind: Kind, complete: bool) -> Summary {
        Summary {
            kind,
            complete,
            text: self.text.get(),
            rows: self.rows.get(),
            pages: self.pages.get(),
            entries: self.entries.get(),
            pictures: self.pictures.get(),
        }
    }

    // --- documents within documents ------------------------------------------------------------------------------

    /// Reads the document `bytes` that stands in this one under `name`. What is wrong with it is noted and does not end
    /// the reading, unless the limits of the whole are reached.
    pub(crate) fn entry(&self, name: &str, bytes: &[u8]) -> Done {
        self.inside(name, || {
            if self.within.borrow().len() > self.limits.depth {
                return fail(Reason::TooDeep, format!("more than {} documents inside each other", self.limits.depth));
            }
            document(self, name, bytes).map(|_| ())
        })
    }

    /// Runs `read` with `name` as the innermost entry.
    pub(crate) fn inside(&self, name: &str, read: impl FnOnce() -> Done) -> Done {
        self.within.borrow_mut().push(name.chars().take(255).collect());
        let done = self.part(read());
        self.within.borrow_mut().pop();
        done
    }

    /// What became of a part: a fault of its own is noted, and the reading goes on.
    pub(crate) fn part(&self, done: Done) -> Done {
        match done {
            Err(Halt::Unreadable(why)) if !why.reason.is_final() => {
                self.fault(why);
                Ok(())
            }
            other => other,
        }
    }

    // --- text ----------------------------------------------------------------------------------------------------

    /// Hands running text to the sink, in pieces of bounded length.
    pub(crate) fn text(&self, place: Place<'_>, mut text: &str) -> Done {
        while !text.is_empty() {
            let (head, tail) = text.split_at(cut(text, PIECE));
            if !head.trim().is_empty() {
                self.send(place, Content::Text(head), head.len())?;
            }
            text = tail;
        }
        Ok(())
    }

    /// Hands one row of a table to the sink.
    pub(crate) fn row(&self, place: Place<'_>, number: u32, cells: &[Cell<'_>]) -> Done {
        if cells.is_empty() {
            return Ok(());
        }
        self.rows.set(self.rows.get().saturating_add(1));
        self.send(place, Content::Row { number, cells }, cells.iter().map(|cell| cell.text.len()).sum())
    }

    fn send(&self, place: Place<'_>, content: Content<'_>, bytes: usize) -> Done {
        let text = self.text.get().saturating_add(bytes as u64);
        if text > self.limits.text {
            return fail(Reason::TooLarge, format!("more than {} bytes of text", self.limits.text));
        }
        self.text.set(text);
        let within = self.within.borrow();
        match (self.sink.borrow_mut())(Piece { within: &within, place, content }) {
            Flow::Stop => Err(Halt::Stopped),
            // The sink's own time counts too.
            Flow::Continue => self.work(bytes.max(256)),
        }
    }
}

/// Where to cut a text that is longer than `most`: after a line, a space, or any character.
pub(crate) fn cut(text: &str, most: usize) -> usize {
    if text.len() <= most {
        return text.len();
    }
    let head = text.get(..text.floor_char_boundary(most)).unwrap_or(text);
    head.rfind('\n').or_else(|| head.rfind(' ')).map_or(head.len(), |at| at.saturating_add(1))
}

/// Bytes that are counted as held until this goes.
pub(crate) struct Held<'r> {
    slot: &'r Slot<usize>,
    bytes: usize,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.slot.set(self.slot.get().saturating_sub(self.bytes));
    }
}

/// Lines of running text of one place, gathered into pieces.
pub(crate) struct Block<'p> {
    place: Place<'p>,
    text: String,
}

impl<'p> Block<'p> {
    pub(crate) fn new(place: Place<'p>) -> Self {
        Self { place, text: String::new() }
    }

    pub(crate) fn line(&mut self, reading: &Reading<'_>, line: &str) -> Done {
        if line.trim().is_empty() {
            return Ok(());
        }
        if self.text.len().saturating_add(line.len()) > PIECE {
            self.flush(reading)?;
        }
        self.text.push_str(line);
        self.text.push('\n');
        Ok(())
    }

    pub(crate) fn flush(&mut self, reading: &Reading<'_>) -> Done {
        let done = reading.text(self.place, &self.text);
        self.text.clear();
        done
    }
}
