//! `amanat bench document`: one document from `send` to the recipient's synced file. Sender, relay and recipient are a
//! process each, so that the memory of each above idle can be told.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use amanat_client::{Command, Reply, api::Target};
use amanat_primitives::ConversationId;

use super::{
    child::Child,
    line::Line,
    pairs::{RECIPIENT, SENDER, office, office_behind_a_line},
    process::Watched,
    rounded, spread,
};
use crate::{
    context::Context,
    disk, files,
    office::Office,
    output::{
        json, say,
        table::{self, Table, paint},
    },
    problem::{Outcome, Problem},
    session::{Link, Session, unexpected},
};

/// The bars: megabytes a second, and MiB above idle.
const LEAST_PER_S: f64 = 100.0;
const MOST_MIB: f64 = 64.0;
/// Over a line that is cut: what may be carried of each byte, what the link adds included.
const MOST_CARRIED: f64 = 1.1;

/// One run, with what only the whole report shows.
#[derive(Clone)]
struct Run {
    line: json::DocumentRun,
    relay_cpu_s: f64,
    generator_cpu_s: f64,
    syncs_per_s: f64,
    sync_p50_ms: f64,
}

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) size: u64,
    pub(super) runs: u32,
    /// Cuts of the line each way, in each run.
    pub(super) cuts: u32,
}

pub(super) async fn run(context: &Context, dir: &Path, wanted: Wanted) -> Outcome {
    let Wanted { size, runs, cuts } = wanted;
    let cut = if cuts > 0 { format!(", the line cut {cuts} times each way") } else { String::new() };
    super::introduce(context, dir, &format!("A document of {}, {runs} runs{cut}.", say::size(size)));
    let (office, relay, line) = if cuts > 0 {
        let (office, relay, line) = office_behind_a_line(context, dir).await?;
        (office, relay, Some((line, cuts)))
    } else {
        let (office, relay) = office(context, dir).await?;
        (office, relay, None)
    };
    let conversation = conversation(context, &office).await?;
    let source = dir.join("document.bin");
    write_source(&source, size)?;
    let start = |person: &str| Child::start(&office.profile(person), office.passphrase(), &["peer"]);
    let mut peers = Peers {
        sender: start(SENDER.handle)?,
        relay,
        recipient: start(RECIPIENT.handle)?,
        line,
        folder: office.relay(),
    };
    let mut interrupt = context.interrupt.clone();
    peers.sender.hears(&mut interrupt, "ready").await?;
    peers.recipient.hears(&mut interrupt, "ready").await?;
    let mut done = Vec::new();
    for number in 1..=runs {
        let saved = dir.join(format!("saved-{number}"));
        files::folder(&saved)?;
        done.push(peers.transfer(context, conversation, &source, &saved, size).await?);
        std::fs::remove_dir_all(&saved).map_err(|error| Problem::file("remove", &saved, &error))?;
    }
    let resident = peers.relay.watched().resident_mib()?;
    peers.sender.end().await?;
    peers.recipient.end().await?;
    peers.relay.end().await?;
    report(context, size, &done, resident)
}

/// Opens the 1:1, so that what is measured is the document alone.
async fn conversation(context: &Context, office: &Office) -> Outcome<ConversationId> {
    let mut sender = Session::start(context, &office.profile(SENDER.handle), office.passphrase(), Link::Dial).await?;
    let outcome = async {
        let address = sender.address(RECIPIENT.handle).await?;
        let command = Command::SendText { to: Target::Person(address, None), text: "first".into() };
        let Reply::Sent { conversation, .. } = sender.ask(command).await? else { return Err(unexpected()) };
        sender.ask(Command::Sync).await?;
        Ok(conversation)
    }
    .await;
    sender.close(outcome).await
}

struct Peers {
    sender: Child,
    relay: Child,
    recipient: Child,
    /// The line to the relay and how often it is cut each way, where it is.
    line: Option<(Line, u32)>,
    /// The relay's.
    folder: PathBuf,
}

impl Peers {
    fn watched(&self) -> [Watched; 3] {
        [self.sender.watched(), self.relay.watched(), self.recipient.watched()]
    }

    async fn transfer(
        &mut self,
        context: &Context,
        conversation: ConversationId,
        source: &Path,
        saved: &Path,
        size: u64,
    ) -> Outcome<Run> {
        let mut interrupt = context.interrupt.clone();
        let (sync, syncs) = (disk::sync_speed(saved)?, super::syncs_of(&self.folder)?);
        let mut idle = [0.0; 3];
        let mut cpu = [0.0; 3];
        for ((watched, idle), cpu) in self.watched().into_iter().zip(&mut idle).zip(&mut cpu) {
            *idle = watched.resident_mib()?;
            *cpu = watched.cpu_s()?;
            watched.forget_peak()?;
        }
        let before = self.line.as_ref().map(|(line, cuts)| {
            line.cut(*cuts, size);
            line.carried()
        });
        self.recipient.tell(&format!("save {}", saved.display()))?;
        let begun = Instant::now();
        self.sender.tell(&format!("send {conversation} {}", source.display()))?;
        let answer = self.recipient.hears(&mut interrupt, "saved").await?;
        let seconds = begun.elapsed().as_secs_f64();
        self.sender.hears(&mut interrupt, "sent").await?;
        let syncs = super::syncs_of(&self.folder)?.saturating_sub(syncs);
        let mut above = [0.0; 3];
        for (((watched, idle), cpu), above) in self.watched().into_iter().zip(idle).zip(&mut cpu).zip(&mut above) {
            *above = rounded((watched.peak_mib()? - idle).max(0.0));
            *cpu = watched.cpu_s()? - *cpu;
        }
        let path = answer.split_once(' ').map(|(_, path)| path).ok_or_else(unexpected)?;
        if !same(source, Path::new(path))? {
            return Err(Problem::new(
                "document-damaged",
                "The saved document is not the one that was sent.",
                "Report this, with the version.",
            ));
        }
        let share = |way: usize| {
            let (before, (line, _)) = before.zip(self.line.as_ref())?;
            let carried = line.carried().get(way)?.saturating_sub(*before.get(way)?);
            Some(rounded(carried as f64 / size as f64))
        };
        let (carried_up, carried_down) = (share(0), share(1));
        let [sender_cpu, relay_cpu, recipient_cpu] = cpu;
        let [sender_mib, relay_mib, recipient_mib] = above;
        Ok(Run {
            line: json::DocumentRun {
                per_s: rounded(size as f64 / 1e6 / seconds),
                seconds: rounded(seconds),
                sender_mib,
                relay_mib,
                recipient_mib,
                carried_up,
                carried_down,
            },
            relay_cpu_s: rounded(relay_cpu),
            generator_cpu_s: rounded(sender_cpu + recipient_cpu),
            syncs_per_s: rounded(syncs as f64 / seconds),
            sync_p50_ms: rounded(sync.p50_ms),
        })
    }
}

/// Content that does not compress, synced, so that its writing is over when the clock starts.
fn write_source(path: &Path, size: u64) -> Outcome {
    let failed = |error| Problem::file("write", path, &error);
    let mut file = std::fs::File::create_new(path).map_err(failed)?;
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut block = vec![0; 1 << 20];
    let mut left = size;
    while left > 0 {
        for word in block.chunks_exact_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        let part = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
        file.write_all(block.get(..part).unwrap_or_default()).map_err(failed)?;
        left -= part as u64;
    }
    file.sync_all().map_err(failed)
}

fn same(one: &Path, other: &Path) -> Outcome<bool> {
    let open = |path: &Path| std::fs::File::open(path).map_err(|error| Problem::file("read", path, &error));
    let (mut left, mut right) = (open(one)?, open(other)?);
    let (mut a, mut b) = (Vec::new(), Vec::new());
    loop {
        a.clear();
        b.clear();
        Read::by_ref(&mut left)
            .take(1 << 20)
            .read_to_end(&mut a)
            .map_err(|error| Problem::file("read", one, &error))?;
        Read::by_ref(&mut right)
            .take(1 << 20)
            .read_to_end(&mut b)
            .map_err(|error| Problem::file("read", other, &error))?;
        if a != b {
            return Ok(false);
        }
        if a.is_empty() {
            return Ok(true);
        }
    }
}

fn report(context: &Context, size: u64, runs: &[Run], relay_rss_mib: f64) -> Outcome {
    let Some(middle) = super::median(runs, |run| run.line.seconds) else { return Err(unexpected()) };
    let slowest = runs.iter().map(|run| run.line.seconds).fold(0.0, f64::max);
    if context.screen.is_json() {
        return context.screen.object(&json::Bench {
            scenario: "document",
            per_s: middle.line.per_s,
            p50_ms: rounded(middle.line.seconds * 1000.0),
            p99_ms: rounded(slowest * 1000.0),
            relay_cpu_s: middle.relay_cpu_s,
            generator_cpu_s: middle.generator_cpu_s,
            syncs_per_s: middle.syncs_per_s,
            sync_p50_ms: middle.sync_p50_ms,
            relay_rss_mib: rounded(relay_rss_mib),
            runs: runs.iter().map(|run| run.line.clone()).collect(),
        });
    }
    let mut table = Table::new([
        "RUN",
        "MB/S",
        "SECONDS",
        "SENDER +MIB",
        "RELAY +MIB",
        "RECIPIENT +MIB",
        "RELAY CPU S",
        "CLIENTS CPU S",
    ]);
    for (run, number) in runs.iter().zip(1..) {
        table.row([
            number.to_string().into(),
            format!("{:.0}", run.line.per_s).into(),
            format!("{:.2}", run.line.seconds).into(),
            format!("{:.1}", run.line.sender_mib).into(),
            format!("{:.1}", run.line.relay_mib).into(),
            format!("{:.1}", run.line.recipient_mib).into(),
            format!("{:.1}", run.relay_cpu_s).into(),
            format!("{:.1}", run.generator_cpu_s).into(),
        ]);
    }
    context.screen.line(table.render(context.screen.width()))?;
    context.screen.line(format!(
        "{} MB/s over the runs, {} each; one fdatasync of this disk: p50 {:.2} ms",
        spread(runs, |run| run.line.per_s),
        say::size(size),
        middle.sync_p50_ms
    ))?;
    let worst = runs.iter().map(|run| run.line.sender_mib.max(run.line.relay_mib).max(run.line.recipient_mib));
    let worst = worst.fold(0.0, f64::max);
    let carried = runs.iter().flat_map(|run| run.line.carried_up.into_iter().chain(run.line.carried_down));
    if let Some(most) = carried.reduce(f64::max) {
        // Waiting for the link is part of such a run: its speed says nothing of the transfer's.
        return bar(context, &format!("{most:.3} of the document carried <= {MOST_CARRIED}"), most <= MOST_CARRIED);
    }
    bar(context, &format!("{:.0} MB/s >= {LEAST_PER_S:.0} MB/s", middle.line.per_s), middle.line.per_s >= LEAST_PER_S)?;
    bar(context, &format!("{worst:.1} MiB above idle <= {MOST_MIB:.0} MiB in each process"), worst <= MOST_MIB)
}

fn bar(context: &Context, words: &str, met: bool) -> Outcome {
    let verdict = if met { paint("met", table::GOOD) } else { paint("NOT met", table::BAD) };
    context.screen.line(format!("bar: {words}: {verdict}"))
}
