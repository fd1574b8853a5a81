//! `amanat bench pairs`: one message at a time, from `send` in one client to the event in the other. Both vaults and the
//! relay's store sync before anything is said; the relay is a process of its own.

use std::{path::Path, time::Instant};

use amanat_client::{Command, Event, Reply, api::Target};
use amanat_identity::Tier;
use amanat_primitives::{ConversationId, MessageId};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Duration, timeout},
};

use super::{child::Child, latencies::Latencies, line::Line, process::Watched, rounded, spread};
use crate::{
    context::Context,
    disk,
    office::{Office, Staff, free_port},
    output::{
        json,
        progress::Bars,
        table::{self, Table, paint},
    },
    problem::{Outcome, Problem},
    session::{Link, Session, unexpected},
};

const DOMAIN: &str = "bench.example";
pub(super) const SENDER: Staff =
    Staff { handle: "sender", name: "Sender", post: "Benchmark", clearance: Tier::Official };
pub(super) const RECIPIENT: Staff =
    Staff { handle: "recipient", name: "Recipient", post: "Benchmark", clearance: Tier::Official };

/// Sent before anything is measured.
const WARM_UP: u32 = 50;
/// No message takes longer unless something is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// One run, with what only the whole report shows.
#[derive(Clone)]
struct Run {
    line: json::PairsRun,
    relay_cpu_s: f64,
    generator_cpu_s: f64,
    syncs_per_s: f64,
}

/// An office with a relay process and two enrolled people.
pub(super) async fn office(context: &Context, dir: &Path) -> Outcome<(Office, Child)> {
    let office = Office::new(dir, DOMAIN)?;
    office.found("Benchmark")?;
    office.make_relay()?;
    let relay = staffed(context, dir, &office).await?;
    Ok((office, relay))
}

/// One whose relay is dialled over a line that can be cut.
pub(super) async fn office_behind_a_line(context: &Context, dir: &Path) -> Outcome<(Office, Child, Line)> {
    let office = Office::new(dir, DOMAIN)?;
    office.found("Benchmark")?;
    let (listen, dialled) = (free_port()?, free_port()?);
    office.make_relay_at(listen, Some(dialled))?;
    let line = Line::start(dialled, listen)?;
    let relay = staffed(context, dir, &office).await?;
    Ok((office, relay, line))
}

/// Starts the relay and enrols both people.
async fn staffed(context: &Context, dir: &Path, office: &Office) -> Outcome<Child> {
    let relay_dir = office.relay().display().to_string();
    let mut relay = Child::start(dir, office.passphrase(), &["relay", &relay_dir])?;
    relay.hears(&mut context.interrupt.clone(), "ready").await?;
    let desk = office.desk()?;
    for person in [&SENDER, &RECIPIENT] {
        office.invite(&desk, person, false)?;
        let joining = office.join(person.handle, None, office.profile(person.handle));
        context.interrupt.clone().or(joining).await??;
    }
    Ok(relay)
}

pub(super) async fn run(context: &Context, dir: &Path, messages: u32, runs: u32) -> Outcome {
    let what = format!("{messages} messages from client to client, one at a time, {runs} runs.");
    super::introduce(context, dir, &what);
    let (office, relay) = office(context, dir).await?;
    let mut sender = Session::start(context, &office.profile(SENDER.handle), office.passphrase(), Link::Dial).await?;
    let recipient = Session::start(context, &office.profile(RECIPIENT.handle), office.passphrase(), Link::Dial).await?;
    let mut listener = Listener::start(recipient);
    let folder = office.relay();
    let outcome = measure(&mut sender, &mut listener, (&relay, &folder), dir, messages, runs).await;
    let resident = relay.watched().resident_mib();
    listener.stop().await?;
    let done = sender.close(outcome).await?;
    let resident = resident?;
    relay.end().await?;
    report(context, &done, resident)
}

async fn measure(
    sender: &mut Session,
    listener: &mut Listener,
    (relay, folder): (&Child, &Path),
    dir: &Path,
    messages: u32,
    runs: u32,
) -> Outcome<Vec<Run>> {
    let conversation = open(sender, listener).await?;
    series(sender, listener, conversation, WARM_UP).await?;
    let mut done = Vec::new();
    for _ in 0..runs {
        let disk = disk::sync_speed(dir)?;
        let (relay_before, own_before) = (relay.watched().cpu_s()?, Watched::own().cpu_s()?);
        let syncs = super::syncs_of(folder)?;
        let begun = Instant::now();
        let times = series(sender, listener, conversation, messages).await?;
        let seconds = begun.elapsed().as_secs_f64();
        let syncs = super::syncs_of(folder)?.saturating_sub(syncs);
        let per_s = f64::from(messages) / seconds;
        if times.count() != u64::from(messages) {
            return Err(Problem::internal("Not every message was measured."));
        }
        let millis = |quantile| rounded(times.millis(quantile));
        done.push(Run {
            line: json::PairsRun {
                per_s: rounded(per_s),
                p50_ms: millis(0.5),
                p99_ms: millis(0.99),
                sync_p50_ms: rounded(disk.p50_ms),
            },
            relay_cpu_s: rounded(relay.watched().cpu_s()? - relay_before),
            generator_cpu_s: rounded(Watched::own().cpu_s()? - own_before),
            syncs_per_s: rounded(syncs as f64 / seconds),
        });
    }
    Ok(done)
}

async fn open(sender: &mut Session, listener: &mut Listener) -> Outcome<ConversationId> {
    let address = sender.address(RECIPIENT.handle).await?;
    let command = Command::SendText { to: Target::Person(address, None), text: "first".into() };
    let Reply::Sent { conversation, message: Some(message), .. } = sender.ask(command).await? else {
        return Err(unexpected());
    };
    listener.hears(message).await?;
    Ok(conversation)
}

/// From `send` to the event at the recipient, message by message.
async fn series(
    sender: &mut Session,
    listener: &mut Listener,
    conversation: ConversationId,
    messages: u32,
) -> Outcome<Latencies> {
    let mut times = Latencies::new()?;
    // About the size of a message that people write.
    let text = "x".repeat(300);
    for _ in 0..messages {
        let command = Command::SendText { to: Target::Conversation(conversation), text: text.clone() };
        let begun = Instant::now();
        let Reply::Sent { message: Some(message), .. } = sender.ask(command).await? else { return Err(unexpected()) };
        let arrived = listener.hears(message).await?;
        times.record(arrived.duration_since(begun))?;
    }
    Ok(times)
}

/// The recipient: notes when each message came, in a task of its own.
struct Listener {
    heard: mpsc::Receiver<(MessageId, Instant)>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Outcome>,
}

impl Listener {
    fn start(mut session: Session) -> Self {
        let (tell, heard) = mpsc::channel(1024);
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let mut bars = Bars::default();
            let outcome = loop {
                let later = tokio::time::Instant::now() + PATIENCE;
                let event = tokio::select! {
                    event = session.event_before(later, &mut bars) => event,
                    _ = &mut stopped => break Ok(()),
                };
                match event {
                    Ok(Some(Event::Message { message, .. })) => {
                        if tell.send((message.id, Instant::now())).await.is_err() {
                            break Ok(());
                        }
                    }
                    Ok(_) => (),
                    Err(problem) => break Err(problem),
                }
            };
            session.close(outcome).await
        });
        Self { heard, stop, task }
    }

    /// When the message came.
    async fn hears(&mut self, message: MessageId) -> Outcome<Instant> {
        loop {
            match timeout(PATIENCE, self.heard.recv()).await {
                Ok(Some((id, at))) if id == message => return Ok(at),
                Ok(Some(_)) => (),
                _ => return Err(Problem::internal("A message did not arrive.")),
            }
        }
    }

    async fn stop(self) -> Outcome {
        // A listener that has ended by itself says why below.
        let _ = self.stop.send(());
        self.task.await.map_err(|_| Problem::internal("The recipient's task failed."))?
    }
}

fn report(context: &Context, runs: &[Run], relay_rss_mib: f64) -> Outcome {
    let Some(middle) = super::median(runs, |run| run.line.p50_ms) else { return Err(unexpected()) };
    if context.screen.is_json() {
        return context.screen.object(&json::Bench {
            scenario: "pairs",
            per_s: middle.line.per_s,
            p50_ms: middle.line.p50_ms,
            p99_ms: middle.line.p99_ms,
            relay_cpu_s: middle.relay_cpu_s,
            generator_cpu_s: middle.generator_cpu_s,
            syncs_per_s: middle.syncs_per_s,
            sync_p50_ms: middle.line.sync_p50_ms,
            relay_rss_mib: rounded(relay_rss_mib),
            runs: runs.iter().map(|run| run.line.clone()).collect(),
        });
    }
    let mut table =
        Table::new(["RUN", "MESSAGES/S", "P50 MS", "P99 MS", "RELAY CPU S", "CLIENTS CPU S", "FDATASYNC P50 MS"]);
    for (run, number) in runs.iter().zip(1..) {
        table.row([
            number.to_string().into(),
            format!("{:.0}", run.line.per_s).into(),
            format!("{:.2}", run.line.p50_ms).into(),
            format!("{:.2}", run.line.p99_ms).into(),
            format!("{:.2}", run.relay_cpu_s).into(),
            format!("{:.2}", run.generator_cpu_s).into(),
            format!("{:.2}", run.line.sync_p50_ms).into(),
        ]);
    }
    context.screen.line(table.render(context.screen.width()))?;
    context.screen.line(format!(
        "p50 {} ms over the runs; relay resident {relay_rss_mib:.1} MiB",
        spread(runs, |run| run.line.p50_ms)
    ))?;
    let bar = 5.0 + 3.0 * middle.line.sync_p50_ms;
    let met = middle.line.p50_ms <= bar;
    let verdict = if met { paint("met", table::GOOD) } else { paint("NOT met", table::BAD) };
    context
        .screen
        .line(format!("bar: p50 {:.2} ms <= 5 ms + 3 syncs of this disk = {bar:.2} ms: {verdict}", middle.line.p50_ms))
}
