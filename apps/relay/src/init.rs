//! `amanat-relay init`.

use std::io::Write as _;

use amanat_relay_core::folder::{self, CARD_FILE, CERTIFICATE_FILE, FolderError, Wishes};
use rand_core::OsRng;

use crate::{args::Init, problem::Problem};

pub(crate) fn init(args: Init) -> Result<(), Problem> {
    let Init { dir, listen, domain, advertise } = args;
    let wishes = domain.map(|domain| Wishes { domain, listen, advertise });
    let made = folder::init(&dir, wishes, &mut OsRng).map_err(|error| {
        let problem = Problem::new(&error, error.advice());
        if matches!(error, FolderError::NothingGiven) { problem.usage() } else { problem }
    })?;
    let dir = dir.display();
    let done = if made.new {
        format!("Made {dir}: relay.toml (read it once), relay.key (secret), {CARD_FILE}.")
    } else {
        format!("Wrote {dir}/{CARD_FILE} anew, from relay.toml as it is now; the keys are the same.")
    };
    let text = format!(
        "{done}

Key fingerprint: {}

Next:
  1. Take {dir}/{CARD_FILE} to the authority, who compares the fingerprint and answers with {CERTIFICATE_FILE}:
     amanat relay certify {dir}/{CARD_FILE} --authority A --out {dir}/{CERTIFICATE_FILE}
  2. amanat-relay check --dir {dir}
  3. amanat-relay run --dir {dir}
",
        made.fingerprint
    );
    anstream::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Problem::new(&error, "give the program somewhere to write to"))
}
