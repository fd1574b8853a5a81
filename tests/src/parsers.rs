//! Every parser of bytes from outside (protocol-spec/02-wire, section 1): one table of names and functions, which the
//! fuzzing targets in `tests/fuzz` and the replay of their corpus in `tests/tests/corpus.rs` share.
//!
//! A function is fed any bytes and must come back: no panic, no endless loop, no memory beyond its limit. It says whether it
//! took the bytes for something, so that a test can see that the parser is reached. Where one value has one encoding, what was
//! decoded must encode to the same bytes again. Parties and keys are made from a seed: the same bytes do the same each time.

mod group;
mod link;
mod papers;
mod statements;
mod world;

pub use world::World;

/// One parser.
pub struct Parser {
    /// The fuzzing target's and the corpus folder's name.
    pub name: &'static str,
    /// Feeds it; whether the bytes were taken for something.
    pub feed: fn(&[u8]) -> bool,
    /// What honest parties make, for the corpus to begin with.
    pub seeds: fn(&World) -> Vec<Vec<u8>>,
}

macro_rules! parsers {
    ($($name:ident: $room:ident;)*) => {
        /// All of them.
        pub const ALL: &[Parser] = &[$(Parser {
            name: stringify!($name),
            feed: $room::$name::feed,
            seeds: $room::$name::seeds,
        }),*];

        /// Each by itself: a fuzzing target links one, and the fuzzer looks after each input only at code that is linked.
        pub mod feed {
            $(
                #[doc = concat!("Feeds `", stringify!($name), "`; whether the bytes were taken for something.")]
                #[must_use]
                pub fn $name(bytes: &[u8]) -> bool {
                    super::$room::$name::feed(bytes)
                }
            )*
        }
    };
}

parsers! {
    to_relay: link;
    from_relay: link;
    frames: link;
    handshake: link;
    sealed_record: link;
    device_chain: statements;
    papers_of_office: statements;
    status_update: statements;
    revocations: statements;
    invitation: statements;
    armoured_file: statements;
    typed: statements;
    entry: group;
    key_package: group;
    welcome: group;
    content: group;
    commit_facts: group;
    manifest: papers;
    segment: papers;
    document_name: papers;
    passphrase_box: papers;
    archive: papers;
    relay_config: papers;
    history_file: papers;
    history_pieces: papers;
}

/// Decodes, and has what was decoded encode to the same bytes.
fn canonical<T: amanat_wire::Decode + amanat_wire::Encode>(bytes: &[u8]) -> Option<T> {
    let value = T::from_bytes(bytes).ok()?;
    assert_eq!(value.to_bytes(), bytes, "two encodings of one value");
    Some(value)
}
