//! Users and their bcrypt hashes.

use std::collections::HashMap;

use crate::{
    config::{
        mistake::shown_key,
        roles::{ANONYMOUS, AUTHENTICATED},
        section::Section,
    },
    http::{BadHash, Users},
};

/// Users at most.
const MOST: usize = 1_000;

/// Reads `basic_auth_users`.
pub(super) fn users(top: &Section<'_>) -> Users {
    const NAME: &str = "basic_auth_users";
    let Some(named) = top.named(NAME) else {
        return Users::default();
    };
    let nobody = named.is_empty();
    if named.len() > MOST {
        let problem = format!("{} users, at most {MOST} are possible", named.len());
        let remedy = "give clients certificates instead, or put a proxy in front";
        top.mistake(NAME, problem, remedy);
    }
    let mut users = Users::default();
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (user, line, hash) in named.into_iter().take(MOST) {
        let wrong = |problem: String, remedy: &str| {
            top.mistake_at(
                line,
                &format!("{NAME}.{}", shown_key(user)),
                problem,
                remedy,
            );
        };
        if user.is_empty() || user.contains(':') {
            let remedy = "write a name that is not empty and has no colon";
            wrong("no name that a client could send".into(), remedy);
        } else if user == ANONYMOUS || user == AUTHENTICATED {
            let problem = "the name stands for a kind of client in `web.roles`";
            wrong(problem.into(), "choose another");
        } else if let Some(before) = first.insert(user, line) {
            let problem = format!("written twice, first in line {before}");
            wrong(problem, "keep one of the two");
        } else if let Err(why) = users.add(user, hash.unwrap_or_default()) {
            let remedy = match why {
                BadHash::Malformed => {
                    "write what `htpasswd -nBC 10 \"\" | tr -d ':\\n'` prints, in quotes, never the \
                     password itself"
                }
                BadHash::Cost => "make it with a cost of 10 to 12, such as by htpasswd -C 10",
            };
            wrong(why.to_string(), remedy);
        }
    }
    if top.has(NAME) && nobody {
        let problem = "names nobody, so that no password would be asked for";
        top.mistake(NAME, problem, "name a user or remove the key");
    }
    users
}
