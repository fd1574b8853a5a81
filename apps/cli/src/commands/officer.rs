//! `amanat invite`, `amanat attest`, `amanat revoke` and `amanat renew`: an officer's work.

use std::path::Path;

use amanat_identity::{Address, Invitee, Reason, Target, body::RevocationBody, revocation::Note};

use crate::{
    args::{Invite, Renew, Revoke},
    authority::{
        invite::{ClosedDesk, Desk},
        not_text, revoke,
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
    let mut waiting = Vec::new();
    if words.replaces {
        // What a person's revocation meets are grants issued up to then: the new one comes after it.
        let target = Target::Person(invitee.handle.clone());
        let body = RevocationBody { target, ceiling: None, reason: Reason::Other, note: Some(replaced()?) };
        waiting = desk.publish(&[body], &mut context.interrupt.clone(), now).await?.waiting;
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
        return delivered(REPLACED, waiting, &desk);
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
    delivered(REPLACED, waiting, &desk)
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
            published: attested.published.clone(),
            waiting: attested.waiting.iter().map(|(address, _)| address.clone()).collect(),
        })?;
    } else {
        let mut pairs = Pairs::default();
        pairs.push("statement", attested.status.number().to_string());
        pairs.push("valid until", local(attested.status.next_update()));
        if !attested.published.is_empty() {
            pairs.push("published to", table::Cell::styled(attested.published.join(", "), table::GOOD));
        }
        context.screen.line(pairs.render())?;
    }
    delivered("The statement", attested.waiting, &desk)
}

/// Fails where a relay does not have what was signed.
fn delivered(what: &str, waiting: Vec<(String, Problem)>, desk: &Desk) -> Outcome {
    match waiting.into_iter().next() {
        None => Ok(()),
        Some((address, problem)) => Err(Problem::new(
            problem.code(),
            format!(
                "{what} is signed and waits in {}, but the relay at {address} does not have it. {}",
                desk.folder.outbox().display(),
                problem.failed()
            ),
            problem.advice(),
        )),
    }
}

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
    let devices: Vec<String> = renewed.devices.iter().map(|device| device.id().to_string()).collect();
    if context.screen.is_json() {
        context.screen.object(&json::Renewed {
            address: address.to_string(),
            clearance: renewed.clearance.name(),
            devices,
            valid_until: utc(renewed.valid_until),
        })?;
    } else {
        let mut pairs = Pairs::default();
        pairs.push("renewed", table::Cell::styled(address.to_string(), table::STRONG));
        pairs.push("clearance", say::tier_cell(renewed.clearance));
        pairs.push("devices", devices.join(", "));
        pairs.push("valid until", local(renewed.valid_until));
        context.screen.line(pairs.render())?;
    }
    delivered("The lowered clearance", renewed.lowered.map(|lowered| lowered.waiting).unwrap_or_default(), &desk)
}

pub(super) async fn revoke(context: &Context, words: &Revoke) -> Outcome {
    let now = time::now();
    let desk = ClosedDesk::read(&words.authority, now)?;
    let named = revoke::target(&words.target, desk.folder(), desk.authority().domain())?;
    let note = words.note.as_deref().map(str::parse).transpose().map_err(|error| not_text("--note", error))?;
    desk.require_relay("The revocation has nobody to be published to")?;
    let passphrase = secrets::passphrase(Purpose::Officer)?;
    context.interrupt.check()?;
    let desk = desk.open(&passphrase)?;
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
        })?;
    } else {
        let mut pairs = Pairs::default();
        pairs.push("revoked", table::Cell::styled(format!("{} {named}", named.kind()), table::STRONG));
        pairs.push("reason", words.reason.name().to_owned());
        pairs.push("statement", attested.status.number().to_string());
        if !attested.published.is_empty() {
            pairs.push("published to", table::Cell::styled(attested.published.join(", "), table::GOOD));
        }
        context.screen.line(pairs.render())?;
    }
    delivered("The revocation", attested.waiting, &desk)
}
