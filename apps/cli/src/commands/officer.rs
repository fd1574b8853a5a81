//! `amanat invite`, `amanat attest`, `amanat revoke`, `amanat cosign` and `amanat renew`: an officer's work.

use std::path::{Path, PathBuf};

use amanat_identity::{
    Address, AuthorityKeys, Invitee, KeyId, Reason, Target, Tier, body::RevocationBody, revocation::Note,
};
use amanat_primitives::Timestamp;

use crate::{
    args::{Invite, Renew, Revoke},
    authority::{
        attest::Attested,
        certify::{Root, root_key},
        cosign,
        invite::{ClosedDesk, Desk},
        not_text,
        renew::Renewed,
        revoke,
    },
    context::Context,
    files,
    output::{
        json, say,
        table::{self, Pairs, paint},
        time::{self, local, utc},
    },
    problem::{Outcome, Problem},
    secrets::{self, Purpose},
};

pub(super) async fn invite(context: &Context, words: &Invite) -> Outcome {
    let now = time::now();
    let desk = ClosedDesk::read(&words.authority, now)?;
    let invitee = invitee(words, &desk)?;
    let address = Address { handle: invitee.handle.clone(), domain: desk.authority().domain().clone() };
    desk.require_relay("The invitation is not written")?;
    files::must_be_new(&words.out)?;
    let passphrase = secrets::passphrase(Purpose::Officer)?;
    context.interrupt.check()?;
    let desk = desk.open(&passphrase)?;
    let mut undone = Undone::default();
    if words.replaces {
        // What a person's revocation meets are grants issued up to then: the new one comes after it.
        let target = Target::Person(invitee.handle.clone());
        let body = RevocationBody { target, ceiling: None, reason: Reason::Other, note: Some(replaced()?) };
        undone = desk.publish(&[body], &mut context.interrupt.clone(), now).await?.into();
    }
    let granted_at = time::now().max(now.after(std::time::Duration::from_millis(1)));
    let written = desk.invite(invitee, words.code, &words.out, granted_at)?;
    let code = written.code.as_ref().map(|code| code.expose());
    if context.screen.is_json() {
        context.screen.object(&json::Invited {
            address: address.to_string(),
            name: words.name.clone(),
            post: words.post.clone(),
            clearance: words.tier.name(),
            grant: written.grant.to_string(),
            redeem_by: utc(written.redeem_by),
            out: words.out.display().to_string(),
            code: code.map(|code| code.to_string()),
        })?;
        return delivered(REPLACED, undone, &desk);
    }
    let mut pairs = Pairs::default();
    pairs.push("for", format!("{}, {}", words.name, words.post));
    pairs.push("address", address.to_string());
    pairs.push("clearance", say::tier_cell(words.tier));
    pairs.push("grant", written.grant.to_string());
    pairs.push("redeem by", local(written.redeem_by));
    pairs.push("invitation", words.out.display().to_string());
    if let Some(code) = code {
        pairs.push("code", table::Cell::styled(code.as_str(), table::STRONG));
    }
    context.screen.line(pairs.render())?;
    if words.code {
        context.screen.note("Tell the code by voice, apart from the file. It is shown only now.");
    } else {
        context.screen.note("Hand the file over in person: whoever has it can join, once.");
    }
    if written.stale_status {
        context
            .screen
            .note(format!("{} the status statement has lapsed; run amanat attest.", paint("Note:", table::CAUTION)));
    }
    delivered(REPLACED, undone, &desk)
}

const REPLACED: &str = "The invitation is written; the revocation of the person's other devices";

fn replaced() -> Outcome<Note> {
    "Replaced by a new invitation.".parse().map_err(|error| not_text("The note", error))
}

fn invitee(words: &Invite, desk: &ClosedDesk) -> Outcome<Invitee> {
    let own = desk.authority().domain();
    let address = Address::parse_in(&words.person, own).map_err(|error| not_text("--person", error))?;
    if address.domain != *own {
        return Err(Problem::usage(
            format!("--person names another domain than this authority's, {own}."),
            "Give the handle alone: the part before the @.",
        ));
    }
    Ok(Invitee {
        handle: address.handle,
        name: words.name.parse().map_err(|error| not_text("--name", error))?,
        post: words.post.parse().map_err(|error| not_text("--post", error))?,
        clearance: words.tier,
        replaces: words.replaces,
    })
}

pub(super) async fn attest(context: &Context, authority: &Path) -> Outcome {
    let now = time::now();
    let desk = ClosedDesk::read(authority, now)?;
    desk.require_relay("The status statement has nobody to be published to")?;
    let passphrase = secrets::passphrase(Purpose::Officer)?;
    context.interrupt.check()?;
    let desk = desk.open(&passphrase)?;
    let attested = desk.attest(&mut context.interrupt.clone(), now).await?;
    if context.screen.is_json() {
        context.screen.object(&json::Attested {
            number: attested.status.number(),
            next_update: utc(attested.status.next_update()),
            lapsed: attested.lapsed.iter().map(|device| device.id().to_string()).collect(),
            published: attested.published.clone(),
            waiting: attested.waiting.iter().map(|(address, _)| address.clone()).collect(),
            needs_cosign: attested.needs_second.iter().map(|path| path.display().to_string()).collect(),
            not_renewed: attested.not_renewed.iter().map(|(device, _)| device.id().to_string()).collect(),
        })?;
    } else {
        let mut pairs = Pairs::default();
        pairs.push("statement", attested.status.number().to_string());
        pairs.push("valid until", local(attested.status.next_update()));
        for device in &attested.lapsed {
            let since = local(device.valid_until());
            pairs.push("revoked as lapsed", format!("{} since {since} (device {})", device.address(), device.id()));
        }
        if !attested.published.is_empty() {
            pairs.push("published to", table::Cell::styled(attested.published.join(", "), table::GOOD));
        }
        context.screen.line(pairs.render())?;
    }
    // [DELIV-207]
    for (device, problem) in &attested.not_renewed {
        context.screen.note(format!(
            "{} a relay has lost the renewal of {} (device {}) and does not take it again. {} Renew it anew: amanat renew \
             {} --authority A.",
            paint("Note:", table::CAUTION),
            device.address(),
            device.id(),
            problem.failed(),
            device.address(),
        ));
    }
    delivered("The statement", attested.into(), &desk)
}

/// What is left to do of something that was signed.
#[derive(Default)]
struct Undone {
    waiting: Vec<(String, Problem)>,
    needs_second: Vec<PathBuf>,
}

impl From<Attested> for Undone {
    fn from(attested: Attested) -> Self {
        Self { waiting: attested.waiting, needs_second: attested.needs_second }
    }
}

/// Fails where a relay does not have what was signed, and where it has no effect before a second officer signs.
fn delivered(what: &str, undone: Undone, desk: &Desk) -> Outcome {
    if let Some((address, problem)) = undone.waiting.into_iter().next() {
        return Err(Problem::new(
            problem.code(),
            format!(
                "{what} is signed and waits in {}, but the relay at {address} does not have it. {}",
                desk.folder.outbox().display(),
                problem.failed()
            ),
            problem.advice(),
        ));
    }
    let [(_, hour), (_, day)] = amanat_identity::policy::ALONE;
    let Some(first) = undone.needs_second.first() else { return Ok(()) };
    let files: Vec<String> = undone.needs_second.iter().map(|path| path.display().to_string()).collect();
    Err(Problem::new(
        "needs-cosign",
        format!(
            "One officer may revoke {hour} in an hour and {day} in a day, and nothing as of a time before being one: what \
             is above that, or older, has no effect before another officer has signed it. It waits in {}.",
            files.join(", ")
        ),
        format!(
            "Have it signed with another officer's folder: amanat cosign {} --authority A. What is older than both \
             officers, revoke anew.",
            first.display()
        ),
    ))
}

pub(super) fn cosign(context: &Context, files: &[PathBuf], authority: &Path) -> Outcome {
    let now = time::now();
    let desk = ClosedDesk::read(authority, now)?;
    let passphrase = secrets::passphrase(Purpose::Officer)?;
    context.interrupt.check()?;
    let desk = desk.open(&passphrase)?;
    for file in files {
        let signed = desk.cosign(file, now)?;
        let said = &signed.proposal.said;
        let (kind, target) = cosign::words(&said.body.target, desk.authority.domain());
        if context.screen.is_json() {
            context.screen.object(&json::Cosigned {
                file: signed.file.display().to_string(),
                target,
                kind,
                reason: said.body.reason.name(),
                at: utc(said.at),
                proposed_by: signed.by,
            })?;
            continue;
        }
        let mut pairs = Pairs::default();
        pairs.push("signed", table::Cell::styled(format!("revocation of {kind} {target}"), table::STRONG));
        pairs.push("reason", said.body.reason.name().to_owned());
        pairs.push("proposed by", format!("{} at {}", signed.by, local(said.at)));
        context.screen.line(pairs.render())?;
    }
    context
        .screen
        .note("It counts from the next statement on: run amanat attest with this folder, or with the other officer's.");
    Ok(())
}

const CEILING: &str = "The ceiling of the clearance";

pub(super) async fn renew(context: &Context, words: &Renew) -> Outcome {
    let now = time::now();
    let desk = ClosedDesk::read(&words.authority, now)?;
    let own = desk.authority().domain().clone();
    let address = Address::parse_in(&words.address, &own).map_err(|error| not_text("ADDRESS", error))?;
    if address.domain != own {
        return Err(Problem::usage(
            format!("{address} belongs to another authority than this one, {own}."),
            "Ask that authority's security officer to renew it.",
        ));
    }
    desk.require_relay("The renewal has nobody to be given to")?;
    let passphrase = secrets::passphrase(Purpose::Officer)?;
    context.interrupt.check()?;
    let desk = desk.open(&passphrase)?;
    let renewed = desk.renew(&address.handle, words.tier, &mut context.interrupt.clone(), now).await?;
    // [DELIV-204] What was not renewed is not said to have been.
    if let Some(clearance) = renewed.clearance.filter(|_| !renewed.devices.is_empty()) {
        say_renewed(context, &address, clearance, &renewed)?;
    }
    let mut undone = renewed.undone;
    if let Some(ceiling) = renewed.ceiling {
        match (delivered(CEILING, ceiling.into(), &desk), words.tier) {
            (Err(problem), _) => undone.insert(0, problem),
            (Ok(()), Some(tier)) if !undone.is_empty() => {
                let failed = format!("The clearance is at most {} all the same.", tier.name());
                undone.push(Problem::new("refused", failed, ""));
            }
            (Ok(()), _) => (),
        }
    }
    Problem::all(undone).map_or(Ok(()), Err)
}

fn say_renewed(context: &Context, address: &Address, clearance: Tier, renewed: &Renewed) -> Outcome {
    let devices: Vec<String> = renewed.devices.iter().map(|device| device.id().to_string()).collect();
    if context.screen.is_json() {
        context.screen.object(&json::Renewed {
            address: address.to_string(),
            clearance: clearance.name(),
            devices,
            valid_until: utc(renewed.valid_until),
            officer_ends_first: renewed.is_short,
        })?;
    } else {
        let mut pairs = Pairs::default();
        pairs.push("renewed", table::Cell::styled(address.to_string(), table::STRONG));
        pairs.push("clearance", say::tier_cell(clearance));
        pairs.push("devices", devices.join(", "));
        pairs.push("valid until", local(renewed.valid_until));
        context.screen.line(pairs.render())?;
    }
    if renewed.is_short {
        context.screen.note(format!(
            "{} the officer's own certificate ends then, and so does the renewal. Certify an officer for another year \
             (amanat officer init, amanat authority certify officer), then renew with that one.",
            paint("Note:", table::CAUTION)
        ));
    }
    Ok(())
}

/// The root key, which alone revokes officers.
fn root_for(officer: KeyId, words: &Revoke, desk: &ClosedDesk, now: Timestamp) -> Outcome<AuthorityKeys> {
    if officer == desk.officer().id() {
        return Err(Problem::new(
            "refused",
            "The officer of this folder cannot sign the status statement that names their own revocation.",
            "Use another officer's folder: --authority A; certify one first if there is none.",
        ));
    }
    let key = root_key(desk.folder(), words.root.as_deref())?;
    let passphrase = secrets::passphrase(Purpose::Root)?;
    Ok(Root::open(desk.folder().clone(), &key, &passphrase, now)?.into_keys())
}

pub(super) async fn revoke(context: &Context, words: &Revoke) -> Outcome {
    let now = time::now();
    let desk = ClosedDesk::read(&words.authority, now)?;
    let named = revoke::target(&words.target, desk.folder(), desk.authority().domain())?;
    let note = words.note.as_deref().map(str::parse).transpose().map_err(|error| not_text("--note", error))?;
    desk.require_relay("The revocation has nobody to be published to")?;
    let root = match named.target {
        Target::Officer(officer) => Some(root_for(officer, words, &desk, now)?),
        _ => None,
    };
    let passphrase = secrets::passphrase(Purpose::Officer)?;
    context.interrupt.check()?;
    let mut desk = desk.open(&passphrase)?;
    desk.root = root;
    let named = if words.unknown { named } else { desk.resolve(named, &mut context.interrupt.clone(), now).await? };
    let body = RevocationBody { target: named.target.clone(), ceiling: None, reason: words.reason, note };
    let attested = desk.publish(&[body], &mut context.interrupt.clone(), now).await?;
    if context.screen.is_json() {
        context.screen.object(&json::Revoked {
            target: named.to_string(),
            kind: named.kind(),
            reason: words.reason.name(),
            number: attested.status.number(),
            published: attested.published.clone(),
            waiting: attested.waiting.iter().map(|(address, _)| address.clone()).collect(),
            needs_cosign: attested.needs_second.iter().map(|path| path.display().to_string()).collect(),
        })?;
    } else {
        let mut pairs = Pairs::default();
        let done = if attested.needs_second.is_empty() { "revoked" } else { "not revoked yet" };
        pairs.push(done, table::Cell::styled(format!("{} {named}", named.kind()), table::STRONG));
        pairs.push("reason", words.reason.name().to_owned());
        pairs.push("statement", attested.status.number().to_string());
        if !attested.published.is_empty() {
            pairs.push("published to", table::Cell::styled(attested.published.join(", "), table::GOOD));
        }
        context.screen.line(pairs.render())?;
    }
    delivered("The revocation", attested.into(), &desk)
}
