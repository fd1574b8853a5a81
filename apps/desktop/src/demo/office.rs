//! An authority with one officer, whose keys are in memory alone, and the relay that it certifies.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
};

use amanat_client::{
    Engine, Events, Failure, Options,
    profile::{self, JoinRequest},
};
use amanat_identity::{
    Authority, AuthorityKeys, CertifiedRelay, Invitee, ListSummary, OfficerChain, OfficerKeys, Powers, RelayCard,
    SignedStatus, Statement, Tier, VerifiedOfficer,
    armour::{self, FileKind},
    invitation::Protection,
    policy::{OFFICER_VALIDITY, RELAY_VALIDITY, STATUS_VALIDITY},
};
use amanat_primitives::{Timestamp, passphrase::WorkPolicy};
use amanat_relay_core::{Config, Relay, Running, folder};
use amanat_wire::{Decode as _, Encode as _};
use rand_core::{OsRng, RngCore as _};
use zeroize::Zeroizing;

use super::failed;

const DOMAIN: &str = "cabinet.example";
const NAME: &str = "Cabinet Division";
const OFFICER: &str = "Security officer of the demonstration";

/// Somebody to be enrolled.
#[derive(Clone, Copy)]
pub(super) struct Person {
    pub(super) handle: &'static str,
    pub(super) name: &'static str,
    pub(super) post: &'static str,
    pub(super) clearance: Tier,
}

impl Person {
    /// The address in this office.
    pub(super) fn address(&self) -> Result<amanat_identity::Address, Failure> {
        format!("{}@{DOMAIN}", self.handle).parse().map_err(failed("an address"))
    }
}

/// The authority, its officer and its relay.
pub(super) struct Office {
    dir: PathBuf,
    passphrase: Zeroizing<String>,
    officer: VerifiedOfficer,
    keys: OfficerKeys,
    status: SignedStatus,
    relay: Statement,
}

impl Office {
    /// Makes all keys, and the relay's folder.
    pub(super) fn found(dir: &Path) -> Result<Self, Failure> {
        let now = now();
        let root = AuthorityKeys::create(&mut OsRng);
        let domain = DOMAIN.parse().map_err(failed("the domain"))?;
        let certificate = root.certificate(domain, NAME.parse().map_err(failed("the name"))?, now);
        let certificate = certificate.map_err(failed("the authority cannot be made"))?;
        let authority = certificate.verify(now).map_err(failed("the authority cannot be made"))?;
        let keys = OfficerKeys::create(&mut OsRng);
        let card = keys.card(OFFICER.parse().map_err(failed("the officer's name"))?);
        let certified = root.certify_officer(&authority, &card, Powers::OFFICER, now, OFFICER_VALIDITY);
        let chain = OfficerChain { certificate: certified.map_err(failed("the officer is not certified"))? };
        let officer = chain.verify(&authority, now).map_err(failed("the officer is not certified"))?;
        let number = SignedStatus::next_number(None, now);
        let status = keys.attest(&officer, number, ListSummary::default(), now, STATUS_VALIDITY);
        let status = status.map_err(failed("the status statement is not signed"))?;
        let relay = certify_relay(&dir.join("relay"), &root, &authority, now)?;
        let passphrase = Zeroizing::new(format!("{:016x}{:016x}", OsRng.next_u64(), OsRng.next_u64()));
        Ok(Self { dir: dir.to_owned(), passphrase, officer, keys, status, relay })
    }

    /// Starts the relay.
    pub(super) async fn open_relay(&self) -> Result<Running, Failure> {
        let dir = self.dir.join("relay");
        let config = Config::load(&dir).map_err(failed("the relay cannot be started"))?;
        Relay::start(config, &dir).await.map_err(failed("the relay cannot be started"))
    }

    /// Invites somebody, who joins at once.
    pub(super) async fn enrol(&self, person: &Person) -> Result<(Engine, Events), Failure> {
        let invitee = Invitee {
            handle: person.handle.parse().map_err(failed("a handle"))?,
            name: person.name.parse().map_err(failed("a name"))?,
            post: person.post.parse().map_err(failed("a post"))?,
            clearance: person.clearance,
            replaces: false,
        };
        let relays = std::slice::from_ref(&self.relay);
        let status = Some(self.status.clone());
        let invited = self.keys.invite(&self.officer, invitee, relays, status, Protection::Plain, now(), &mut OsRng);
        let (invitation, _) = invited.map_err(failed("an invitation is not signed"))?;
        let text = armour::write(FileKind::Invitation, &invitation.to_secret_bytes());
        let invitation = text.map_err(failed("an invitation is not written"))?.as_bytes().to_vec();
        let dir = self.dir.join(person.handle);
        let passphrase = self.passphrase.clone();
        let request = JoinRequest { dir: dir.clone(), invitation, code: None, passphrase, work: WorkPolicy::STANDARD };
        profile::join(request, |_| ()).await?;
        let profile = profile::open(&dir, &self.passphrase, &WorkPolicy::STANDARD)?;
        Ok(Engine::start(profile, Options::default()))
    }
}

/// A relay's folder on a free port of loopback, certified.
fn certify_relay(
    dir: &Path,
    root: &AuthorityKeys,
    authority: &Authority,
    now: Timestamp,
) -> Result<Statement, Failure> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    let listen = vec![port.map_err(failed("no port of loopback is free"))?];
    let wishes = folder::Wishes { domain: authority.domain().clone(), listen, advertise: Vec::new() };
    let made = folder::init(dir, Some(wishes), &mut OsRng).map_err(failed("the relay's folder cannot be made"))?;
    let card = fs::read(made.card).map_err(failed("the relay's card cannot be read"))?;
    let card = armour::read(FileKind::RelayCard, &card).map_err(failed("the relay's card cannot be read"))?;
    let card = RelayCard::from_bytes(&card).map_err(failed("the relay's card cannot be read"))?;
    let certificate = root.certify_relay(authority, &card, false, now, RELAY_VALIDITY);
    let certificate = certificate.map_err(failed("the relay is not certified"))?;
    let certified = CertifiedRelay { authority: authority.certificate().clone(), certificate: certificate.clone() };
    let text = armour::write(FileKind::RelayCertificate, &certified.to_bytes());
    let text = text.map_err(failed("the relay's certificate is not written"))?;
    fs::write(dir.join(folder::CERTIFICATE_FILE), text.as_bytes())
        .map_err(failed("the relay's certificate is not written"))?;
    Ok(certificate)
}

pub(super) fn now() -> Timestamp {
    Timestamp::from(std::time::SystemTime::now())
}
