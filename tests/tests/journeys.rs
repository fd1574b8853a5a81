//! Journeys (protocol-spec/00-overview): what an IT team, an officer and staff do, through the built programs and exactly
//! the documented commands; and what these print, against protocol-spec/json-output.md.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

#[path = "journeys/absent.rs"]
mod absent;
#[path = "journeys/backup.rs"]
mod backup;
#[path = "journeys/clock.rs"]
mod clock;
#[path = "journeys/devices.rs"]
mod devices;
#[path = "journeys/it.rs"]
mod it;
#[path = "journeys/officer.rs"]
mod officer;
#[path = "journeys/revoking.rs"]
mod revoking;
#[path = "journeys/shapes.rs"]
mod shapes;
#[path = "journeys/staff.rs"]
mod staff;
#[path = "journeys/transfers.rs"]
mod transfers;
