//! Chapter 2: three invitations, three devices, one directory.

use std::time::{Duration, Instant};

use amanat_client::{Command, FailureCode, Reply, api::LinkView};

use super::{Cast, DEPUTY, OFFICER, SECRETARY, player::Player, tale::Tale};
use crate::{
    commands::people,
    context::Context,
    disk,
    office::{Office, Staff},
    output::say,
    problem::{Outcome, Problem},
    session::unexpected,
};

pub(super) async fn run(context: &Context, tale: &mut Tale, office: &Office) -> Outcome<Cast> {
    tale.chapter("Three people join")?;
    let mut times = Vec::new();
    enrol(tale, office, &[(SECRETARY, false), (DEPUTY, false), (OFFICER, true)], &mut times).await?;
    tale.figure(
        "joining: passphrase, keys, enrolment at the relay, p50",
        disk::percentile(&mut times, 50) / 1000.0,
        "s",
    );
    second_use(tale, office).await?;
    let mut cast = Cast {
        secretary: Player::start(context, office, SECRETARY).await?,
        deputy: Player::start(context, office, DEPUTY).await?,
        officer: Player::start(context, office, OFFICER).await?,
    };
    let link = cast.secretary.caught_up().await?;
    cast.deputy.caught_up().await?;
    cast.officer.caught_up().await?;
    negotiated(tale, &link)?;
    directory(tale, &mut cast.secretary).await?;
    safety_numbers(tale, &mut cast).await?;
    tale.by_hand()?;
    Ok(cast)
}

async fn enrol(tale: &mut Tale, office: &Office, people: &[(Staff, bool)], times: &mut Vec<Duration>) -> Outcome {
    let desk = office.desk()?;
    for (staff, with_code) in people {
        let written = office.invite(&desk, staff, *with_code)?;
        let code = written.code.as_ref().map(|code| code.expose().to_string());
        let said = match &code {
            Some(code) => format!("; its code, told apart from the file: {code}"),
            None => String::new(),
        };
        tale.say(&format!("Invitation for {}, {} ({}){said}", staff.name, staff.post, say::tier(staff.clearance)))?;
        let begun = Instant::now();
        let joined = office.join(staff.handle, code, office.profile(staff.handle)).await?;
        times.push(begun.elapsed());
        let as_invited = joined.name == staff.name && joined.clearance == staff.clearance;
        tale.check(&format!("{} joined as {}", staff.post, joined.address), as_invited, None)?;
    }
    Ok(())
}

/// Someone else finds the file of an invitation that was used.
async fn second_use(tale: &mut Tale, office: &Office) -> Outcome {
    let again = office.join(SECRETARY.handle, None, office.people().join("thief")).await;
    let refused = again.as_ref().err().map(Problem::code) == Some(FailureCode::AlreadyRedeemed.name());
    let command = tale.as_person("thief2", &format!("join {}", tale.path("invitations/secretary.invitation")));
    let command = format!("{command}   # refused; needs the relay: amanat-relay run --dir {}", tale.path("relay"));
    tale.check("an invitation that was used is refused to another device", refused, Some(command))
}

fn negotiated(tale: &mut Tale, link: &LinkView) -> Outcome {
    tale.show("What a device negotiates with the relay", &say::link(link).replace("; ", "\n"))?;
    let as_decided = link.tls == "TLS 1.3"
        && link.key_exchange == "X25519MLKEM768"
        && link.noise == "Noise_IK_25519_ChaChaPoly_BLAKE2s";
    tale.check("TLS 1.3 with post-quantum key exchange outside, Noise inside", as_decided, None)
}

async fn directory(tale: &mut Tale, player: &mut Player) -> Outcome {
    let Reply::People { people: found, .. } = player.ask(Command::People { query: String::new() }).await? else {
        return Err(unexpected());
    };
    tale.show("The directory, as the Cabinet Secretary sees it", &people::table(&found).render(Some(90)))?;
    let complete = [SECRETARY, DEPUTY, OFFICER].iter().all(|staff| {
        let same = |person: &&amanat_client::api::Person| person.address.handle.as_str() == staff.handle;
        found.iter().find(same).is_some_and(|person| {
            person.name == staff.name && person.clearance == staff.clearance && person.devices.len() == 1
        })
    });
    let command = tale.as_person("secretary", "people");
    tale.check(
        "each person is there once, with the clearance that the officer signed",
        complete && found.len() == 3,
        Some(command),
    )
}

async fn safety_numbers(tale: &mut Tale, cast: &mut Cast) -> Outcome {
    let one = safety_number(&mut cast.secretary, DEPUTY).await?;
    let other = safety_number(&mut cast.deputy, SECRETARY).await?;
    tale.say(&format!("Safety number of Secretary and Deputy: {one}"))?;
    let command = tale.as_person("deputy", "verify secretary");
    tale.check("both see the same safety number", one == other && one.len() >= 60, Some(command))
}

async fn safety_number(player: &mut Player, other: Staff) -> Outcome<String> {
    let address = format!("{}@{}", other.handle, super::DOMAIN);
    let address = address.parse().map_err(|error| crate::authority::not_text("the address", error))?;
    match player.ask(Command::Verify { address, compared: None }).await? {
        Reply::Verification(verification) => Ok(verification.safety_number),
        _ => Err(unexpected()),
    }
}
