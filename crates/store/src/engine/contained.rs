//! Containing sled's panics (protocol-spec/07-delivery, section 10).
//!
//! sled reads its file with `unwrap`, `expect` and `assert!` in many places: on a damaged one it panics where it should
//! return an error. Its own state lies behind atomics and locks that do not poison, and it holds nothing of ours while it
//! runs, so that the unwinding can end here and the panic become an error.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
};

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Ran into a panic.
pub(crate) struct Panicked;

/// Runs sled code. A panic in it is logged, not printed as a fault of this program.
pub(crate) fn run<T>(action: impl FnOnce() -> T) -> Result<T, Panicked> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if INSIDE.get() {
                tracing::error!(%panic, "the database engine failed");
            } else {
                before(panic);
            }
        }));
    });
    let outside = INSIDE.replace(true);
    let result = catch_unwind(AssertUnwindSafe(action));
    INSIDE.set(outside);
    result.map_err(|_| Panicked)
}
