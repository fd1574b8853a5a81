//! What parses and what does not, and that every command has help (protocol-spec/json-output.md, section 1).

use clap::{CommandFactory, error::ErrorKind};

use super::{bench::parse_size, *};

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("amanat").chain(line.split_whitespace()))
}

#[test]
fn the_command_tree_is_consistent() {
    Cli::command().debug_assert();
}

/// Walks to every visible command and gives it with its full name.
fn visible(command: &clap::Command, name: &str, found: &mut Vec<(String, clap::Command)>) {
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
        let name = format!("{name} {}", sub.get_name());
        found.push((name.clone(), sub.clone()));
        visible(sub, &name, found);
    }
}

#[test]
fn every_command_has_help_with_an_example_of_itself() {
    let mut found = Vec::new();
    visible(&Cli::command(), "amanat", &mut found);
    assert!(found.len() >= 28, "{}", found.len());
    for (name, mut command) in found {
        let help = command.render_long_help().to_string();
        assert!(help.contains("Examples:"), "{name} has no examples");
        assert!(help.contains(&format!("  {name}")), "{name} shows no example of itself");
    }
}

#[test]
fn every_example_parses() {
    let mut found = vec![("amanat".to_owned(), Cli::command())];
    visible(&Cli::command(), "amanat", &mut found);
    let mut parsed = 0;
    for (_, command) in found {
        let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in text.lines().filter_map(|line| line.trim().strip_prefix("amanat ")) {
            // Without redirections, and without the words behind it.
            let line = line.split(['|', '>', '<']).next().unwrap_or_default();
            let line = line.split("   ").next().unwrap_or_default();
            let words = split_like_a_shell(line);
            if let Err(error) = Cli::try_parse_from(std::iter::once("amanat".to_owned()).chain(words)) {
                assert!(error.kind() == ErrorKind::DisplayHelp, "{line}: {error}");
            }
            parsed += 1;
        }
    }
    assert!(parsed > 30, "{parsed}");
}

fn split_like_a_shell(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (i, part) in line.split('"').enumerate() {
        if i % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[test]
fn the_commands_of_the_stable_list_parse() {
    for line in [
        "demo --keep d",
        "authority init --domain d --name n --out a",
        "officer init --out d",
        "auditor init --out d",
        "authority certify officer card --authority a --root r --out f",
        "authority certify auditor card --authority a --out f",
        "relay certify d/relay.card --authority a --root r --out d/relay.cert",
        "invite --authority a --person h --name n --post p --tier secret --out f --code --replaces",
        "join invitation --profile d",
        "attest --authority a",
        "cosign a.proposal b.proposal --authority a",
        "revoke h@d --authority a --reason lost",
        "renew h --authority a",
        "renew h@d --authority a --tier official",
        "revoke h --authority a --reason other --note n",
        "people",
        "people query --json",
        "conversations",
        "status",
        "new t --tier top-secret --member a b --member c",
        "add abcdef01 a@b c",
        "remove abcdef01 a@b",
        "role abcdef01 a@b moderator",
        "role abcdef01 a member",
        "leave abcdef01",
        "title abcdef01 t",
        "send abcdef01 text --queue",
        "send abcdef01 -",
        "send a@b --file path --tier official",
        "send abcdef01 text --ask-ack --expires 7d",
        "send abcdef01 --file path --ask-ack --expires 7d",
        "reply abcdef01 text --expires 12h --queue",
        "react abcdef01 👍",
        "react abcdef01 --remove",
        "edit abcdef01 text",
        "delete abcdef01",
        "ack abcdef01 --queue",
        "search budget summary --limit 5",
        "sync --wait 3",
        "sync",
        "read abcdef01 --since 4 --peek",
        "watch",
        "warnings",
        "passphrase --profile d",
        "warnings --unread --read --json",
        "documents abcdef01",
        "save abcdef01 --out p",
        "members abcdef01",
        "verify a@b --confirm",
        "verify a@b --confirm 12345 67890",
        "verify a@b --confirm 1234567890 --json",
        "bench pairs --json",
        "bench pairs --pairs 200 --seconds 10 --window 4 --rate 500 --json",
        "bench fanout --members 50 --seconds 1 --rate 10",
        "bench drain --messages 100 --conversations 5 --runs 1",
        "bench idle --links 10",
        "bench storm --devices 10 --json",
        "bench start --entries 10 --kill",
        "bench document --size 1GiB --json",
        "bench life --runs 2 --devices 50 --epochs 60 --messages 1000 --json",
        "completions bash",
        "--json --profile d status",
    ] {
        assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
    }
}

#[test]
fn what_is_not_a_command_line_is_refused() {
    for line in [
        "",
        "nonsense",
        "send",
        "send a b --file c",
        "send a b --expires 0d",
        "send a b --expires soon",
        "reply abcdef01",
        "edit abcdef01",
        "search",
        "new t --tier ultra --member a",
        "new t --tier secret",
        "join",
        "revoke h --authority a",
        "revoke h --authority a --reason because",
        "sync --wait -1",
        "sync --wait x",
        "status --unknown",
        "authority certify king card --authority a --out f",
        "bench document --size 1parsec",
        "bench document --size 0",
        "bench pairs --seconds 10",
        "bench pairs --pairs 2 --messages 10",
        "bench pairs --pairs 0",
        "bench fanout --window 65",
        "bench idle --links 20000",
        "bench drain --runs 0",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn durations() {
    assert_eq!(parse_duration("90s").unwrap(), Duration::from_secs(90));
    assert_eq!(parse_duration("2w").unwrap(), Duration::from_secs(14 * 24 * 3600));
    assert!(parse_duration("7").is_err() && parse_duration("99999999999d").is_err());
}

#[test]
fn sizes() {
    assert_eq!(parse_size("1GiB").unwrap(), 1 << 30);
    assert_eq!(parse_size("256 MiB").unwrap(), 256 << 20);
    assert_eq!(parse_size("100MB").unwrap(), 100_000_000);
    assert_eq!(parse_size("7").unwrap(), 7);
    assert!(parse_size("99999999999GiB").is_err());
}
