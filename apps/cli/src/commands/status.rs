//! `amanat status`: who this device is, how its link stands, whether the status statement is fresh.

use std::time::Duration;

use amanat_client::{
    Event, Failure,
    api::{LinkState, Overview},
};

use amanat_identity::policy::{LAPSE, RENEWAL_DUE};
use amanat_primitives::Timestamp;

use super::warnings;
use crate::{
    context::Context,
    output::{
        json, say,
        table::{self, Cell, Pairs},
        time::local,
    },
    problem::Outcome,
    session::{Link, Session},
};

pub(super) async fn run(context: &Context) -> Outcome {
    let mut session = Session::open(context, Link::Dial).await?;
    let outcome = look(&mut session).await;
    let (overview, warnings, down) = session.close(outcome).await?;
    if context.screen.is_json() {
        return context.screen.object(&json::StatusLine::new(&overview, warnings));
    }
    context.screen.line(pairs(&overview, warnings).render())?;
    if let Some(failure) = down {
        context
            .screen
            .note(say::event(&Event::Link(LinkState::Down { failure, retry_in: Duration::MAX })).unwrap_or_default());
    }
    Ok(())
}

async fn look(session: &mut Session) -> Outcome<(Overview, usize, Option<Failure>)> {
    session.settle().await?;
    let warnings = warnings::all(session).await?.iter().filter(|warning| !warning.read).count();
    Ok((session.overview().await?, warnings, session.down().cloned()))
}

fn pairs(view: &Overview, warnings: usize) -> Pairs {
    let mut pairs = Pairs::default();
    pairs.push("address", view.address.to_string());
    pairs.push("name", format!("{}, {}", view.name, view.post));
    pairs.push("clearance", say::tier_cell(view.clearance));
    pairs.push("authority", &view.authority);
    pairs.push("device", view.device.to_string());
    let now = Timestamp::from(std::time::SystemTime::now());
    let due = now.after(RENEWAL_DUE) > view.valid_until;
    let until = local(view.valid_until);
    let words = if now > view.valid_until {
        let last = local(view.valid_until.after(LAPSE));
        format!("ended {until}; the relay serves this device until {last}: ask the security officer for amanat renew")
    } else if due {
        format!("{until}: ask the security officer for amanat renew")
    } else {
        until
    };
    pairs.push("valid until", if due { Cell::styled(words, table::CAUTION) } else { words.into() });
    match &view.link {
        Some(link) => {
            pairs.push("relay", Cell::styled(format!("connected to {}", link.address), table::GOOD));
            pairs.push("outer link", format!("{}, {}, {}", link.tls, link.key_exchange, link.cipher));
            pairs.push("inner link", &link.noise);
        }
        None => pairs.push("relay", Cell::styled("not connected", table::CAUTION)),
    }
    pairs.push("MLS suite", view.suite);
    match view.status {
        Some(status) if status.expired => {
            let words = format!("{} lapsed at {}", status.number, local(status.next_update));
            pairs.push("status statement", Cell::styled(words, table::BAD));
        }
        Some(status) => {
            let words = format!("{} until {}", status.number, local(status.next_update));
            pairs.push("status statement", Cell::styled(words, table::GOOD));
        }
        None => pairs.push("status statement", Cell::styled("none yet", table::CAUTION)),
    }
    pairs.push("conversations", view.conversations.to_string());
    pairs.push("unread", view.unread.to_string());
    let unread = format!("{warnings} not read: amanat warnings --unread");
    pairs.push("warnings", if warnings == 0 { "none".into() } else { Cell::styled(unread, table::CAUTION) });
    let queued = view.queued.to_string();
    pairs.push("queued", if view.queued == 0 { queued.into() } else { Cell::styled(queued, table::CAUTION) });
    pairs
}
