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
