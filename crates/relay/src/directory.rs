//! What the directory is searched by (protocol-spec/07-delivery, section 6).

use amanat_identity::VerifiedDevice;

/// A text in the form in which it is compared: lower case.
pub(crate) fn fold(text: &str) -> String {
    text.to_lowercase()
}

/// Handle, name and post of a device's person, folded.
pub(crate) fn search_text(device: &VerifiedDevice) -> String {
    fold(&format!("{}\n{}\n{}", device.address().handle, device.name(), device.post()))
}
