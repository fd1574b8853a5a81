//! More than anybody wants: many small things, or few that are as large as they may be, and larger.

use std::time::Instant;

use amanat_client::api::ConversationState;
use amanat_primitives::{DeviceId, Digest, UnitId};
use amanat_wire::{
    Bytes, Encode as _,
    client::Nothing,
    log::{Entry, RetentionClass, UnitKind},
    relay::{Answer, Direct, FromRelay, NumberedAnswer, Push, WelcomePart},
};

use super::{
    Seen,
    relay::Out,
    service::SEAL,
    staff::{Run, Staff},
};

/// Garbage that everybody is shown at the same place.
fn garbage(run: &mut Run<'_>, length: usize, kind: UnitKind) -> Entry {
    Entry {
        position: 0,
        kind,
        stamp: run.staff.rig.clock.now(),
        sender: DeviceId::from_bytes([1; 32]),
        unit: UnitId::from_bytes(run.seed.bytes(16).try_into().unwrap()),
        seen_commit: 1,
        accepted_commit: 1,
        body: Bytes::new(run.seed.bytes(length)).unwrap(),
        gone: None,
        receipt: Bytes::default(),
        class: RetentionClass::Month,
        seal: SEAL,
    }
}

fn shown_to_all(run: &mut Run<'_>, count: usize, length: usize) {
    for _ in 0..count {
        let entry = garbage(run, length, UnitKind::Message);
        let mut state = run.foe().state();
        for to in run.members.iter().map(|index| run.device(*index)) {
            state.show(to, run.conversation, entry.clone()).unwrap();
        }
    }
}

/// What must have come of it, as the table says it: the bounds are the numbers in it.
const WITHIN: &str = "goes on within 20 s, in at most 192 MiB more";
/// Says that this process has nothing else to do than one class.
const ALONE: &str = "AMANAT_FLOOD_ALONE";

/// Runs a class in a process of its own, whose memory is that of nothing else: of the relay, its logs and three clients.
/// `false` in that process.
pub(crate) fn ran_alone(test: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return false;
    }
    let mut own = std::process::Command::new(std::env::current_exe().unwrap());
    let out = own.args(["--exact", test, "--nocapture", "--test-threads", "1"]).env(ALONE, "1").output().unwrap();
    eprintln!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "in a process of its own: {}", out.status);
    assert!(String::from_utf8_lossy(&out.stdout).contains("1 passed"), "there is no test {test}");
    true
}

/// Seconds and mebibytes.
fn bounds() -> [u64; 2] {
    let numbers: Vec<u64> = WITHIN.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    numbers.try_into().unwrap()
}

/// A line of what the kernel says of this process' memory, in KiB.
fn memory(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let value = status.lines().find(|found| found.starts_with(line)).unwrap();
    value.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What there was before a flood.
struct Before {
    at: Instant,
    memory: u64,
}

impl Before {
    fn now() -> Self {
        // The peak counts from here.
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        Self { at: Instant::now(), memory: memory("VmRSS") }
    }

    /// Within the bounds, what an honest member says after the flood has come to whom it was meant for.
    async fn outlive(self, mut run: Run<'_>, victim: usize) -> Seen {
        let other = run.somebody_but(&[victim]);
        let message = run.says_and_sends(other).await;
        while !run.has(victim, message).await {
            run.reads(victim).await;
        }
        let (took, [seconds, mebibytes]) = (self.at.elapsed(), bounds());
        let more = memory("VmHWM").saturating_sub(self.memory);
        eprintln!("{took:?} to the next message, {more} KiB more than {}", self.memory);
        assert!(took.as_secs() < seconds, "the next message took {took:?}");
        assert!(more <= mebibytes * 1024, "{more} KiB more than {} before it", self.memory);
        outlived(run).await
    }
}

async fn outlived(mut run: Run<'_>) -> Seen {
    run.settle().await;
    for index in run.members.clone() {
        assert_eq!(run.stage(index).await, ConversationState::Active);
    }
    let kinds = run.kinds().await;
    run.goes_on().await;
    run.check_complete().await;
    let later = run.kinds().await;
    if later.is_empty() {
        Seen::plain("nothing lost", "at once", WITHIN)
    } else {
        Seen::shown(later, "next message", WITHIN).after(kinds, "at once")
    }
}

pub(crate) async fn small(staff: &Staff, seed: u64) -> Seen {
    let mut run = staff.run(seed).await;
    let victim = run.somebody();
    let to = run.device(victim);
    let count = 300 + run.seed.below(300) as usize;
    let before = Before::now();
    match seed % 5 {
        0 => shown_to_all(&mut run, count, 64),
        1 => (0..count).for_each(|_| staff.foe.state().hint(to)),
        2 => {
            // Ahead of the log, which never has them.
            for n in 0..count as u64 {
                let entry = Entry { position: 1_000 + n, ..garbage(&mut run, 64, UnitKind::Message) };
                staff.foe.state().say(to, FromRelay::Push(Push { conversation: run.conversation, entry }));
            }
        }
        3 => {
            for _ in 0..count {
                let status = Bytes::new(run.seed.bytes(200)).unwrap();
                staff.foe.state().say(to, FromRelay::PushStatus(status));
            }
        }
        _ => {
            // Answers that nobody asked for: the link ends.
            for number in 0..count as u32 {
                let answer = Answer::Done(Nothing {});
                let number = u32::MAX - number;
                staff.foe.state().say(to, FromRelay::Answer(NumberedAnswer { number, answer }));
            }
        }
    }
    before.outlive(run, victim).await
}

pub(crate) async fn huge(staff: &Staff, seed: u64) -> Seen {
    const BODY: usize = 1024 * 1024;
    let mut run = staff.run(seed).await;
    let victim = run.somebody();
    let to = run.device(victim);
    let before = Before::now();
    match seed % 3 {
        0 => shown_to_all(&mut run, 4, BODY),
        1 => {
            for _ in 0..4 {
                let part = WelcomePart {
                    conversation: run.conversation,
                    position: u64::from(u32::MAX),
                    running: Digest::ZERO,
                    sender: to,
                    receipt: Bytes::default(),
                    group_info: Bytes::new(run.seed.bytes(BODY)).unwrap(),
                    group_secrets: Bytes::new(run.seed.bytes(16_384)).unwrap(),
                };
                // Of a conversation that it does not know, too.
                let conversation =
                    amanat_primitives::ConversationId::from_bytes(run.seed.bytes(16).try_into().unwrap());
                let part = WelcomePart { conversation, ..part };
                staff.foe.state().hand_as_it_is(to, Direct::Welcome(part));
            }
        }
        _ => {
            // As long as a message may be, and no message; the link ends.
            let bytes = run.seed.bytes(1_114_112);
            assert!(FromRelay::NewsHint(Nothing {}).to_bytes().len() < bytes.len());
            let _ = staff.foe.state().links[&to].1.send(Out::Raw(bytes));
        }
    }
    before.outlive(run, victim).await
}
