//! The command `amanat` (protocol-spec/json-output.md): parses arguments, runs one command, prints how it ended.

use std::{process::ExitCode, sync::OnceLock, time::Duration};

use clap::Parser;

mod args;
mod authority;
mod bench;
mod commands;
mod context;
mod demo;
mod disk;
mod files;
mod office;
mod output;
mod problem;
mod scratch;
mod secrets;
mod session;

use args::Cli;
use context::{Context, Interrupt};
use output::Screen;
use problem::Problem;
use secrets::TerminalGuard;

fn main() -> ExitCode {
    amanat_client::process::leave_no_core_dump();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let screen = Screen::new(cli.everywhere.json);
    match run(cli, screen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            screen.problem(&problem);
            ExitCode::from(problem.status())
        }
    }
}

fn run(cli: Cli, screen: Screen) -> Result<(), Problem> {
    log_where_asked();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|_| Problem::internal("The program could not start its threads."))?;
    let outcome = runtime.block_on(async {
        let interrupt = Interrupt::listen(terminal())?;
        let context = Context::new(screen, cli.everywhere.profile, interrupt)?;
        commands::run(context, cli.command).await
    });
    terminal().restore();
    // A thread may still wait for a line on stdin; nothing of ours hangs on it.
    runtime.shutdown_timeout(Duration::ZERO);
    outcome
}

/// The terminal as it was found.
fn terminal() -> &'static TerminalGuard {
    static TERMINAL: OnceLock<TerminalGuard> = OnceLock::new();
    TERMINAL.get_or_init(TerminalGuard::new)
}

/// `AMANAT_LOG=debug amanat ...` shows on stderr what the engine decides; by default nothing is logged.
fn log_where_asked() {
    if let Ok(filter) = tracing_subscriber::EnvFilter::try_from_env("AMANAT_LOG") {
        let coloured = std::io::IsTerminal::is_terminal(&std::io::stderr());
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(coloured).init();
    }
}

/// A command line that is not one: clap's own words for people, the error object for scripts.
fn usage(error: &clap::Error) -> ExitCode {
    let asked = !error.use_stderr();
    if !asked && std::env::args_os().any(|word| word == "--json") {
        let text = error.to_string();
        // What is missing stands in the lines below the first, up to the usage.
        let said: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
        let said = said.join(" ");
        let failed = said.strip_prefix("error: ").unwrap_or(&said);
        Screen::new(true)
            .problem(&Problem::usage(failed, "amanat --help lists the commands; each has its own --help."));
    } else if error.print().is_err() {
        return ExitCode::FAILURE;
    }
    if asked { ExitCode::SUCCESS } else { ExitCode::from(2) }
}
