//! Requests (protocol-spec/07-delivery, sections 3 to 7): what each may do, and to whom it is answered.
//!
//! Appends are handed to the store in the order in which they came and answered when they are durable, many at once.
//! What concerns documents is done one after the other on each link (a [`Lane`]). Everything else is answered as it is
//! ready.

mod append;
mod devices;
mod documents;
mod packages;
mod people;
mod reads;
mod resupply;
mod statements;

use std::sync::Arc;

use amanat_primitives::DeviceId;
use amanat_store::{blocking, relay::StoreError};
use amanat_wire::{
    client::{Nothing, Request},
    limits,
    relay::{Answer, Refusal},
};

pub(crate) use documents::Lane;

use crate::{
    outbox::Ticket,
    rate::Meter,
    shared::{Shared, Unusual},
    translate::Unfit,
};

/// Who asks: a verified device or officer, for as long as its link lasts.
pub(crate) struct Asker {
    pub(crate) shared: Arc<Shared>,
    /// The device's id; an officer's key id stands in its place.
    pub(crate) id: DeviceId,
    pub(crate) meter: Meter,
}

/// Why a request is not done.
pub(crate) enum NotDone {
    /// Refused here.
    Refused(Refusal),
    /// Refused by the store.
    Store(StoreError),
    /// There is no room for a document.
    NoRoom,
    /// Something stored does not fit the wire.
    Unfit,
}

impl From<Refusal> for NotDone {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for NotDone {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Unfit> for NotDone {
    fn from(_: Unfit) -> Self {
        Self::Unfit
    }
}

impl From<amanat_wire::TooLong> for NotDone {
    fn from(_: amanat_wire::TooLong) -> Self {
        Self::Unfit
    }
}

impl Asker {
    /// Answers with what came out.
    pub(crate) fn settle(&self, ticket: Ticket, outcome: Result<Answer, NotDone>) {
        ticket.answer(match outcome {
            Ok(answer) => answer,
            Err(NotDone::Refused(refusal)) => Answer::Refused(refusal),
            Err(NotDone::Store(error)) => self.shared.refusal(error),
            Err(NotDone::NoRoom) => {
                if self.shared.warn_due(Unusual::DocumentFull) {
                    tracing::warn!("a document is refused for want of room");
                }
                Answer::Refused(Refusal::Full)
            }
            Err(NotDone::Unfit) => {
                tracing::error!("something stored does not fit the wire");
                Answer::Refused(Refusal::Failed)
            }
        });
    }
}

/// Bytes that the answer to a request may take, roughly: what a link's outbox reserves.
pub(crate) fn room(request: &Request) -> usize {
    match request {
        Request::Read(_) | Request::News(_) | Request::ClaimKeyPackages(_) | Request::OwnDevices(_) => limits::MESSAGE,
        Request::People(_) | Request::Chains(_) | Request::GetSegment(_) | Request::Revocations(_) => limits::MESSAGE,
        Request::Cursors(_) => 64 * limits::CONVERSATIONS,
        Request::Status(_) => limits::CHAIN,
        _ => 1024,
    }
}

/// Serves one request. Returns once it is in order to look at the next one of the same link.
pub(crate) async fn serve(asker: &Arc<Asker>, lane: &mut Option<Lane>, ticket: Ticket, request: Request) {
    match request {
        Request::Ping(_) => ticket.answer(Answer::Done(Nothing {})),
        Request::Status(_) => ticket.answer(Answer::Status(asker.shared.status.latest())),
        Request::Append(unit) => append::append(asker, ticket, unit).await,
        Request::Advance(advance) => reads::advance(asker, ticket, advance).await,
        Request::News(asked) => spawn(asker, ticket, move |asker| reads::news(asker, &asked)),
        Request::Decline(conversation) => reads::decline(asker, ticket, conversation),
        Request::Read(read) => spawn(asker, ticket, move |asker| reads::read(asker, &read)),
        Request::AskAgain(asked) => spawn(asker, ticket, move |asker| reads::ask_again(asker, asked)),
        Request::Chains(devices) => spawn(asker, ticket, move |asker| people::chains(asker, &devices)),
        Request::People(query) => spawn(asker, ticket, move |asker| people::people(asker, &query)),
        Request::Lapsed(after) => spawn(asker, ticket, move |asker| people::lapsed(asker, &after)),
        Request::PutKeyPackages(put) => packages::put(asker, ticket, put),
        Request::ClaimKeyPackages(devices) => packages::claim(asker, ticket, devices),
        Request::PutStatement(update) => statements::put(asker, ticket, update),
        Request::Revocations(after) => spawn(asker, ticket, move |asker| statements::revocations(asker, after)),
        Request::PutRenewal(bytes) => statements::renew(asker, ticket, bytes),
        Request::PutApproval(bytes) => devices::approve(asker, ticket, bytes),
        Request::OwnDevices(_) => spawn(asker, ticket, devices::own),
        Request::Cursors(asked) => reads::cursors(asker, ticket, asked).await,
        Request::DropKeyPackages(_) => packages::drop_all(asker, ticket),
        Request::Resupply(supply) => resupply::resupply(asker, ticket, supply),
        Request::Welcomes(welcomes) => resupply::welcomes(asker, ticket, welcomes),
        Request::GetSegment(get) => spawn(asker, ticket, move |asker| documents::get(asker, &get)),
        Request::OpenDocument(_) | Request::PutSegment(_) | Request::SealDocument(_) => {
            lane.get_or_insert_with(|| Lane::start(asker)).send(ticket, request).await;
        }
    }
}

/// Reads from the store on a thread that may block.
pub(crate) fn spawn<F>(asker: &Arc<Asker>, ticket: Ticket, read: F)
where
    F: FnOnce(&Asker) -> Result<Answer, NotDone> + Send + 'static,
{
    let asker = Arc::clone(asker);
    blocking::start(move || {
        let outcome = read(&asker);
        asker.settle(ticket, outcome);
    });
}
