//! Passive clients: somebody who is given a KeyPackage's secrets, a Welcome, and what the members send after it, and who
//! must arrive at the same secrets. After each step its group is dropped and loaded again from our records.

use amanat_conversation::{Records, testing::WideProvider};
use openmls::prelude::{
    HpkePrivateKey, JoinBuilder, KeyPackage, KeyPackageBundle, MIXED_PLAINTEXT_WIRE_FORMAT_POLICY, MlsGroup,
    MlsGroupJoinConfig, MlsMessageBodyIn, MlsMessageIn, OpenMlsProvider as _, OpenMlsSignaturePublicKey,
    ProcessedMessageContent, ProcessedWelcome, RatchetTreeIn, VLBytes, Verifiable as _, Welcome,
    tls_codec::Deserialize as _,
};
use openmls::schedule::PreSharedKeyId;
use openmls_traits::storage::StorageProvider as _;
use serde_json::{Value, json};

use super::{SUITES, hex, own_suite, refusal, same, told};

pub(crate) fn client(case: &Value) -> Result<(), String> {
    own_suite(case)?;
    let (mut group, mut device) = (Records::default(), Records::default());
    let provider = WideProvider::new(&mut group, &mut device, &SUITES);
    for psk in list(case, "external_psks")? {
        let id = PreSharedKeyId::external(hex(psk, "psk_id")?, Vec::new());
        id.store(&provider, &hex(psk, "psk")?).map_err(told)?;
    }
    keep_key_package(&provider, case, &hex(case, "encryption_priv")?)?;
    let processed = ProcessedWelcome::new_from_welcome(&provider, &config(), opened_welcome(case)?).map_err(told)?;
    let mut builder = JoinBuilder::new(&provider, processed).skip_lifetime_validation();
    if case.get("ratchet_tree").is_some_and(|tree| !tree.is_null()) {
        let tree = RatchetTreeIn::tls_deserialize_exact(hex(case, "ratchet_tree")?).map_err(told)?;
        builder = builder.with_ratchet_tree(tree);
    }
    let mut client = Client { group: builder.build().map_err(told)?.into_group(&provider).map_err(told)?, provider };
    client.check("the Welcome", &hex(case, "initial_epoch_authenticator")?)?;
    for (number, epoch) in list(case, "epochs")?.iter().enumerate() {
        let result = client.epoch(epoch);
        result.map_err(|why| format!("epoch {number}: {why}"))?;
    }
    Ok(())
}

struct Client<'a> {
    group: MlsGroup,
    provider: WideProvider<'a>,
}

impl Client<'_> {
    fn epoch(&mut self, epoch: &Value) -> Result<(), String> {
        for proposal in list(epoch, "proposals")? {
            let proposal = proposal.as_str().ok_or("a proposal that is no text")?;
            self.take(&data_encoding::HEXLOWER.decode(proposal.as_bytes()).map_err(told)?)?;
        }
        self.take(&hex(epoch, "commit")?)?;
        self.check("the commit", &hex(epoch, "epoch_authenticator")?)
    }

    fn take(&mut self, message: &[u8]) -> Result<(), String> {
        refusal::refused(message)?;
        let message = MlsMessageIn::tls_deserialize_exact(message).map_err(told)?;
        let message = message.try_into_protocol_message().map_err(told)?;
        let processed = self.group.process_message(&self.provider, message).map_err(told)?;
        match processed.into_content() {
            ProcessedMessageContent::ProposalMessage(proposal) => {
                self.group.store_pending_proposal(self.provider.storage(), *proposal).map_err(told)
            }
            ProcessedMessageContent::StagedCommitMessage(commit) => {
                self.group.merge_staged_commit(&self.provider, *commit).map_err(told)
            }
            _ => Err("neither a proposal nor a commit".to_owned()),
        }
    }

    /// Compares, and goes on with what the records hold.
    fn check(&mut self, after: &str, authenticator: &[u8]) -> Result<(), String> {
        let id = self.group.group_id().clone();
        let loaded = MlsGroup::load(self.provider.storage(), &id).map_err(told)?;
        self.group = loaded.ok_or("the records hold no group")?;
        same(
            &format!("the epoch authenticator after {after}"),
            self.group.epoch_authenticator().as_slice(),
            authenticator,
        )
    }
}

fn config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .use_ratchet_tree_extension(true)
        .wire_format_policy(MIXED_PLAINTEXT_WIRE_FORMAT_POLICY)
        .number_of_resumption_psks(16)
        .build()
}

fn list<'a>(case: &'a Value, field: &str) -> Result<&'a [Value], String> {
    case.get(field).and_then(Value::as_array).map(Vec::as_slice).ok_or_else(|| format!("no {field}"))
}

fn opened_welcome(case: &Value) -> Result<Welcome, String> {
    match MlsMessageIn::tls_deserialize_exact(hex(case, "welcome")?).map_err(told)?.extract() {
        MlsMessageBodyIn::Welcome(welcome) => Ok(welcome),
        _ => Err("the Welcome is none".to_owned()),
    }
}

/// Keeps the KeyPackage with its secrets, as if this device had made it.
fn keep_key_package(provider: &WideProvider<'_>, case: &Value, encryption: &[u8]) -> Result<(), String> {
    let package = match MlsMessageIn::tls_deserialize_exact(hex(case, "key_package")?).map_err(told)?.extract() {
        MlsMessageBodyIn::KeyPackage(package) => package,
        _ => return Err("the KeyPackage is none".to_owned()),
    };
    // Those of the vectors have expired, which OpenMLS looks at where a KeyPackage comes from others. It is stored as it is.
    let package: KeyPackage = serde_json::to_value(&package).and_then(serde_json::from_value).map_err(told)?;
    let secret = |bytes: &[u8]| serde_json::to_value(HpkePrivateKey::from(bytes)).map_err(told);
    let bundle = json!({
        "key_package": serde_json::to_value(&package).map_err(told)?,
        "private_init_key": secret(&hex(case, "init_priv")?)?,
        "private_encryption_key": { "key": secret(encryption)? },
    });
    let bundle: KeyPackageBundle = serde_json::from_value(bundle).map_err(told)?;
    let id = package.hash_ref(provider.crypto()).map_err(told)?;
    provider.storage().write_key_package(&id, &bundle).map_err(told)
}

/// Opens a Welcome and checks the signature of its GroupInfo. The group itself is not among the vector's data.
pub(crate) fn welcome(case: &Value) -> Result<(), String> {
    let suite = own_suite(case)?;
    let (mut group, mut device) = (Records::default(), Records::default());
    let provider = WideProvider::new(&mut group, &mut device, &SUITES);
    // The leaf's key is not told, nor needed to open it.
    keep_key_package(&provider, case, &[0; 32])?;
    refusal::refused(&hex(case, "welcome")?)?;
    let processed = ProcessedWelcome::new_from_welcome(&provider, &config(), opened_welcome(case)?).map_err(told)?;
    let key = VLBytes::new(hex(case, "signer_pub")?);
    let key = OpenMlsSignaturePublicKey::new(key, suite.signature_algorithm()).map_err(told)?;
    processed.unverified_group_info().verify_no_out(provider.crypto(), &key).map_err(told)
}
