//! Sign-in: HTTP Basic, then a cookie.
//!
//! [`guard`] protects every route of this API. It identifies the user and stores a [`User`] for the
//! handlers. To the response it adds the session cookie and, if configured, the CSRF token
//! (`docs.genesys.com`: GWS "`CSRFProtection`"). Sessions are not stored: a session is a cookie
//! with a MAC, so it survives a restart and is valid on every server.

mod basic;
mod cookie;
mod cors;
mod denied;
mod mac;
mod origin;
mod passwords;
mod tries;
mod user;

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use crate::config::gws::{Named, check_name};
use crate::store::StoreError;
use crate::web::App;
use basic::Basic;
use cookie::Session;
use denied::Denied;
use passwords::{Checked, Passwords};
pub use user::{ANYBODY, SignIn, User};

/// Paths that need no sign-in.
const OPEN: [&str; 1] = ["/api/v2/diagnostics/version"];
/// The header that carries the CSRF token.
const CSRF_HEADER: &str = "x-csrf-token";
/// The purpose of the CSRF token's MAC, so that no other MAC passes for a token.
const CSRF: &str = "csrf";

/// Wraps routes with sign-in and the CORS rules.
pub fn guard(routes: Router<App>, app: &App) -> Router<App> {
    let gate = Gate {
        app: app.clone(),
        users: Arc::new(Users::of(&app.config.gws.users)),
    };
    let guarded = routes.route_layer(from_fn_with_state(gate, middleware));
    match cors::layer(&app.config.gws) {
        // outside of sign-in, since a preflight request carries no credentials
        Some(cors) => guarded.route_layer(cors),
        None => guarded,
    }
}

/// The configured users.
struct Users {
    secrets: HashMap<Arc<str>, Arc<str>>,
    passwords: Passwords,
}

impl Users {
    fn of(users: &[String]) -> Self {
        let users = || users.iter().filter_map(|user| Named::parse(user));
        Self {
            secrets: users()
                .map(|user| (user.name.into(), user.secret.into()))
                .collect(),
            passwords: Passwords::of(users()),
        }
    }

    /// The key of a user's cookies. A new password invalidates them. If no user is configured,
    /// callers may use any name, and there is nothing to protect.
    fn secret(&self, name: &str) -> Option<&[u8]> {
        if self.secrets.is_empty() {
            return Some(&[]);
        }
        self.secrets.get(name).map(|secret| secret.as_bytes())
    }
}

#[derive(Clone)]
struct Gate {
    app: App,
    users: Arc<Users>,
}

/// The user of a request, and how it was authenticated.
struct Signed {
    user: Arc<str>,
    /// Whether the request carried credentials, not just a cookie.
    basic: bool,
    /// The session of the request's cookie.
    session: Option<Session>,
}

impl Gate {
    /// The valid session of the request's cookie.
    fn session(&self, headers: &HeaderMap, now: i64) -> Option<Session> {
        Session::find(headers, now, |user| self.users.secret(user))
    }

    /// Authenticates the user by these headers.
    async fn signed(&self, headers: &HeaderMap, now: i64) -> Result<Signed, Denied> {
        let nobody = self.users.secrets.is_empty();
        if nobody {
            self.want_local(headers).await?;
        }
        let session = self.session(headers, now);
        let Some(given) = Basic::of(headers)? else {
            return match session {
                Some(session) => Ok(Signed {
                    user: Arc::clone(&session.user),
                    basic: false,
                    session: Some(session),
                }),
                None if nobody => Ok(Signed {
                    user: ANYBODY.into(),
                    basic: false,
                    session: None,
                }),
                None => Err(Denied::access(
                    "send HTTP Basic credentials of a configured user, or the cookie of a session",
                )),
            };
        };
        let session = session.filter(|session| *session.user == *given.name);
        // whether the page itself must have added the credentials
        let mut basic = true;
        if nobody {
            if given.name != ANYBODY {
                check_name(&given.name)
                    .map_err(|what| Denied::access(&format!("the user name {what}")))?;
            }
        } else {
            basic = match self
                .users
                .passwords
                .check(&given.name, &given.password)
                .await
            {
                Checked::Right => true,
                // the holder of a session has already proved the password, so wrong attempts by
                // others do not lock it out
                Checked::Later(_) if session.is_some() => false,
                Checked::Later(wait) => return Err(Denied::Later(wait)),
                Checked::Wrong => {
                    return Err(Denied::access(
                        "there is no such user, or the password is wrong",
                    ));
                }
            };
        }
        Ok(Signed {
            user: given.name.into(),
            basic,
            session,
        })
    }

    /// Admits callers that need no credentials while no user is configured.
    async fn want_local(&self, headers: &HeaderMap) -> Result<(), Denied> {
        match self.app.access.is_local(headers).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Denied::access(
                "no user is configured here; [gws] users names them, in the form that `annals gws-user` prints",
            )),
            Err(StoreError::Refused(refusal)) => Err(Denied::access(&refusal.to_string())),
            Err(error) => Err(Denied::Failed(error.into())),
        }
    }

    /// Refuses a request that a page of another web site made a browser send.
    fn want_own(
        &self,
        signed: &Signed,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<(), Denied> {
        if method.is_safe() {
            return Ok(());
        }
        let gws = &self.app.config.gws;
        // a browser adds cookies by itself, but only the page can have added the password
        if !signed.basic && !origin::is_own(headers, gws) {
            return Err(Denied::foreign());
        }
        if !gws.csrf {
            return Ok(());
        }
        let given = headers
            .get(CSRF_HEADER)
            .and_then(|value| value.to_str().ok());
        match (&signed.session, given) {
            (Some(session), Some(given))
                if mac::holds(self.sealing(&session.user), CSRF, &session.id, given) =>
            {
                Ok(())
            }
            _ => Err(Denied::Csrf),
        }
    }

    fn sealing(&self, user: &str) -> &[u8] {
        self.users.secret(user).unwrap_or_default()
    }

    /// Adds the session's headers: its cookie if it is new or due for renewal, and its CSRF token.
    fn add(&self, session: Session, came: bool, now: i64, get: bool, response: &mut Response) {
        let gws = &self.app.config.gws;
        let secret = self.sealing(&session.user);
        let headers = response.headers_mut();
        if gws.csrf && get {
            let token = mac::seal(secret, CSRF, &session.id);
            headers.insert("x-csrf-header", HeaderValue::from_static("X-CSRF-TOKEN"));
            headers.extend(
                HeaderValue::try_from(token)
                    .ok()
                    .map(|token| (header::HeaderName::from_static(CSRF_HEADER), token)),
            );
        }
        if !came || session.is_half_over(now) {
            let cookie = session.renewed(now).cookie(secret, gws);
            if let Ok(cookie) = HeaderValue::try_from(cookie) {
                headers.append(header::SET_COOKIE, cookie);
            }
        }
    }
}

async fn middleware(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    // seconds since 1970
    let now = gate.app.clock.now().micros() / 1_000_000;
    let get = *request.method() == Method::GET;
    let csrf = gate.app.config.gws.csrf;
    let session = if OPEN.contains(&request.uri().path()) {
        gate.session(request.headers(), now)
            .map(|session| (session, true))
    } else {
        let signed = match gate.signed(request.headers(), now).await {
            Ok(signed) => signed,
            Err(denied) => return denied.into_response(),
        };
        if let Err(denied) = gate.want_own(&signed, request.method(), request.headers()) {
            return denied.into_response();
        }
        let name = Arc::clone(&signed.user);
        let session = match signed.session {
            Some(session) => Some((session, true)),
            // without a session there could be no token
            None if signed.basic || csrf => Some((Session::new(signed.user, now), false)),
            None => None,
        };
        request.extensions_mut().insert(User {
            tenant: gate.app.config.gws.tenant,
            name,
            sign_in: match &session {
                Some((session, true)) => SignIn::Came(session.id.as_str().into()),
                Some((session, false)) => SignIn::Begins(session.id.as_str().into()),
                None => SignIn::None,
            },
        });
        session
    };
    let mut response = next.run(request).await;
    if let Some((session, came)) = session {
        gate.add(session, came, now, get, &mut response);
    }
    response
}
