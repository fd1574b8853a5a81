//! `amanat completions`: the script that a shell loads.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{
    args::Cli,
    context::Context,
    output::json,
    problem::{Outcome, Problem},
};

pub(super) fn run(context: &Context, shell: Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "amanat", &mut script);
    let script = String::from_utf8(script).map_err(|_| Problem::internal("The script is not text."))?;
    if context.screen.is_json() {
        return context.screen.object(&json::Completions { shell: shell.to_string(), script });
    }
    context.screen.line(script.trim_end())
}
