//! What every program that holds keys does first (protocol-spec/07-delivery, sections 9 and 12).

use rustix::process::{Resource, Rlimit, setrlimit};

/// A program that ends for a fault leaves no memory with keys in it on the disk, and nobody of the same user reads it
/// while it runs. [DELIV-176]
pub fn leave_no_core_dump() {
    // Refused, there is nothing else to try; the program is of more use than its dumps are harm.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
