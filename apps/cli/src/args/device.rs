//! One's own devices and messages in files (protocol-spec/json-output.md, section 1): the arguments of `device` and `history`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::examples;

/// What to do with one's own devices.
#[derive(Subcommand, Debug)]
pub(crate) enum DeviceCommand {
    /// List your devices, those that wait for your approval too
    #[command(after_help = examples::DEVICE_LIST)]
    List,
    /// Approve a new device of yours, after comparing the code that it shows
    #[command(after_help = examples::DEVICE_APPROVE)]
    Approve {
        /// The code that `amanat join` showed on the new device
        code: String,
    },
    /// Hand earlier messages over to another device of yours, in a file that it alone can open
    #[command(after_help = examples::DEVICE_TRANSFER)]
    Transfer(Transfer),
}

#[derive(Args, Debug)]
pub(crate) struct Transfer {
    /// On the old device: the new one's id, or a unique beginning of 8 or more characters
    #[arg(requires = "out", required_unless_present = "input")]
    pub(crate) device: Option<String>,
    /// On the old device: the new file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "device", conflicts_with = "input")]
    pub(crate) out: Option<PathBuf>,
    /// On the new device: the file that the old one made
    #[arg(long = "in", value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "device")]
    pub(crate) input: Option<PathBuf>,
}

/// Messages in a file under a passphrase.
#[derive(Subcommand, Debug)]
pub(crate) enum HistoryCommand {
    /// Write your messages into a file under a passphrase; from secret upward they are left out
    #[command(after_help = examples::HISTORY_EXPORT)]
    Export {
        /// Ids, or unique beginnings of 8 or more characters; all conversations where there are none
        conversations: Vec<String>,
        /// The new file
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        out: PathBuf,
    },
    /// Take messages in from a file that `history export` wrote for you
    #[command(after_help = examples::HISTORY_IMPORT)]
    Import {
        /// The file
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// It was written by a device of yours that is lost, replaced or revoked, and you have kept it since
        #[arg(long)]
        from_lost: bool,
    },
}
