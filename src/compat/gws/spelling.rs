//! The spelling of a collection that a client gets if the published documents have two.
//!
//! A client chooses by the path it requests. The choice is remembered for its sign-in session;
//! clients of a user that keep no cookie share one choice. It decides the names in messages
//! (`feed::hub`) and in the rows of history. The answer to a request always has the spelling of its
//! path.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answer::Failure;
use super::media::{Medium, Spelling};
use super::place::Route;
use super::sign_in::User;
use crate::domain::client::{Choice, NewChoice, chosen};
use crate::domain::command::Command;
use crate::web::App;

/// The age in microseconds at which the next request renews a choice: a day.
const RENEWED_AFTER: i64 = 24 * 3600 * 1_000_000;

/// Remembers the spelling of the path before the request runs, so that the message about its change
/// uses that spelling.
pub async fn remember(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<Route>().copied();
    let user = request.extensions().get::<User>().cloned();
    if let (Some(route), Some(user)) = (route, user)
        && let Err(failure) = choose(&app, &user, route).await
    {
        return failure.into_response();
    }
    next.run(request).await
}

async fn choose(app: &App, user: &User, route: Route) -> Result<(), Failure> {
    let twin = route.spelling == Spelling::Twin;
    let collection = route.medium.collection;
    let choices = app.reads.spellings(user.tenant, &user.name).await?;
    let renewed = app.clock.now().plus_micros(-RENEWED_AFTER);
    let kept = user.sign_in.kept();
    let own = chosen(&choices, kept, collection);
    let known = match own {
        Some(choice) if choice.twin == twin => !twin || choice.at > renewed,
        Some(_) => false,
        None => !twin && !of_clients_without_sign_in(&choices, collection),
    };
    if known {
        return Ok(());
    }
    let choice = NewChoice {
        user: user.name.to_string(),
        sign_in: kept.to_owned(),
        collection: collection.to_owned(),
        twin,
    };
    let command = Command::ChooseSpelling(Box::new(choice));
    app.writer.submit(user.submission(command)).await?;
    Ok(())
}

fn of_clients_without_sign_in(choices: &[Choice], collection: &str) -> bool {
    chosen(choices, "", collection).is_some_and(|choice| choice.twin)
}

/// The spelling that a client chose for a medium.
///
/// # Errors
/// When the store fails.
pub async fn chosen_by(app: &App, user: &User, medium: &Medium) -> Result<Spelling, Failure> {
    if medium.twin.is_none() {
        return Ok(Spelling::Usual);
    }
    let choices = app.reads.spellings(user.tenant, &user.name).await?;
    let own = chosen(&choices, user.sign_in.kept(), medium.collection);
    let twin = match own {
        Some(choice) => choice.twin,
        None => of_clients_without_sign_in(&choices, medium.collection),
    };
    Ok(if twin {
        Spelling::Twin
    } else {
        Spelling::Usual
    })
}
