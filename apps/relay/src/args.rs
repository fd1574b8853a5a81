//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use amanat_identity::{Domain, RelayAddress};
use clap::{Args as ClapArgs, Parser, Subcommand};

/// Amanat relay: keeps and delivers an office's encrypted messages, and can read none of them.
#[derive(Parser)]
#[command(
    version,
    max_term_width = 120,
    after_help = "\
A relay in two minutes:
  amanat-relay init --dir /var/lib/amanat-relay --listen 10.0.0.5:7461 --domain interior.example
  amanat relay certify /var/lib/amanat-relay/relay.card --authority A --out /var/lib/amanat-relay/relay.cert
  amanat-relay run --dir /var/lib/amanat-relay"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a relay's folder: configuration, keys, and the card that the authority certifies
    #[command(after_help = "\
Examples:
  amanat-relay init --dir relay --listen 127.0.0.1:7461 --domain interior.example
  amanat-relay init --dir relay --listen 10.0.0.5:7461 --listen '[fd00::5]:7461' --domain interior.example
  amanat-relay init --dir relay        in an existing folder: a new card after relay.toml was changed")]
    Init(Init),
    /// Run the relay until it is told to stop (SIGTERM, SIGINT)
    #[command(after_help = "\
Examples:
  amanat-relay run --dir relay
  AMANAT_LOG=debug amanat-relay run --dir relay      ids of devices and conversations appear from debug on")]
    Run(At),
    /// Say whether configuration, keys, certificate, disk and addresses are in order; changes nothing
    #[command(after_help = "\
Example:
  amanat-relay check --dir relay && amanat-relay run --dir relay

Exit status: 0 all in order or only remarks, 1 something would keep the relay from running.")]
    Check(At),
    /// Say how the relay that runs is: links, store, disk, status statement, certificate
    #[command(after_help = "\
Examples:
  amanat-relay status --dir relay
  amanat-relay status --dir relay --json        one object on one line, for monitoring

Exit status: 0 it runs and answers, 1 it does not.")]
    Status(Status),
    /// Have the relay that runs write a consistent backup of its store and documents
    #[command(after_help = "\
Examples:
  amanat-relay backup --dir relay --out /media/backup/relay.backup
  amanat-relay backup --dir relay --out relay.backup --with-keys        a file to be kept as relay.key is kept

Run as the relay's user. Messages wait while its rows are copied, about a second for 200 MiB; documents wait for nothing.")]
    Backup(To),
    /// Write the same file from a relay that does not run
    #[command(after_help = "\
Example:
  amanat-relay export --dir relay --out relay.backup")]
    Export(To),
    /// Make a relay's folder from a backup: verified first, then put in place whole or not at all
    #[command(after_help = "\
Example:
  amanat-relay restore --dir new-relay --from relay.backup && cp relay.key new-relay/

The store becomes a new incarnation, so that clients notice and give back what is missing. For ten minutes from the first
link on, the relay takes nothing new where somebody may still have more: amanat-relay status says so.")]
    Restore(Restore),
    /// Put a backup's store into a relay's folder that has its configuration and keys, and no store
    #[command(after_help = "\
Example:
  amanat-relay import --dir relay --from relay.backup")]
    Import(From),
}

#[derive(ClapArgs)]
pub(crate) struct To {
    /// The relay's folder
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// The file to write, or a folder for it; nothing is overwritten
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) out: PathBuf,
    /// Include the relay's secret keys
    #[arg(long)]
    pub(crate) with_keys: bool,
}

#[derive(ClapArgs)]
pub(crate) struct From {
    /// The relay's folder
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// The backup
    #[arg(long, value_name = "FILE")]
    pub(crate) from: PathBuf,
}

#[derive(ClapArgs)]
pub(crate) struct Restore {
    #[command(flatten)]
    pub(crate) from: From,
    /// Put the store where the backup's relay.toml says, also outside of DIR
    #[arg(long)]
    pub(crate) data_elsewhere: bool,
}

#[derive(ClapArgs)]
pub(crate) struct Init {
    /// The relay's folder; made if it is not there
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Private address and port to listen on; may be given several times
    #[arg(long, value_name = "ADDRESS:PORT", requires = "domain")]
    pub(crate) listen: Vec<SocketAddr>,
    /// The authority's domain that the relay will serve
    #[arg(long, value_name = "DOMAIN", requires = "listen", value_parser = domain)]
    pub(crate) domain: Option<Domain>,
    /// What clients dial, where that differs from --listen; may be given several times
    #[arg(long, value_name = "HOST:PORT", requires = "listen", value_parser = advertise)]
    pub(crate) advertise: Vec<RelayAddress>,
}

#[derive(ClapArgs)]
pub(crate) struct At {
    /// The relay's folder
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
}

#[derive(ClapArgs)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) at: At,
    /// Print one JSON object on one line, and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

fn domain(text: &str) -> Result<Domain, amanat_identity::NotText> {
    text.parse()
}

fn advertise(text: &str) -> Result<RelayAddress, amanat_identity::NotText> {
    text.parse()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
