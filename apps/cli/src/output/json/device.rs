//! What `device` and `history` print (protocol-spec/json-output.md, section 3).

use serde::Serialize;

use amanat_client::api::OwnDevice;

use crate::output::time::utc;

/// A line of `device list`.
#[derive(Serialize)]
pub(crate) struct DeviceLine {
    device: String,
    this: bool,
    state: &'static str,
    code: Option<String>,
    added: String,
    approved_by: Option<String>,
    seen: Option<String>,
    valid_until: String,
    cached: bool,
}

impl DeviceLine {
    /// `cached`: the relay could not be asked.
    pub(crate) fn new(device: &OwnDevice, cached: bool) -> Self {
        Self {
            device: device.device.to_string(),
            this: device.this,
            state: if device.pending { "pending" } else { "active" },
            code: device.this.then(|| device.code.to_string()),
            added: utc(device.added),
            approved_by: device.approved_by.map(|by| by.to_string()),
            seen: device.seen.map(utc),
            valid_until: utc(device.valid_until),
            cached,
        }
    }
}

/// `device transfer --out`, `history export`.
#[derive(Serialize)]
pub(crate) struct HistoryPacked {
    pub(crate) out: String,
    pub(crate) conversations: u64,
    pub(crate) messages: u64,
    pub(crate) left_out: u64,
}

/// `device transfer --in`, `history import`.
#[derive(Serialize)]
pub(crate) struct HistoryTaken {
    pub(crate) conversations: u64,
    pub(crate) messages: u64,
    pub(crate) known: u64,
    pub(crate) left_out: u64,
}

/// `device approve`.
#[derive(Serialize)]
pub(crate) struct DeviceApproved {
    pub(crate) device: String,
}
