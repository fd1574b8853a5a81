//! `amanat people` and `amanat verify`: who is there, and whether they are who they say.

use amanat_client::{
    Command, Reply,
    api::{Person, Verification},
};
use amanat_identity::Address;

use crate::{
    context::Context,
    output::{
        Screen, json, say,
        table::{self, Pairs, Table, paint},
        text::plain,
    },
    problem::{Outcome, Problem},
    secrets,
    session::{Link, Session, unexpected},
};

pub(super) async fn list(context: &Context, query: String) -> Outcome {
    let mut session = Session::open(context, Link::Dial).await?;
    let outcome = find(&mut session, query).await;
    let (people, from_cache) = session.close(outcome).await?;
    if context.screen.is_json() {
        return people.iter().try_for_each(|person| context.screen.object(&json::PersonLine::new(person, from_cache)));
    }
    show(&context.screen, &people)?;
    if from_cache {
        context.screen.note(paint(
            "The relay cannot be reached: these are the people whose certificates this device has checked before.",
            table::CAUTION,
        ));
    }
    Ok(())
}

async fn find(session: &mut Session, query: String) -> Outcome<(Vec<Person>, bool)> {
    session.settle().await?;
    match session.ask(Command::People { query }).await? {
        Reply::People { people, from_cache } => Ok((people, from_cache)),
        _ => Err(unexpected()),
    }
}

fn show(screen: &Screen, people: &[Person]) -> Outcome {
    if people.is_empty() {
        screen.note("Nobody found.");
        return Ok(());
    }
    screen.line(table(people).render(screen.width()))
}

pub(crate) fn table(people: &[Person]) -> Table {
    let mut table = Table::new(["NAME", "ADDRESS", "POST", "CLEARANCE", "DEVICES", "VERIFIED"]);
    for person in people {
        table.row([
            (&person.name).into(),
            person.address.to_string().into(),
            (&person.post).into(),
            say::tier_cell(person.clearance),
            person.devices.len().to_string().into(),
            say::verified_cell(person.verified),
        ]);
    }
    table
}

/// What is to be confirmed.
enum Confirm {
    /// Nothing.
    No,
    /// This number.
    Number(String),
    /// The number that is shown, after a question.
    Shown,
}

impl Confirm {
    /// As on the command line; nobody is asked where nobody can answer.
    fn new(words: Option<Vec<String>>, asks: bool) -> Outcome<Self> {
        match words {
            None => Ok(Self::No),
            Some(words) if !words.is_empty() => Ok(Self::Number(words.concat())),
            Some(_) if asks => Ok(Self::Shown),
            Some(_) => Err(Problem::usage(
                "Which number was compared is not said, and there is no terminal to ask on.",
                "Give the safety number that you have compared: --confirm NUMBER.",
            )),
        }
    }
}

pub(super) async fn verify(context: &Context, address: &str, confirm: Option<Vec<String>>) -> Outcome {
    let confirm = Confirm::new(confirm, !context.screen.is_json() && secrets::can_prompt())?;
    let mut session = Session::open(context, Link::Dial).await?;
    let outcome = compare(context, &mut session, address, confirm).await;
    session.close(outcome).await
}

async fn compare(context: &Context, session: &mut Session, address: &str, confirm: Confirm) -> Outcome {
    let address = session.address(address).await?;
    session.settle().await?;
    let (compared, asks) = match confirm {
        Confirm::No => (None, false),
        Confirm::Number(number) => (Some(number), false),
        Confirm::Shown => (None, true),
    };
    let verification = check(session, &address, compared).await?;
    if context.screen.is_json() {
        return context.screen.object(&json::Verified::from(&verification));
    }
    explain(&context.screen, &verification)?;
    if asks {
        return ask(context, session, &address, verification.safety_number).await;
    }
    if !verification.person.verified {
        context.screen.note(
            "\nRead it to each other, by telephone or in person. If every digit is the same on both sides, \
             run this again with --confirm.",
        );
    }
    Ok(())
}

/// Confirms the number that was shown, and no other: it may be another one when the answer comes.
async fn ask(context: &Context, session: &mut Session, address: &Address, number: String) -> Outcome {
    let answer = tokio::task::spawn_blocking(|| secrets::says_yes("\nIs every digit the same?"));
    let answer = context.interrupt.clone().or(answer).await?;
    if !answer.map_err(|_| Problem::internal("The answer could not be read."))?? {
        context.screen.note("Nothing was confirmed. If a digit differs, tell your security officer.");
        return Ok(());
    }
    check(session, address, Some(number)).await?;
    context.screen.note(paint("Confirmed.", table::GOOD));
    Ok(())
}

fn explain(screen: &Screen, verification: &Verification) -> Outcome {
    let person = &verification.person;
    let mut pairs = Pairs::default();
    pairs.push("name", &person.name);
    pairs.push("post", &person.post);
    pairs.push("address", person.address.to_string());
    pairs.push("clearance", say::tier_cell(person.clearance));
    for device in &person.devices {
        pairs.push("device", device.to_string());
    }
    pairs.push("verified", say::verified_cell(person.verified));
    screen.line(pairs.render())?;
    for (device, chain) in person.devices.iter().zip(&verification.chains) {
        let of = if person.devices.len() > 1 { format!(" of device {device}") } else { String::new() };
        screen.line(format!("\nCertificate chain{of}, from the authority down:"))?;
        for link in chain {
            screen.line(format!("  {}", plain(link)))?;
        }
    }
    screen.line("\nSafety number:")?;
    for line in safety_lines(&verification.safety_number) {
        screen.line(format!("  {}", paint(&line, table::STRONG)))?;
    }
    Ok(())
}

async fn check(session: &mut Session, address: &Address, compared: Option<String>) -> Outcome<Verification> {
    match session.ask(Command::Verify { address: address.clone(), compared }).await? {
        Reply::Verification(verification) => Ok(verification),
        _ => Err(unexpected()),
    }
}

/// Four groups a line.
fn safety_lines(number: &str) -> Vec<String> {
    let groups: Vec<&str> = number.split_whitespace().collect();
    groups.chunks(4).map(|line| line.join(" ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_safety_number_is_read_in_three_lines() {
        let number = ["12345"; 12].join(" ");
        assert_eq!(safety_lines(&number), vec!["12345 12345 12345 12345"; 3]);
    }

    #[test]
    fn nobody_confirms_what_was_not_said() {
        let confirm =
            |words: &[&str], asks| Confirm::new(Some(words.iter().map(|word| (*word).to_owned()).collect()), asks);
        assert!(matches!(Confirm::new(None, false), Ok(Confirm::No)));
        assert!(matches!(confirm(&["12345", "67890"], false), Ok(Confirm::Number(number)) if number == "1234567890"));
        assert!(matches!(confirm(&[], true), Ok(Confirm::Shown)));
        assert_eq!(confirm(&[], false).err().map(|problem| problem.status()), Some(2));
    }
}
