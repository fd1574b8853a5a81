//! What the operating system does for the window, one file each: dialogs and files ([`host`]), the idle clock ([`idle`]),
//! beginning anew ([`lock`]), notifications ([`notify`]).

pub mod host;
pub mod idle;
pub mod lock;
pub mod notify;
