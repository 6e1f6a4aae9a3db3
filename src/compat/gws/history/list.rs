//! `RetrieveInteractionHistory`, `RetrieveAgentHistory`, `RetrieveContactHistory`.

use serde_json::Value;

use super::period::Period;
use super::row::{attributes, row};
use super::{Asker, Told};
use crate::compat::gws::answer::Failure;
use crate::compat::gws::media::Spelling;
use crate::compat::gws::parameters::Parameters;
use crate::compat::gws::resource::View;
use crate::domain::filter::{
    Field, Filter, Operand, Order, Search, Size, Test, loose_operands, parse_sort, parse_test,
};
use crate::domain::user_data::KeyPath;
use crate::domain::{Moment, Refusal};
use crate::store::StoreError;

/// Their message format.
pub const TOLD: Told = Told {
    message_type: Some("GetInteractionsHistoryMessage"),
    failed: "",
};

/// The default number of rows.
const DEFAULT_ROWS: i64 = 100;
/// The maximum number of rows. It also bounds a contact's history, since that operation takes no
/// number.
const MOST_ROWS: i64 = 1000;
/// Interactions loaded at a time. Their texts are loaded too, and may be long.
const PAGE: usize = 50;
/// The maximum number of keys to return or to search by.
const MOST_KEYS: usize = 100;

/// The media types of SMS sessions in Annals.
const SMS: &[&str] = &["sms", "smssession", "smsession"];
/// The other spelling of SMS sessions.
const MISSPELT: &str = "smsession";

/// The values of `mediaType`, with the media types in Annals. Open media are all types that no
/// other value covers.
pub const MEDIA: [(&str, &[&str]); 15] = [
    ("call", &["voice"]),
    ("chat", &["chat"]),
    ("email", &["email"]),
    ("facebook", &["facebook"]),
    ("facebooksession", &["facebooksession"]),
    ("openmedia", &[]),
    ("smssession", SMS),
    ("twitter", &["twitter"]),
    ("workitem", &["workitem"]),
    // some published pages leave out one "s"
    (MISSPELT, SMS),
    // the names in Annals
    ("voice", &["voice"]),
    ("sms", SMS),
    ("webengagement", &["webengagement"]),
    ("webcallback", &["webcallback"]),
    ("callback", &["webcallback"]),
];
/// How many of them are documented (`CHInteractionResource`).
pub const DOCUMENTED: usize = 9;

/// The scope of a list.
pub enum Of {
    /// The interactions of a user, or of everyone if none is named.
    Owner(Option<String>),
    /// The interactions of a contact, and of those merged into it.
    Contact(String),
}

/// A request for rows.
pub struct List {
    of: Of,
    filter: Vec<Filter>,
    /// The spelling of SMS sessions in `mediaType`, if it names them.
    spelling: Option<Spelling>,
    sort: &'static str,
    most: usize,
    attributes: Vec<String>,
    archive: bool,
}

impl List {
    /// Parses the parameters.
    ///
    /// # Errors
    /// Naming the one that is wrong.
    pub fn read(parameters: &Parameters, of: Of, now: Moment) -> Result<Self, Failure> {
        let period = Period::read(parameters, now)?;
        let begun =
            |order, at| Filter::Leaf(core("startDate"), Test::Compare(order, Operand::Time(at)));
        let mut filter = vec![
            begun(Order::Gte, period.from),
            begun(Order::Lt, period.until),
        ];
        filter.extend(parameters.one_of("mediaType", &MEDIA)?.map(of_media));
        filter.extend(keys(parameters)?);
        let all = match &of {
            Of::Contact(_) => MOST_ROWS,
            Of::Owner(_) => DEFAULT_ROWS,
        };
        if let Of::Owner(Some(owner)) = &of {
            filter.push(Filter::any_of("ownerId", vec![owner.clone()]));
        }
        let most = parameters.number("maxSize", 1..=MOST_ROWS)?.unwrap_or(all);
        let sort = [("asc", "startDate"), ("desc", "-startDate")];
        Ok(Self {
            of,
            filter,
            spelling: spelling(parameters)?,
            sort: parameters.one_of("sort", &sort)?.unwrap_or("-startDate"),
            most: usize::try_from(most).unwrap_or(PAGE),
            attributes: parameters.names("customAttributes", MOST_KEYS)?,
            archive: archive(parameters)?,
        })
    }

    /// Runs the query.
    ///
    /// # Errors
    /// When the contact does not exist, or the store fails.
    pub async fn run(self, asker: Asker) -> Result<String, StoreError> {
        let limit = asker.app.config.time_limit();
        tokio::time::timeout(limit, self.found(&asker))
            .await
            .map_err(|_| {
                let message = "the query took longer than its time limit; ask for a shorter period";
                Refusal::TimedOut(message.to_owned())
            })?
    }

    async fn found(self, asker: &Asker) -> Result<String, StoreError> {
        let view = asker.view();
        let view = View {
            spelling: self.spelling.unwrap_or(view.spelling),
            ..view
        };
        let contact = match self.of {
            Of::Contact(id) => Some(id),
            Of::Owner(_) => None,
        };
        let mut search = Search {
            contact,
            sort: parse_sort("", [self.sort])?,
            long_texts: true,
            ..Search::oldest_first(asker.user.tenant, Filter::And(self.filter), PAGE)
        };
        let mut rows = String::new();
        // Annals has no separate archive
        let mut left = if self.archive { 0 } else { self.most };
        while left > 0 && rows.len() <= super::MOST_BYTES {
            search.limit = left.min(PAGE);
            let page = asker.app.reads.search(&search).await?;
            for found in &page.items {
                let custom = attributes(found, &self.attributes)?;
                if !rows.is_empty() {
                    rows.push(',');
                }
                let of = found.interaction()?;
                rows += &row(found, &of, view, &[("customAttributes", &custom)]);
            }
            left = left.saturating_sub(page.items.len());
            match page.next {
                Some(next) => search.after = Some(next),
                None => break,
            }
        }
        Ok(format!("\"interactions\":[{rows}]"))
    }
}

/// Whether `source` names the archive, which is empty.
///
/// # Errors
/// When it names neither the main store nor the archive.
pub fn archive(parameters: &Parameters) -> Result<bool, Failure> {
    let sources = [("main", false), ("archive", true)];
    Ok(parameters.one_of("source", &sources)?.unwrap_or_default())
}

/// The spelling in which `mediaType` names SMS sessions.
fn spelling(parameters: &Parameters) -> Result<Option<Spelling>, Failure> {
    let named = parameters
        .word("mediaType")?
        .map(|name| name.trim().to_ascii_lowercase());
    Ok(match named.as_deref() {
        Some(MISSPELT) => Some(Spelling::Twin),
        Some("smssession") => Some(Spelling::Usual),
        _ => None,
    })
}

fn core(name: &str) -> Field {
    Field::parse(name).expect("the callers name attributes that exist")
}

fn of_media(types: &[&str]) -> Filter {
    let any_of = |types: Vec<&str>| {
        Filter::any_of("mediaType", types.into_iter().map(str::to_owned).collect())
    };
    if types.is_empty() {
        let named = MEDIA[..DOCUMENTED].iter().flat_map(|(_, types)| *types);
        Filter::Not(Box::new(any_of(named.copied().collect())))
    } else {
        any_of(types.to_vec())
    }
}

/// `searchCustomAttributes`: each key must equal its value. A string also matches a number or
/// boolean of the same spelling.
fn keys(parameters: &Parameters) -> Result<Vec<Filter>, Failure> {
    const NAME: &str = "searchCustomAttributes";
    let wanted = parameters.user_data(NAME)?.unwrap_or_default().document;
    if wanted.len() > MOST_KEYS {
        return Err(Failure::invalid(format!(
            "{NAME} names more than {MOST_KEYS}"
        )));
    }
    let mut size = Size::default();
    wanted
        .iter()
        .map(|(name, value)| {
            let at = format!("{NAME}.{name}");
            if name.contains('\0') {
                return Err(Failure::invalid(format!("{NAME} holds a NUL character")));
            }
            let field = Field::UserData(KeyPath(vec![name.clone()]));
            let values = match value {
                Value::String(text) => loose_operands(&field, text),
                other => vec![other.clone()],
            };
            Ok(parse_test(
                &at,
                &field,
                "in",
                &Value::Array(values),
                &mut size,
            )?)
        })
        .collect()
}
