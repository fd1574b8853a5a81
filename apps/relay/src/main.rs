//! `amanat-relay`: the relay program (protocol-spec/07-delivery, section 9). Thin: it reads arguments and configuration,
//! and runs `amanat-relay-core`.
//!
//! Exit status: 0 done, 1 refused or failed, 2 wrong usage. What failed and what to try go to the standard error.

mod args;
mod backup;
mod check;
mod init;
mod problem;
mod run;
mod status;

use std::process::ExitCode;

use amanat_relay_core::{backup::Into, process};
use clap::Parser as _;

use crate::args::{Args, Command};

fn main() -> ExitCode {
    process::leave_no_core_dump();
    let done = match Args::parse().command {
        Command::Init(init) => init::init(init),
        Command::Run(at) => run::run(&at.dir),
        Command::Check(at) => check::check(&at.dir),
        Command::Status(status) => status::status(&status.at.dir, status.json),
        Command::Backup(to) => backup::backup(to),
        Command::Export(to) => backup::export(to),
        Command::Restore(to) => backup::restore(to.from, Into::Empty { elsewhere: to.data_elsewhere }),
        Command::Import(from) => backup::restore(from, Into::Prepared),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            problem.show();
            problem.status()
        }
    }
}
