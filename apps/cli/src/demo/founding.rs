//! Chapter 1: an authority, its first officer, a certified relay that runs.

use std::{os::unix::fs::PermissionsExt, path::Path};

use amanat_identity::VerifiedRelay;
use amanat_relay_core::{Relay, Running, config::Config};

use super::tale::Tale;
use crate::{
    office::{Office, relay_problem},
    problem::Outcome,
};

pub(super) async fn run(tale: &mut Tale, office: &Office) -> Outcome<Running> {
    tale.chapter("An authority, and a relay that it certifies")?;
    let made = office.found("Cabinet Division")?;
    tale.say(&format!("Authority {} ({}), fingerprint", made.authority.name(), made.authority.domain()))?;
    tale.say(&format!("{}.", made.authority.id()))?;
    tale.say("Its root key signs officers and relays, and is then moved offline. Nobody online can make a person.")?;
    let key = made.folder.root_key();
    let private = mode(&key) == Some(0o600) && mode(&made.folder.officer_keys()) == Some(0o600);
    let listing = format!("ls -l {} {}", tale.path("authority/root.key"), tale.path("authority/officer/keys"));
    tale.check("the keys are files for their owner alone, closed with a passphrase", private, Some(listing))?;
    let relay = office.make_relay()?;
    let running = start(office).await?;
    tale.say(&format!(
        "Relay on {}, certified until {}.",
        addresses(&relay),
        crate::output::time::local(relay.valid_until())
    ))?;
    let loopback = !running.addresses().is_empty() && running.addresses().iter().all(|at| at.ip().is_loopback());
    tale.check(
        "it listens on loopback only: its certificate allows no public address",
        loopback && !relay.allow_public(),
        None,
    )?;
    tale.check("it runs under the authority's fingerprint", running.authority().id() == made.authority.id(), None)?;
    tale.by_hand()?;
    Ok(running)
}

async fn start(office: &Office) -> Outcome<Running> {
    let dir = office.relay();
    let config = Config::load(&dir).map_err(|error| relay_problem(&error, error.advice()))?;
    Relay::start(config, &dir).await.map_err(|error| relay_problem(&error, &error.advice()))
}

fn mode(path: &Path) -> Option<u32> {
    std::fs::metadata(path).ok().map(|meta| meta.permissions().mode() & 0o777)
}

fn addresses(relay: &VerifiedRelay) -> String {
    relay.addresses().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
