//! What the tests of other crates need of this one's inside; compiled for tests alone. [`census`] counts what a vault holds,
//! [`inspection`] reads its rows, [`loot`] is what a thief of the whole machine has, and [`forgery`] writes what no honest
//! client would.

pub mod census;
pub mod forgery;
pub mod inspection;
pub mod loot;
