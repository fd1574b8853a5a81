//! What every fuzzing target does: feed one parser, and hold each input to its bounds (protocol-spec/02-wire, section 1).
//!
//! The fuzzer itself sees an endless loop only after whole seconds, and memory only as the whole process's. Here each input's
//! processor time is measured, which a busy machine does not lengthen, and what it allocates. An input past a bound ends the
//! target, so that it is kept. Each new maximum is told as a line `bound: MICROSECONDS KIBIBYTES`; `run` reads the last one.

use std::{cell::Cell, time::Duration};

use peak_alloc::PeakAlloc;

/// What an input may take of one processor core. The build is slower than the product: it counts and checks.
const TIME: Duration = Duration::from_millis(100);
/// What an input may hold at once, in bytes.
const MEMORY: usize = 64 << 20;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

thread_local! {
    /// The longest time and the most bytes so far.
    static MOST: Cell<(Duration, usize)> = const { Cell::new((Duration::ZERO, 0)) };
}

/// Feeds `bytes` to a parser.
///
/// # Panics
/// When the parser does, and when the input takes more than its time or memory.
pub fn feed(parser: fn(&[u8]) -> bool, bytes: &[u8]) {
    let (longest, most) = MOST.get();
    let (mut time, mut memory) = measure(parser, bytes);
    if time > longest || memory > most {
        // Once more: keys and parties are made when they are first needed, which is no input's doing.
        let again = measure(parser, bytes);
        (time, memory) = (time.min(again.0), memory.min(again.1));
    }
    if time > longest || memory > most {
        MOST.set((time.max(longest), memory.max(most)));
        eprintln!("bound: {} {}", time.max(longest).as_micros(), memory.max(most) >> 10);
    }
    assert!(time <= TIME, "an input takes {time:?}");
    assert!(memory <= MEMORY, "an input holds {memory} bytes");
}

fn measure(parser: fn(&[u8]) -> bool, bytes: &[u8]) -> (Duration, usize) {
    ALLOCATOR.reset_peak_usage();
    let (held, began) = (ALLOCATOR.current_usage(), processor_time());
    parser(bytes);
    (processor_time().saturating_sub(began), ALLOCATOR.peak_usage().saturating_sub(held))
}

fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
