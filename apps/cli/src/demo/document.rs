//! Chapter 5: a document of several megabytes, encrypted once, fetched and verified before it has its name.

use std::{fmt::Write as _, time::Instant};

use amanat_client::{Command, Reply};
use amanat_primitives::{ConversationId, DocumentId};

use super::{Cast, tale::Tale};
use crate::{
    disk,
    files::{self, Mode},
    office::Office,
    output::say,
    problem::Outcome,
    session::unexpected,
};

const NAME: &str = "annexure-A.csv";
const ROWS: usize = 160_000;

pub(super) async fn run(tale: &mut Tale, office: &Office, cast: &mut Cast, group: ConversationId) -> Outcome {
    tale.chapter("A document")?;
    let content = content();
    let source = office.relay().with_file_name(NAME);
    files::create(&source, content.as_bytes(), Mode::Secret)?;
    let saved_to = office.relay().with_file_name("saved");
    files::folder(&saved_to)?;

    let begun = Instant::now();
    let (message, document) = cast.secretary.send_file(group, source).await?;
    cast.officer.receives(message).await?;
    let reply = cast.officer.ask(Command::Save { document, out: saved_to.clone() }).await?;
    let elapsed = begun.elapsed();
    let Reply::Saved { path, size } = reply else { return Err(unexpected()) };

    tale.say(&format!(
        "The Cabinet Secretary sent {NAME}, {}, to the group; the Section Officer saved it.",
        say::size(size)
    ))?;
    let bytes = std::fs::read(&path).map_err(|error| crate::problem::Problem::file("read", &path, &error))?;
    let command = format!("sha256sum {} {}", tale.path(NAME), path.display());
    tale.check("the saved file is the sent one, byte for byte", bytes == content.as_bytes(), Some(command))?;
    let listed = listed(cast, group, document).await?;
    let id = group.to_string();
    let command = tale.as_person("deputy", &format!("documents {}", say::short(&id)));
    tale.check("the Deputy Secretary has it in the list too, and may save it later", listed, Some(command))?;
    let row = content.lines().nth(ROWS / 2).unwrap_or_default();
    let hits = disk::find(&office.relay(), row.as_bytes(), 10)?.len();
    let command = format!("grep -ral '{row}' {} | wc -l", tale.path("relay"));
    let what = format!("no row of it stands in the relay's folder: {hits} found");
    tale.check(&what, hits == 0 && !row.is_empty(), Some(command))?;
    tale.figure(
        "the document, from send to the saved and synced file",
        size as f64 / 1e6 / elapsed.as_secs_f64(),
        "MB/s",
    );
    tale.by_hand()
}

async fn listed(cast: &mut Cast, group: ConversationId, document: DocumentId) -> Outcome<bool> {
    cast.deputy.ask(Command::Sync).await?;
    match cast.deputy.ask(Command::Documents { conversation: group }).await? {
        Reply::Documents(documents) => Ok(documents.iter().any(|view| view.id == document && view.name == NAME)),
        _ => Err(unexpected()),
    }
}

/// About 7 MB of rows that no other file has.
fn content() -> String {
    let mut out = String::with_capacity(ROWS * 48);
    out.push_str("row,district,relief stock,figure\n");
    let mut figure: u64 = 0x9e37_79b9_7f4a_7c15;
    for row in 0..ROWS {
        figure = figure.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{row},district {:03},{},{figure:016x}", figure >> 57, figure >> 40);
    }
    out
}
