//! Profile (protocol-spec/05-conversation, section 1): which part of MLS (RFC 9420) is spoken, in one place.

use std::time::Duration;

use openmls::prelude::{
    Capabilities, CredentialType, Extension, ExtensionType, Extensions, GroupContext, LeafNode, Lifetime,
    MlsGroupJoinConfig, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, ProtocolVersion, RequiredCapabilitiesExtension,
    SenderRatchetConfiguration, UnknownExtension,
};

use crate::provider::SUITE;

/// Our GroupContext extension, required of all.
pub(crate) const GROUP_EXTENSION: u16 = 0xF101;
/// Our KeyPackage extension: validity and device.
pub(crate) const VALIDITY_EXTENSION: u16 = 0xF102;
/// Our GroupInfo extension: the facts of the commit that a joiner did not see.
pub(crate) const COMMIT_EXTENSION: u16 = 0xF103;

/// Our second GroupContext extension, of groups alone: who may change the conversation.
pub(crate) const ROLES_EXTENSION: u16 = 0xF104;

/// How long a one-time KeyPackage may be used.
pub const KEY_PACKAGE_VALIDITY: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a last-resort KeyPackage may be used.
pub const LAST_RESORT_VALIDITY: Duration = Duration::from_secs(90 * 24 * 3600);
/// Earlier epochs whose messages can still be read.
pub const PAST_EPOCHS: u64 = 5;
/// How long after an epoch's end its messages can still be read.
pub const MAX_EPOCH_AGE: Duration = Duration::from_secs(24 * 3600);
/// How far a message may come behind later ones of its sender, in messages of one epoch.
pub const OUT_OF_ORDER: u32 = 64;
/// How far a message may run ahead of the last one seen of its sender, in messages of one epoch.
pub const FORWARD: u32 = 2000;
/// Ciphertexts are padded to a multiple of so many bytes.
pub const PADDING: usize = 256;

/// One lifetime for all: OpenMLS judges an Add's lifetime by the system's clock, which is no argument and not the same
/// for every member. Ours stands in [`VALIDITY_EXTENSION`] and is judged by the time in the commit.
pub(crate) fn lifetime() -> Lifetime {
    Lifetime::init(0, u64::MAX)
}

// [CONV-25]
pub(crate) fn ratchet() -> SenderRatchetConfiguration {
    SenderRatchetConfiguration::new(OUT_OF_ORDER, FORWARD)
}

pub(crate) fn join_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .padding_size(PADDING)
        .max_past_epochs(PAST_EPOCHS as usize)
        .number_of_resumption_psks(0)
        .use_ratchet_tree_extension(true)
        .sender_ratchet_configuration(ratchet())
        .build()
}

/// Exactly what every leaf says it can do.
pub(crate) fn capabilities() -> Capabilities {
    let extensions =
        [GROUP_EXTENSION, VALIDITY_EXTENSION, COMMIT_EXTENSION, ROLES_EXTENSION].map(ExtensionType::Unknown);
    let extensions = [&extensions[..], &[ExtensionType::LastResort]].concat();
    Capabilities::new(
        Some(&[ProtocolVersion::Mls10]),
        Some(&[SUITE]),
        Some(&extensions),
        Some(&[]),
        Some(&[CredentialType::Basic]),
    )
}

/// Whether a leaf can do what this version needs of it. It may be able to do more.
pub(crate) fn is_capable(leaf: &LeafNode) -> bool {
    let (theirs, needed) = (leaf.capabilities(), capabilities());
    needed.versions().iter().all(|version| theirs.versions().contains(version))
        && needed.ciphersuites().iter().all(|suite| theirs.ciphersuites().contains(suite))
        && needed.extensions().iter().all(|extension| theirs.extensions().contains(extension))
        && needed.credentials().iter().all(|credential| theirs.credentials().contains(credential))
}

pub(crate) fn private_extension(number: u16, body: Vec<u8>) -> Extension {
    Extension::Unknown(number, UnknownExtension(body))
}

/// The GroupContext extensions of a conversation: ours, and that ours are required. Nothing else is allowed there.
pub(crate) fn group_extensions(facts: Vec<u8>, roles: Option<Vec<u8>>) -> Option<Extensions<GroupContext>> {
    let ours = [(GROUP_EXTENSION, Some(facts)), (ROLES_EXTENSION, roles)];
    let ours: Vec<_> = ours.into_iter().filter_map(|(number, body)| body.map(|body| (number, body))).collect();
    let types: Vec<_> = ours.iter().map(|(number, _)| ExtensionType::Unknown(*number)).collect();
    let required = RequiredCapabilitiesExtension::new(&types, &[], &[CredentialType::Basic]);
    let ours = ours.into_iter().map(|(number, body)| private_extension(number, body));
    Extensions::from_vec(std::iter::once(Extension::RequiredCapabilities(required)).chain(ours).collect()).ok()
}
