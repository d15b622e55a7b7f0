//! Users with passwords, and how a request names one (RFC 7617).

use std::{collections::HashMap, str::FromStr as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bcrypt::HashParts;
use hyper::header::{AUTHORIZATION, HeaderMap};
use ring::digest::{SHA256, digest};

use crate::secret::Secret;

/// The cost of a hash that an answer may wait for: at 2 to the power of 15 rounds that is
/// seconds.
const COSTS: std::ops::RangeInclusive<u32> = 4..=15;

/// Why a text is no hash that could be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHash {
    /// Not bcrypt's form.
    #[error("not a bcrypt hash")]
    Malformed,
    /// Of a cost at which a check takes too long, or proves nothing.
    #[error("a bcrypt hash of a cost beyond 4 to 15")]
    Cost,
}

/// Names and bcrypt hashes.
#[derive(Debug, Default)]
pub struct Users(HashMap<String, Secret>);

impl Users {
    /// Adds a user.
    ///
    /// # Errors
    /// [`BadHash`] for what is no usable bcrypt hash; the user is not added then.
    pub fn add(&mut self, name: &str, hash: &str) -> Result<(), BadHash> {
        let parts = HashParts::from_str(hash).map_err(|_| BadHash::Malformed)?;
        if !COSTS.contains(&parts.get_cost()) {
            return Err(BadHash::Cost);
        }
        self.0.insert(name.to_owned(), Secret::new(hash));
        Ok(())
    }

    /// Whether there is none: nobody needs a password then.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is a user of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn hash(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(Secret::expose)
    }

    /// A hash that no password fits, for a name that nobody has: to check it costs as much as
    /// to check that of a user, and always the same for the same name. `salt` is known to
    /// nobody else.
    pub(super) fn decoy(&self, name: &str, salt: &[u8]) -> String {
        let mut costs: Vec<u32> = self
            .0
            .values()
            .filter_map(|hash| HashParts::from_str(hash.expose()).ok())
            .map(|parts| parts.get_cost())
            .collect();
        costs.sort_unstable();
        let drawn = digest(&SHA256, &[salt, name.as_bytes()].concat());
        let at = usize::from(drawn.as_ref()[0]) % costs.len().max(1);
        let cost = costs.get(at).copied().unwrap_or(10);
        format!("$2b${cost:02}${}", ".".repeat(53))
    }
}

/// The name and password that a request comes with; `None` without exactly one that can be
/// read.
pub(in crate::http) fn credentials(headers: &HeaderMap) -> Option<(String, Secret)> {
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    let (field, None) = (fields.next()?, fields.next()) else {
        return None;
    };
    let (scheme, encoded) = field.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim_matches(' ')).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), Secret::new(password)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_as_clients_write_them() {
        let read = |field: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, field.parse().unwrap());
            credentials(&headers).map(|(name, password)| (name, password.expose().to_owned()))
        };
        let ada = Some(("ada".to_owned(), "a:b".to_owned()));
        assert_eq!(read("Basic YWRhOmE6Yg=="), ada);
        assert_eq!(read("bAsIc  YWRhOmE6Yg=="), ada);
        assert_eq!(read("Basic Og=="), Some((String::new(), String::new())));
        for no in [
            "Basic",
            "Basic YWRh",
            "Basic =",
            "Bearer YWRhOmE6Yg==",
            "Basic /w==",
            "",
        ] {
            assert_eq!(read(no), None, "{no}");
        }
        let mut twice = HeaderMap::new();
        twice.append(AUTHORIZATION, "Basic YWRhOmE6Yg==".parse().unwrap());
        twice.append(AUTHORIZATION, "Basic Og==".parse().unwrap());
        assert!(credentials(&twice).is_none(), "which one is it?");
    }

    #[test]
    fn a_decoy_costs_what_a_user_costs_and_fits_nothing() {
        let mut users = Users::default();
        for (name, cost) in [("ada", 4), ("bob", 5)] {
            users.add(name, &bcrypt::hash("pw", cost).unwrap()).unwrap();
        }
        let mut seen = [0; 6];
        for n in 0..200 {
            let decoy = users.decoy(&format!("user{n}"), b"salt");
            let cost = HashParts::from_str(&decoy).unwrap().get_cost();
            seen[cost as usize] += 1;
            assert_eq!(decoy, users.decoy(&format!("user{n}"), b"salt"));
        }
        assert!(seen[4] > 50 && seen[5] > 50, "{seen:?}");
        assert!(!bcrypt::verify("", &users.decoy("x", b"salt")).unwrap());
    }

    #[test]
    fn a_hash_that_could_not_be_checked_is_refused() {
        let mut users = Users::default();
        let sound = bcrypt::hash("pw", 4).unwrap();
        let cost = |cost: &str| sound.replacen("$04$", cost, 1);
        for (hash, why) in [
            ("secret", BadHash::Malformed),
            ("", BadHash::Malformed),
            (&sound[..59], BadHash::Malformed),
            (&cost("$31$"), BadHash::Cost),
            (&cost("$03$"), BadHash::Cost),
        ] {
            assert_eq!(users.add("ada", hash), Err(why), "{hash}");
        }
        assert!(users.is_empty());
        assert_eq!(users.add("ada", &sound.replacen("2b", "2y", 1)), Ok(()));
    }
}
