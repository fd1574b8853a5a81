//! What stands in a message (protocol-spec/02-wire), field by field, as the outputs of its vector.

use amanat_primitives::Digest;
use amanat_wire::{
    client::{AddAgain, Identity, Request, ToRelay},
    log::{Entry, Joiner, Unit},
    relay::{Answer, Direct, DirectItem, FromRelay, LogState},
    resupply::{Resupply, Welcomes},
};

use super::vector::{Outputs, hex};

/// One line of parts.
fn parts(parts: &[&dyn ToString]) -> String {
    parts.iter().map(|part| part.to_string()).collect::<Vec<_>>().join(" ")
}

fn optional<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn bit(value: bool) -> u8 {
    u8::from(value)
}

fn kind(encoded: &[u8], place: usize) -> u8 {
    encoded.get(place).copied().unwrap_or_default()
}

/// Of a client's message, whose encoding is `encoded`.
pub(super) fn of_client(message: &ToRelay, encoded: &[u8]) -> Outputs {
    let outputs = Outputs::default().text("kind", kind(encoded, 0));
    match message {
        ToRelay::Hello(hello) => {
            let (kind, bytes) = match &hello.identity {
                Identity::Device(bytes) => (1, bytes),
                Identity::Enrolling(bytes) => (2, bytes),
                Identity::Officer(bytes) => (3, bytes),
            };
            outputs.text("version", hello.version).text("identity", kind).bytes("chain", &**bytes)
        }
        ToRelay::Request(numbered) => {
            let outputs = outputs.text("number", numbered.number).text("request", kind(encoded, 5));
            request(&numbered.request, outputs)
        }
    }
}

fn request(request: &Request, out: Outputs) -> Outputs {
    match request {
        Request::Ping(_) | Request::Status(_) | Request::OwnDevices(_) | Request::DropKeyPackages(_) => out,
        Request::News(what) | Request::Cursors(what) => out.text("after", optional(what.after)),
        Request::Append(unit) => unit_fields(unit, out),
        Request::Read(read) => {
            out.text("conversation", read.conversation).text("after", read.after).text("max_entries", read.max_entries)
        }
        Request::Advance(advance) => {
            let cursors = advance.cursors.iter().map(|one| parts(&[&one.conversation, &one.position]));
            out.all("cursor", cursors).text("direct", advance.direct)
        }
        Request::PutKeyPackages(put) => out
            .all("one_time", put.one_time.iter().map(|one| hex(&**one)))
            .text("last_resort", optional(put.last_resort.as_ref().map(|one| hex(&**one)))),
        Request::ClaimKeyPackages(devices) => out.all("device", devices.iter()),
        Request::People(people) => out.bytes("query", people.query.as_bytes()).bytes("after", people.after.as_bytes()),
        Request::Chains(devices) => out.all("device", devices.iter()),
        Request::PutStatement(update) => out
            .bytes("signed_status", &*update.status)
            .text("first", update.first)
            .all("revocation", update.revocations.iter().map(|one| hex(&**one))),
        Request::OpenDocument(open) => out
            .text("document", open.document)
            .text("conversation", open.conversation)
            .text("segments", open.segments)
            .text("class", open.class.number()),
        Request::PutSegment(put) => {
            out.text("document", put.document).text("index", put.index).bytes("bytes", &*put.bytes)
        }
        Request::SealDocument(document) => out.text("document", document),
        Request::GetSegment(get) => out.text("document", get.document).text("index", get.index),
        Request::Decline(conversation) => out.text("conversation", conversation),
        Request::AskAgain(ask) => again(ask, out),
        Request::Revocations(after) => out.text("after", after),
        Request::PutRenewal(bytes) => out.bytes("renewal", &**bytes),
        Request::PutApproval(bytes) => out.bytes("approval", &**bytes),
        Request::Lapsed(after) => out.bytes("after", after.as_bytes()),
        Request::Resupply(resupply) => held(resupply, out),
        Request::Welcomes(welcomes) => welcome(welcomes, out),
    }
}

fn again(ask: &AddAgain, out: Outputs) -> Outputs {
    out.text("conversation", ask.conversation)
        .text("device", ask.device)
        .text("at", ask.at.as_millis())
        .text("signature", ask.signature)
}

fn joiner(joiner: &Joiner) -> String {
    parts(&[&joiner.device, &hex(&*joiner.group_secrets)])
}

fn unit_fields(unit: &Unit, out: Outputs) -> Outputs {
    out.text("id", unit.id)
        .text("conversation", unit.conversation)
        .text("unit_kind", unit.kind.number())
        .text("class", unit.class.number())
        .text("seen_commit", unit.seen_commit)
        .text("accepted_commit", unit.accepted_commit)
        .bytes("body", &*unit.body)
        .all("roster_add", unit.roster_add.iter())
        .all("roster_remove", unit.roster_remove.iter())
        .bytes("group_info", &*unit.group_info)
        .all("joiner", unit.joiners.iter().map(joiner))
}

fn entry(entry: &Entry) -> String {
    parts(&[
        &entry.position,
        &entry.kind.number(),
        &entry.stamp.as_millis(),
        &entry.sender,
        &entry.unit,
        &entry.seen_commit,
        &entry.accepted_commit,
        &hex(&*entry.body),
        &optional(entry.gone.map(|gone: Digest| gone.to_string())),
        &hex(&*entry.receipt),
        &entry.class.number(),
        &entry.seal,
    ])
}

fn held(resupply: &Resupply, out: Outputs) -> Outputs {
    let entries = resupply.entries.iter().map(|one| {
        let lists = [one.roster_add.len(), one.roster_remove.len()];
        parts(&[&entry(&one.entry), &lists[0], &lists[1]])
    });
    out.text("conversation", resupply.conversation)
        .text("after", resupply.after)
        .text("running", resupply.running)
        .all("entry", entries)
}

fn welcome(welcomes: &Welcomes, out: Outputs) -> Outputs {
    out.text("conversation", welcomes.conversation)
        .text("position", welcomes.position)
        .bytes("group_info", &*welcomes.group_info)
        .all("joiner", welcomes.joiners.iter().map(joiner))
}

/// Of a relay's message, whose encoding is `encoded`.
pub(super) fn of_relay(message: &FromRelay, encoded: &[u8]) -> Outputs {
    let out = Outputs::default().text("kind", kind(encoded, 0));
    match message {
        FromRelay::Ready(ready) => out
            .text("now", ready.now.as_millis())
            .text("incarnation", ready.incarnation)
            .bytes("status", &*ready.status),
        FromRelay::Enrolled(enrolled) => out.bytes("receipt", &*enrolled.receipt),
        FromRelay::Answer(numbered) => {
            let out = out.text("number", numbered.number).text("answer", kind(encoded, 5));
            answer(&numbered.answer, out)
        }
        FromRelay::Push(push) => out.text("conversation", push.conversation).text("entry", entry(&push.entry)),
        FromRelay::PushDirect(item) => out.text("direct", direct(item)),
        FromRelay::NewsHint(_) => out,
        FromRelay::PushStatus(status) => out.bytes("signed_status", &**status),
        FromRelay::Goodbye(refusal) => out.text("refusal", refusal.number()),
        FromRelay::PushAgain(ask) => again(ask, out),
    }
}

fn log(state: &LogState) -> String {
    parts(&[&state.conversation, &state.cursor, &state.head, &state.first_kept])
}

fn direct(item: &DirectItem) -> String {
    let body = match &item.body {
        Direct::Welcome(part) => parts(&[
            &1,
            &part.conversation,
            &part.position,
            &part.running,
            &part.sender,
            &hex(&*part.receipt),
            &hex(&*part.group_info),
            &hex(&*part.group_secrets),
        ]),
        Direct::LastResortUsed(_) => "2".to_owned(),
        Direct::GrantReused(reused) => parts(&[&3, &reused.device, &reused.at.as_millis()]),
        Direct::FurtherDevice(further) => parts(&[&25, &further.device, &bit(further.approved)]),
    };
    parts(&[&item.number, &body])
}

fn answer(answer: &Answer, out: Outputs) -> Outputs {
    match answer {
        Answer::Done(_) => out,
        Answer::Refused(refusal) => out.text("refusal", refusal.number()),
        Answer::Conflict(position) | Answer::StaleEpoch(position) => out.text("position", position),
        Answer::Appended(appended) => out
            .text("position", appended.position)
            .text("stamp", appended.stamp.as_millis())
            .text("running", appended.running)
            .bytes("receipt", &*appended.receipt)
            .text("seal", appended.seal),
        Answer::News(news) => out
            .all("log", news.logs.iter().map(log))
            .all("direct", news.direct.iter().map(direct))
            .text("more_logs", optional(news.more_logs))
            .text("more_direct", bit(news.more_direct))
            .text("key_packages", news.key_packages)
            .text("last_resort_used", news.last_resort_used),
        Answer::Entries(entries) => out
            .all("entry", entries.entries.iter().map(entry))
            .text("running_before", entries.running_before)
            .text("head", entries.head)
            .text("first_kept", entries.first_kept),
        Answer::KeyPackages(packages) => {
            let line = packages.iter().map(|one| parts(&[&one.device, &hex(&*one.key_package), &bit(one.last_resort)]));
            out.all("package", line)
        }
        Answer::Chains(chains) => {
            out.all("chain", chains.chains.iter().map(|chain| hex(&**chain))).text("more", bit(chains.more))
        }
        Answer::Status(status) => out.bytes("signed_status", &**status),
        Answer::Document(state) => out.text("held", state.held).text("sealed", bit(state.sealed)),
        Answer::Segment(bytes) => out.bytes("bytes", &**bytes),
        Answer::Revocations(page) => {
            out.all("revocation", page.revocations.iter().map(|one| hex(&**one))).text("more", bit(page.more))
        }
        Answer::Devices(devices) => {
            let seen = devices.iter().map(|one| {
                parts(&[&hex(&*one.chain), &bit(one.pending), &optional(one.seen.map(|seen| seen.as_millis()))])
            });
            out.all("device", seen)
        }
        Answer::Cursors(cursors) => out.all("log", cursors.logs.iter().map(log)).text("more", optional(cursors.more)),
        Answer::Lapsed(page) => out
            .all("chain", page.chains.iter().map(|chain| hex(&**chain)))
            .text("more", optional(page.more.as_ref().map(|more| hex(more.as_bytes())))),
        Answer::Resupplied(head) => out.text("head", head),
    }
}
