//! Profiles (protocol-spec/07-delivery, section 12): a folder that is one device of one person.
//!
//! ```text
//! DIR/key      the vault's key under the passphrase (Argon2id), mode 0600
//! DIR/vault/   the vault, every row sealed under that key
//! ```
//! [`join`] makes one from an invitation and can be run again after an interruption: keys and the certificate are
//! durable before the relay hears of them, so the invitation is never redeemed by keys that are lost. [`open`] unlocks
//! one; until the process ends nobody else can. The passphrase can be changed (`key`).

mod key;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use amanat_identity::{
    Address, Authority, AuthorityCertificate, ChainError, DeviceChain, DeviceCode, DeviceKeys, Enrolment, Invitation,
    InvitationError, InvitationSummary, OpenedInvitation, RevocationEntry, SignedStatus, Statement, StatusView, Tier,
    VerifiedDevice, VerifiedRelay,
    armour::{self, FileKind},
};
use amanat_primitives::{ConversationId, DeviceId, Secret, Timestamp, passphrase::WorkPolicy};
use amanat_wire::{
    Bytes, Decode as _, Encode as _, List,
    client::{Identity, Nothing, Request, StatusUpdate},
    limits,
    relay::Answer,
};
use zeroize::Zeroizing;

pub(crate) use self::key::KeyFile;
use crate::{
    Failure, FailureCode, Options, Random,
    engine::{OnRecord, Open, target_of},
    failure,
    rows::{CommitRow, ConversationRow, ImportedRow, NewcomersRow, OutboxRow, ProfileRow, RelayRow, TrackRow, meta},
    session,
    vault::{Batch, Scope, Vault},
};

/// An opened profile: the passphrase was right and the folder is this process's alone.
pub struct Profile {
    pub(crate) vault: Vault,
    pub(crate) file: KeyFile,
    pub(crate) authority: Authority,
    pub(crate) relays: Vec<VerifiedRelay>,
    /// Why there is no relay to dial.
    pub(crate) no_relay: Option<Failure>,
    pub(crate) keys: DeviceKeys,
    pub(crate) chain: Bytes<{ limits::CHAIN }>,
    pub(crate) own: VerifiedDevice,
    pub(crate) status: StatusView,
    pub(crate) relay: Option<RelayRow>,
    pub(crate) conversations: BTreeMap<ConversationId, Open>,
    pub(crate) next_outbox: u64,
}

/// What [`join`] needs.
pub struct JoinRequest {
    /// The profile's folder; made if it is not there.
    pub dir: PathBuf,
    /// The invitation file's content.
    pub invitation: Vec<u8>,
    /// The code that was said aloud, where the invitation needs one.
    pub code: Option<String>,
    /// The new profile's passphrase.
    pub passphrase: Zeroizing<String>,
    /// Argon2id's cost: [`WorkPolicy::STANDARD`].
    pub work: WorkPolicy,
}

/// How far a [`join`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinStage {
    /// Checking the invitation's signatures and opening it.
    CheckingInvitation,
    /// Making keys, and the vault under the passphrase.
    MakingKeys,
    /// Dialling the relay.
    Connecting,
    /// Redeeming the invitation.
    Enrolling,
    /// Publishing KeyPackages.
    PublishingKeyPackages,
}

/// Who has joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Address.
    pub address: Address,
    /// Name.
    pub name: String,
    /// Post.
    pub post: String,
    /// Cleared up to.
    pub clearance: Tier,
    /// This device.
    pub device: DeviceId,
    /// The authority's name.
    pub authority: String,
    /// Another device of this person must approve it first, after this code was compared there.
    pub waits: Option<DeviceCode>,
}

/// Where a profile is if nobody says otherwise: `$XDG_DATA_HOME/amanat`, else `~/.local/share/amanat`; none where the
/// environment names neither.
#[must_use]
pub fn default_dir() -> Option<PathBuf> {
    default_dir_in(&|name| std::env::var_os(name).map(PathBuf::from))
}

fn default_dir_in(environment: &dyn Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    // A relative XDG_DATA_HOME must be ignored, says its specification.
    let data = environment("XDG_DATA_HOME").filter(|dir| dir.is_absolute());
    let data = data.or_else(|| {
        let home = environment("HOME").filter(|dir| dir.is_absolute())?;
        Some(home.join(".local/share"))
    });
    data.map(|dir| dir.join("amanat"))
}

/// Whether there is a profile in `dir`.
#[must_use]
pub fn exists(dir: &Path) -> bool {
    key::path(dir).exists()
}

/// Makes a profile from an invitation and enrols it at the relay. Run again with the same invitation, folder and
/// passphrase after an interruption, it goes on where it was.
///
/// # Errors
/// Everything that can be wrong with an invitation, a folder or a link, each its own [`Failure`].
pub async fn join(request: JoinRequest, on_stage: impl FnMut(JoinStage)) -> Result<Joined, Failure> {
    join_with(request, &Options::default(), on_stage).await
}

/// As [`join`], at another time: for tests of what takes days.
///
/// # Errors
/// As [`join`].
pub async fn join_at(request: JoinRequest, now: Timestamp, on_stage: impl FnMut(JoinStage)) -> Result<Joined, Failure> {
    let options = Options { clock: Arc::new(move || now), ..Options::default() };
    join_with(request, &options, on_stage).await
}

/// As [`join`], with another clock, other random numbers or another network.
///
/// # Errors
/// As [`join`].
pub async fn join_with(
    request: JoinRequest,
    options: &Options,
    mut on_stage: impl FnMut(JoinStage),
) -> Result<Joined, Failure> {
    let now = (options.clock)();
    let mut random = options.random.clone();
    on_stage(JoinStage::CheckingInvitation);
    let invitation = invitation_of(&request.invitation)?;
    let opened = invitation.open(request.code.as_deref(), &request.work, now).map_err(from_invitation)?;
    on_stage(JoinStage::MakingKeys);
    let begun = amanat_store::blocking::run(move || begin(&request, opened, now, &mut random))
        .await
        .map_err(|_| failure::internal("making the profile was interrupted"))??;
    enrol(begun, now, options, on_stage).await
}

/// What an invitation file says, every signature and window in it checked: to be shown before anybody joins with it.
///
/// # Errors
/// Not an invitation, damaged, lapsed, not valid yet: each its own [`Failure`].
pub fn read_invitation(file: &[u8], now: Timestamp) -> Result<InvitationSummary, Failure> {
    invitation_of(file)?.summary(now).map_err(|error| from_invitation(error.into()))
}

fn invitation_of(file: &[u8]) -> Result<Invitation, Failure> {
    let bytes = armour::read(FileKind::Invitation, file).map_err(|error| {
        let failed = format!("this is not an invitation: {error}");
        Failure::new(FailureCode::Invitation, failed, "use the file that the officer gave you, unaltered")
    })?;
    Invitation::from_secret_bytes(&bytes).map_err(|error| from_invitation(error.into()))
}

/// A profile that is not enrolled yet.
struct Begun {
    vault: Vault,
    keys: DeviceKeys,
    enrolment: Enrolment,
    opened: OpenedInvitation,
    row: ProfileRow,
}

fn begin(
    request: &JoinRequest,
    opened: OpenedInvitation,
    now: Timestamp,
    random: &mut Random,
) -> Result<Begun, Failure> {
    let dir = &request.dir;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| failure::file("make", dir, &e))?;
    let vault_key = if exists(dir) {
        let key = key::read(dir, &request.passphrase, &request.work)?;
        key::settle(dir)?;
        key
    } else {
        key::make(dir, &request.passphrase, &request.work, random)?
    };
    let vault = Vault::open(&dir.join("vault"), &vault_key)?;
    KeyFile::new(dir, &request.work).clean();
    if let Some(row) = vault.read::<ProfileRow>(Scope::Meta, meta::PROFILE)? {
        return resume(vault, row, opened);
    }
    let keys = DeviceKeys::create(random);
    let enrolment = opened.redeem(&keys, now).map_err(|error| {
        Failure::new(FailureCode::Invitation, error.to_string(), "ask the officer for a new invitation")
    })?;
    let relays: Vec<_> = opened.relay_certificates().iter().map(|relay| Bytes::new(relay.to_bytes())).collect();
    let relays = relays.into_iter().collect::<Result<Vec<_>, _>>().map_err(|_| too_long())?;
    let row = ProfileRow {
        authority: Bytes::new(opened.authority().certificate().to_bytes()).map_err(|_| too_long())?,
        relays: List::new(relays).map_err(|_| too_long())?,
        enrolment: Bytes::new(enrolment.to_bytes()).map_err(|_| too_long())?,
        chain: Bytes::default(),
        enrolled_at: now,
        further: false,
    };
    let mut batch = Batch::default();
    batch.put(Scope::Meta, meta::PROFILE, &row);
    batch.put_bytes(Scope::Meta, meta::KEYS.to_vec(), keys.to_secret_bytes().to_vec());
    // One that names revocations comes with them, from the relay.
    if let Some(status) = opened.status().filter(|status| names_none(status, opened.authority(), now)) {
        batch.put_bytes(Scope::Meta, meta::STATUS.to_vec(), status.to_bytes());
    }
    vault.commit(batch)?;
    Ok(Begun { vault, keys, enrolment, opened, row })
}

/// Goes on with what an interrupted join has left.
fn resume(vault: Vault, row: ProfileRow, opened: OpenedInvitation) -> Result<Begun, Failure> {
    let enrolment = Enrolment::from_bytes(&row.enrolment).map_err(|_| failure::damaged())?;
    let same = enrolment.grant_id() == opened.grant_id();
    if !row.chain.is_empty() || !same {
        return Err(Failure::new(
            FailureCode::ProfileExists,
            "there is a profile in this folder already",
            "choose another folder with `--profile DIR`, or use the one that is there",
        ));
    }
    let keys = read_keys(&vault)?;
    Ok(Begun { vault, keys, enrolment, opened, row })
}

async fn enrol(
    begun: Begun,
    now: Timestamp,
    options: &Options,
    mut on_stage: impl FnMut(JoinStage),
) -> Result<Joined, Failure> {
    let Begun { vault, keys, enrolment, opened, row } = begun;
    on_stage(JoinStage::Connecting);
    let identity = Identity::Enrolling(Bytes::new(enrolment.to_bytes()).map_err(|_| too_long())?);
    let mut last = None;
    for (relay, certificate) in opened.relays().iter().zip(opened.relay_certificates()) {
        let mut connected = match session::connect(&options.network, &target_of(relay), keys.noise(), identity.clone())
            .await
        {
            Ok(connected) => connected,
            Err(failure) if failure.code == FailureCode::Offline => {
                last = Some(failure);
                continue;
            }
            Err(failure) if failure.code == FailureCode::Revoked => return Err(failure::invitation_revoked(failure)),
            Err(failure) => return Err(failure),
        };
        on_stage(JoinStage::Enrolling);
        let receipt = connected.receipt.take().ok_or_else(failure::protocol)?;
        let receipt = Statement::from_bytes(&receipt).map_err(|_| failure::protocol())?;
        let chain = enrolment.clone().into_chain(certificate.clone(), receipt);
        let own = chain.verify(opened.authority(), now, Timestamp::CLOCK_TOLERANCE).map_err(failure::from_chain)?;
        let row = ProfileRow {
            chain: Bytes::new(chain.to_bytes()).map_err(|_| too_long())?,
            enrolled_at: now,
            further: true,
            ..row
        };
        let mut batch = Batch::default();
        batch.put(Scope::Meta, meta::PROFILE, &row);
        vault.commit(batch)?;
        on_stage(JoinStage::PublishingKeyPackages);
        let packages = crate::key_packages::make(&vault, &keys, &own, true, now, &mut options.random.clone())?;
        let packages = packages.ok_or_else(|| failure::internal("a new vault is full of KeyPackages"))?;
        match connected.ask(Request::PutKeyPackages(packages)).await? {
            Answer::Done(_) => {
                let mut batch = Batch::default();
                crate::engine::packages::put_replaced(now, &mut batch);
                vault.commit(batch)?;
            }
            Answer::Refused(refusal) => return Err(failure::from_refusal(refusal)),
            _ => return Err(failure::protocol()),
        }
        deliver_status(&mut connected, &opened).await?;
        let waits = waits(&mut connected, &own).await?;
        if waits.is_none() {
            let mut batch = Batch::default();
            batch.put(Scope::Meta, meta::PROFILE, &ProfileRow { further: false, ..row });
            vault.commit(batch)?;
        }
        return Ok(Joined {
            address: own.address().clone(),
            name: own.name().as_str().to_owned(),
            post: own.post().as_str().to_owned(),
            clearance: own.clearance(),
            device: own.id(),
            authority: format!("{} ({})", opened.authority().name(), opened.authority().domain()),
            waits,
        });
    }
    Err(last.unwrap_or_else(failure::silent_relay))
}

/// Whether the relay serves this device only after another one of its person has approved it.
async fn waits(connected: &mut session::Connected, own: &VerifiedDevice) -> Result<Option<DeviceCode>, Failure> {
    match connected.ask(Request::OwnDevices(Nothing {})).await? {
        Answer::Devices(devices) => {
            let mut pending = devices.iter().filter(|state| state.pending);
            let this = pending.any(|state| {
                let subject = DeviceChain::from_bytes(&state.chain).ok().and_then(|chain| chain.peek_subject().ok());
                subject.is_some_and(|subject| subject.device == own.id())
            });
            Ok(this.then(|| own.code()))
        }
        Answer::Refused(refusal) => Err(failure::from_refusal(refusal)),
        _ => Err(failure::protocol()),
    }
}

fn names_none(status: &SignedStatus, authority: &Authority, now: Timestamp) -> bool {
    status.verify(authority, now).is_ok_and(|status| status.revocations().count == 0)
}

/// Hands the invitation's status statement to a relay that has none yet: the first device of an office brings it.
async fn deliver_status(connected: &mut session::Connected, opened: &OpenedInvitation) -> Result<(), Failure> {
    let Some(status) = opened.status().filter(|_| connected.ready.status.is_empty()) else { return Ok(()) };
    let status = Bytes::new(status.to_bytes()).map_err(|_| too_long())?;
    let update = StatusUpdate { status, first: 0, revocations: List::default() };
    match connected.ask(Request::PutStatement(update)).await? {
        // Another device may have brought it in the meantime, or an officer a newer one.
        Answer::Done(_) | Answer::Refused(_) => Ok(()),
        _ => Err(failure::protocol()),
    }
}

/// Opens a profile: takes its lock, checks the passphrase (about half a second) and loads what the engine needs at once.
/// Blocks; not for the thread of a user interface.
///
/// # Errors
/// No profile, wrong passphrase, in use, damaged, not enrolled: each its own [`Failure`].
pub fn open(dir: &Path, passphrase: &str, work: &WorkPolicy) -> Result<Profile, Failure> {
    open_at(dir, passphrase, work, Timestamp::from(std::time::SystemTime::now()))
}

/// As [`open`], at another time: for tests of what takes days.
///
/// # Errors
/// As [`open`].
pub fn open_at(dir: &Path, passphrase: &str, work: &WorkPolicy, now: Timestamp) -> Result<Profile, Failure> {
    unlock(dir, passphrase, work)?.open_at(now)
}

/// A profile whose passphrase was right; its vault is still closed.
pub struct Unlocked {
    file: KeyFile,
    key: Secret<32>,
}

/// Checks the passphrase only: the first half of [`open`], nearly all of it Argon2id.
///
/// # Errors
/// No profile, wrong passphrase, damaged: each its own [`Failure`].
pub fn unlock(dir: &Path, passphrase: &str, work: &WorkPolicy) -> Result<Unlocked, Failure> {
    if !exists(dir) {
        return Err(Failure::new(
            FailureCode::NoProfile,
            format!("there is no profile in {}", dir.display()),
            "join with an invitation: `amanat join INVITATION --profile DIR`",
        ));
    }
    Ok(Unlocked { file: KeyFile::new(dir, work), key: key::read(dir, passphrase, work)? })
}

impl Unlocked {
    /// Opens the vault: the second half of [`open`].
    ///
    /// # Errors
    /// In use, damaged, not enrolled: each its own [`Failure`].
    pub fn open(self) -> Result<Profile, Failure> {
        self.open_at(Timestamp::from(std::time::SystemTime::now()))
    }

    fn open_at(self, now: Timestamp) -> Result<Profile, Failure> {
        let vault = Vault::open(&self.file.dir().join("vault"), &self.key)?;
        self.file.clean();
        load(vault, self.file, now)
    }
}

fn load(vault: Vault, file: KeyFile, now: Timestamp) -> Result<Profile, Failure> {
    let row = vault.read::<ProfileRow>(Scope::Meta, meta::PROFILE)?.filter(|row| !row.chain.is_empty());
    let Some(row) = row else {
        return Err(Failure::new(
            FailureCode::NoProfile,
            "this profile was never enrolled: its join was interrupted",
            "run `amanat join` again with the same invitation and passphrase",
        ));
    };
    let keys = read_keys(&vault)?;
    let certificate = AuthorityCertificate::from_bytes(&row.authority).map_err(|_| failure::damaged())?;
    let authority = certificate.verify(row.enrolled_at).map_err(failure::from_chain)?;
    let chain = DeviceChain::from_bytes(&row.chain).map_err(|_| failure::damaged())?;
    // Who this device is was settled when it was enrolled; whether the certificate still holds is the relay's question.
    let own = chain.verify(&authority, row.enrolled_at, Timestamp::CLOCK_TOLERANCE).map_err(failure::from_chain)?;
    let (relays, no_relay) = verified_relays(&row, &authority, now)?;
    let conversations = load_conversations(&vault)?;
    let last = conversations.values().filter_map(|open| open.queue.keys().next_back()).max().copied();
    Ok(Profile {
        status: load_status(&vault, &authority, now)?,
        relay: vault.read::<RelayRow>(Scope::Meta, meta::RELAY)?,
        next_outbox: last.unwrap_or(0) + 1,
        chain: row.chain,
        vault,
        file,
        authority,
        relays,
        no_relay,
        keys,
        own,
        conversations,
    })
}

fn verified_relays(
    row: &ProfileRow,
    authority: &Authority,
    now: Timestamp,
) -> Result<(Vec<VerifiedRelay>, Option<Failure>), Failure> {
    let mut relays = Vec::new();
    let mut why: Option<ChainError> = None;
    for certificate in row.relays.iter() {
        let statement = Statement::from_bytes(certificate).map_err(|_| failure::damaged())?;
        match VerifiedRelay::verify(&statement, authority, now) {
            Ok(relay) => relays.push(relay),
            Err(error) => why = Some(error),
        }
    }
    let no_relay = why.filter(|_| relays.is_empty()).map(failure::from_chain);
    Ok((relays, no_relay))
}

fn load_status(vault: &Vault, authority: &Authority, now: Timestamp) -> Result<StatusView, Failure> {
    let Some(bytes) = vault.read_bytes(Scope::Meta, meta::STATUS)? else { return Ok(StatusView::new()) };
    let signed = SignedStatus::from_bytes(&bytes).map_err(|_| failure::damaged())?;
    let mut rows = vault.scan_bytes(Scope::Revocations)?;
    rows.sort();
    let entries = rows.iter().map(|(_, entry)| RevocationEntry::from_bytes(entry));
    let entries = entries.collect::<Result<Vec<_>, _>>().map_err(|_| failure::damaged())?;
    // It was verified before it was stored; an officer's certificate may have lapsed since. [ID-23]
    StatusView::restore(&signed, &entries, authority, now).map_err(|_| failure::damaged())
}

fn load_conversations(vault: &Vault) -> Result<BTreeMap<ConversationId, Open>, Failure> {
    let mut conversations = BTreeMap::new();
    for row in vault.scan::<ConversationRow>(Scope::Conversations)? {
        let mut open = Open::of(row);
        for track in vault.scan::<TrackRow>(Scope::Tracks(open.row.id))? {
            open.tracks.insert(track.device, track);
        }
        open.imported = vault.scan::<ImportedRow>(Scope::Imported(open.row.id))?;
        open.imported.sort_by_key(|range| (range.first_at, range.first));
        conversations.insert(open.row.id, open);
    }
    for commit in vault.scan::<CommitRow>(Scope::Commits)? {
        if let Some(open) = conversations.get_mut(&commit.conversation) {
            open.commit = Some(commit);
        }
    }
    for row in vault.scan::<NewcomersRow>(Scope::Newcomers)? {
        if let Some(open) = conversations.get_mut(&row.conversation) {
            open.newcomers = OnRecord::of(&row)?;
        }
    }
    for queued in vault.scan::<OutboxRow>(Scope::Outbox)? {
        if let Some(open) = conversations.get_mut(&queued.conversation) {
            open.queue.insert(queued.number, queued);
        }
    }
    Ok(conversations)
}

fn read_keys(vault: &Vault) -> Result<DeviceKeys, Failure> {
    let bytes = vault.read_bytes(Scope::Meta, meta::KEYS)?.map(Zeroizing::new).ok_or_else(failure::damaged)?;
    DeviceKeys::from_secret_bytes(&bytes).map_err(|_| failure::damaged())
}

fn from_invitation(error: InvitationError) -> Failure {
    let advice = match error {
        InvitationError::CodeNeeded => "ask the officer for the code that belongs to it, and join again",
        InvitationError::WrongCode => "check the code with the officer; letters and digits only, any case",
        InvitationError::Chain(ChainError::NotYetValid { .. }) => "set this machine's clock, then try again",
        _ => "ask the officer for a new invitation",
    };
    let code = match error {
        InvitationError::Chain(ChainError::Expired { .. } | ChainError::GrantExpired { .. }) => FailureCode::Expired,
        InvitationError::Chain(ChainError::NotYetValid { .. }) => FailureCode::Clock,
        _ => FailureCode::Invitation,
    };
    Failure::new(code, error.to_string(), advice)
}

fn too_long() -> Failure {
    failure::internal("a statement is longer than its field")
}

#[cfg(test)]
mod tests {
    use amanat_identity::testing::Office;
    use rand_core::SeedableRng as _;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_900_000_000);

    fn found(set: &[(&str, &str)]) -> Option<PathBuf> {
        default_dir_in(&|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| PathBuf::from(value)))
    }

    #[test]
    fn the_profile_is_in_the_platforms_data_directory() {
        assert_eq!(found(&[("XDG_DATA_HOME", "/d"), ("HOME", "/h")]), Some("/d/amanat".into()));
        assert_eq!(found(&[("XDG_DATA_HOME", "d"), ("HOME", "/h")]), Some("/h/.local/share/amanat".into()));
        assert_eq!(found(&[("HOME", "/h")]), Some("/h/.local/share/amanat".into()));
        assert_eq!(found(&[]), None);
    }

    // [DELIV-231]
    #[test]
    fn a_join_goes_on_where_making_the_key_was_cut_short() {
        let mut rng = rand_chacha::ChaCha20Rng::from_seed([8; 32]);
        let office = Office::new(&mut rng, NOW);
        let invitation = office.invite(&mut rng, "secretary", Tier::Secret, NOW).to_secret_bytes();
        let profile = tempfile::tempdir().unwrap();
        let dir = profile.path();
        let work = WorkPolicy::FOR_TESTS;
        key::make(dir, "four words", &work, &mut Random::default()).unwrap();
        // Twice: before there is a vault, and when there is one.
        for _ in 0..2 {
            fs::hard_link(key::path(dir), dir.join("key.part")).unwrap();
            let opened = Invitation::from_secret_bytes(&invitation).unwrap().open(None, &work, NOW).unwrap();
            let passphrase = Zeroizing::new("four words".to_owned());
            let request = JoinRequest { dir: dir.to_owned(), invitation: Vec::new(), code: None, passphrase, work };
            let begun = begin(&request, opened, NOW, &mut Random::default()).unwrap();
            assert!(!dir.join("key.part").exists());
            begun.vault.close();
        }
        // It opens, and opens again; only the relay has not heard of it yet.
        for _ in 0..2 {
            fs::hard_link(key::path(dir), dir.join("key.part")).unwrap();
            let opened = open_at(dir, "four words", &work, NOW);
            assert!(opened.is_err_and(|failure| failure.failed.contains("never enrolled")));
            assert!(!dir.join("key.part").exists());
        }
    }

    #[test]
    fn an_invitation_says_whom_it_is_for_before_anybody_joins() {
        let mut rng = rand_chacha::ChaCha20Rng::from_seed([7; 32]);
        let office = Office::new(&mut rng, NOW);
        let invitation = office.invite(&mut rng, "secretary", Tier::Secret, NOW).to_secret_bytes();
        let file = armour::write(FileKind::Invitation, &invitation).unwrap();
        let said = read_invitation(file.as_bytes(), NOW).unwrap();
        assert_eq!(said.address.to_string(), "secretary@interior.gov.pk");
        assert_eq!((said.clearance, said.needs_code, said.replaces), (Tier::Secret, false, false));
        assert_eq!((said.authority.as_str(), said.officer.as_str()), ("Test Office", "Test Officer"));

        let refused = |file: &str, now| read_invitation(file.as_bytes(), now).unwrap_err().code;
        let years = Timestamp::from_secs(2_000_000_000);
        assert_eq!(refused(&file, years), FailureCode::Expired);
        assert_eq!(refused("hello", NOW), FailureCode::Invitation);
        assert_eq!(refused("", NOW), FailureCode::Invitation);
        let middle = file.len() / 2;
        let altered = format!("{}{}", &file[..middle], &file[middle + 1..]);
        assert_eq!(refused(&altered, NOW), FailureCode::Invitation);
        assert_eq!(refused(&file[..middle], NOW), FailureCode::Invitation, "cut short");
    }
}
