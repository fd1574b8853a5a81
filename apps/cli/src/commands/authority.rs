//! `amanat authority init`, `authority certify`, `relay certify`, `officer init`, `auditor init`.

use std::path::Path;

use amanat_identity::{Domain, OfficeName, PersonName};

use crate::{
    args::{Role, RootKey},
    authority::{
        cards,
        certify::{Root, root_key},
        folder::AuthorityFolder,
        init::{self, Passphrases},
        not_text,
    },
    context::Context,
    files,
    output::{
        json,
        table::{self, Pairs, paint},
        time::{self, local, utc},
    },
    problem::Outcome,
    secrets::{self, Purpose},
};

pub(super) fn init(context: &Context, domain: &str, name: &str, out: &Path) -> Outcome {
    let domain: Domain = domain.parse().map_err(|error| not_text("--domain", error))?;
    let name: OfficeName = name.parse().map_err(|error| not_text("--name", error))?;
    files::must_be_new(out)?;
    let root = secrets::new_passphrase(Purpose::Root)?;
    let officer = secrets::new_passphrase(Purpose::Officer)?;
    context.interrupt.check()?;
    let made = init::init(out, domain, name, &Passphrases { root: &root, officer: &officer }, time::now())?;
    let folder = &made.folder;
    if context.screen.is_json() {
        return context.screen.object(&json::AuthorityMade {
            authority: made.authority.id().to_string(),
            domain: made.authority.domain().to_string(),
            name: made.authority.name().to_string(),
            certificate: folder.certificate().display().to_string(),
            root: folder.root_key().display().to_string(),
            officer_valid_until: utc(made.officer.valid_until()),
            status_number: made.status.number(),
            status_next_update: utc(made.status.next_update()),
        });
    }
    let mut pairs = Pairs::default();
    pairs.push("authority", format!("{} ({})", made.authority.name(), made.authority.domain()));
    pairs.push("fingerprint", made.authority.id().to_string());
    pairs.push("certificate", folder.certificate().display().to_string());
    pairs.push("officer's keys", folder.officer_keys().display().to_string());
    pairs.push("officer until", local(made.officer.valid_until()));
    pairs.push("status until", local(made.status.next_update()));
    context.screen.line(pairs.render())?;
    context.screen.note(format!(
        "\n{} move {} offline now: to a medium that lies in a safe, and a second copy in another.\n\
         Whoever has it and its passphrase can make officers. It is needed again only to certify.\n\
         Next: amanat-relay init, then amanat relay certify.",
        paint("Important:", table::CAUTION),
        folder.root_key().display()
    ));
    Ok(())
}

pub(super) fn card(context: &Context, role: Role, out: &Path, name: Option<String>) -> Outcome {
    let name = name.unwrap_or_else(|| default_name(role));
    let name: PersonName = name.parse().map_err(|error| not_text("--name", error))?;
    files::must_be_new(&out.join("keys"))?;
    let passphrase = secrets::new_passphrase(Purpose::Officer)?;
    context.interrupt.check()?;
    let card = cards::init(role, out, name.clone(), &passphrase)?;
    if context.screen.is_json() {
        return context.screen.object(&json::CardMade {
            role: role.name(),
            name: name.to_string(),
            card: card.display().to_string(),
        });
    }
    context.screen.line(format!("{} {}", card.display(), paint(&format!("({name})"), table::QUIET)))?;
    context.screen.note(format!(
        "Hand this card to the authority in person. What it answers goes to {}.",
        out.join("certificate").display()
    ));
    Ok(())
}

fn default_name(role: Role) -> String {
    match role {
        Role::Officer => "Security officer".into(),
        Role::Auditor => "Auditor".into(),
    }
}

pub(super) fn certify(context: &Context, role: Role, card: &Path, root: &RootKey, out: &Path) -> Outcome {
    let certified = open_root(context, root, out)?.person(role, card, out, time::now())?;
    if context.screen.is_json() {
        return context.screen.object(&json::Certified {
            role: role.name(),
            name: certified.name,
            valid_until: utc(certified.valid_until),
            out: out.display().to_string(),
        });
    }
    let mut pairs = Pairs::default();
    pairs.push(role.name(), certified.name);
    pairs.push("valid until", local(certified.valid_until));
    pairs.push("certificate", out.display().to_string());
    context.screen.line(pairs.render())
}

pub(super) fn certify_relay(context: &Context, card: &Path, root: &RootKey, out: &Path, allow_public: bool) -> Outcome {
    let opened = open_root(context, root, out)?;
    let relay = opened.relay(card, out, allow_public, time::now())?;
    let addresses: Vec<String> = relay.addresses().iter().map(ToString::to_string).collect();
    if context.screen.is_json() {
        return context.screen.object(&json::RelayCertified {
            relay: relay.id().to_string(),
            domain: opened.authority().domain().to_string(),
            addresses,
            public: relay.allow_public(),
            valid_until: utc(relay.valid_until()),
            out: out.display().to_string(),
        });
    }
    let mut pairs = Pairs::default();
    pairs.push("relay", addresses.join(", "));
    pairs.push("fingerprint", relay.id().to_string());
    if relay.allow_public() {
        pairs.push("public address", table::Cell::styled("allowed", table::CAUTION));
    }
    pairs.push("valid until", local(relay.valid_until()));
    pairs.push("certificate", out.display().to_string());
    context.screen.line(pairs.render())?;
    context.screen.note("Put the certificate beside the relay's keys as relay.cert, then start it: amanat-relay run.");
    Ok(())
}

fn open_root(context: &Context, root: &RootKey, out: &Path) -> Outcome<Root> {
    let folder = AuthorityFolder::new(&root.authority);
    let now = time::now();
    folder.authority(now)?;
    files::must_be_new(out)?;
    let key = root_key(&folder, root.root.as_deref())?;
    let passphrase = secrets::passphrase(Purpose::Root)?;
    context.interrupt.check()?;
    Root::open(folder, &key, &passphrase, now)
}
