//! Guessing made slow: attempts are counted by address and by user, by the GCRA of the `governor` crate.

use std::{
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    state::keyed::DashMapStateStore,
};

use super::AuthError;

/// How many attempts an address has at once, and how often it gets another.
const ADDRESS: (NonZeroU32, Duration) = (NonZeroU32::new(10).unwrap(), Duration::from_secs(20));
/// The same for a user, from wherever the attempts come. It is wider: a stranger must not easily lock a user out.
const USER: (NonZeroU32, Duration) = (NonZeroU32::new(20).unwrap(), Duration::from_secs(15));
/// When so many keys are remembered, those that are as good as new are forgotten.
const MANY: usize = 4096;

type Keyed<K, C> = RateLimiter<K, DashMapStateStore<K>, C, NoOpMiddleware<<C as Clock>::Instant>>;

pub(super) struct Throttle<C: Clock = DefaultClock> {
    clock: C,
    addresses: Keyed<IpAddr, C>,
    users: Keyed<String, C>,
}

impl Throttle {
    pub(super) fn new() -> Self {
        Self::with(DefaultClock::default())
    }
}

impl<C: Clock + Clone> Throttle<C> {
    fn with(clock: C) -> Self {
        Self {
            addresses: RateLimiter::new(quota(ADDRESS), DashMapStateStore::default(), clock.clone()),
            users: RateLimiter::new(quota(USER), DashMapStateStore::default(), clock.clone()),
            clock,
        }
    }

    /// Counts an attempt. Without an address it is the daemon's owner's, who needs no passphrase to read the files.
    ///
    /// # Errors
    /// There were too many: come back later.
    pub(super) fn attempt(&self, address: Option<IpAddr>, user: Option<&str>) -> Result<(), AuthError> {
        let Some(address) = address else { return Ok(()) };
        self.count(&self.addresses, &network(address))?;
        match user {
            // A name nobody has is counted like any other: it must not be told apart.
            Some(user) => self.count(&self.users, &user.chars().take(64).collect()),
            None => Ok(()),
        }
    }

    fn count<K: Hash + Eq + Clone>(&self, limiter: &Keyed<K, C>, key: &K) -> Result<(), AuthError> {
        if limiter.len() > MANY {
            limiter.retain_recent();
        }
        limiter
            .check_key(key)
            .map_err(|refused| AuthError::Throttled(refused.wait_time_from(self.clock.now())))
    }
}

fn quota((burst, period): (NonZeroU32, Duration)) -> Quota {
    Quota::with_period(period)
        .expect("a period is not zero")
        .allow_burst(burst)
}

/// An IPv6 user has a whole network of 64 bits to come from.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn waits(result: Result<(), AuthError>) -> Option<u64> {
        result.err().map(|error| error.retry_after().unwrap())
    }

    #[test]
    fn an_address_that_guesses_is_locked_out_and_let_in_again_in_time() {
        let clock = FakeRelativeClock::default();
        let throttle = Throttle::with(clock.clone());
        let address = Some("192.0.2.1".parse().unwrap());
        for n in 0..10 {
            assert_eq!(waits(throttle.attempt(address, Some(&format!("u{n}")))), None);
        }
        assert_eq!(waits(throttle.attempt(address, None)), Some(20));
        clock.advance(Duration::from_secs(5));
        assert_eq!(waits(throttle.attempt(address, None)), Some(15));
        assert_eq!(
            waits(throttle.attempt(Some("192.0.2.2".parse().unwrap()), None)),
            None
        );
        clock.advance(Duration::from_secs(15));
        assert_eq!(waits(throttle.attempt(address, None)), None);
    }

    #[test]
    fn a_user_is_guarded_against_guesses_from_many_addresses() {
        let throttle = Throttle::with(FakeRelativeClock::default());
        let attempt = |n: u8, user| throttle.attempt(Some(IpAddr::from([192, 0, 2, n])), Some(user));
        for n in 0..20 {
            assert_eq!(waits(attempt(n, "alice")), None);
        }
        assert_eq!(waits(attempt(30, "alice")), Some(15));
        assert_eq!(waits(attempt(31, "bob")), None);
    }

    #[test]
    fn the_addresses_of_one_network_are_one() {
        let throttle = Throttle::with(FakeRelativeClock::default());
        let attempt =
            |n: u16| throttle.attempt(Some(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, n).into()), None);
        for n in 0..10 {
            assert_eq!(waits(attempt(n)), None);
        }
        assert_eq!(waits(attempt(99)), Some(20));
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(network(mapped), "192.0.2.1".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn the_owner_is_never_locked_out() {
        let throttle = Throttle::with(FakeRelativeClock::default());
        for _ in 0..100 {
            assert_eq!(waits(throttle.attempt(None, Some("alice"))), None);
        }
    }
}
