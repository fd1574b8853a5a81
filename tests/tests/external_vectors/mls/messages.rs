//! Encodings: read exactly, written again as the same bytes, and neither cut short nor with a byte behind them.

use amanat_conversation::testing::WideCrypto;
use openmls::prelude::{
    AddProposalIn, ExternalInitProposal, GroupContextExtensionProposalIn, GroupId, MlsMessageIn, PreSharedKeyProposal,
    RatchetTreeIn, RemoveProposal, UpdateProposalIn,
    tls_codec::{Deserialize, Serialize},
};
use serde_json::Value;

use super::{SUITES, hex, own_suite, refusal, same, told};

/// What is not looked at of a case that is run, by a field of its file.
pub(crate) const REMARKS: [(&str, &str); 2] = [
    (
        "mls_welcome",
        "without `group_secrets` and `commit`, whose types OpenMLS keeps to itself, and `re_init_proposal`, whose extensions it refuses in a group's context",
    ),
    ("resolutions", "leaf signatures and encoding; hashes and resolutions are computed inside OpenMLS alone"),
];

pub(crate) fn encodings(case: &Value) -> Result<(), String> {
    for field in [
        "mls_welcome",
        "mls_group_info",
        "mls_key_package",
        "public_message_application",
        "public_message_proposal",
        "public_message_commit",
        "private_message",
    ] {
        round::<MlsMessageIn>(case, field)?;
        refusal::refused(&hex(case, field)?).map_err(|why| format!("{field}: {why}"))?;
    }
    round::<RatchetTreeIn>(case, "ratchet_tree")?;
    round::<AddProposalIn>(case, "add_proposal")?;
    round::<UpdateProposalIn>(case, "update_proposal")?;
    round::<RemoveProposal>(case, "remove_proposal")?;
    round::<PreSharedKeyProposal>(case, "pre_shared_key_proposal")?;
    round::<ExternalInitProposal>(case, "external_init_proposal")?;
    round::<GroupContextExtensionProposalIn>(case, "group_context_extensions_proposal")
}

fn round<T: Deserialize + Serialize>(case: &Value, field: &str) -> Result<(), String> {
    let bytes = hex(case, field)?;
    let read = T::tls_deserialize_exact(&bytes).map_err(|error| format!("{field}: {error}"))?;
    same(field, &read.tls_serialize_detached().map_err(told)?, &bytes)?;
    let longer = [&bytes[..], &[0]].concat();
    if T::tls_deserialize_exact(&longer).is_ok() || T::tls_deserialize_exact(&bytes[..bytes.len() - 1]).is_ok() {
        return Err(format!("{field}: read with a byte more or less"));
    }
    Ok(())
}

/// A ratchet tree: its encoding, and the signatures of its leaves.
pub(crate) fn tree(case: &Value) -> Result<(), String> {
    round::<RatchetTreeIn>(case, "tree")?;
    let (crypto, suite) = (WideCrypto::new(&SUITES), own_suite(case)?);
    let verified = |group: &[u8]| {
        let tree = RatchetTreeIn::tls_deserialize_exact(hex(case, "tree")?).map_err(told)?;
        tree.into_verified(suite, &crypto, &GroupId::from_slice(group)).map_err(told)
    };
    verified(&hex(case, "group_id")?).map(|_| ())
}
