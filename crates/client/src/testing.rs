//! What the tests of other crates need of a vault's inside (protocol-spec/07-delivery, section 12); compiled for them alone.
//! [`census`] counts what a vault holds, [`loot`] is what a thief of the whole machine has, [`inspection`] reads history files
//! without a vault, and [`forgery`] writes some that no honest client would.

pub mod census;
pub mod forgery;
pub mod inspection;
pub mod loot;
