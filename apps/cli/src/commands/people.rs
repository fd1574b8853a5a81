//! `amanat people` and `amanat verify`: who is there, and whether they are who they say.

use amanat_client::{Command, Reply, api::Person};

use crate::{
    context::Context,
    output::{
        Screen, json, say,
        table::{self, Pairs, Table, paint},
        text::plain,
    },
    problem::Outcome,
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

pub(super) async fn verify(context: &Context, address: &str, confirm: bool) -> Outcome {
    let mut session = Session::open(context, Link::Dial).await?;
    let outcome = check(&mut session, address, confirm).await;
    let verification = session.close(outcome).await?;
    if context.screen.is_json() {
        return context.screen.object(&json::Verified::from(&verification));
    }
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
    context.screen.line(pairs.render())?;
    for (device, chain) in person.devices.iter().zip(&verification.chains) {
        let of = if person.devices.len() > 1 { format!(" of device {device}") } else { String::new() };
        context.screen.line(format!("\nCertificate chain{of}, from the authority down:"))?;
        for link in chain {
            context.screen.line(format!("  {}", plain(link)))?;
        }
    }
    context.screen.line("\nSafety number:")?;
    for line in safety_lines(&verification.safety_number) {
        context.screen.line(format!("  {}", paint(&line, table::STRONG)))?;
    }
    if !person.verified {
        context.screen.note(
            "\nRead it to each other, by telephone or in person. If every digit is the same on both sides, \
             run this again with --confirm.",
        );
    }
    Ok(())
}

async fn check(session: &mut Session, address: &str, confirm: bool) -> Outcome<amanat_client::api::Verification> {
    let address = session.address(address).await?;
    session.settle().await?;
    match session.ask(Command::Verify { address, confirm }).await? {
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
}
