//! The project's own test vectors (protocol-spec/vectors/README.md): made from stated seeds by `make-vectors`, and
//! read back from their files alone through the decoders and verifiers of the product.
//!
//! [`all`] makes them, [`read`] judges one from its text. Each folder is a module with the same two halves: what its
//! vectors hold, and how each `what` is judged. Accepted vectors get their outputs from that judgement; a reader of
//! another making that comes to the same ones is what shows that they are right.

#![allow(clippy::indexing_slicing)] // of files that these very lines have made

mod conversation;
mod delivery;
mod document;
mod fields;
mod forge;
mod identity;
mod judge;
mod link;
mod primitives;
mod vector;
mod wire;

pub use vector::{Vector, Verdict, check};

use vector::Inputs;

/// The folders of `protocol-spec/vectors/`.
pub const FOLDERS: &[&str] = &["primitives", "wire", "identity", "link", "conversation", "document", "delivery"];

/// Every vector, in the order of folders.
#[must_use]
pub fn all() -> Vec<Vector> {
    let made = [
        primitives::make(),
        wire::make(),
        identity::make(),
        link::make(),
        conversation::make(),
        document::make(),
        delivery::make(),
    ];
    made.into_iter().flatten().map(Vector::completed).collect()
}

/// What the product says to the inputs of one vector.
///
/// # Panics
/// Where the folder or the `what` is unknown, or an input is missing: nobody else writes these files.
pub fn judged(folder: &str, inputs: &Inputs) -> Verdict {
    match folder {
        "primitives" => primitives::judge(inputs),
        "wire" => wire::judge(inputs),
        "identity" => identity::judge(inputs),
        "link" => link::judge(inputs),
        "conversation" => conversation::judge(inputs),
        "document" => document::judge(inputs),
        "delivery" => delivery::judge(inputs),
        other => panic!("no folder {other}"),
    }
}
