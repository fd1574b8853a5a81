//! What the operating system does for the window, one file each: dialogs and files ([`host`]), its mark ([`icon`]), the idle
//! clock ([`idle`]), beginning anew ([`lock`]), notifications ([`notify`]), the session's own locking ([`session`]).

pub mod host;
pub mod icon;
pub mod idle;
pub mod lock;
pub mod notify;
pub mod session;
