//! Bad input through the built programs (protocol-spec/00-overview): damaged files, wrong passphrases, a second process,
//! truncated stores, full and read-only disks. Each ends with exit status 1 or 2, says what failed and what to try, never
//! panics, and leaves what was intact as it was. (Wrong clocks are in the journeys.)

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

#[path = "bad_input/damage.rs"]
mod damage;
#[path = "bad_input/disk.rs"]
mod disk;
#[path = "bad_input/files.rs"]
mod files;
#[path = "bad_input/held.rs"]
mod held;
#[path = "bad_input/mounts.rs"]
mod mounts;
