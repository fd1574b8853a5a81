//! `amanat demo` (README, "Two commands"): a relay, an authority, three people, two tiers, someone away and
//! back, a document, a colleague who comes and a laptop that is lost. All of it runs in this process through the functions that the commands use, over real links on
//! loopback, into real files; every check compares what it says it compares.

mod away;
mod document;
mod founding;
mod joining;
mod leaving;
mod player;
mod tale;
mod talking;

use std::{path::PathBuf, time::Instant};

use amanat_identity::Tier;

use crate::{
    context::Context,
    office::{Office, Staff},
    problem::Outcome,
    scratch::Scratch,
};
use player::Player;
use tale::Tale;

const DOMAIN: &str = "cabinet.example";

/// The people, invented for this demonstration.
const SECRETARY: Staff =
    Staff { handle: "secretary", name: "Cabinet Secretary", post: "Cabinet Division", clearance: Tier::Secret };
const DEPUTY: Staff =
    Staff { handle: "deputy", name: "Deputy Secretary", post: "Cabinet Division", clearance: Tier::Confidential };
const OFFICER: Staff =
    Staff {
        handle: "section.officer", name: "سیکشن افسر", post: "Cabinet Division", clearance: Tier::Restricted
    };

/// Who comes later.
const RELIEF: Staff =
    Staff { handle: "relief", name: "Relief Officer", post: "Cabinet Division", clearance: Tier::Restricted };

/// The three at their machines.
struct Cast {
    secretary: Player,
    deputy: Player,
    officer: Player,
}

/// Runs it; `keep`: in this new folder, which stays.
pub(crate) async fn run(context: &Context, keep: Option<PathBuf>) -> Outcome {
    let begun = Instant::now();
    let scratch = match &keep {
        Some(dir) => Scratch::kept(&std::path::absolute(dir).unwrap_or_else(|_| dir.clone()))?,
        None => Scratch::temporary(None)?,
    };
    let mut tale = Tale::new(context.screen, scratch.path(), scratch.is_kept());
    let office = Office::new(scratch.path(), DOMAIN)?;
    let relay = founding::run(&mut tale, &office).await?;
    let told = tell(context, &mut tale, &office).await;
    let stats = relay.stats();
    let clean = relay.shutdown().await;
    told?;
    tale.check("the relay stopped cleanly, everything synced", clean, None)?;
    tale.figure("entries that the relay ordered and stored", stats.appended as f64, "");
    tale.figure("syncs of the relay's store", stats.syncs as f64, "");
    tale.figure("the whole demonstration", begun.elapsed().as_secs_f64(), "s");
    tale.end()?;
    if scratch.is_kept() {
        context.screen.note(format!("Everything is in {}.", scratch.path().display()));
    }
    Ok(())
}

async fn tell(context: &Context, tale: &mut Tale, office: &Office) -> Outcome {
    let mut cast = joining::run(context, tale, office).await?;
    let group = talking::run(tale, office, &mut cast).await?;
    let mut cast = away::run(context, tale, office, cast, group).await?;
    document::run(tale, office, &mut cast, group).await?;
    let relief = leaving::run(context, tale, office, &mut cast, group).await?;
    for player in [cast.secretary, cast.deputy, cast.officer, relief] {
        player.leave().await?;
    }
    Ok(())
}
