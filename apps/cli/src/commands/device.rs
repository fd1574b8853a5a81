//! `amanat device`: one's own devices, and how a further one comes in.

use amanat_client::{Command, Event, Reply, api::OwnDevice};
use amanat_identity::DeviceCode;

use crate::{
    context::Context,
    output::{
        json, say,
        table::{self, Cell, Table, paint},
        time::local,
    },
    problem::{Outcome, Problem},
    session::{Link, Session, unexpected},
};

/// `amanat device list`.
pub(super) async fn list(context: &Context) -> Outcome {
    let mut session = Session::open(context, Link::Dial).await?;
    let outcome = fetch(&mut session).await;
    let (devices, from_cache) = session.close(outcome).await?;
    if context.screen.is_json() {
        return devices.iter().try_for_each(|device| context.screen.object(&json::DeviceLine::new(device, from_cache)));
    }
    context.screen.line(table(&devices).render(context.screen.width()))?;
    if from_cache {
        let words = "The relay cannot be reached: devices that are new since then are missing.";
        context.screen.note(paint(words, table::CAUTION));
    }
    Ok(())
}

async fn fetch(session: &mut Session) -> Outcome<(Vec<OwnDevice>, bool)> {
    session.settle().await?;
    match session.ask(Command::Devices).await? {
        Reply::Devices { devices, from_cache } => Ok((devices, from_cache)),
        _ => Err(unexpected()),
    }
}

fn table(devices: &[OwnDevice]) -> Table {
    let mut table = Table::new(["DEVICE", "", "CODE", "ADDED", "APPROVED BY", "SEEN"]);
    for device in devices {
        let state = match (device.pending, device.this) {
            (true, true) => Cell::styled("this one, waits for approval", table::CAUTION),
            (true, false) => Cell::styled("waits for your approval", table::CAUTION),
            (false, true) => Cell::styled("this one", table::GOOD),
            (false, false) => Cell::new(""),
        };
        table.row([
            Cell::new(say::short(&device.device.to_string())),
            state,
            if device.this { device.code.to_string().into() } else { Cell::new("") },
            local(device.added).into(),
            device.approved_by.map(|by| say::short(&by.to_string()).to_owned()).unwrap_or_default().into(),
            device.seen.map(local).unwrap_or_default().into(),
        ]);
    }
    table
}

/// `amanat device approve`.
pub(super) async fn approve(context: &Context, code: &str) -> Outcome {
    let Some(code) = DeviceCode::parse(code) else {
        return Err(Problem::usage(
            format!("{code:?} is not the code of a device: four groups of four letters and digits."),
            "Type the code that the new device shows; there, amanat device list shows it as well.",
        ));
    };
    let mut session = Session::open(context, Link::Dial).await?;
    let outcome = approve_in(&mut session, code).await;
    let device = session.close(outcome).await?;
    if context.screen.is_json() {
        return context.screen.object(&json::DeviceApproved { device });
    }
    context.screen.line(paint("approved", table::GOOD))?;
    context.screen.note(
        "It reads from now on in the conversations that you are in. Earlier messages: amanat device transfer, here; then \
         there.",
    );
    Ok(())
}

async fn approve_in(session: &mut Session, code: DeviceCode) -> Outcome<String> {
    session.settle().await?;
    let Reply::DeviceApproved { device } = session.ask(Command::ApproveDevice { code }).await? else {
        return Err(unexpected());
    };
    // It is added to the conversations now, where nothing is in the way.
    let look = &mut |_: &Event| ();
    match tokio::time::timeout(super::send::PATIENCE, session.ask_with(Command::Sync, look)).await {
        Ok(Err(problem)) if problem.status() != 1 => Err(problem),
        _ => Ok(device.to_string()),
    }
}
