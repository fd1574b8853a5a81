//! Chapter 3: talk at two tiers, in Urdu and English; who is kept out; what the relay holds of it.

use std::time::Instant;

use amanat_client::{Command, FailureCode, Reply, api::Target};
use amanat_identity::{Address, Tier};
use amanat_primitives::ConversationId;

use super::{Cast, DEPUTY, DOMAIN, OFFICER, tale::Tale};
use crate::{
    disk,
    office::Office,
    output::say,
    problem::{Outcome, Problem},
    session::unexpected,
};

const REVIEW: &str = "Colleagues, the monsoon readiness review is on Thursday at ten.";
const LIST: &str = "جی، متعلقہ اضلاع کی فہرست آج شام تک بھیج دوں گی۔";
const HOSPITALS: &str = "ٹھیک ہے۔ Please include the district hospitals.";
const FUND: &str = "Between us: the contingency fund needs the minister's approval first.";
const DRAFT: &str = "منظوری کا مسودہ تیار ہے، کل پیش کر دوں گا۔";

/// Messages by which the time from one screen to another is measured.
const MEASURED: usize = 40;

pub(super) async fn run(tale: &mut Tale, office: &Office, cast: &mut Cast) -> Outcome<ConversationId> {
    tale.chapter("Talk at two tiers, in two languages")?;
    let group = group(tale, cast).await?;
    let private = private(tale, cast).await?;
    kept_out(tale, cast).await?;
    latency(tale, office, cast).await?;
    tale.by_hand()?;
    on_disk(tale, office, private).await?;
    tale.by_hand()?;
    Ok(group)
}

pub(super) fn address(handle: &str) -> Outcome<Address> {
    format!("{handle}@{DOMAIN}").parse().map_err(|error| crate::authority::not_text("the address", error))
}

async fn group(tale: &mut Tale, cast: &mut Cast) -> Outcome<ConversationId> {
    let members = vec![address(DEPUTY.handle)?, address(OFFICER.handle)?];
    let title = "Monsoon readiness".to_owned();
    let opened = cast.secretary.ask(Command::New { title, tier: Tier::Restricted, members }).await?;
    let Reply::Sent { conversation: group, .. } = opened else { return Err(unexpected()) };
    let to = || Target::Conversation(group);
    let (_, review) = cast.secretary.send(to(), REVIEW).await?;
    cast.officer.receives(review).await?;
    let (_, list) = cast.officer.send(to(), LIST).await?;
    cast.deputy.receives(list).await?;
    let (_, hospitals) = cast.deputy.send(to(), HOSPITALS).await?;
    cast.secretary.receives(hospitals).await?;
    cast.officer.receives(hospitals).await?;
    for player in [&mut cast.secretary, &mut cast.deputy, &mut cast.officer] {
        let seen = player.texts(group).await?;
        let whole = seen == [REVIEW, LIST, HOSPITALS];
        let id = group.to_string();
        let command = tale.as_person(player.staff.handle, &format!("read {} --peek", say::short(&id)));
        let what = format!("{} has the three messages, in order, as they were written", player.staff.post);
        tale.check(&what, whole, Some(command))?;
    }
    let screen = cast.officer.screen_of(group).await?;
    tale.show(
        &format!("\"Monsoon readiness\" ({}), as the Section Officer sees it", say::tier(Tier::Restricted)),
        &screen,
    )?;
    Ok(group)
}

async fn private(tale: &mut Tale, cast: &mut Cast) -> Outcome<ConversationId> {
    let to = Target::Person(address(DEPUTY.handle)?, Some(Tier::Confidential));
    let (private, fund) = cast.secretary.send(to, FUND).await?;
    cast.deputy.receives(fund).await?;
    let (_, draft) = cast.deputy.send(Target::Conversation(private), DRAFT).await?;
    cast.secretary.receives(draft).await?;
    let screen = cast.secretary.screen_of(private).await?;
    tale.show(&format!("The 1:1 at {}, as the Cabinet Secretary sees it", say::tier(Tier::Confidential)), &screen)?;
    let same = cast.deputy.texts(private).await? == [FUND, DRAFT];
    let theirs = cast.officer.conversations().await?;
    let command = tale.as_person("section.officer", "conversations");
    let what = "both have it; the Section Officer's machine does not know that it exists";
    tale.check(what, same && theirs.len() == 1, Some(command))?;
    Ok(private)
}

/// A conversation above someone's clearance.
async fn kept_out(tale: &mut Tale, cast: &mut Cast) -> Outcome {
    let members = vec![address(OFFICER.handle)?];
    let title = "Above clearance".to_owned();
    let refused = cast.secretary.ask(Command::New { title, tier: Tier::Secret, members }).await;
    let code = refused.as_ref().err().map(Problem::code);
    let command = tale.as_person("secretary", "new \"Above clearance\" --tier secret --member section.officer");
    let command = format!("{command}   # refused; needs the relay");
    tale.check(
        "nobody is added above their clearance: secret with a Section Officer cleared for restricted is refused",
        code == Some(FailureCode::Clearance.name()),
        Some(command),
    )
}

/// One message after the other, from `send` on one machine to the event on the other, both vaults synced.
async fn latency(tale: &mut Tale, office: &Office, cast: &mut Cast) -> Outcome {
    let to = Target::Person(address(DEPUTY.handle)?, Some(Tier::Official));
    let (conversation, first) = cast.secretary.send(to, "one moment").await?;
    cast.deputy.receives(first).await?;
    // Beside the messages, before and after: a disk's speed changes from one second to the next.
    let before = disk::sync_speed(&office.people())?;
    let mut times = Vec::with_capacity(MEASURED);
    for number in 0..MEASURED {
        let begun = Instant::now();
        let text = format!("note {number}");
        let (_, message) = cast.secretary.send(Target::Conversation(conversation), &text).await?;
        cast.deputy.receives(message).await?;
        times.push(begun.elapsed());
    }
    let after = disk::sync_speed(&office.people())?;
    let arrived = cast.deputy.texts(conversation).await?.len();
    tale.check(&format!("{MEASURED} more messages arrived, none twice"), arrived == MEASURED + 1, None)?;
    tale.figure(
        "a message from send to the other screen, both vaults synced, p50",
        disk::percentile(&mut times, 50),
        "ms",
    );
    tale.figure("the same, p99", disk::percentile(&mut times, 99), "ms");
    tale.figure("one fdatasync of this disk, p50, just before", before.p50_ms, "ms");
    tale.figure("the same, just after", after.p50_ms, "ms");
    Ok(())
}

/// What the relay, and a thief of a locked laptop, find on the disk.
async fn on_disk(tale: &mut Tale, office: &Office, private: ConversationId) -> Outcome {
    let (files, bytes) = disk::total(&office.relay())?;
    tale.say(&format!("The relay's folder: {files} files, {}.", say::size(bytes)))?;
    if let Some(place) = stored_message(office, private)? {
        let lines = disk::hex_dump(&place, 112)?.join("\n");
        tale.show("A stored message of the confidential 1:1, as the relay has it", &lines)?;
    }
    for (folder, whose) in [("relay", "the relay's folder"), ("people", "the clients' vaults")] {
        let mut hits = 0;
        for text in [REVIEW, LIST, HOSPITALS, FUND, DRAFT, "Monsoon readiness"] {
            hits += disk::find(&office.relay().with_file_name(folder), text.as_bytes(), 10)?.len();
        }
        let command = format!("grep -ral 'contingency fund' {} | wc -l", tale.path(folder));
        tale.check(&format!("none of the texts or titles stands in {whose}: {hits} found"), hits == 0, Some(command))?;
    }
    let known = disk::find(&office.relay(), OFFICER.name.as_bytes(), 1)?;
    let command = format!("grep -ral '{}' {} | wc -l", OFFICER.name, tale.path("relay"));
    tale.check(
        "the same search does find what the relay is meant to know: names in its directory",
        !known.is_empty(),
        Some(command),
    )
}

/// An MLS PrivateMessage begins with its version, its kind and the group's id.
fn stored_message(office: &Office, conversation: ConversationId) -> Outcome<Option<disk::Place>> {
    let start = [&[0, 1, 0, 2, 16][..], conversation.as_bytes()].concat();
    Ok(disk::find(&office.relay(), &start, 8)?.pop())
}
