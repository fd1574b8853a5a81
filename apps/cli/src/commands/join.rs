//! `amanat join`: an invitation becomes a profile on this machine.

use std::path::Path;

use amanat_client::profile::{self, JoinRequest, JoinStage};
use amanat_identity::{
    Invitation,
    armour::{self, FileKind},
};
use amanat_primitives::passphrase::WorkPolicy;
use zeroize::Zeroizing;

use crate::{
    authority,
    context::Context,
    files,
    output::{
        json, say,
        table::{self, Pairs, paint},
        time::{self, local},
    },
    problem::{Outcome, Problem},
    secrets::{self, Purpose},
};

/// More than any invitation has, in its text form.
const LIMIT: u64 = 256 * 1024;

pub(super) async fn run(context: &Context, path: &Path) -> Outcome {
    let text = Zeroizing::new(files::read(path, LIMIT, "the invitation")?);
    let needs_code = show(context, path, &text)?;
    let code = if needs_code { Some(secrets::invitation_code()?) } else { None };
    // An interrupted join is taken up again with the passphrase that it began with.
    let passphrase = if profile::exists(&context.profile) {
        secrets::passphrase(Purpose::Profile)?
    } else {
        secrets::new_passphrase(Purpose::Profile)?
    };
    let request = JoinRequest {
        dir: context.profile.clone(),
        invitation: text.to_vec(),
        code: code.map(|code| code.to_string()),
        passphrase,
        work: WorkPolicy::STANDARD,
    };
    let screen = context.screen;
    let joining = profile::join(request, move |stage| screen.note(paint(stage_words(stage), table::QUIET)));
    let joined = context.interrupt.clone().or(joining).await??;
    if context.screen.is_json() {
        return context.screen.object(&json::Joined {
            address: joined.address.to_string(),
            name: joined.name,
            post: joined.post,
            clearance: joined.clearance.name(),
            device: joined.device.to_string(),
            authority: joined.authority,
            approve: joined.waits.map(|code| code.to_string()),
        });
    }
    let mut pairs = Pairs::default();
    pairs.push("joined", table::Cell::styled(&joined.authority, table::GOOD));
    pairs.push("address", joined.address.to_string());
    pairs.push("name", format!("{}, {}", joined.name, joined.post));
    pairs.push("clearance", say::tier_cell(joined.clearance));
    pairs.push("device", joined.device.to_string());
    let waits = joined.waits.is_some();
    if let Some(code) = joined.waits {
        pairs.push("code", table::Cell::styled(code.to_string(), table::STRONG));
    }
    context.screen.line(pairs.render())?;
    if let Some(code) = joined.waits {
        context.screen.note(paint(
            &format!(
                "You have another device: this one is served once that one has approved it. There, compare the code and \
                 run: amanat device approve {code}. Then, here: amanat sync."
            ),
            table::CAUTION,
        ));
    }
    let next = if waits { "" } else { " Next: amanat people." };
    context.screen.note(format!("The invitation is used up: delete the file.{next}"));
    Ok(())
}

/// Shows whose invitation it is, before any passphrase is asked for; tells whether it needs a code.
fn show(context: &Context, path: &Path, text: &[u8]) -> Outcome<bool> {
    let content = armour::read(FileKind::Invitation, text).map_err(|error| authority::armour(path, error))?;
    let invitation = Invitation::from_secret_bytes(&content).map_err(|error| {
        Problem::new(
            "invitation",
            format!("The invitation is damaged: {error}."),
            "Ask the security officer for the file again.",
        )
    })?;
    let summary =
        invitation.summary(time::now()).map_err(|error| authority::chain("The invitation cannot be used", error))?;
    context.screen.note(format!(
        "Invitation to {} for {}, {} ({}), as {}; from {}, to be used by {}.",
        summary.authority,
        summary.name,
        summary.post,
        say::tier(summary.clearance),
        summary.address,
        summary.officer,
        local(summary.redeem_by)
    ));
    Ok(summary.needs_code)
}

fn stage_words(stage: JoinStage) -> &'static str {
    match stage {
        JoinStage::CheckingInvitation => "checking the invitation ...",
        JoinStage::MakingKeys => "making this device's keys ...",
        JoinStage::Connecting => "connecting to the relay ...",
        JoinStage::Enrolling => "enrolling ...",
        JoinStage::PublishingKeyPackages => "publishing KeyPackages ...",
    }
}
