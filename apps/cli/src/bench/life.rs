//! `amanat bench life`: what months of use cost: a revoked device, a large group, a long absence, a full vault.

mod group;
mod link;
mod vault;

use std::{path::Path, time::Instant};

use amanat_client::{Command, Reply, api::Target};
use amanat_primitives::ConversationId;

use super::{
    child::Child,
    pairs::{RECIPIENT, SENDER},
    process::Watched,
    rounded,
};
use crate::{
    context::Context,
    disk,
    office::Office,
    output::{
        json,
        table::{self, paint},
    },
    problem::Outcome,
    session::{Link, Session, unexpected},
};

/// The bars: milliseconds for each party of a group's change, seconds to catch up, milliseconds of unlocking beside
/// Argon2id and of a search.
const MOST_CHANGE_MS: f64 = 25.0;
const MOST_CATCH_UP_S: f64 = 5.0;
const MOST_UNLOCK_MS: f64 = 300.0;
const MOST_SEARCH_MS: f64 = 100.0;
/// The same bar as in the demonstration: from the officer's word to the last conversation.
const MOST_REMOVAL_S: f64 = 60.0;

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) runs: u32,
    pub(super) devices: u32,
    pub(super) epochs: u32,
    pub(super) messages: u32,
}

/// What is said beside the figures of all scenarios.
struct Beside {
    relay_cpu_s: f64,
    generator_cpu_s: f64,
    syncs_per_s: f64,
    sync_p50_ms: f64,
    relay_rss_mib: f64,
}

pub(super) async fn run(context: &Context, dir: &Path, wanted: Wanted) -> Outcome {
    let Wanted { runs, devices, epochs, messages } = wanted;
    let what = format!(
        "A revoked device; a group of {devices} devices; {epochs} epochs missed; a vault of {messages} messages. {runs} runs."
    );
    super::introduce(context, dir, &what);
    let (mut removals, mut groups, mut absences, mut searches) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut beside = None;
    for number in 1..=runs {
        let place = dir.join(format!("run-{number}"));
        crate::files::folder(&place)?;
        let sync = disk::sync_speed(&place)?;
        let (own, begun) = (Watched::own().cpu_s()?, Instant::now());
        let (office, relay) = super::pairs::office(context, &place).await?;
        let desk = office.desk()?;
        office.invite(&desk, &link::GUEST, false)?;
        office.join(link::GUEST.handle, None, office.profile(link::GUEST.handle)).await?;
        let (removed, caught_up) = link::measure(context, &office, &desk, epochs).await?;
        removals.push(removed);
        absences.push(caught_up);
        searches.push(search(context, &office, messages).await?);
        let verified = relay_of(&office)?;
        groups.push(group::measure(&office, &desk, &verified, devices.max(4))?);
        beside = Some(Beside {
            relay_cpu_s: rounded(relay.watched().cpu_s()?),
            generator_cpu_s: rounded(Watched::own().cpu_s()? - own),
            syncs_per_s: rounded(super::syncs_of(&office.relay())? as f64 / begun.elapsed().as_secs_f64()),
            sync_p50_ms: rounded(sync.p50_ms),
            relay_rss_mib: rounded(relay.watched().resident_mib()?),
        });
        end(relay).await?;
    }
    let beside = beside.ok_or_else(unexpected)?;
    let seconds = |run: &json::SecondsRun| run.seconds * 1000.0;
    report(context, &beside, "life removal", &removals, seconds, seconds)?;
    report(context, &beside, "life group", &groups, json::GroupRun::most, json::GroupRun::most)?;
    report(context, &beside, "life absence", &absences, seconds, seconds)?;
    report(context, &beside, "life search", &searches, |run| run.p50_ms, |run| run.p99_ms)?;
    if context.screen.is_json() { Ok(()) } else { bars(context, &removals, &groups, &absences, &searches) }
}

async fn end(relay: Child) -> Outcome {
    relay.end().await
}

fn relay_of(office: &Office) -> Outcome<amanat_identity::VerifiedRelay> {
    let folder = crate::authority::folder::AuthorityFolder::new(&office.authority());
    let now = crate::output::time::now();
    let authority = folder.authority(now)?;
    let known = folder.relays(&authority, now)?.into_iter().next().ok_or_else(unexpected)?;
    Ok(known.relay)
}

async fn search(context: &Context, office: &Office, messages: u32) -> Outcome<json::SearchRun> {
    let (dir, secret) = (office.profile(SENDER.handle), office.passphrase());
    let conversation = direct(context, office).await?;
    vault::fill(&dir, secret, conversation, messages)?;
    vault::measure(&dir, secret, messages).await
}

/// The 1:1 of both.
async fn direct(context: &Context, office: &Office) -> Outcome<ConversationId> {
    let mut session = Session::start(context, &office.profile(SENDER.handle), office.passphrase(), Link::Dial).await?;
    let address = session.address(RECIPIENT.handle).await?;
    let command = Command::SendText { to: Target::Person(address, None), text: "first".into() };
    let Reply::Sent { conversation, .. } = session.ask(command).await? else { return Err(unexpected()) };
    session.ask(Command::Sync).await?;
    session.close(Ok(conversation)).await
}

/// One scenario's line with `--json`.
fn report<R: serde::Serialize + Clone>(
    context: &Context,
    beside: &Beside,
    scenario: &'static str,
    runs: &[R],
    middle: impl Fn(&R) -> f64,
    high: impl Fn(&R) -> f64,
) -> Outcome {
    if !context.screen.is_json() {
        return Ok(());
    }
    let run = super::median(runs, &middle).ok_or_else(unexpected)?;
    context.screen.object(&json::Bench {
        scenario,
        per_s: rounded(1000.0 / middle(&run).max(0.001)),
        p50_ms: rounded(middle(&run)),
        p99_ms: rounded(runs.iter().map(high).fold(0.0, f64::max)),
        relay_cpu_s: beside.relay_cpu_s,
        generator_cpu_s: beside.generator_cpu_s,
        syncs_per_s: beside.syncs_per_s,
        sync_p50_ms: beside.sync_p50_ms,
        relay_rss_mib: beside.relay_rss_mib,
        runs: runs.to_vec(),
    })
}

fn bars(
    context: &Context,
    removals: &[json::SecondsRun],
    groups: &[json::GroupRun],
    absences: &[json::SecondsRun],
    searches: &[json::SearchRun],
) -> Outcome {
    for run in groups {
        context.screen.line(format!(
            "a group of {} devices, in this process without links, ms of processor: add {:.1} (a member {:.1}, the joiner {:.1}), remove {:.1} ({:.1}), update {:.1} ({:.1})",
            run.devices,
            run.add_ms,
            run.add_received_ms,
            run.join_ms,
            run.remove_ms,
            run.remove_received_ms,
            run.update_ms,
            run.update_received_ms,
        ))?;
    }
    for run in searches {
        context.screen.line(format!(
            "a vault of {} messages: unlocked in {:.0} ms beside Argon2id's {:.0} ms; a search at once {:.0} ms; prepared in {:.0} ms, a search then {:.0} ms; later ones p50 {:.1} ms, p99 {:.1} ms",
            run.messages,
            run.unlock_ms,
            run.argon2_ms,
            run.first_ms,
            run.prepared_in_ms,
            run.prepared_ms,
            run.p50_ms,
            run.p99_ms,
        ))?;
    }
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let seconds = |runs: &[json::SecondsRun]| most(&mut runs.iter().map(|run| run.seconds));
    bar(context, "s from the officer's word to the last member's removal", seconds(removals), MOST_REMOVAL_S)?;
    bar(
        context,
        "ms for each party of a group's change",
        most(&mut groups.iter().map(json::GroupRun::most)),
        MOST_CHANGE_MS,
    )?;
    bar(context, "s from the link to all missed epochs taken in", seconds(absences), MOST_CATCH_UP_S)?;
    bar(context, "ms to unlock beside Argon2id", most(&mut searches.iter().map(|run| run.unlock_ms)), MOST_UNLOCK_MS)?;
    bar(context, "ms p99 of later searches", most(&mut searches.iter().map(|run| run.p99_ms)), MOST_SEARCH_MS)?;
    bar(
        context,
        "ms of a search that was prepared",
        most(&mut searches.iter().map(|run| run.prepared_ms)),
        MOST_SEARCH_MS,
    )?;
    bar(context, "ms of a search at once", most(&mut searches.iter().map(|run| run.first_ms)), MOST_SEARCH_MS)
}

fn bar(context: &Context, what: &str, figure: f64, most: f64) -> Outcome {
    let verdict = if figure <= most { paint("met", table::GOOD) } else { paint("NOT met", table::BAD) };
    context.screen.line(format!("bar: {figure:.2} {what} <= {most:.0}: {verdict}"))
}
