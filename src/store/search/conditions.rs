//! SQL conditions of a filter.

use super::columns::column;
use super::needles::needles;
use super::plan::{LEADERS, TELLING};
use super::statement::{Statement, arg, bind};
use crate::domain::Moment;
use crate::domain::filter::{Attribute, Field, Filter, IndexedAttribute, Operand, Order, Test};
use crate::domain::user_data::KeyPath;
use crate::store::dialect::{Arg, Dialect, JsonTest, Step};
use crate::store::writer::INDEXED_CHARACTERS;

/// The operator of a comparison.
fn sign(order: Order) -> &'static str {
    match order {
        Order::Gt => ">",
        Order::Gte => ">=",
        Order::Lt => "<",
        Order::Lte => "<=",
    }
}

/// A test of a column that is not NULL.
pub fn plain<D: Dialect>(args: &mut Vec<Arg>, column: &str, test: &Test) -> String {
    match test {
        Test::In(values) => match values.as_slice() {
            [] => "1 = 0".to_owned(),
            [one] => format!("{column} = ${}", bind(args, arg(one))),
            several => {
                let places: Vec<String> = several
                    .iter()
                    .map(|value| format!("${}", bind(args, arg(value))))
                    .collect();
                format!("{column} IN ({})", places.join(", "))
            }
        },
        Test::Compare(order, value) => {
            format!("{column} {} ${}", sign(*order), bind(args, arg(value)))
        }
        Test::Contains(part) => {
            let n = bind(args, arg(part));
            format!("{} > 0", D::position(column, &format!("${n}")))
        }
        Test::Prefix(part) => {
            let n = bind(args, part.as_str().into());
            format!("{} = 1", D::position(column, &format!("${n}")))
        }
        // applies only to attributes of the contact, and is handled above
        Test::Folded(_) => "1 = 0".to_owned(),
        Test::Exists(_) => "1 = 1".to_owned(),
    }
}

impl<D: Dialect> Statement<'_, D> {
    /// A condition.
    pub fn filter(&mut self, filter: &Filter) -> String {
        match filter {
            Filter::And(parts) | Filter::Or(parts) => {
                let (word, none) = match filter {
                    Filter::And(_) => (" AND ", "1 = 1"),
                    _ => (" OR ", "1 = 0"),
                };
                if parts.is_empty() {
                    return none.to_owned();
                }
                let required = self.required;
                self.required &= matches!(filter, Filter::And(_));
                let parts: Vec<String> = parts.iter().map(|part| self.filter(part)).collect();
                self.required = required;
                format!("({})", parts.join(word))
            }
            Filter::Not(inner) => {
                let required = std::mem::replace(&mut self.required, false);
                let inner = self.filter(inner);
                self.required = required;
                format!("NOT ({inner})")
            }
            Filter::Words(query) => {
                let n = self.bind(D::word_query(query).into());
                // listing all rows with common words takes longer than testing a page of rows
                if self.required && !self.plan.begins_with(filter) {
                    D::has_words(n)
                } else {
                    D::finds_words(n)
                }
            }
            Filter::Leaf(Field::Core(attribute), Test::Exists(false))
                if self.is_walked(attribute, &Test::Exists(false)) =>
            {
                format!("{} IS NULL", column(attribute))
            }
            Filter::Leaf(field, Test::Exists(false)) => {
                format!(
                    "NOT ({})",
                    self.filter(&Filter::Leaf(field.clone(), Test::Exists(true)))
                )
            }
            Filter::Leaf(Field::Core(attribute), test) => self.core(attribute, test),
            Filter::Leaf(Field::UserData(path), test) => {
                let held = self.user_data(path, test);
                if !self.plan.begins_with(filter) {
                    return held;
                }
                match self.index_rows(path, test) {
                    Some(rows) => {
                        format!("(i.id IN (SELECT x.interaction_id FROM {rows}) AND {held})")
                    }
                    None => held,
                }
            }
            Filter::Leaf(Field::Contact(name), test) => {
                let contacts = self.contacts(name, test);
                // CASE evaluates the list once, and keeps the databases from starting with it
                format!("CASE WHEN i.contact_id IN ({contacts}) THEN TRUE ELSE FALSE END")
            }
        }
    }

    /// The contacts of each person who has an attribute that passes a test: the contacts that have
    /// it, those that they were merged into, and all that were merged into any of these.
    pub fn contacts(&mut self, name: &str, test: &Test) -> String {
        let name = self.bind(name.into());
        let test = match test {
            Test::Folded(values) => {
                let values = values.iter().cloned().map(Operand::Text).collect();
                self.plain("a.folded", &Test::In(values))
            }
            test => self.plain("a.value", test),
        };
        format!(
            "WITH RECURSIVE u (id, tenant_id) AS ( \
             SELECT a.contact_id, a.tenant_id FROM contact_attribute a WHERE a.tenant_id = ${0} AND a.name = ${name} AND {test} \
             UNION SELECT c.merged_into, c.tenant_id FROM u CROSS JOIN contact c \
             WHERE c.id = u.id AND c.tenant_id = u.tenant_id AND c.merged_into IS NOT NULL), \
             f (id, tenant_id) AS (SELECT id, tenant_id FROM u \
             UNION SELECT c.id, c.tenant_id FROM f CROSS JOIN contact c \
             WHERE c.merged_into = f.id AND c.tenant_id = f.tenant_id) SELECT id FROM f",
            self.tenant
        )
    }

    fn core(&mut self, attribute: &Attribute, test: &Test) -> String {
        let column = column(attribute);
        let rank = LEADERS.iter().position(|name| *name == attribute.name);
        let led_by_another = self
            .plan
            .leader
            .is_some_and(|leader| leader != attribute.name);
        let several = matches!(test, Test::In(values) if values.len() > 1);
        let declared = self.plan.walked().is_some();
        let walked = self.is_walked(attribute, test);
        let by_another = led_by_another || self.plan.free() || self.plan.key.is_some() || declared;
        let row_by_row = rank.is_some_and(|rank| by_another || (several && rank >= TELLING))
            || (declared && attribute.name == "startDate")
            || (IndexedAttribute::of_name(attribute.name).is_some() && !walked);
        if walked {
            return if matches!(test, Test::Exists(true)) {
                // no index finds what is not NULL
                let earliest = self.bind(Moment::earliest().into());
                format!("{column} >= ${earliest}")
            } else {
                // not true of NULL; from a further condition SQLite would choose the worst bounds
                self.plain(column, test)
            };
        }
        let column = if row_by_row {
            D::unindexed(column)
        } else {
            column.to_owned()
        };
        let test = self.plain(&column, test);
        if attribute.long {
            // CASE keeps the databases from starting with the long texts
            return format!("CASE WHEN {column} IS NOT NULL AND {test} THEN TRUE ELSE FALSE END");
        }
        format!("({column} IS NOT NULL AND {test})")
    }

    /// Whether the index of a declared attribute serves the current condition on it.
    fn is_walked(&self, attribute: &Attribute, test: &Test) -> bool {
        // where the page before this one ended, such a test is passed; SQLite would use it instead
        // of that place
        let passed = match test {
            Test::Compare(Order::Gt | Order::Gte, _) | Test::Exists(true) => {
                self.resumes == Some(false)
            }
            Test::Compare(Order::Lt | Order::Lte, _) => self.resumes == Some(true),
            _ => false,
        };
        let walked = self.plan.walked();
        let is_its = walked.is_some_and(|walked| walked.name() == attribute.name);
        self.required && !passed && is_its
    }

    /// The conditions on a declared attribute that must hold.
    pub fn range(&mut self, filter: &Filter, attribute: IndexedAttribute) -> Vec<String> {
        match filter {
            Filter::And(parts) => parts
                .iter()
                .flat_map(|part| self.range(part, attribute))
                .collect(),
            Filter::Leaf(Field::Core(of), _) if of.name == attribute.name() => {
                vec![self.filter(filter)]
            }
            _ => Vec::new(),
        }
    }

    fn plain(&mut self, column: &str, test: &Test) -> String {
        plain::<D>(&mut self.args, column, test)
    }

    fn user_data(&mut self, path: &KeyPath, test: &Test) -> String {
        let steps: Vec<Step> = path
            .0
            .iter()
            .enumerate()
            .map(|(depth, step)| {
                let place = self.bind(step.as_str().into());
                Step {
                    place,
                    index: depth > 0 && KeyPath::is_index(step),
                }
            })
            .collect();
        let mut elements = Vec::new();
        let tests: Vec<JsonTest> = match test {
            // applies only to attributes of the contact
            Test::Folded(_) => Vec::new(),
            Test::Exists(_) => vec![JsonTest::Exists],
            Test::Contains(part) => {
                elements.push(self.json_test("=", part));
                match (part, &elements[..]) {
                    (Operand::Text(_), [JsonTest::Text(_, n)]) => vec![JsonTest::Contains(*n)],
                    _ => Vec::new(),
                }
            }
            Test::Prefix(part) => vec![JsonTest::Prefix(self.bind(part.as_str().into()))],
            Test::Compare(order, value) => vec![self.json_test(sign(*order), value)],
            Test::In(values) => {
                let tests: Vec<JsonTest> = values
                    .iter()
                    .map(|value| self.json_test("=", value))
                    .collect();
                elements.clone_from(&tests);
                tests
            }
        };
        if tests.is_empty() && elements.is_empty() {
            return "1 = 0".to_owned();
        }
        let needles: Vec<usize> = needles(path, test)
            .into_iter()
            .map(|text| self.needle(text))
            .collect();
        D::inside(&needles, &steps, &tests, &elements)
    }

    fn json_test(&mut self, order: &'static str, value: &Operand) -> JsonTest {
        match value {
            Operand::Text(_) | Operand::Time(_) => JsonTest::Text(order, self.bind(arg(value))),
            Operand::Integer(_) => JsonTest::Integer(order, self.bind(arg(value))),
            Operand::Number(_) => JsonTest::Number(order, self.bind(arg(value))),
            Operand::Boolean(value) => JsonTest::Is(*value),
            Operand::Null => JsonTest::IsNull,
        }
    }

    /// The index rows that may pass a test of a declared key, from `user_data_index x` on.
    pub fn index_rows(&mut self, path: &KeyPath, test: &Test) -> Option<String> {
        if !self.ready.contains(path) {
            return None;
        }
        // a statement has a placeholder for each bound value, so nothing may be bound without being
        // used
        let held = match test {
            Test::In(values)
                if !values.is_empty()
                    && values.iter().all(|value| !matches!(value, Operand::Null)) =>
            {
                let any: Vec<String> = values
                    .iter()
                    .map(|value| self.index_value("x", value))
                    .collect();
                any.join(" OR ")
            }
            Test::Compare(order, value @ (Operand::Integer(_) | Operand::Number(_))) => {
                // a double may be rounded: the index condition includes equal values, and the
                // document decides
                let way = if matches!(order, Order::Gt | Order::Gte) {
                    ">="
                } else {
                    "<="
                };
                let n = self.bind(Arg::Real(number(value)));
                format!("x.number_value {way} ${n}")
            }
            _ => return None,
        };
        let key = self.bind(path.to_string().into());
        Some(format!(
            "user_data_index x WHERE x.tenant_id = ${} AND x.key = ${key} AND ({held})",
            self.tenant
        ))
    }

    /// The condition that an index row has a value.
    pub fn index_value(&mut self, x: &str, value: &Operand) -> String {
        match value {
            Operand::Integer(_) | Operand::Number(_) => {
                let n = self.bind(Arg::Real(number(value)));
                format!("{x}.number_value = ${n}")
            }
            Operand::Boolean(value) => {
                let n = self.bind(value.to_string().into());
                format!("{x}.text_value = ${n}")
            }
            Operand::Text(text) => {
                let cut: String = text.chars().take(INDEXED_CHARACTERS).collect();
                let n = self.bind(cut.into());
                format!("{x}.text_value = ${n}")
            }
            Operand::Time(_) | Operand::Null => "1 = 1".to_owned(),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the index keeps doubles; the document has the last word"
)]
fn number(value: &Operand) -> Option<f64> {
    match value {
        Operand::Integer(number) => Some(*number as f64),
        Operand::Number(number) => Some(*number),
        _ => None,
    }
}
