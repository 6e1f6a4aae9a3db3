//! Questions about interactions: filters, order, pages. Immutable values; the store translates them once.

use serde_json::Value;

use super::user_data::KeyPath;
use super::words::WordQuery;
use super::{Moment, Refusal};

/// The type of a core attribute, which decides the operators it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeType {
    /// Text.
    Text,
    /// A time.
    Time,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// A name that is stored as a number: status, entityType.
    Coded,
}

/// A core attribute that a filter may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its name on the wire.
    pub name: &'static str,
    /// Its type.
    pub kind: AttributeType,
    /// Whether a list may be sorted by it.
    pub sortable: bool,
    /// Whether it is a long text, which lists leave out unless `fields` names it.
    pub long: bool,
}

const fn attribute(
    name: &'static str,
    kind: AttributeType,
    sortable: bool,
    long: bool,
) -> Attribute {
    Attribute {
        name,
        kind,
        sortable,
        long,
    }
}

/// Every core attribute.
pub const ATTRIBUTES: [Attribute; 26] = [
    attribute("id", AttributeType::Text, true, false),
    attribute("tenantId", AttributeType::Integer, false, false),
    attribute("mediaType", AttributeType::Text, false, false),
    attribute("entityType", AttributeType::Coded, false, false),
    attribute("type", AttributeType::Text, false, false),
    attribute("subtype", AttributeType::Text, false, false),
    attribute("status", AttributeType::Coded, false, false),
    attribute("contactId", AttributeType::Text, false, false),
    attribute("ownerId", AttributeType::Text, false, false),
    attribute("parentId", AttributeType::Text, false, false),
    attribute("threadId", AttributeType::Text, false, false),
    attribute("canBeParent", AttributeType::Boolean, false, false),
    attribute("startDate", AttributeType::Time, true, false),
    attribute("endDate", AttributeType::Time, true, false),
    attribute("createdDate", AttributeType::Time, true, false),
    attribute("modifiedDate", AttributeType::Time, true, false),
    attribute("revision", AttributeType::Integer, false, false),
    attribute("subject", AttributeType::Text, false, false),
    attribute("queue", AttributeType::Text, false, false),
    attribute("categoryId", AttributeType::Text, false, false),
    attribute("externalId", AttributeType::Text, false, false),
    attribute("stoppedReason", AttributeType::Text, false, false),
    attribute("language", AttributeType::Text, false, false),
    attribute("text", AttributeType::Text, false, true),
    attribute("structuredText", AttributeType::Text, false, true),
    attribute("comment", AttributeType::Text, false, true),
];

/// The attribute of a name.
pub fn attribute_named(name: &str) -> Option<&'static Attribute> {
    ATTRIBUTES.iter().find(|attribute| attribute.name == name)
}

/// What a leaf looks at.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// A core attribute.
    Core(&'static Attribute),
    /// A UserData key, nested by dots.
    UserData(KeyPath),
    /// An attribute of the interaction's contact, as it is now.
    Contact(String),
}

impl Field {
    /// Reads a field's name.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence without its subject.
    pub fn parse(name: &str) -> Result<Self, String> {
        if name.contains('\0') {
            return Err("holds a NUL character".to_owned());
        }
        if let Some(path) = name.strip_prefix("userData.") {
            let path = KeyPath::parse(path);
            if path.0.len() > MOST_STEPS {
                return Err(format!("leads deeper than {MOST_STEPS} levels"));
            }
            Ok(Self::UserData(path))
        } else if let Some(name) = name.strip_prefix("contact.") {
            Ok(Self::Contact(name.to_owned()))
        } else {
            attribute_named(name)
                .map(Self::Core)
                .ok_or_else(|| "is no field; GET /v1/fields lists them".to_owned())
        }
    }

    /// What one value compared with it adds to the size of a filter: each step into UserData costs the database a look of its own.
    fn weight(&self) -> usize {
        match self {
            Self::UserData(path) => path.0.len(),
            Self::Core(_) | Self::Contact(_) => 1,
        }
    }

    fn is_media_type(&self) -> bool {
        matches!(self, Self::Core(attribute) if attribute.name == "mediaType")
    }
}

/// A value to compare with, typed as the field asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A time.
    Time(Moment),
    /// UserData's null.
    Null,
}

/// How two values are compared in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
}

/// One test of one field.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Equals one of these.
    In(Vec<Operand>),
    /// Stands so in order to this; a value of another type does not.
    Compare(Order, Operand),
    /// Contains this text, letter by letter.
    Contains(String),
    /// Begins with this text.
    Prefix(String),
    /// Is there; for a core attribute: is not null.
    Exists(bool),
}

/// A condition. A field that is not there equals nothing: `Not` and `ne` match it.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All hold; none given holds.
    And(Vec<Filter>),
    /// One holds; none given does not.
    Or(Vec<Filter>),
    /// Does not hold.
    Not(Box<Filter>),
    /// A test of a field.
    Leaf(Field, Test),
    /// The words are found.
    Words(WordQuery),
}

/// A sort key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// By this attribute; absent values come last.
    pub by: &'static Attribute,
    /// Largest first.
    pub descending: bool,
}

/// Where a page begins: the values of the sort keys of the last item before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Position(pub Vec<Option<Operand>>);

/// A question for interactions.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// The tenant asked about.
    pub tenant: i64,
    /// Only interactions of this contact and of those that were merged into it; without the contact the search is refused.
    pub contact: Option<String>,
    /// The condition.
    pub filter: Filter,
    /// At least one key; the last one is always `id`.
    pub sort: Vec<SortKey>,
    /// Items of a page.
    pub limit: usize,
    /// Where to go on.
    pub after: Option<Position>,
    /// Whether to count all that the filter finds.
    pub count: bool,
    /// Whether the long texts are wanted.
    pub long_texts: bool,
}

impl Filter {
    /// A condition that an attribute, which must be one that exists, is one of these texts.
    pub fn any_of(attribute: &str, values: Vec<String>) -> Self {
        let field = Field::parse(attribute).expect("the callers name attributes that exist");
        Self::Leaf(
            field,
            Test::In(values.into_iter().map(Operand::Text).collect()),
        )
    }
}

impl Search {
    /// The first of what a filter finds, oldest first, without long texts.
    pub fn oldest_first(tenant: i64, filter: Filter, limit: usize) -> Self {
        Self {
            tenant,
            contact: None,
            filter,
            sort: parse_sort("", ["startDate"]).expect("startDate can be sorted by"),
            limit,
            after: None,
            count: false,
            long_texts: false,
        }
    }

    /// The same, of interactions of any of these contacts.
    #[must_use]
    pub fn of_any(&self, contacts: Vec<String>) -> Self {
        let filter = Filter::And(vec![
            Filter::any_of("contactId", contacts),
            self.filter.clone(),
        ]);
        Self {
            contact: None,
            filter,
            ..self.clone()
        }
    }
}

/// Levels of `and`, `or`, `not` in one filter.
pub const DEEPEST: usize = 16;
/// Parts of one filter: combiners, values, words, and steps into UserData. The databases bear a few times as many.
pub const MOST_PARTS: usize = 500;
/// Steps into UserData; SQLite joins no more than 64 tables.
pub const MOST_STEPS: usize = 63;

/// Counts the parts of a filter while it is read, so that none becomes larger than [`MOST_PARTS`].
#[derive(Debug, Default)]
pub struct Size(usize);

impl Size {
    fn grow(&mut self, pointer: &str, by: usize) -> Result<(), Refusal> {
        self.0 = self.0.saturating_add(by);
        if self.0 > MOST_PARTS {
            return Err(Refusal::invalid(
                pointer,
                format!("makes the filter larger than {MOST_PARTS} parts"),
            ));
        }
        Ok(())
    }
}

/// Reads the order of a list: `-startDate`, `id`; adds `id` at the end where it is missing.
///
/// # Errors
/// [`Refusal::Invalid`] naming the key that cannot be sorted by.
pub fn parse_sort<'a>(
    pointer: &str,
    keys: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<SortKey>, Refusal> {
    let mut sort: Vec<SortKey> = Vec::new();
    for key in keys.into_iter().filter(|key| !key.is_empty()) {
        let (name, descending) = key
            .strip_prefix('-')
            .map_or((key, false), |name| (name, true));
        let by = attribute_named(name)
            .filter(|attribute| attribute.sortable)
            .ok_or_else(|| {
                let known: Vec<&str> = ATTRIBUTES
                    .iter()
                    .filter(|a| a.sortable)
                    .map(|a| a.name)
                    .collect();
                Refusal::invalid(
                    pointer,
                    format!(
                        "names {name:?}, which cannot be sorted by; sortable are {}",
                        known.join(", ")
                    ),
                )
            })?;
        if sort.iter().all(|earlier| earlier.by.name != by.name) {
            sort.push(SortKey { by, descending });
        }
    }
    if sort.is_empty() {
        let by = attribute_named("startDate").expect("startDate is an attribute");
        sort.push(SortKey {
            by,
            descending: true,
        });
    }
    if sort.iter().all(|key| key.by.name != "id") {
        let by = attribute_named("id").expect("id is an attribute");
        let descending = sort.last().is_some_and(|key| key.descending);
        sort.push(SortKey { by, descending });
    }
    let id = sort.iter().position(|key| key.by.name == "id").unwrap_or(0);
    sort.truncate(id + 1);
    Ok(sort)
}

/// Reads a filter as `POST /v1/interactions/search` takes it.
///
/// # Errors
/// [`Refusal::Invalid`] naming the field or operator that does not exist, or the value that does not fit.
pub fn parse_filter(pointer: &str, filter: &Value) -> Result<Filter, Refusal> {
    parse_node(pointer, filter, 1, &mut Size::default())
}

fn parse_node(
    pointer: &str,
    node: &Value,
    depth: usize,
    size: &mut Size,
) -> Result<Filter, Refusal> {
    let Some(object) = node.as_object() else {
        return Err(Refusal::invalid(pointer, "is no object"));
    };
    if depth > DEEPEST {
        return Err(Refusal::invalid(
            pointer,
            format!("is nested deeper than {DEEPEST} levels"),
        ));
    }
    if object.contains_key("field") {
        return parse_leaf(pointer, object, size);
    }
    size.grow(pointer, 1)?;
    let mut only = object.iter();
    let (Some((name, inner)), None) = (only.next(), only.next()) else {
        return Err(Refusal::invalid(
            pointer,
            "needs exactly one of and, or, not, or a field with its operators",
        ));
    };
    let at = format!("{pointer}/{name}");
    match (name.as_str(), inner) {
        ("and" | "or", Value::Array(nodes)) => {
            let parsed: Result<Vec<Filter>, Refusal> = nodes
                .iter()
                .enumerate()
                .map(|(index, node)| parse_node(&format!("{at}/{index}"), node, depth + 1, size))
                .collect();
            Ok(if name == "and" {
                Filter::And(parsed?)
            } else {
                Filter::Or(parsed?)
            })
        }
        ("and" | "or", _) => Err(Refusal::invalid(at, "is no list")),
        ("not", inner) => Ok(Filter::Not(Box::new(parse_node(
            &at,
            inner,
            depth + 1,
            size,
        )?))),
        ("q", Value::String(text)) => parse_words(&at, text, size),
        _ => Err(Refusal::invalid(
            at,
            "is no combiner; there are and, or, not, and q for full text",
        )),
    }
}

/// Reads a full-text question.
///
/// # Errors
/// [`Refusal::Invalid`] when it holds no word, or the filter becomes too large.
pub fn parse_words(pointer: &str, text: &str, size: &mut Size) -> Result<Filter, Refusal> {
    if text.chars().count() > 1000 {
        return Err(Refusal::invalid(pointer, "is longer than 1000 characters"));
    }
    let query = WordQuery::parse(text).map_err(|detail| Refusal::invalid(pointer, detail))?;
    size.grow(pointer, query.0.len())?;
    Ok(Filter::Words(query))
}

fn parse_leaf(
    pointer: &str,
    leaf: &serde_json::Map<String, Value>,
    size: &mut Size,
) -> Result<Filter, Refusal> {
    let at = format!("{pointer}/field");
    let name = leaf["field"]
        .as_str()
        .ok_or_else(|| Refusal::invalid(&at, "is no text"))?;
    let field = Field::parse(name).map_err(|detail| {
        let shown: String = name.chars().take(64).collect();
        Refusal::invalid(&at, format!("names {shown:?}, which {detail}"))
    })?;
    let mut tests = Vec::new();
    for (operator, value) in leaf.iter().filter(|(name, _)| *name != "field") {
        let at = format!("{pointer}/{operator}");
        tests.push(parse_test(&at, &field, operator, value, size)?);
    }
    match tests.len() {
        0 => Err(Refusal::invalid(pointer, "has a field but no operator")),
        1 => Ok(tests.remove(0)),
        _ => Ok(Filter::And(tests)),
    }
}

/// One operator applied to one field.
///
/// # Errors
/// [`Refusal::Invalid`] when the operator does not exist, the field does not take it, the value does not fit, or the filter becomes too large.
pub fn parse_test(
    at: &str,
    field: &Field,
    operator: &str,
    value: &Value,
    size: &mut Size,
) -> Result<Filter, Refusal> {
    let values = value.as_array().map_or(1, Vec::len).max(1);
    size.grow(at, values.saturating_mul(field.weight()))?;
    let leaf = |test| Filter::Leaf(field.clone(), test);
    let one = || operand(at, field, value);
    let text = || {
        let textual = !matches!(field, Field::Core(a) if a.kind != AttributeType::Text);
        match value.as_str() {
            Some(text) if textual && !text.contains('\0') => Ok(if field.is_media_type() {
                text.to_lowercase()
            } else {
                text.to_owned()
            }),
            Some(_) if textual => Err(Refusal::invalid(at, "holds a NUL character")),
            Some(_) => Err(Refusal::invalid(
                at,
                "does not apply to a field that is no text",
            )),
            None => Err(Refusal::invalid(at, "is no text")),
        }
    };
    let ordered = |order| {
        let value = one()?;
        let fits = match field {
            Field::Core(a) => !matches!(a.kind, AttributeType::Boolean | AttributeType::Coded),
            _ => !matches!(value, Operand::Boolean(_) | Operand::Null),
        };
        if fits {
            Ok(leaf(Test::Compare(order, value)))
        } else {
            Err(Refusal::invalid(at, "compares in order what has none"))
        }
    };
    match operator {
        "eq" => Ok(leaf(Test::In(vec![one()?]))),
        "ne" => Ok(Filter::Not(Box::new(leaf(Test::In(vec![one()?]))))),
        "in" => {
            let values = value
                .as_array()
                .ok_or_else(|| Refusal::invalid(at, "is no list"))?;
            let parsed: Result<Vec<Operand>, Refusal> = values
                .iter()
                .enumerate()
                .map(|(index, value)| operand(&format!("{at}/{index}"), field, value))
                .collect();
            Ok(leaf(Test::In(parsed?)))
        }
        "gt" => ordered(Order::Gt),
        "gte" | "from" => ordered(Order::Gte),
        "lt" | "to" => ordered(Order::Lt),
        "lte" => ordered(Order::Lte),
        "contains" => Ok(leaf(Test::Contains(text()?))),
        "prefix" => Ok(leaf(Test::Prefix(text()?))),
        "exists" => value
            .as_bool()
            .map(|there| leaf(Test::Exists(there)))
            .ok_or_else(|| Refusal::invalid(at, "is neither true nor false")),
        _ => Err(Refusal::invalid(
            at,
            "is no operator; there are eq, ne, in, gt, gte, lt, lte, from, to, contains, prefix, exists",
        )),
    }
}

fn operand(at: &str, field: &Field, value: &Value) -> Result<Operand, Refusal> {
    let wrong = |what: &str| Err(Refusal::invalid(at, format!("is no {what}")));
    let checked = |text: &str| {
        if text.contains('\0') {
            Err(Refusal::invalid(at, "holds a NUL character"))
        } else {
            Ok(Operand::Text(if field.is_media_type() {
                super::interaction::media_type(text)
            } else {
                text.to_owned()
            }))
        }
    };
    let attribute = match field {
        Field::Core(attribute) => attribute,
        Field::Contact(_) => return value.as_str().map_or_else(|| wrong("text"), checked),
        Field::UserData(_) => {
            return match value {
                Value::String(text) => checked(text),
                Value::Number(number) => Ok(number.as_i64().map_or_else(
                    || Operand::Number(number.as_f64().unwrap_or_default()),
                    Operand::Integer,
                )),
                Value::Bool(value) => Ok(Operand::Boolean(*value)),
                Value::Null => Ok(Operand::Null),
                Value::Array(_) | Value::Object(_) => wrong("text, number, boolean or null"),
            };
        }
    };
    match attribute.kind {
        AttributeType::Text => value.as_str().map_or_else(|| wrong("text"), checked),
        AttributeType::Time => match value.as_str().map(Moment::parse) {
            Some(Ok(at)) => Ok(Operand::Time(at)),
            Some(Err(detail)) => Err(Refusal::invalid(at, detail)),
            None => wrong("time in RFC 3339"),
        },
        AttributeType::Integer => value
            .as_i64()
            .map_or_else(|| wrong("whole number"), |n| Ok(Operand::Integer(n))),
        AttributeType::Boolean => value
            .as_bool()
            .map_or_else(|| wrong("boolean"), |b| Ok(Operand::Boolean(b))),
        AttributeType::Coded => coded(at, attribute.name, value),
    }
}

fn coded(at: &str, name: &str, value: &Value) -> Result<Operand, Refusal> {
    use super::interaction::{Coded, EntityType, Status};
    fn code<T: Coded>(text: &str) -> Option<i64> {
        T::ALL
            .iter()
            .find(|(.., name)| *name == text)
            .map(|(_, code, _)| *code)
    }
    fn names<T: Coded>() -> String {
        T::ALL
            .iter()
            .map(|(.., name)| *name)
            .collect::<Vec<_>>()
            .join(", ")
    }
    let text = value.as_str().unwrap_or_default();
    let (code, names) = if name == "status" {
        (code::<Status>(text), names::<Status>())
    } else {
        (code::<EntityType>(text), names::<EntityType>())
    };
    code.map(Operand::Integer)
        .ok_or_else(|| Refusal::invalid(at, format!("is none of {names}")))
}

/// The values that a text in a query string may stand for: the text, and the number or boolean it reads as.
pub fn loose_operands(field: &Field, text: &str) -> Vec<Value> {
    let mut values = vec![Value::String(text.to_owned())];
    match field {
        Field::Core(attribute) => match attribute.kind {
            AttributeType::Integer => {
                values = vec![
                    text.parse::<i64>()
                        .map_or(Value::String(text.to_owned()), Value::from),
                ];
            }
            AttributeType::Boolean => {
                values = vec![
                    text.parse::<bool>()
                        .map_or(Value::String(text.to_owned()), Value::from),
                ];
            }
            _ => {}
        },
        Field::UserData(_) => {
            if let Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::Null)) =
                serde_json::from_str(text)
            {
                values.push(value);
            }
        }
        Field::Contact(_) => {}
    }
    values
}
