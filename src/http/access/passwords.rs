//! Whether a password is right, found out at most once for as long as it is.
//!
//! bcrypt is slow on purpose. It runs on a thread beside the server, one check at a time, so that
//! whoever guesses takes one processor at most; what was right is remembered by a digest, so
//! that a scrape pays once.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use ring::digest::{Context, SHA256};
use tokio::sync::{Semaphore, oneshot};

use super::users::Users;
use crate::{
    secret::Secret,
    shutdown::{TaskKind, Tasks},
};

/// Checks that may be under way.
const AT_ONCE: usize = 1;
/// Checks that may wait for their turn, the one under way counted in.
const WAITING: usize = 16;

/// Too many wait already.
#[derive(Debug)]
pub(in crate::http) struct Crowded;

/// Checks passwords. Clones nothing of them: what it remembers cannot be turned back.
#[derive(Debug)]
pub(in crate::http) struct Passwords {
    tasks: Tasks,
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// The digest of the password that was right for a user, with the hash it was right for.
    remembered: Mutex<HashMap<String, [u8; 32]>>,
    /// Of this process, so that a digest says nothing to who reads memory elsewhere.
    salt: [u8; 32],
    /// Checks that were made.
    runs: Arc<AtomicU64>,
}

impl Passwords {
    /// Remembers nothing yet. Checks run on threads of `tasks`.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub(in crate::http) fn new(tasks: Tasks) -> std::io::Result<Self> {
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).map_err(std::io::Error::other)?;
        Ok(Self {
            tasks,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            places: Arc::new(Semaphore::new(WAITING)),
            remembered: Mutex::default(),
            salt,
            runs: Arc::default(),
        })
    }

    /// Whether this is the password of this user. A name that nobody has takes as long as one
    /// that somebody has. Cancellation safe; a check under way goes on.
    ///
    /// # Errors
    /// [`Crowded`] when too many wait, and when the system has no thread to give.
    pub(in crate::http) async fn right(
        &self,
        users: &Users,
        name: &str,
        password: &Secret,
    ) -> Result<bool, Crowded> {
        let known = users.hash(name);
        let wanted = known.map(|hash| self.digest(hash, password));
        if wanted.is_some_and(|wanted| self.remembers(name, wanted)) {
            return Ok(true);
        }
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| Crowded)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_| Crowded)?;
        // Another request of the same client may have been first.
        if wanted.is_some_and(|wanted| self.remembers(name, wanted)) {
            return Ok(true);
        }
        let hash = known.map_or_else(|| users.decoy(name, &self.salt), str::to_owned);
        let (password, runs) = (password.clone(), Arc::clone(&self.runs));
        let (answer, answered) = oneshot::channel();
        let check = move || {
            let _until_the_end = (place, turn);
            runs.fetch_add(1, Relaxed);
            let right = bcrypt::verify(password.expose(), &hash).unwrap_or(false);
            // Who asked may have gone.
            let _heard = answer.send(right);
        };
        let started = self.tasks.thread(TaskKind::Http, "password", check);
        started.map_err(|_| Crowded)?;
        let right = answered.await.map_err(|_| Crowded)?;
        match wanted.filter(|_| right) {
            Some(wanted) => {
                let mut remembered = self.lock();
                remembered.retain(|name, _| users.contains(name));
                remembered.insert(name.to_owned(), wanted);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn remembers(&self, name: &str, digest: [u8; 32]) -> bool {
        // A digest that is salted with what nobody knows tells nothing by how long it takes.
        self.lock().get(name) == Some(&digest)
    }

    fn digest(&self, hash: &str, password: &Secret) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        context.update(&self.salt);
        // A hash that is checked has 60 characters: where it ends is no question.
        context.update(hash.as_bytes());
        context.update(password.expose().as_bytes());
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        digest
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, [u8; 32]>> {
        // Nothing between lock and unlock can panic half-way.
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(entries: &[(&str, &str)]) -> Users {
        let mut users = Users::default();
        for (name, password) in entries {
            users
                .add(name, &bcrypt::hash(password, 4).unwrap())
                .unwrap();
        }
        users
    }

    fn passwords() -> Passwords {
        Passwords::new(Tasks::default()).unwrap()
    }

    #[tokio::test]
    async fn a_right_password_is_checked_once_and_a_wrong_one_each_time() {
        let (passwords, users) = (passwords(), users(&[("ada", "pw"), ("bob", "pw")]));
        let right = async |name: &str, password: &str| {
            let password = Secret::new(password);
            passwords.right(&users, name, &password).await.unwrap()
        };
        let runs = || passwords.runs.load(Relaxed);
        for _ in 0..3 {
            assert!(right("ada", "pw").await);
        }
        assert_eq!(runs(), 1);
        assert!(right("bob", "pw").await, "the same password, another user");
        assert_eq!(runs(), 2);
        // An unknown user costs what a wrong password costs: one check, each time.
        for name in ["ada", "nobody", "", "ada", "nobody"] {
            let before = runs();
            assert!(!right(name, "wrong").await);
            assert_eq!(runs(), before + 1, "{name}");
        }
        assert!(right("ada", "pw").await);
        assert_eq!(runs(), 7, "guesses do not drive out what was right");
        assert_eq!(passwords.lock().len(), 2);
    }

    #[tokio::test]
    async fn what_was_right_is_forgotten_with_its_hash_and_its_user() {
        let (passwords, before) = (passwords(), users(&[("ada", "old"), ("bob", "b")]));
        let old = Secret::new("old");
        assert!(passwords.right(&before, "ada", &old).await.unwrap());
        assert!(
            passwords
                .right(&before, "bob", &Secret::new("b"))
                .await
                .unwrap()
        );
        let after = users(&[("ada", "new")]);
        assert!(!passwords.right(&after, "ada", &old).await.unwrap());
        assert!(
            !passwords
                .right(&after, "bob", &Secret::new("b"))
                .await
                .unwrap()
        );
        assert!(
            passwords
                .right(&after, "ada", &Secret::new("new"))
                .await
                .unwrap()
        );
        assert_eq!(passwords.lock().len(), 1);
    }

    #[tokio::test]
    async fn a_crowd_of_guesses_is_turned_away_and_who_is_known_is_not() {
        let (passwords, users) = (passwords(), users(&[("ada", "pw")]));
        let (right, wrong) = (Secret::new("pw"), Secret::new("no"));
        assert!(passwords.right(&users, "ada", &right).await.unwrap());
        let turn = passwords.turns.acquire().await.unwrap();
        let guess = || passwords.right(&users, "ada", &wrong);
        let mut waiting: Vec<_> = (0..WAITING).map(|_| Box::pin(guess())).collect();
        for guess in &mut waiting {
            assert!(futures_util::poll!(guess).is_pending());
        }
        assert!(guess().await.is_err());
        assert!(passwords.right(&users, "ada", &right).await.unwrap());
        waiting.truncate(1);
        drop(turn);
        assert!(!waiting.remove(0).await.unwrap());
        assert!(!guess().await.unwrap(), "there is room again");
    }
}
