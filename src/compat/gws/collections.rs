//! Queries: the collections of a user's interactions, a single interaction, and one as history
//! shows it.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::answer::{Failure, base, done};
use super::history::row::row;
use super::media::{Medium, OPEN_MEDIA, named_types, of_type};
use super::place::{Place, is_on};
use super::question::Question;
use super::resource::{Resource, View};
use super::sign_in::{ANYBODY, User};
use super::spelling;
use crate::domain::Moment;
use crate::domain::filter::{Field, Filter, Operand, Search, Test, parse_sort};
use crate::domain::interaction::Status;
use crate::web::App;

/// Interactions in a page: without long texts, and with them.
const PAGES: (usize, usize) = (500, 50);
/// Approximate limit of the bytes that a list shows for one status. Beyond it the list sets
/// `hasMore`.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// Maximum number of pages that a list reads for one status. Beyond it the list sets `hasMore`.
const MOST_PAGES: usize = 100;

/// `GET …/{collection}`: the user's open interactions, newest first.
///
/// # Errors
/// With the published codes.
pub async fn list(
    State(app): State<App>,
    user: User,
    place: Place,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Failure> {
    place.want_readable(&app)?;
    let question = Question::of_list(&uri, place.medium.shape.fields())?;
    let view = View {
        base: &base(&headers, &app.config),
        settings: &app.config.gws,
        spelling: place.spelling,
    };
    let listed = open(&app, &user, place.medium, &place.types, &question, view).await?;
    let name = if question.fields.is_some() {
        place.medium.names(place.spelling).0
    } else {
        "uris"
    };
    let items = listed.items();
    let mut members = vec![(name, items.as_str())];
    if listed.has_more {
        members.push(("hasMore", "true"));
    }
    Ok(done(&members))
}

/// The content of a list.
pub struct Listed {
    shown: Vec<String>,
    has_more: bool,
}

impl Listed {
    /// The items as a JSON list.
    pub fn items(&self) -> String {
        format!("[{}]", self.shown.join(","))
    }
}

/// The user's open interactions of a medium, newest first: their addresses, or the requested
/// fields.
///
/// # Errors
/// When the store fails.
pub async fn open(
    app: &App,
    user: &User,
    medium: &'static Medium,
    types: &[String],
    question: &Question,
    view: View<'_>,
) -> Result<Listed, Failure> {
    let long_texts = question.looks_at().any(|field| medium.shape.is_long(field));
    let page = if long_texts { PAGES.1 } else { PAGES.0 };
    let mut search = Search {
        sort: parse_sort("", ["-startDate"])?,
        long_texts,
        ..Search::oldest_first(user.tenant, Filter::And(Vec::new()), page)
    };
    let mut kept = Vec::new();
    let mut has_more = false;
    for status in [Status::New, Status::Pending, Status::InProcess] {
        search.filter = of_user(user, medium, types, status);
        search.after = None;
        has_more |= gather(app, &search, question, view, &mut kept).await?;
    }
    kept.sort_by(|a: &Kept, b: &Kept| b.place.cmp(&a.place));
    // an interaction whose status changed during the reads is shown once, in its latest state
    kept.dedup_by(|later, earlier| {
        let same = later.place == earlier.place;
        if same {
            std::mem::swap(later, earlier);
        }
        same
    });
    has_more |= kept.len() > question.limit;
    kept.truncate(question.limit);
    Ok(Listed {
        shown: kept.into_iter().map(|one| one.shown).collect(),
        has_more,
    })
}

/// An item of a list with its sort key: its start, then its identifier.
struct Kept {
    place: (Moment, String),
    shown: String,
}

/// Adds the matches of a search that pass the filters of the question, up to one more than the list
/// shows. Returns whether there are more.
async fn gather(
    app: &App,
    search: &Search,
    question: &Question,
    view: View<'_>,
    kept: &mut Vec<Kept>,
) -> Result<bool, Failure> {
    let most = kept.len() + question.limit + 1;
    let mut bytes = 0;
    let mut search = search.clone();
    for _ in 0..MOST_PAGES {
        let page = app.reads.search(&search).await?;
        for found in &page.items {
            let resource = Resource::of(found, view)?;
            if !question.keeps(|field| resource.field(field)) {
                continue;
            }
            let shown = match &question.fields {
                Some(fields) => resource.shown(fields),
                None => resource.uri(),
            };
            bytes += shown.len();
            let of = resource.interaction;
            kept.push(Kept {
                place: (of.start_date, of.id),
                shown,
            });
            if kept.len() == most || bytes > MOST_BYTES {
                return Ok(true);
            }
        }
        if page.next.is_none() {
            return Ok(false);
        }
        search.after = page.next;
    }
    Ok(true)
}

/// A filter for the user's interactions of a medium with one status.
///
/// Each status is queried separately, because an index holds the interactions of one status in
/// order. Completed interactions, nearly all of the data, are thus never read. The medium is in an
/// `or` of its own, so that it is not chosen as the leading condition.
fn of_user(user: &User, medium: &Medium, types: &[String], status: Status) -> Filter {
    let of_medium = match (medium.collection, types) {
        (OPEN_MEDIA, []) => Filter::Not(Box::new(Filter::any_of("mediaType", named_types()))),
        (OPEN_MEDIA, types) => Filter::any_of("mediaType", types.to_vec()),
        _ => {
            let all = medium.media_types.iter();
            Filter::any_of("mediaType", all.map(|name| (*name).to_owned()).collect())
        }
    };
    let attribute = |name| Field::parse(name).expect("it is an attribute");
    let stands_so = Test::In(vec![Operand::Integer(status.code())]);
    let mut all = vec![
        Filter::Leaf(attribute("status"), stands_so),
        Filter::Or(vec![of_medium]),
    ];
    if *user.name != *ANYBODY {
        all.push(Filter::Or(vec![
            Filter::Leaf(attribute("ownerId"), Test::Exists(false)),
            Filter::any_of("ownerId", vec![user.name.to_string()]),
        ]));
    }
    Filter::And(all)
}

/// `GET …/{collection}/{id}`: one interaction, open or completed.
///
/// # Errors
/// With the published codes.
pub async fn one(
    State(app): State<App>,
    user: User,
    place: Place,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Failure> {
    place.want_readable(&app)?;
    let fields = Question::of_one(&uri, place.medium.shape.fields())?;
    let found = place.found(&app, &user).await?;
    let view = View {
        base: &base(&headers, &app.config),
        settings: &app.config.gws,
        spelling: place.spelling,
    };
    let shown = Resource::of(&found, view)?.shown(&fields);
    Ok(done(&[(place.medium.names(place.spelling).1, &shown)]))
}

/// `GET /api/v2/interactions/{id}`: one interaction of any medium, as history shows it.
///
/// # Errors
/// With the published codes.
pub async fn past(
    State(app): State<App>,
    user: User,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let id = match path {
        Ok(Path(id)) if !id.contains('\0') => id,
        _ => return Err(Failure::nothing_here()),
    };
    let missing = || Failure::no_interaction(&id);
    let found = app.reads.interaction(user.tenant, &id).await?;
    let found = found.ok_or_else(missing)?;
    let of = found.interaction()?;
    let medium = of_type(&of.media_type);
    let feature = if medium.collection == "calls" {
        "api-ucs-voice"
    } else {
        medium.reading_needs
    };
    if !user.owns(of.owner_id.as_deref()) || !is_on(&app, feature) {
        return Err(missing());
    }
    let user_data = [("userData", found.user_data.as_str())];
    let view = View {
        base: &base(&headers, &app.config),
        settings: &app.config.gws,
        spelling: spelling::chosen_by(&app, &user, medium).await?,
    };
    let shown = row(&found, &of, view, &user_data);
    Ok(done(&[("interaction", &shown)]))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::compat::gws::sign_in::SignIn;
    use crate::config::Config;
    use crate::domain::command::Command;
    use crate::domain::interaction::NewInteraction;
    use crate::domain::moment::SystemClock;
    use crate::server::settings;
    use crate::store::{Schema, Store};

    fn user(name: &str) -> User {
        User {
            tenant: 1,
            name: name.into(),
            sign_in: SignIn::None,
        }
    }

    #[tokio::test]
    async fn a_user_sees_what_is_nobodys_and_the_users_own() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::load(None, std::iter::empty()).unwrap();
        config.database.url = format!("sqlite://{}/annals.db", folder.path().display());
        let settings = settings(&config, Schema::Migrate, true, Arc::new(SystemClock));
        let store = Store::open(settings).await.unwrap();
        for (id, owner) in [("nobody", None), ("ann", Some("ann")), ("bob", Some("bob"))] {
            let new = NewInteraction {
                id: Some(id.to_owned()),
                media_type: "chat".to_owned(),
                owner_id: owner.map(str::to_owned),
                ..NewInteraction::default()
            };
            let command = Command::Record(Box::new(new));
            let submission = user("test").submission(command);
            store.writer.submit(submission).await.unwrap();
        }
        let chats = super::super::media::of_type("chat");
        for (name, wanted) in [
            ("ann", vec!["ann", "nobody"]),
            ("carl", vec!["nobody"]),
            (ANYBODY, vec!["ann", "bob", "nobody"]),
        ] {
            let filter = of_user(&user(name), chats, &[], Status::New);
            let search = Search::oldest_first(1, filter, 10);
            let found = store.reads.search(&search).await.unwrap().items;
            let ids = found.iter().map(|one| one.interaction().unwrap().id);
            let mut ids: Vec<String> = ids.collect();
            ids.sort();
            assert_eq!(ids, wanted, "{name}");
        }
        store.close().await;
    }
}
