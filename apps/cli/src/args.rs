//! The command line (protocol-spec/json-output.md, section 1): every command, its arguments and its examples.

use std::{path::PathBuf, time::Duration};

use amanat_identity::{Reason, Tier};
use clap::{
    Args, Parser, Subcommand, ValueHint,
    builder::{PossibleValuesParser, Styles, TypedValueParser},
};
use clap_complete::Shell;

mod bench;
mod device;
pub(crate) mod examples;
mod policy;

pub(crate) use bench::BenchCommand;
pub(crate) use device::{DeviceCommand, HistoryCommand, Transfer};
pub(crate) use policy::{Answer, PolicyCommand, Scan};

const STYLES: Styles = Styles::styled()
    .header(anstyle::AnsiColor::Green.on_default().bold())
    .usage(anstyle::AnsiColor::Green.on_default().bold())
    .literal(anstyle::AnsiColor::Cyan.on_default())
    .placeholder(anstyle::AnsiColor::Cyan.on_default().dimmed());

/// End-to-end encrypted messages and documents for government offices
#[derive(Parser, Debug)]
#[command(name = "amanat", version, styles = STYLES, max_term_width = 110, after_help = examples::TOP)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) everywhere: Everywhere,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Args, Debug, Clone)]
pub(crate) struct Everywhere {
    /// The folder of your profile [default: amanat in the platform's data directory]
    #[arg(long, global = true, display_order = 900, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) profile: Option<PathBuf>,
    /// Print one JSON object a line on stdout, and nothing else
    #[arg(long, global = true, display_order = 901)]
    pub(crate) json: bool,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// The whole job on this machine: relay, authority, three staff, messages, a document
    #[command(after_help = examples::DEMO)]
    Demo {
        /// Keep everything in this new folder, so that the printed commands can be run afterwards
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        keep: Option<PathBuf>,
    },
    /// Create an authority, certify its officers and auditors
    #[command(subcommand, after_help = examples::AUTHORITY)]
    Authority(AuthorityCommand),
    /// Make an officer's keys and the card that the authority certifies
    #[command(subcommand, after_help = examples::OFFICER)]
    Officer(CardCommand),
    /// Make an auditor's keys and the card that the authority certifies
    #[command(subcommand, after_help = examples::AUDITOR)]
    Auditor(CardCommand),
    /// Certify a relay
    #[command(subcommand, after_help = examples::RELAY)]
    Relay(RelayCommand),
    /// Invite a person: an officer writes an invitation to hand over
    #[command(after_help = examples::INVITE)]
    Invite(Invite),
    /// Join with an invitation: makes this device's keys and enrols it
    #[command(after_help = examples::JOIN)]
    Join {
        /// The invitation file
        #[arg(value_hint = ValueHint::FilePath)]
        invitation: PathBuf,
    },
    /// Sign and publish the status statement (daily, by an officer's machine)
    #[command(after_help = examples::ATTEST)]
    Attest {
        /// The authority's folder
        #[arg(long, value_name = "A", value_hint = ValueHint::DirPath)]
        authority: PathBuf,
    },
    /// Revoke a person, a device, a grant or an officer
    #[command(after_help = examples::REVOKE)]
    Revoke(Revoke),
    /// Sign as the second officer what another one may not revoke alone
    #[command(after_help = examples::COSIGN)]
    Cosign {
        /// The proposed revocations, from the other officer's outbox
        #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
        file: Vec<PathBuf>,
        /// Your own authority's folder
        #[arg(long, value_name = "A", value_hint = ValueHint::DirPath)]
        authority: PathBuf,
    },
    /// Renew a person's devices for another year, at another clearance if need be
    #[command(after_help = examples::RENEW)]
    Renew(Renew),
    /// Your own devices: list them, approve a new one, hand earlier messages over to it
    #[command(subcommand, after_help = examples::DEVICE)]
    Device(DeviceCommand),
    /// Your own messages in a file under a passphrase
    #[command(subcommand, after_help = examples::HISTORY)]
    History(HistoryCommand),
    /// Look people up in the directory
    #[command(after_help = examples::PEOPLE)]
    People {
        /// Part of a handle, name or post; everyone where it is left out
        query: Option<String>,
    },
    /// List your conversations
    #[command(after_help = examples::CONVERSATIONS)]
    Conversations,
    /// Who you are, how the link stands, whether the status statement is fresh
    #[command(after_help = examples::STATUS)]
    Status,
    /// Open a group conversation
    #[command(after_help = examples::NEW)]
    New {
        /// Shown to all members, encrypted to everybody else
        title: String,
        /// Every member's clearance must reach it
        #[arg(long, value_name = "T", value_parser = tier_parser())]
        tier: Tier,
        /// The other members, by address or bare handle
        #[arg(long, value_name = "ADDRESS", required = true, num_args = 1..)]
        member: Vec<String>,
    },
    /// Add people to a group
    #[command(after_help = examples::ADD)]
    Add {
        /// An id or a unique prefix of 8 or more characters
        conversation: String,
        /// Whom, by address or bare handle
        #[arg(value_name = "ADDRESS", required = true, num_args = 1..)]
        members: Vec<String>,
    },
    /// Remove someone from a group, with all their devices
    #[command(after_help = examples::REMOVE)]
    Remove {
        /// An id or a unique prefix of 8 or more characters
        conversation: String,
        /// Whom, by address or bare handle
        #[arg(value_name = "ADDRESS")]
        member: String,
    },
    /// Make a member of a group a moderator, who may add and remove others, or a plain member again
    #[command(after_help = examples::ROLE)]
    Role {
        /// An id or a unique prefix of 8 or more characters
        conversation: String,
        /// Whom, by address or bare handle
        #[arg(value_name = "ADDRESS")]
        member: String,
        /// What they are from now on
        role: RoleName,
    },
    /// Leave a conversation; what you have read stays here
    #[command(after_help = examples::LEAVE)]
    Leave {
        /// An id or a unique prefix of 8 or more characters
        conversation: String,
    },
    /// Give a group another title
    #[command(after_help = examples::TITLE)]
    Title {
        /// An id or a unique prefix of 8 or more characters
        conversation: String,
        /// Shown to all members, encrypted to everybody else
        title: String,
    },
    /// Send a text or a document
    #[command(after_help = examples::SEND)]
    Send(Send),
    /// Answer a message, in its conversation
    #[command(after_help = examples::REPLY)]
    Reply {
        /// Its id, or a unique beginning of 8 or more characters
        message: String,
        #[command(flatten)]
        words: Words,
        /// Remove it everywhere so long after it was sent, for example 30m, 12h or 7d
        #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
        expires: Option<Duration>,
    },
    /// React to a message, in place of your earlier reaction
    #[command(after_help = examples::REACT)]
    React {
        /// Its id, or a unique beginning of 8 or more characters
        message: String,
        /// A sign or a short word, at most 32 bytes
        text: Option<String>,
        /// Take your reaction back
        #[arg(long)]
        remove: bool,
        /// Return as soon as it is safely queued
        #[arg(long)]
        queue: bool,
    },
    /// Give your own message another text
    #[command(after_help = examples::EDIT)]
    Edit {
        /// Its id, or a unique beginning of 8 or more characters
        message: String,
        #[command(flatten)]
        words: Words,
    },
    /// Take your own message or document back, for everyone
    #[command(after_help = examples::DELETE)]
    Delete {
        /// Its id, or a unique beginning of 8 or more characters
        message: String,
        /// Return as soon as it is safely queued
        #[arg(long)]
        queue: bool,
    },
    /// Say "read and understood" to a message that asks for it
    #[command(after_help = examples::ACK)]
    Ack {
        /// Its id, or a unique beginning of 8 or more characters
        message: String,
        /// Return as soon as it is safely queued
        #[arg(long)]
        queue: bool,
    },
    /// Find messages and documents by their words, the newest first
    #[command(after_help = examples::SEARCH)]
    Search {
        /// All of these words must be in it; case and Arabic or Urdu keyboards make no difference
        #[arg(required = true)]
        query: Vec<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
    },
    /// Fetch what is new and send what is queued
    #[command(after_help = examples::SYNC)]
    Sync {
        /// Go on until something new came, or this many seconds passed
        #[arg(long, value_name = "SECONDS")]
        wait: Option<u64>,
    },
    /// Read a conversation, and mark it as read
    #[command(after_help = examples::READ)]
    Read {
        /// Its id, or a unique beginning of 8 or more characters
        conversation: String,
        /// Only messages whose sequence is above this
        #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
        since: u64,
        /// Do not mark as read
        #[arg(long)]
        peek: bool,
    },
    /// What needs attention: all that was said unasked, the earliest first
    #[command(after_help = examples::WARNINGS)]
    Warnings {
        /// Only what nobody has read yet
        #[arg(long)]
        unread: bool,
        /// Mark what is shown as read
        #[arg(long)]
        read: bool,
    },
    /// Give your profile another passphrase
    #[command(after_help = examples::PASSPHRASE)]
    Passphrase,
    /// Print what happens until Ctrl-C
    #[command(after_help = examples::WATCH)]
    Watch,
    /// List the documents of a conversation; pause, resume or cancel one on its way
    #[command(after_help = examples::DOCUMENTS, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Documents {
        /// Its id, or a unique beginning of 8 or more characters
        #[arg(required = true)]
        conversation: Option<String>,
        #[command(subcommand)]
        transfer: Option<TransferCommand>,
    },
    /// Fetch a document, verify all of it, and write it; goes on where it was interrupted
    #[command(after_help = examples::SAVE)]
    Save {
        /// Its id, or a unique beginning of 8 or more characters
        document: String,
        /// A folder, or a file name that does not exist yet
        #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
        out: PathBuf,
    },
    /// List the members of a conversation, each device on a line
    #[command(after_help = examples::MEMBERS)]
    Members {
        /// Its id, or a unique beginning of 8 or more characters
        conversation: String,
    },
    /// Show someone's certificate chain and the safety number with them
    #[command(after_help = examples::VERIFY)]
    Verify {
        /// Their address or bare handle
        address: String,
        /// Remember that you compared this safety number with them; without it you are shown the number and asked
        #[arg(long, value_name = "NUMBER", num_args = 0..=12)]
        confirm: Option<Vec<String>>,
    },
    /// Look into a policy before it is signed, and into what the leak filter said
    #[command(subcommand, after_help = examples::POLICY)]
    Policy(PolicyCommand),
    /// What the leak filter would say of a text; sends nothing and needs no profile
    #[command(after_help = examples::SCAN)]
    Scan(Scan),
    /// Measure this machine over the real link
    #[command(subcommand, after_help = examples::BENCH)]
    Bench(BenchCommand),
    /// Print a completion script for your shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// What to do with a document that is being sent or fetched.
#[derive(Subcommand, Debug)]
pub(crate) enum TransferCommand {
    /// Let it rest, also when the program starts again, until it is resumed
    #[command(after_help = examples::DOCUMENTS_PAUSE)]
    Pause {
        /// Its id, or a unique beginning of 8 or more characters
        document: String,
    },
    /// Let it go on from where it is, and wait for it
    #[command(after_help = examples::DOCUMENTS_RESUME)]
    Resume {
        /// Its id, or a unique beginning of 8 or more characters
        document: String,
    },
    /// Give it up: what was to be sent is never sent, what was fetched is removed
    #[command(after_help = examples::DOCUMENTS_CANCEL)]
    Cancel {
        /// Its id, or a unique beginning of 8 or more characters
        document: String,
    },
}

#[derive(Subcommand, Debug)]
pub(crate) enum AuthorityCommand {
    /// Create an authority: its root key, its public certificate, its first officer
    #[command(after_help = examples::AUTHORITY_INIT)]
    Init {
        /// What its people's addresses end in, for example cabinet.example
        #[arg(long, value_name = "D")]
        domain: String,
        /// Its name, for example "Cabinet Division"
        #[arg(long, value_name = "N")]
        name: String,
        /// The new folder
        #[arg(long, value_name = "A", value_hint = ValueHint::DirPath)]
        out: PathBuf,
    },
    /// Certify an officer or an auditor from a card, with the root key
    #[command(after_help = examples::AUTHORITY_CERTIFY)]
    Certify {
        /// Whose card it is
        #[arg(value_enum)]
        role: Role,
        /// The card that `officer init` or `auditor init` wrote
        #[arg(value_hint = ValueHint::FilePath)]
        card: PathBuf,
        #[command(flatten)]
        root: RootKey,
        /// Where to write the certificate
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        out: PathBuf,
    },
}

/// Whom a card speaks for.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Enrols, renews and revokes; signs status statements
    Officer,
    /// Will read registers, once there are any
    Auditor,
}

/// What someone is in a group.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoleName {
    /// Adds and removes others, and changes the title
    Moderator,
    /// Writes
    Member,
}

/// Where the root key is.
#[derive(Args, Debug)]
pub(crate) struct RootKey {
    /// The authority's folder
    #[arg(long, value_name = "A", value_hint = ValueHint::DirPath)]
    pub(crate) authority: PathBuf,
    /// The root key, where it is not A/root.key any more (it should not be)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) root: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum CardCommand {
    /// Make the keys, and the card to hand to the authority
    #[command(after_help = examples::CARD_INIT)]
    Init {
        /// The new folder
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        out: PathBuf,
        /// The name that the certificate will carry
        #[arg(long, value_name = "N")]
        name: Option<String>,
    },
}

#[derive(Subcommand, Debug)]
pub(crate) enum RelayCommand {
    /// Certify a relay from its card, with the root key
    #[command(after_help = examples::RELAY_CERTIFY)]
    Certify {
        /// The card that `amanat-relay init` wrote
        #[arg(value_hint = ValueHint::FilePath)]
        card: PathBuf,
        #[command(flatten)]
        root: RootKey,
        /// Where to write the certificate: the relay reads it beside its keys
        #[arg(long, value_name = "DIR/relay.cert", value_hint = ValueHint::FilePath)]
        out: PathBuf,
        /// Let this relay listen on a public address, and clients dial one
        #[arg(long)]
        allow_public: bool,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Invite {
    /// The authority's folder
    #[arg(long, value_name = "A", value_hint = ValueHint::DirPath)]
    pub(crate) authority: PathBuf,
    /// The person's handle: the part of the address before the @
    #[arg(long, value_name = "HANDLE")]
    pub(crate) person: String,
    /// The person's name
    #[arg(long, value_name = "N")]
    pub(crate) name: String,
    /// The person's post
    #[arg(long, value_name = "P")]
    pub(crate) post: String,
    /// The person's clearance
    #[arg(long, value_name = "T", value_parser = tier_parser())]
    pub(crate) tier: Tier,
    /// Where to write the invitation
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: PathBuf,
    /// Close the invitation with a code, to be told to the person apart from the file
    #[arg(long)]
    pub(crate) code: bool,
    /// Revoke the person's earlier devices and invitations: the new device takes their place
    #[arg(long)]
    pub(crate) replaces: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Revoke {
    /// Someone's address or handle (all their devices), a device's id or its beginning, a grant's id, or `officer:` with the fingerprint, card or certificate
    #[arg(value_name = "ADDRESS|DEVICE|GRANT|officer:OFFICER")]
    pub(crate) target: String,
    /// The authority's folder, with another officer's keys where an officer is revoked
    #[arg(long, value_name = "A", value_hint = ValueHint::DirPath)]
    pub(crate) authority: PathBuf,
    /// Revoke although no relay knows the person: somebody who has not joined yet
    #[arg(long)]
    pub(crate) unknown: bool,
    /// The root key, with which an officer is revoked [default: A/root.key]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) root: Option<PathBuf>,
    /// Why
    #[arg(long, value_name = "REASON", value_parser = reason_parser())]
    pub(crate) reason: Reason,
    /// A note for whoever reads the list, at most 256 bytes
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Renew {
    /// Whose devices
    pub(crate) address: String,
    /// The authority's folder
    #[arg(long, value_name = "A", value_hint = ValueHint::DirPath)]
    pub(crate) authority: PathBuf,
    /// A new clearance [default: the one they have]
    #[arg(long, value_name = "T", value_parser = tier_parser())]
    pub(crate) tier: Option<Tier>,
}

#[derive(Args, Debug)]
pub(crate) struct Send {
    /// A conversation's id (or 8 or more characters of it), or someone's address or handle
    #[arg(value_name = "CONVERSATION|ADDRESS")]
    pub(crate) to: String,
    /// The text; `-` reads it from standard input
    #[arg(conflicts_with = "file", allow_hyphen_values = true)]
    pub(crate) text: Option<String>,
    /// Send this file as a document
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// Ask everyone to acknowledge that they have read and understood it
    #[arg(long)]
    pub(crate) ask_ack: bool,
    /// Remove it everywhere so long after it was sent, for example 30m, 12h or 7d
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) expires: Option<Duration>,
    /// With an address: the tier of the 1:1 conversation [default: the lowest]
    #[arg(long, value_name = "T", value_parser = tier_parser())]
    pub(crate) tier: Option<Tier>,
    /// Return as soon as it is safely queued
    #[arg(long)]
    pub(crate) queue: bool,
    #[command(flatten)]
    pub(crate) answer: Answer,
}

/// A text and when it goes out.
#[derive(Args, Debug)]
pub(crate) struct Words {
    /// The text; `-` reads it from standard input
    #[arg(allow_hyphen_values = true)]
    pub(crate) text: String,
    /// Return as soon as it is safely queued
    #[arg(long)]
    pub(crate) queue: bool,
    #[command(flatten)]
    pub(crate) answer: Answer,
}

fn tier_parser() -> impl TypedValueParser<Value = Tier> {
    let names = ["official", "restricted", "confidential", "secret", "top-secret"];
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Tier>())
}

fn reason_parser() -> impl TypedValueParser<Value = Reason> {
    // That a device has lapsed is for `attest` to say, which looks.
    let given = Reason::ALL.iter().filter(|reason| **reason != Reason::Lapsed);
    PossibleValuesParser::new(given.map(|reason| reason.name()))
        .map(|name| Reason::ALL.iter().copied().find(|reason| reason.name() == name).unwrap_or(Reason::Other))
}

/// `90s`, `30m`, `12h`, `7d`, `2w`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let seconds: u64 = match unit.trim() {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        "w" => 7 * 24 * 3600,
        _ => return Err("use a number and s, m, h, d or w, for example 7d".into()),
    };
    let number: u64 = digits.parse().map_err(|_| "begin with a number, for example 7d".to_owned())?;
    let span = number.checked_mul(seconds).filter(|span| *span > 0 && u32::try_from(*span).is_ok());
    span.map(Duration::from_secs).ok_or_else(|| "between 1 second and 136 years".to_owned())
}

#[cfg(test)]
mod tests;
