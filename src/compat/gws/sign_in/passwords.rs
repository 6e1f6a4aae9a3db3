//! Checks passwords. A check is expensive by design, so a successful one is cached for a while, and
//! failed ones are throttled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::tries::Tries;
use crate::config::gws::Named;

/// How long a successful check is cached.
const BELIEVED: Duration = Duration::from_secs(300);
/// The maximum number of cached checks.
const MOST_BELIEVED: usize = 10_000;
/// The number of concurrent checks. Each takes 19 MiB and a core for some hundredths of a second.
const AT_ONCE: usize = 2;
/// The maximum number of waiting checks. Further callers are told to try again.
const MOST_WAITING: usize = 64;
/// The hash of no known password, with the same cost as those from `annals gws-user`. Checking an
/// unknown name against it takes as long as checking a known one.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The result of a check.
#[derive(Debug, PartialEq, Eq)]
pub enum Checked {
    /// The password is the user's.
    Right,
    /// There is no such user, or the password is wrong.
    Wrong,
    /// Not checked; try again after this time.
    Later(Duration),
}

/// The stored form of a password.
enum Kept {
    Hash(Box<PasswordHash>),
    /// A plain password, as a keyed hash.
    Plain([u8; 32]),
}

/// The passwords of the users.
pub struct Passwords {
    users: Arc<HashMap<String, Kept>>,
    /// A random key of this process. The hashes in memory are of no use elsewhere.
    key: [u8; 32],
    believed: Mutex<HashMap<[u8; 32], Instant>>,
    tries: Mutex<Tries>,
    looking: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Passwords {
    /// The passwords of these users.
    pub fn of<'a>(users: impl Iterator<Item = Named<'a>>) -> Self {
        let key = rand::random();
        let keep = |user: Named<'a>| {
            let kept = if user.is_plain() {
                Kept::Plain(keyed(&key, &[user.secret]))
            } else {
                Kept::Hash(Box::new(user.hash()?))
            };
            Some((user.name.to_owned(), kept))
        };
        Self {
            users: Arc::new(users.filter_map(keep).collect()),
            key,
            believed: Mutex::default(),
            tries: Mutex::default(),
            looking: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Semaphore::new(MOST_WAITING),
        }
    }

    /// Whether this is the user's password.
    pub async fn check(&self, name: &str, password: &str) -> Checked {
        let both = keyed(&self.key, &[name, "\0", password]);
        let who = keyed(&self.key, &[name]);
        if let Some(known) = self.known(&both, &who) {
            return known;
        }
        let full = Checked::Later(Duration::from_secs(1));
        let Ok(_place) = self.waiting.try_acquire() else {
            return full;
        };
        let Ok(turn) = Arc::clone(&self.looking).acquire_owned().await else {
            return full;
        };
        // the same check may have finished while this one waited
        if let Some(known) = self.known(&both, &who) {
            return known;
        }
        let users = Arc::clone(&self.users);
        let (name, password, key) = (name.to_owned(), password.to_owned(), self.key);
        let looked = tokio::task::spawn_blocking(move || {
            let fits = fits(users.get(&name), &key, &password);
            // held until the check ends, even if the caller has gone
            drop(turn);
            fits
        });
        match looked.await {
            Ok(true) => {
                self.believe(both);
                locked(&self.tries).right(&who);
                Checked::Right
            }
            Ok(false) => {
                locked(&self.tries).wrong(who, Instant::now());
                Checked::Wrong
            }
            Err(_) => full,
        }
    }

    /// The result that is known without a check. A cached success does not reset the count of wrong
    /// passwords: the user may be at work while someone else guesses.
    fn known(&self, both: &[u8; 32], who: &[u8; 32]) -> Option<Checked> {
        let now = Instant::now();
        if locked(&self.believed)
            .get(both)
            .is_some_and(|until| *until > now)
        {
            return Some(Checked::Right);
        }
        locked(&self.tries).wait(who, now).map(Checked::Later)
    }

    fn believe(&self, both: [u8; 32]) {
        let now = Instant::now();
        let mut believed = locked(&self.believed);
        believed.retain(|_, until| *until > now);
        if believed.len() >= MOST_BELIEVED {
            believed.clear();
        }
        believed.insert(both, now + BELIEVED);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keyed(key: &[u8; 32], parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(key);
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// Takes the same time whether the user exists or not, and for hashed and plain passwords.
fn fits(kept: Option<&Kept>, key: &[u8; 32], password: &str) -> bool {
    let nobodys = PasswordHash::new(NOBODYS).expect("the constant is a hash");
    let hash = match kept {
        Some(Kept::Hash(hash)) => hash,
        _ => &nobodys,
    };
    let fits = Argon2::default()
        .verify_password(password.as_bytes(), hash)
        .is_ok();
    match kept {
        Some(Kept::Plain(plain)) => *plain == keyed(key, &[password]),
        Some(Kept::Hash(_)) => fits,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::Params;
    use argon2::password_hash::PasswordHasher;

    fn hashed(password: &str) -> String {
        let little = Params::new(8, 1, 1, None).unwrap();
        let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, little);
        argon2
            .hash_password(password.as_bytes())
            .unwrap()
            .to_string()
    }

    #[test]
    fn nobodys_hash_takes_the_work_of_a_default_one() {
        let nobodys = PasswordHash::new(NOBODYS).unwrap();
        let (params, default) = (Params::try_from(&nobodys).unwrap(), Params::DEFAULT);
        assert_eq!(
            (params.m_cost(), params.t_cost(), params.p_cost()),
            (default.m_cost(), default.t_cost(), default.p_cost())
        );
    }

    #[tokio::test]
    async fn hashed_and_plain_passwords_are_told_from_wrong_ones() {
        let ann = hashed("open: sesame");
        let users = [("ann", ann.as_str()), ("bob", "plain")];
        let passwords = Passwords::of(users.iter().map(|(name, secret)| Named { name, secret }));
        for (name, password, wanted) in [
            ("ann", "open: sesame", Checked::Right),
            ("ann", "open: sesame", Checked::Right),
            ("ann", "open: sesam", Checked::Wrong),
            ("ann", "plain", Checked::Wrong),
            ("ann", &ann, Checked::Wrong),
            ("bob", "plain", Checked::Right),
            ("bob", "", Checked::Wrong),
            ("Ann", "open: sesame", Checked::Wrong),
            ("", "", Checked::Wrong),
        ] {
            assert_eq!(
                passwords.check(name, password).await,
                wanted,
                "{name} {password}"
            );
        }
    }

    #[tokio::test]
    async fn a_right_password_that_is_remembered_gets_in_while_wrong_ones_wait() {
        let ann = hashed("right");
        let users = [("ann", ann.as_str()), ("bob", "right")];
        let passwords = Passwords::of(users.iter().map(|(name, secret)| Named { name, secret }));
        assert_eq!(passwords.check("ann", "right").await, Checked::Right);
        for _ in 0..5 {
            assert_eq!(passwords.check("ann", "wrong").await, Checked::Wrong);
            assert_eq!(passwords.check("bob", "wrong").await, Checked::Wrong);
        }
        // the password is right, but it is not checked
        let bob = passwords.check("bob", "right").await;
        assert!(matches!(bob, Checked::Later(_)), "{bob:?}");
        assert!(matches!(
            passwords.check("ann", "wrong").await,
            Checked::Later(_)
        ));
        assert_eq!(passwords.check("ann", "right").await, Checked::Right);
        assert_eq!(passwords.check("cy", "wrong").await, Checked::Wrong);
    }
}
