//! The command line (protocol-spec/json-output.md, section 1): benchmarks.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

use super::examples;

#[derive(Subcommand, Debug)]
pub(crate) enum BenchCommand {
    /// Messages from client to client, one at a time, both vaults durable; with --pairs, the relay under load
    #[command(after_help = examples::BENCH_PAIRS)]
    Pairs {
        /// Messages in each run, one at a time
        #[arg(long, value_name = "N", default_value_t = 1000, conflicts_with = "pairs")]
        messages: u32,
        /// Load the relay instead: so many pairs of devices online, without vaults, all at once
        #[arg(long, value_name = "N", value_parser = at_least_one())]
        pairs: Option<u32>,
        /// How long each run of the load is measured
        #[arg(long, value_name = "S", default_value_t = 10, requires = "pairs", value_parser = at_least_one())]
        seconds: u32,
        /// Messages that are on their way in each pair before the next is sent
        #[arg(long, value_name = "N", default_value_t = 8, requires = "pairs", value_parser = window())]
        window: u32,
        /// Send so many messages a second, all pairs together, instead of as many as can be
        #[arg(long, value_name = "N", requires = "pairs", value_parser = at_least_one())]
        rate: Option<u32>,
        /// Runs, to show how far they spread
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = at_least_one())]
        runs: u32,
        /// Where to put the relay and the vaults [default: the temporary folder]
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// One sender to a conversation whose members are all online
    #[command(after_help = examples::BENCH_FANOUT)]
    Fanout {
        /// Members who receive
        #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(2..=1000))]
        members: u32,
        /// How long each run is measured
        #[arg(long, value_name = "S", default_value_t = 10, value_parser = at_least_one())]
        seconds: u32,
        /// Messages that are on their way before the next is sent
        #[arg(long, value_name = "N", default_value_t = 8, value_parser = window())]
        window: u32,
        /// Send so many messages a second instead of as many as can be
        #[arg(long, value_name = "N", value_parser = at_least_one())]
        rate: Option<u32>,
        /// Runs, to show how far they spread
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = at_least_one())]
        runs: u32,
        /// Where to put the relay [default: the temporary folder]
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// A device that was away reads all that waits for it
    #[command(after_help = examples::BENCH_DRAIN)]
    Drain {
        /// Messages that wait
        #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = at_least_one())]
        messages: u32,
        /// Conversations that they are in
        #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=500))]
        conversations: u32,
        /// Runs, to show how far they spread
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = at_least_one())]
        runs: u32,
        /// Where to put the relay [default: the temporary folder]
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// Links that say nothing: the relay's memory for each
    #[command(after_help = examples::BENCH_IDLE)]
    Idle {
        /// How many are held
        #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = links())]
        links: u32,
        /// Runs, to show how far they spread
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = at_least_one())]
        runs: u32,
        /// Where to put the relay [default: the temporary folder]
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// Many devices link at once, as after an outage
    #[command(after_help = examples::BENCH_STORM)]
    Storm {
        /// How many
        #[arg(long, value_name = "N", default_value_t = 1000, value_parser = links())]
        devices: u32,
        /// Runs, to show how far they spread
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = at_least_one())]
        runs: u32,
        /// Where to put the relay [default: the temporary folder]
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// A relay starts on what it keeps
    #[command(after_help = examples::BENCH_START)]
    Start {
        /// Entries that it keeps
        #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = at_least_one())]
        entries: u32,
        /// Kill it before it starts again, instead of letting it end
        #[arg(long)]
        kill: bool,
        /// Runs, to show how far they spread
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = at_least_one())]
        runs: u32,
        /// Where to put the relay [default: the temporary folder]
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// One document, from `send` to the recipient's synced file
    #[command(after_help = examples::BENCH_DOCUMENT)]
    Document {
        /// Its size, for example 256MiB or 1GiB
        #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = parse_size)]
        size: u64,
        /// Runs, to show how far they spread
        #[arg(long, value_name = "N", default_value_t = 3)]
        runs: u32,
        /// Cut the line so often each way, and show how much was sent twice
        #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
        cuts: u32,
        /// Where to put the relay, both vaults and the document [default: the temporary folder]
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// What months of use cost: a revoked device, a large group, a long absence, a full vault
    #[command(after_help = examples::BENCH_LIFE)]
    Life {
        /// Runs, to show how far they spread
        #[arg(long, value_name = "N", default_value_t = 1)]
        runs: u32,
        /// Devices in the large group
        #[arg(long, value_name = "N", default_value_t = 200)]
        devices: u32,
        /// Epochs that a device has missed
        #[arg(long, value_name = "N", default_value_t = 300)]
        epochs: u32,
        /// Messages in the full vault
        #[arg(long, value_name = "N", default_value_t = 100_000)]
        messages: u32,
        /// Where to put the relay and the vaults [default: the temporary folder]
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// The relay of a benchmark, as a process of its own
    #[command(hide = true)]
    Relay {
        /// Its folder
        dir: PathBuf,
    },
    /// A client of a benchmark, as a process of its own, told what to do on standard input
    #[command(hide = true)]
    Peer,
}

/// Nothing is measured of none.
fn at_least_one() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}

/// Not more than a link's open requests.
fn window() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=64)
}

/// A process may have 20,000 files open on most machines.
fn links() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=19_000)
}

/// `1GiB`, `256 MiB`, `100MB`, `4096`.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err("use a number and B, KiB, MiB, GiB, KB, MB or GB, for example 256MiB".into()),
    };
    let number: u64 = digits.parse().map_err(|_| "begin with a number, for example 1GiB".to_owned())?;
    number.checked_mul(factor).filter(|size| *size > 0).ok_or_else(|| "between 1 byte and 16 EiB".to_owned())
}
