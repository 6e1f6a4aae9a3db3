//! Who signs in: HTTP Basic, then a cookie.
//!
//! [`guard`] stands in front of every route of this surface. It finds the user, puts a [`User`] where the handlers find it, and on the way out adds the
//! cookie of the session and, where the settings say so, the token against requests forged by other pages (`docs.genesys.com`: GWS "`CSRFProtection`").
//! Nothing of it is kept in the store: a session is a cookie under a MAC, so it outlives a restart and is known to every server.

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

/// Paths that anybody may read.
const OPEN: [&str; 1] = ["/api/v2/diagnostics/version"];
/// The header that carries the token against forged requests.
const CSRF_HEADER: &str = "x-csrf-token";
/// What the token is made for, so that no other MAC is one.
const CSRF: &str = "csrf";

/// Puts sign-in, and what pages of other web sites need, in front of routes.
pub fn guard(routes: Router<App>, app: &App) -> Router<App> {
    let gate = Gate {
        app: app.clone(),
        users: Arc::new(Users::of(&app.config.gws.users)),
    };
    let guarded = routes.route_layer(from_fn_with_state(gate, middleware));
    match cors::layer(&app.config.gws) {
        // outside of sign-in: what a browser asks beforehand carries no credentials
        Some(cors) => guarded.route_layer(cors),
        None => guarded,
    }
}

/// The users of the settings.
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

    /// What a user's cookies are sealed with: they end with the password. Where nobody is configured anybody may be anybody, and nothing is to be sealed.
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

/// Who asks, and how that is known.
struct Signed {
    user: Arc<str>,
    /// Whether credentials came with the request, in place of a cookie alone.
    basic: bool,
    /// The session whose cookie came along.
    session: Option<Session>,
}

impl Gate {
    /// The session whose cookie came along, and is good.
    fn session(&self, headers: &HeaderMap, now: i64) -> Option<Session> {
        Session::find(headers, now, |user| self.users.secret(user))
    }

    /// Who asks with these headers.
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
        // whether it was the page itself that added what it signs in with
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
                // whoever holds a session has shown the password; others' wrong tries do not keep its holder out
                Checked::Later(_) if session.is_some() => false,
                Checked::Later(wait) => return Err(Denied::Later(wait)),
                Checked::Wrong => {
                    return Err(Denied::access(
                        "there is no such user, or the password is another",
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

    /// Lets those in who need no credentials while nobody is configured.
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

    /// Refuses a request that another page made a browser send.
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
        // a browser adds cookies by itself; the password only the page can have added
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

    /// Adds what belongs to the session: its cookie where it is new or has to be renewed, and its token.
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
