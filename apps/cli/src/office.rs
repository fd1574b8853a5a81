//! A whole office in one folder, for the demonstration and the benchmarks: made by the same functions as the commands.
//!
//! ```text
//! DIR/authority/  DIR/relay/  DIR/invitations/  DIR/people/HANDLE/  DIR/passphrase
//! ```

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use amanat_client::profile::{self, JoinRequest, JoinStage, Joined};
use amanat_identity::{Domain, Invitee, Tier, VerifiedRelay};
use amanat_primitives::passphrase::WorkPolicy;
use amanat_relay_core::folder::{self as relay_folder, Wishes};
use rand_core::{OsRng, RngCore};
use zeroize::Zeroizing;

use crate::{
    authority::{
        certify::Root,
        folder::AuthorityFolder,
        init::{self, NewAuthority, Passphrases},
        invite::{ClosedDesk, Desk, Written},
        not_text,
    },
    files::{self, Mode},
    output::time,
    problem::{Outcome, Problem, sentence},
};

/// The office's folder and the one passphrase of everything in it.
pub(crate) struct Office {
    dir: PathBuf,
    domain: Domain,
    passphrase: Zeroizing<String>,
}

/// A person to be enrolled.
#[derive(Clone, Copy)]
pub(crate) struct Staff {
    pub(crate) handle: &'static str,
    pub(crate) name: &'static str,
    pub(crate) post: &'static str,
    pub(crate) clearance: Tier,
}

impl Office {
    /// In `dir`, with a fresh random passphrase, which is written beside for whoever tries the commands later.
    pub(crate) fn new(dir: &Path, domain: &str) -> Outcome<Self> {
        let domain = domain.parse().map_err(|error| not_text("the domain", error))?;
        let passphrase = Zeroizing::new(format!("{:016x}{:016x}", OsRng.next_u64(), OsRng.next_u64()));
        let office = Self { dir: dir.to_owned(), domain, passphrase };
        files::folder(&office.people())?;
        files::folder(&dir.join("invitations"))?;
        files::create(&office.passphrase_file(), format!("{}\n", *office.passphrase).as_bytes(), Mode::Secret)?;
        Ok(office)
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.dir.join("authority")
    }

    pub(crate) fn relay(&self) -> PathBuf {
        self.dir.join("relay")
    }

    pub(crate) fn people(&self) -> PathBuf {
        self.dir.join("people")
    }

    /// A person's profile.
    pub(crate) fn profile(&self, handle: &str) -> PathBuf {
        self.people().join(handle)
    }

    pub(crate) fn invitation(&self, handle: &str) -> PathBuf {
        self.dir.join("invitations").join(format!("{handle}.invitation"))
    }

    pub(crate) fn passphrase_file(&self) -> PathBuf {
        self.dir.join("passphrase")
    }

    pub(crate) fn passphrase(&self) -> &str {
        &self.passphrase
    }

    /// `amanat authority init`.
    pub(crate) fn found(&self, name: &str) -> Outcome<NewAuthority> {
        let name = name.parse().map_err(|error| not_text("the name", error))?;
        let passphrases = Passphrases { root: &self.passphrase, officer: &self.passphrase };
        init::init(&self.authority(), self.domain.clone(), name, &passphrases, time::now())
    }

    /// `amanat-relay init` on a free port of loopback, then `amanat relay certify`.
    pub(crate) fn make_relay(&self) -> Outcome<VerifiedRelay> {
        self.make_relay_at(free_port()?, None)
    }

    /// The same, to be dialled at `line` where there is one.
    pub(crate) fn make_relay_at(&self, listen: SocketAddr, line: Option<SocketAddr>) -> Outcome<VerifiedRelay> {
        let dialled = line.map(|line| line.to_string().parse()).transpose();
        let advertise = dialled.map_err(|error| not_text("the line's address", error))?.into_iter().collect();
        let wishes = Wishes { domain: self.domain.clone(), listen: vec![listen], advertise };
        let made = relay_folder::init(&self.relay(), Some(wishes), &mut OsRng)
            .map_err(|error| relay_problem(&error, &error.advice()))?;
        let authority = AuthorityFolder::new(&self.authority());
        let key = authority.root_key();
        let root = Root::open(authority, &key, &self.passphrase, time::now())?;
        root.relay(&made.card, &self.relay().join("relay.cert"), false, time::now())
    }

    /// The officer's machine.
    pub(crate) fn desk(&self) -> Outcome<Desk> {
        ClosedDesk::read(&self.authority(), time::now())?.open(&self.passphrase)
    }

    /// `amanat invite`.
    pub(crate) fn invite(&self, desk: &Desk, person: &Staff, with_code: bool) -> Outcome<Written> {
        let invitee = Invitee {
            handle: person.handle.parse().map_err(|error| not_text("the handle", error))?,
            name: person.name.parse().map_err(|error| not_text("the name", error))?,
            post: person.post.parse().map_err(|error| not_text("the post", error))?,
            clearance: person.clearance,
            replaces: false,
        };
        desk.invite(invitee, with_code, &self.invitation(person.handle), time::now())
    }

    /// `amanat join` with the person's invitation, into `dir`.
    pub(crate) async fn join(&self, handle: &str, code: Option<String>, dir: PathBuf) -> Outcome<Joined> {
        let invitation = files::read(&self.invitation(handle), 256 * 1024, "the invitation")?;
        let passphrase = self.passphrase.clone();
        let request = JoinRequest { dir, invitation, code, passphrase, work: WorkPolicy::STANDARD };
        Ok(profile::join(request, |_: JoinStage| ()).await?)
    }
}

/// What the relay's library reports, in a command's words.
pub(crate) fn relay_problem(error: &dyn std::error::Error, advice: &str) -> Problem {
    let mut failed = error.to_string();
    if let Some(source) = error.source() {
        failed = format!("{failed}: {source}");
    }
    Problem::new("relay", sentence(&failed), sentence(advice))
}

/// A port of loopback that nothing listens on at this moment.
pub(crate) fn free_port() -> Outcome<SocketAddr> {
    let failed = |_| {
        Problem::new("relay", "No port of this machine's loopback is free.", "Close what holds them: ss -ltn lists it.")
    };
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).map_err(failed)
}
