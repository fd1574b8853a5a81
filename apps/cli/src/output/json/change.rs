//! Changes of a conversation among the lines of `read`: these have a `kind`, messages have none.

use amanat_client::api::{Change, ChangeView};
use serde::Serialize;

use super::utc;

/// Who came or went, or how the conversation is called now.
#[derive(Serialize)]
pub(crate) struct ChangeLine {
    kind: &'static str,
    sequence: u64,
    at: String,
    by: String,
    by_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
}

impl From<&ChangeView> for ChangeLine {
    fn from(view: &ChangeView) -> Self {
        let line = Self {
            kind: "title",
            sequence: view.sequence,
            at: utc(view.at),
            by: view.by.address.to_string(),
            by_name: view.by.name.clone(),
            change: None,
            address: None,
            name: None,
            device: None,
            title: None,
        };
        match &view.change {
            Change::Title(title) => Self { title: Some(title.clone()), ..line },
            Change::Member { whom, device, change } => Self {
                kind: "member",
                change: Some(change.name()),
                address: Some(whom.address.to_string()),
                name: Some(whom.name.clone()),
                device: device.map(|device| device.to_string()),
                ..line
            },
        }
    }
}
