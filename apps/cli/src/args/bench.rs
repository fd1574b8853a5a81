//! The command line (protocol-spec/json-output.md, section 1): benchmarks.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

use super::examples;

#[derive(Subcommand, Debug)]
pub(crate) enum BenchCommand {
    /// Messages from client to client, one at a time, both vaults durable
    #[command(after_help = examples::BENCH_PAIRS)]
    Pairs {
        /// Messages in each run
        #[arg(long, value_name = "N", default_value_t = 1000)]
        messages: u32,
        /// Runs, to show how far they spread
        #[arg(long, value_name = "N", default_value_t = 3)]
        runs: u32,
        /// Where to put the relay and both vaults [default: the temporary folder]
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
