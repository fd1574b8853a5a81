//! Admission (protocol-spec/07-delivery, section 8): who may begin a handshake, so that those who never finish one
//! cannot keep out those who would.
//!
//! Half-open links are bounded in all and for each address. At a bound the newcomer is let in and the *oldest*
//! half-open link of the busiest address is dropped: an honest handshake takes milliseconds, an abandoned one lingers,
//! so the oldest is almost never the honest one. Complete links are bounded in all, and the newcomer is turned away.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{sync::Notify, time::Instant};

use crate::rate::{Bucket, Rate};

/// Addresses whose rate is remembered; beyond it those whose bucket is fullest are forgotten by the next sweep.
const ADDRESSES: usize = 65_536;

/// Bounds on links.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bounds {
    /// Links in all.
    pub(crate) links: usize,
    /// Half-open links in all.
    pub(crate) half_open: usize,
    /// Half-open links of one address (IPv6: of one /64).
    pub(crate) half_open_per_address: usize,
    /// Handshakes of one address.
    pub(crate) handshakes: Rate,
}

/// The part of an address that one office or attacker is known by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Origin([u8; 8]);

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, d] = v4.octets();
                Self([0, 0, 0, 0, a, b, c, d])
            }
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h, ..] = v6.octets();
                Self([a, b, c, d, e, f, g, h])
            }
        }
    }
}

#[derive(Default)]
struct State {
    half_open: HashMap<Origin, VecDeque<(u64, Arc<Notify>)>>,
    half_open_total: usize,
    rates: HashMap<Origin, Bucket>,
    links: usize,
    next: u64,
}

/// Why a newcomer is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TurnedAway {
    /// As many links are up as the relay takes.
    #[error("the relay has as many links as its limit allows")]
    Links,
    /// Its address begins handshakes too fast.
    #[error("too many handshakes from one address")]
    Rate,
}

/// The door of the relay.
pub(crate) struct Admission {
    bounds: Bounds,
    state: Mutex<State>,
}

impl Admission {
    /// Nobody has come yet.
    pub(crate) fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { bounds, state: Mutex::default() })
    }

    /// Lets a newcomer begin its handshake, dropping another's if need be.
    // [DELIV-63] [DELIV-64]
    pub(crate) fn begin(self: &Arc<Self>, from: IpAddr, now: Instant) -> Result<HalfOpen, TurnedAway> {
        let origin = Origin::from(from);
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        if state.links >= self.bounds.links {
            return Err(TurnedAway::Links);
        }
        if state.rates.len() >= ADDRESSES && !state.rates.contains_key(&origin) {
            return Err(TurnedAway::Rate);
        }
        let bucket = state.rates.entry(origin).or_insert_with(|| Bucket::full(self.bounds.handshakes, now));
        if !bucket.take(self.bounds.handshakes, 1, now) {
            return Err(TurnedAway::Rate);
        }
        if state.half_open.get(&origin).is_some_and(|links| links.len() >= self.bounds.half_open_per_address) {
            state.drop_oldest(origin);
        } else if state.half_open_total >= self.bounds.half_open {
            // Bounded by `half_open`, and only while the relay is flooded.
            if let Some(busiest) = state.half_open.iter().max_by_key(|(_, links)| links.len()).map(|(o, _)| *o) {
                state.drop_oldest(busiest);
            }
        }
        let id = state.next;
        state.next = id.wrapping_add(1);
        let dropped = Arc::new(Notify::new());
        state.half_open.entry(origin).or_default().push_back((id, Arc::clone(&dropped)));
        state.half_open_total = state.half_open_total.saturating_add(1);
        drop(guard);
        Ok(HalfOpen { admission: Arc::clone(self), origin, id, dropped })
    }

    /// Forgets the rates of addresses that have been quiet.
    pub(crate) fn sweep(&self, now: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.rates.retain(|_, bucket| !bucket.is_full(self.bounds.handshakes, now));
        state.rates.shrink_to_fit();
        state.half_open.shrink_to_fit();
    }

    /// Complete links and half-open ones.
    pub(crate) fn count(&self) -> (usize, usize) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.links, state.half_open_total)
    }
}

impl State {
    fn drop_oldest(&mut self, origin: Origin) {
        if let Some((id, dropped)) = self.half_open.get(&origin).and_then(|links| links.front()).cloned() {
            self.forget(origin, id);
            dropped.notify_one();
        }
    }

    fn forget(&mut self, origin: Origin, id: u64) -> bool {
        let Some(links) = self.half_open.get_mut(&origin) else { return false };
        let Some(at) = links.iter().position(|(other, _)| *other == id) else { return false };
        links.remove(at);
        if links.is_empty() {
            self.half_open.remove(&origin);
        }
        self.half_open_total = self.half_open_total.saturating_sub(1);
        true
    }
}

/// A link whose other side is not verified yet.
pub(crate) struct HalfOpen {
    admission: Arc<Admission>,
    origin: Origin,
    id: u64,
    dropped: Arc<Notify>,
}

impl HalfOpen {
    /// Waits until this link is the one to be dropped.
    pub(crate) async fn dropped(&self) {
        self.dropped.notified().await;
    }

    /// The other side is verified: the link counts among the complete ones until the value is dropped. `None` where it
    /// was dropped meanwhile or the relay is full.
    pub(crate) fn complete(self) -> Option<Complete> {
        let mut state = self.admission.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.links >= self.admission.bounds.links || !state.forget(self.origin, self.id) {
            return None;
        }
        state.links = state.links.saturating_add(1);
        drop(state);
        Some(Complete { admission: Arc::clone(&self.admission) })
    }
}

impl Drop for HalfOpen {
    fn drop(&mut self) {
        let mut state = self.admission.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.forget(self.origin, self.id);
    }
}

/// A link whose other side is verified.
pub(crate) struct Complete {
    admission: Arc<Admission>,
}

impl Drop for Complete {
    fn drop(&mut self) {
        let mut state = self.admission.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.links = state.links.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future as _, pin::pin, task::Poll};

    use super::*;

    const BOUNDS: Bounds =
        Bounds { links: 2, half_open: 4, half_open_per_address: 3, handshakes: Rate { per_second: 1, burst: 10 } };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn is_dropped(link: &HalfOpen) -> bool {
        let future = pin!(link.dropped());
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        future.poll(&mut cx) == Poll::Ready(())
    }

    #[test]
    fn the_oldest_of_a_full_address_makes_way() {
        // [DELIV-63]
        let admission = Admission::new(BOUNDS);
        let now = Instant::now();
        let begin = |from: &str| admission.begin(ip(from), now).unwrap();
        let flood: Vec<_> = (0..3).map(|_| begin("10.0.0.1")).collect();
        let other = begin("10.0.0.2");
        let newcomer = begin("10.0.0.1");
        assert!(is_dropped(&flood[0]));
        assert!(!is_dropped(&flood[1]) && !is_dropped(&other) && !is_dropped(&newcomer));
        // At the bound in all, the busiest address loses its oldest.
        let third = begin("10.0.0.3");
        assert!(is_dropped(&flood[1]));
        assert!(!is_dropped(&other) && !is_dropped(&newcomer) && !is_dropped(&third));
        assert_eq!(admission.count(), (0, 4));
        drop((flood, other, newcomer, third));
        assert_eq!(admission.count(), (0, 0));
    }

    #[test]
    fn complete_links_are_bounded() {
        // [DELIV-63]
        let admission = Admission::new(BOUNDS);
        let now = Instant::now();
        let first = admission.begin(ip("10.0.0.1"), now).unwrap();
        let second = admission.begin(ip("10.0.0.1"), now).unwrap();
        let third = admission.begin(ip("10.0.0.1"), now).unwrap();
        let first = first.complete().unwrap();
        let _second = second.complete().unwrap();
        assert!(third.complete().is_none());
        assert_eq!(admission.begin(ip("10.0.0.9"), now).err(), Some(TurnedAway::Links));
        drop(first);
        assert!(admission.begin(ip("10.0.0.9"), now).is_ok());
        assert_eq!(admission.count().0, 1);
    }

    #[test]
    fn an_address_has_a_rate_and_a_v6_network_is_one_address() {
        // [DELIV-64]
        let admission = Admission::new(BOUNDS);
        let now = Instant::now();
        for host in 1..=10 {
            assert!(admission.begin(ip(&format!("fd00:1:2:3::{host}")), now).is_ok());
        }
        assert_eq!(admission.begin(ip("fd00:1:2:3::99"), now).err(), Some(TurnedAway::Rate));
        assert!(admission.begin(ip("fd00:1:2:4::99"), now).is_ok());
        assert!(admission.begin(ip("10.0.0.1"), now).is_ok());
        let later = now + std::time::Duration::from_secs(60);
        admission.sweep(later);
        assert!(admission.state.lock().unwrap().rates.is_empty());
    }

    #[test]
    fn a_dropped_link_does_not_complete() {
        let admission = Admission::new(BOUNDS);
        let now = Instant::now();
        let flood: Vec<_> = (0..4).map(|_| admission.begin(ip("10.0.0.1"), now).unwrap()).collect();
        let mut flood = flood.into_iter();
        assert!(flood.next().unwrap().complete().is_none());
        assert!(flood.next().unwrap().complete().is_some());
    }
}
