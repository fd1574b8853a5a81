//! The words of `amanat policy` and `amanat scan` (protocol-spec/json-output.md, section 3).

use std::path::PathBuf;

use amanat_client::api::Consent;
use amanat_identity::Tier;
use clap::{Args, Subcommand, ValueHint};

use super::{examples, tier_parser};

#[derive(Subcommand, Debug)]
pub(crate) enum PolicyCommand {
    /// Read a policy's source, and say what is wrong with it, with the line
    #[command(after_help = examples::POLICY_CHECK)]
    Check {
        /// The source
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// What differs between two policies
    #[command(after_help = examples::POLICY_DIFF)]
    Diff {
        /// The source of the one that is to come
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// The source of the one before; without it the built-in policy
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        before: Option<PathBuf>,
    },
    /// What a policy would change for the texts in a folder
    #[command(after_help = examples::POLICY_SIMULATE)]
    Simulate {
        /// The source of the one that is to come
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Texts, each in a file; folders in it are looked into
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        texts: PathBuf,
        /// Tier of the conversation that they would be sent to
        #[arg(long, value_name = "T", value_parser = tier_parser())]
        tier: Tier,
        /// The source of the one before; without it the built-in policy
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        before: Option<PathBuf>,
    },
    /// What the leak filter said of what was to be sent from this device
    #[command(after_help = examples::POLICY_RECORDS)]
    Records {
        /// Only those with a number above this
        #[arg(long, value_name = "N", default_value_t = 0)]
        since: u64,
    },
}

/// How the leak filter is answered.
#[derive(Args, Debug, Default)]
pub(crate) struct Answer {
    /// Send it all the same where the leak filter warns of it
    #[arg(long)]
    pub(crate) sure: bool,
    /// Why it has to be sent, where the leak filter asks; goes on record
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

impl Answer {
    /// As the engine is told.
    pub(crate) fn consent(&self) -> Consent {
        match &self.reason {
            Some(reason) => Consent::Reason(reason.clone()),
            None if self.sure => Consent::Seen,
            None => Consent::None,
        }
    }
}

/// `amanat scan`.
#[derive(Args, Debug)]
pub(crate) struct Scan {
    /// The file; `-` or nothing: standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// Tier of the conversation that it would be sent to
    #[arg(long, value_name = "T", value_parser = tier_parser())]
    pub(crate) tier: Tier,
    /// The source of a policy, in place of the built-in one
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy: Option<PathBuf>,
}
