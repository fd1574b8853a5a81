//! `amanat-desktop`: the window that staff work in.

use std::{path::PathBuf, process::ExitCode};

use amanat_client::{process, profile};
use amanat_desktop::{app, bench, demo, thumbnail};
use clap::{Parser, Subcommand};

/// Messages and documents between offices, end-to-end encrypted.
#[derive(Parser)]
#[command(name = "amanat-desktop", version)]
struct Arguments {
    /// Folder of the profile [default: the platform's data folder]
    #[arg(long, value_name = "DIR")]
    profile: Option<PathBuf>,
    /// Try it: a relay and colleagues who answer, all in this program, nothing kept
    #[arg(long, conflicts_with = "profile")]
    demo: bool,
    /// An invitation to join with
    #[arg(value_name = "INVITATION", conflicts_with = "demo")]
    invitation: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Other>,
}

/// For those who build it.
#[derive(Subcommand)]
enum Other {
    /// What the window costs, without a display
    #[command(hide = true)]
    Bench {
        /// A line of JSON for each size instead of a table
        #[arg(long)]
        json: bool,
        /// One size, in this process
        #[arg(long, hide = true)]
        messages: Option<u64>,
    },
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(thumbnail::ARGUMENT) {
        return thumbnail::child::run();
    }
    process::leave_no_core_dump();
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Other::Bench { messages: Some(messages), .. }) => return measured(bench::measure(messages)),
        Some(Other::Bench { json, .. }) => return measured(bench::run(json)),
        None => {}
    }
    if arguments.demo {
        return match demo::run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => failed(&failure.failed, &failure.advice),
        };
    }
    let Some(profile) = arguments.profile.or_else(profile::default_dir) else {
        return failed("The platform names no data folder.", "Name one: --profile DIR");
    };
    match app::run_with(app::Start { profile }, arguments.invitation) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&format!("The window cannot be opened: {error}."), "Start it in a graphical session."),
    }
}

fn measured(done: std::io::Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&format!("Nothing was measured: {error}."), "Run it again."),
    }
}

#[allow(clippy::print_stderr)] // a program that has no window says so where it was started
fn failed(failed: &str, advice: &str) -> ExitCode {
    eprintln!("{failed}\n{advice}");
    ExitCode::FAILURE
}
