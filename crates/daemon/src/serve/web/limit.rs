//! How often one peer may ask.

use axum::http::HeaderMap;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use tidings_channels::Clock;

/// How many requests a peer may make at once, and how many microseconds give it one back: mail providers unsubscribe
/// for many of their readers from a few addresses.
const BURST: i64 = 100;
const EACH: i64 = 100_000;
/// How many peers are remembered.
const PEERS: usize = 10_000;

/// Counts requests by peer.
pub(super) struct Limit {
    clock: Clock,
    /// By peer, the moment at which all of its requests are given back.
    full_at: Mutex<HashMap<IpAddr, i64>>,
}

impl Limit {
    pub(super) fn new(clock: Clock) -> Limit {
        Limit { clock, full_at: Mutex::default() }
    }

    /// Whether a peer may ask now.
    pub(super) fn permits(&self, peer: IpAddr) -> bool {
        let (now, peer) = ((self.clock)(), network(peer));
        let mut peers = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() >= PEERS {
            peers.retain(|_, full_at| *full_at > now);
        }
        if peers.len() >= PEERS && !peers.contains_key(&peer) {
            return false;
        }
        let full_at = peers.entry(peer).or_insert(now);
        let next = (*full_at).max(now) + EACH;
        let permitted = next - now <= BURST * EACH;
        if permitted {
            *full_at = next;
        }
        permitted
    }
}

/// What one peer has at its disposal: of an IPv6 address the first half says whose it is, and the other is anybody's choice.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

/// Who asks: behind a proxy on this machine, whoever that one names last.
pub(super) fn peer(address: SocketAddr, headers: &HeaderMap) -> IpAddr {
    let named = headers.get_all("x-forwarded-for").iter().next_back();
    let last = named.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    match address.ip() {
        proxy if proxy.is_loopback() => last.unwrap_or(proxy),
        direct => direct,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    #[test]
    fn a_peer_has_its_burst_and_then_its_rate() {
        let now = Arc::new(AtomicI64::new(1_000_000));
        let clock = now.clone();
        let limit = Limit::new(Arc::new(move || clock.load(Ordering::Relaxed)));
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        assert_eq!((0..1000).filter(|_| limit.permits(one)).count(), 100);
        assert!(limit.permits(other), "each peer has its own");
        let v6 = |n: u128| IpAddr::from(Ipv6Addr::from_bits(0x2001_0db8 << 96 | n));
        assert_eq!((0..1000).filter(|n| limit.permits(v6(*n))).count(), 100, "a network is one peer");
        assert!(limit.permits(v6(1 << 64)), "and the next is another");
        now.fetch_add(1_000_000, Ordering::Relaxed);
        assert_eq!((0..1000).filter(|_| limit.permits(one)).count(), 10, "ten a second");
    }

    #[test]
    fn only_a_proxy_on_this_machine_names_others() {
        let (proxy, direct) = ("127.0.0.1:9".parse().unwrap(), "198.51.100.7:9".parse().unwrap());
        let mut named = HeaderMap::new();
        named.insert("x-forwarded-for", "203.0.113.9, 192.0.2.1".parse().unwrap());
        assert_eq!(
            peer(proxy, &named),
            IpAddr::from([192, 0, 2, 1]),
            "the last: the others anybody can write"
        );
        assert_eq!(peer(direct, &named), IpAddr::from([198, 51, 100, 7]));
        assert_eq!(peer(proxy, &HeaderMap::new()), IpAddr::from([127, 0, 0, 1]));
    }
}
