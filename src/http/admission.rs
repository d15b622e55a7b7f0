//! What is asked, by whom, and whether it may be.

use std::sync::Arc;

use hyper::{StatusCode, header, http::request::Parts};
use tokio::sync::watch;

use super::{
    Assets, WebOptions,
    access::{Access, Caller, Crowded, Exposure, Passwords, Role, Roles, credentials},
    guard::Guard,
    metrics::{HttpMetrics, Rejection},
    problem::Problem,
    route::Route,
};

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// Of the listener it came to.
    pub(super) exposure: Exposure,
    /// The names in the certificate that it has proved to have; `None` without one.
    pub(super) certificate: Option<Vec<String>>,
}

/// How a request that may not be is answered.
type Refusal = (Rejection, Problem);

/// Lets requests in.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) telemetry_path: String,
    pub(super) assets: Assets,
    pub(super) guard: Guard,
    pub(super) web: watch::Receiver<Arc<WebOptions>>,
    pub(super) access: watch::Receiver<Arc<Access>>,
    pub(super) passwords: Passwords,
    pub(super) metrics: Arc<HttpMetrics>,
}

impl Admission {
    /// The route of a request that may be answered. Who it is is found out before whether there
    /// is anything: who may not ask learns nothing of what there is.
    pub(super) async fn admit(&self, head: &Parts, peer: &Peer) -> Result<Route, Problem> {
        let counted = |(reason, problem)| {
            self.metrics.reject(reason);
            problem
        };
        self.guard.check(head).map_err(counted)?;
        let route = Route::of(head.uri.path(), &self.telemetry_path, self.assets);
        let needed = match &route {
            Some(route) => route.role(&head.method),
            None => Some(Role::Status),
        };
        if let Some(role) = needed {
            self.authorize(role, head, peer).await.map_err(counted)?;
        }
        let route = route.ok_or_else(|| {
            Problem::new(
                StatusCode::NOT_FOUND,
                "Nothing is served under this path.",
                "Start at /.",
            )
        })?;
        let (methods, allow) = route.methods();
        if methods.contains(&head.method) {
            return Ok(route);
        }
        let problem = Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "This path does not know the request's method.",
            format!("Use {allow}."),
        );
        Err(problem.with(header::ALLOW, allow))
    }

    async fn authorize(&self, role: Role, head: &Parts, peer: &Peer) -> Result<(), Refusal> {
        let access = self.access.borrow().clone();
        let web = self.web.borrow().clone();
        let certificate = peer.certificate.as_deref();
        let mut caller = Caller {
            exposure: peer.exposure,
            could_authenticate: access.authenticates(),
            // Where passwords are wanted, a certificate alone is not enough.
            authenticated: certificate.is_some() && access.users.is_empty(),
            user: None,
            certificate: certificate.unwrap_or_default(),
        };
        // What everybody may have needs no check of a password.
        if web.roles.allow(role, caller) {
            return Ok(());
        }
        let name;
        if !access.users.is_empty() {
            name = self.user(&access, head).await?;
            caller.authenticated = true;
            caller.user = Some(&name);
        }
        if web.roles.allow(role, caller) {
            return Ok(());
        }
        Err(self.not_yours(role, caller, &web.roles))
    }

    /// The user whose password the request comes with.
    async fn user(&self, access: &Access, head: &Parts) -> Result<String, Refusal> {
        if let Some((name, password)) = credentials(&head.headers) {
            match self.passwords.right(&access.users, &name, &password).await {
                Ok(true) => return Ok(name),
                Ok(false) => {}
                Err(Crowded) => return Err((Rejection::Requests, Problem::too_many())),
            }
        }
        // The same words for whatever is wrong: a name that nobody has is not told apart.
        let problem = Problem::new(
            StatusCode::UNAUTHORIZED,
            "This server wants a user name and the right password.",
            "Send them by HTTP Basic authentication; the users are those of the web file.",
        );
        let challenge = r#"Basic realm="audio-capture-exporter", charset="UTF-8""#;
        let problem = problem.with(header::WWW_AUTHENTICATE, challenge);
        Err((Rejection::Unauthorized, problem))
    }

    fn not_yours(&self, role: Role, caller: Caller<'_>, roles: &Roles) -> Refusal {
        if roles.of(role).is_none() && !caller.could_authenticate {
            return (Rejection::Exposure, self.not_on_the_network());
        }
        if caller.authenticated {
            let problem = Problem::new(
                StatusCode::FORBIDDEN,
                format!("This needs the role `{role}`, which this user does not have."),
                format!("Ask as another user, or add this one to `web.roles.{role}`."),
            );
            return (Rejection::Forbidden, problem);
        }
        let problem = Problem::new(
            StatusCode::FORBIDDEN,
            format!("This needs the role `{role}`, which is not given to everybody."),
            "Show a client certificate that the web file's authority has signed, or ask a listener \
             where users can log in.",
        );
        (Rejection::Forbidden, problem)
    }

    fn not_on_the_network(&self) -> Problem {
        Problem::new(
            StatusCode::FORBIDDEN,
            format!(
                "This address can be reached from the network and has no authentication, so it serves \
                 only {}, /-/healthy and /-/ready.",
                self.telemetry_path
            ),
            "Name users or an authority for clients in --web.config.file; or ask on this machine \
             over a loopback listener such as 127.0.0.1:10480, for example through an SSH tunnel.",
        )
    }
}
