//! `amanat passphrase`: another passphrase for the profile (protocol-spec/07-delivery, section 12).

use amanat_client::{Command, HistoryPassphrase};

use crate::{
    context::Context,
    output::{
        json,
        table::{self, paint},
    },
    problem::Outcome,
    secrets::{self, Purpose},
    session::{Link, Session},
};

pub(super) async fn run(context: &Context) -> Outcome {
    Session::require_profile(context)?;
    let old = secrets::passphrase(Purpose::Profile)?;
    // Opened first, so that a wrong one is said before another is thought of.
    let mut session = Session::start(context, &context.profile, &old, Link::Stay).await?;
    let outcome = change(&mut session, old).await;
    session.close(outcome).await?;
    if context.screen.is_json() {
        let profile = context.profile.display().to_string();
        return context.screen.object(&json::PassphraseChanged { profile });
    }
    context.screen.line(paint("The new passphrase counts from now on.", table::GOOD))?;
    context.screen.line("A copy of the profile that was made before still opens with the old one.")
}

async fn change(session: &mut Session, old: zeroize::Zeroizing<String>) -> Outcome {
    let new = secrets::new_passphrase(Purpose::New)?;
    let (old, new) = (HistoryPassphrase(old), HistoryPassphrase(new));
    session.ask(Command::ChangePassphrase { old, new }).await?;
    Ok(())
}
