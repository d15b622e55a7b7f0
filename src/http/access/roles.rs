//! What may be asked for, and by whom.

use crate::closed_set::closed_set;

closed_set! {
    /// What a request takes: each thing that is served needs one of these, health checks
    /// aside. None contains another.
    pub enum Role {
        /// The telemetry path.
        Metrics => "metrics",
        /// All else that only tells: the page, the API's answers, probes, dashboards, rules.
        Status => "status",
        /// Clips and live audio.
        Audio => "audio",
        /// Whatever changes something, and profiles of the process.
        Admin => "admin",
    }
}

/// Who has a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grantee {
    /// Everybody, also who does not say who it is.
    Anyone,
    /// Who has proved to be somebody, by password or certificate.
    Authenticated,
    /// A user of the web file.
    User(String),
    /// Who has shown a certificate, verified by the web file's authority, with this name.
    Certificate(String),
}

/// Who has which role; `None` where the default of `allow` holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles([Option<Vec<Grantee>>; Role::COUNT]);

/// Who can reach a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Exposure {
    /// Only this machine.
    Loopback,
    /// The network.
    Network,
}

/// Who asks, as far as that is proved.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Caller<'a> {
    pub(in crate::http) exposure: Exposure,
    /// Whether it could have proved who it is.
    pub(in crate::http) could_authenticate: bool,
    /// Whether it has, by all that is wanted.
    pub(in crate::http) authenticated: bool,
    pub(in crate::http) user: Option<&'a str>,
    /// The names in its verified certificate.
    pub(in crate::http) certificate: &'a [String],
}

impl Roles {
    /// Gives a role to these, and to nobody else.
    pub fn set(&mut self, role: Role, grantees: Vec<Grantee>) {
        self.0[role.index()] = Some(grantees);
    }

    /// Who was given a role; `None` where the default holds.
    pub fn of(&self, role: Role) -> Option<&[Grantee]> {
        self.0[role.index()].as_deref()
    }

    /// Whether a caller has a role. Where nothing is said of the role: everybody who has proved
    /// to be somebody has it; and where nobody can, this machine has it, and the network if it
    /// is that of metrics.
    pub(in crate::http) fn allow(&self, role: Role, caller: Caller<'_>) -> bool {
        match self.of(role) {
            Some(grantees) => grantees.iter().any(|grantee| caller.is(grantee)),
            None if caller.could_authenticate => caller.authenticated,
            None => caller.exposure == Exposure::Loopback || role == Role::Metrics,
        }
    }
}

impl Caller<'_> {
    fn is(&self, grantee: &Grantee) -> bool {
        match grantee {
            Grantee::Anyone => true,
            Grantee::Authenticated => self.authenticated,
            Grantee::User(name) => self.authenticated && self.user == Some(name),
            Grantee::Certificate(name) => self.authenticated && self.certificate.contains(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: Caller<'static> = Caller {
        exposure: Exposure::Network,
        could_authenticate: false,
        authenticated: false,
        user: None,
        certificate: &[],
    };

    fn roles_of(roles: &Roles, caller: Caller<'_>) -> Vec<&'static str> {
        let has = |role: &&Role| roles.allow(**role, caller);
        Role::ALL
            .iter()
            .filter(has)
            .map(|role| role.as_str())
            .collect()
    }

    #[test]
    fn what_holds_where_nothing_is_said() {
        let roles = Roles::default();
        let everything = ["metrics", "status", "audio", "admin"];
        assert_eq!(roles_of(&roles, NOBODY), ["metrics"]);
        let local = Caller {
            exposure: Exposure::Loopback,
            ..NOBODY
        };
        assert_eq!(roles_of(&roles, local), everything);
        let unproved = Caller {
            could_authenticate: true,
            ..local
        };
        assert!(
            roles_of(&roles, unproved).is_empty(),
            "loopback proves nothing then"
        );
        let proved = Caller {
            authenticated: true,
            could_authenticate: true,
            ..NOBODY
        };
        assert_eq!(roles_of(&roles, proved), everything);
    }

    #[test]
    fn a_role_that_is_given_is_that_of_nobody_else() {
        let mut roles = Roles::default();
        roles.set(Role::Metrics, vec![Grantee::Anyone]);
        roles.set(Role::Status, vec![Grantee::User("ada".into())]);
        roles.set(Role::Audio, vec![]);
        roles.set(Role::Admin, vec![Grantee::Certificate("ops.lan".into())]);
        let names = ["ops.lan".to_owned()];
        let could = Caller {
            could_authenticate: true,
            ..NOBODY
        };
        assert_eq!(roles_of(&roles, could), ["metrics"]);
        let ada = Caller {
            authenticated: true,
            user: Some("ada"),
            ..could
        };
        assert_eq!(roles_of(&roles, ada), ["metrics", "status"]);
        let certificate = Caller {
            authenticated: true,
            certificate: &names,
            ..could
        };
        assert_eq!(roles_of(&roles, certificate), ["metrics", "admin"]);
        // A certificate without the password that is wanted as well.
        let half = Caller {
            certificate: &names,
            ..could
        };
        assert_eq!(roles_of(&roles, half), ["metrics"]);
        let bob = Caller {
            user: Some("bob"),
            ..ada
        };
        assert_eq!(roles_of(&roles, bob), ["metrics"]);
    }
}
