//! The statements of a search: a page, and a count.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::marker::PhantomData;

use super::columns::{all_needles, column, reads_texts, reads_user_data};
use super::plan::Plan;
use crate::domain::Moment;
use crate::domain::filter::{Filter, Operand, Position, Search, SortKey};
use crate::domain::user_data::KeyPath;
use crate::store::dialect::{Arg, Dialect};
use crate::store::rows;

/// An operand as a bound argument.
pub fn arg(operand: &Operand) -> Arg {
    match operand {
        Operand::Text(text) => text.as_str().into(),
        Operand::Integer(number) => (*number).into(),
        Operand::Number(number) => Arg::Real(Some(*number)),
        Operand::Boolean(value) => i64::from(*value).into(),
        Operand::Time(at) => (*at).into(),
        Operand::Null => Arg::Text(None),
    }
}

/// The condition that a row comes after the one with the bound sort values. Each key says whether
/// the largest comes first; `places` are the placeholders of the values.
pub fn keyset(keys: &[(String, bool)], places: &[usize]) -> String {
    let same_way = keys.iter().all(|(_, descending)| *descending == keys[0].1);
    if same_way {
        let left: Vec<&str> = keys.iter().map(|(key, _)| key.as_str()).collect();
        let right: Vec<String> = places.iter().map(|n| format!("${n}")).collect();
        let than = if keys[0].1 { "<" } else { ">" };
        return format!("({}) {than} ({})", left.join(", "), right.join(", "));
    }
    // without this, an index of the first key would be read from its beginning
    let bound = if keys[0].1 { "<=" } else { ">=" };
    let first = format!("{} {bound} ${}", keys[0].0, places[0]);
    let mut ways = Vec::new();
    for (index, (key, descending)) in keys.iter().enumerate() {
        let mut way: Vec<String> = keys[..index]
            .iter()
            .zip(places)
            .map(|((key, _), n)| format!("{key} = ${n}"))
            .collect();
        way.push(format!(
            "{key} {} ${}",
            if *descending { "<" } else { ">" },
            places[index]
        ));
        ways.push(format!("({})", way.join(" AND ")));
    }
    format!("({first} AND ({}))", ways.join(" OR "))
}

/// Binds a value and returns the number of its placeholder.
pub fn bind(args: &mut Vec<Arg>, arg: Arg) -> usize {
    args.push(arg);
    args.len()
}

/// A statement being built, with its bound arguments.
pub(super) struct Statement<'s, D> {
    pub args: Vec<Arg>,
    pub tenant: usize,
    pub ready: &'s [KeyPath],
    /// Whether the whole filter can hold only if the current condition holds.
    pub required: bool,
    pub plan: Plan<'s>,
    /// Whether the page continues in the order of the plan, and if so, whether from the largest down.
    pub resumes: Option<bool>,
    needles: BTreeMap<String, usize>,
    dialect: PhantomData<D>,
}

impl<'s, D: Dialect> Statement<'s, D> {
    /// An empty statement; `ready` are the declared keys whose index is filled.
    pub fn new(ready: &'s [KeyPath]) -> Self {
        Self {
            args: Vec::new(),
            tenant: 0,
            ready,
            required: true,
            plan: Plan::default(),
            resumes: None,
            needles: BTreeMap::new(),
            dialect: PhantomData,
        }
    }

    /// Begins a search: sets its tenant and its plan.
    pub fn begin(&mut self, search: &Search, plan: Plan<'s>) {
        self.tenant = self.bind(search.tenant.into());
        self.plan = plan;
    }

    /// Binds a value and returns the number of its placeholder.
    pub fn bind(&mut self, arg: Arg) -> usize {
        bind(&mut self.args, arg)
    }

    /// A page of these columns.
    pub fn page(&mut self, columns: &str, search: &'s Search, plan: Plan<'s>) -> String {
        self.begin(search, plan);
        let first = search.sort[0];
        let resumes = search.after.is_some() && plan.is_in_order_of(first.by.name);
        self.resumes = resumes.then_some(first.descending);
        let mut sql = format!("SELECT {columns}");
        sql += &self.tables_and_conditions(search, true);
        let keys: Vec<(String, bool)> = self.sort_keys(&search.sort);
        if let Some(after) = &search.after {
            let condition = self.after(&keys, &search.sort, after);
            sql += " AND ";
            sql += &condition;
        }
        sql += " ORDER BY ";
        if self.plan.is_in_order_of("endDate") && search.sort[0].by.name == "id" {
            // nothing has an end, but Postgres does not see that the index then has this order
            sql += if search.sort[0].descending {
                "i.end_date DESC, "
            } else {
                "i.end_date, "
            };
        }
        for (index, (key, descending)) in keys.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(
                sql,
                "{comma}{key}{}",
                if *descending { " DESC" } else { "" }
            )
            .expect("a String takes all that is written");
        }
        let limit = self.bind(i64::try_from(search.limit + 1).unwrap_or(i64::MAX).into());
        sql += &format!(" LIMIT +${limit}");
        sql
    }

    /// The number of all matches.
    pub fn count(&mut self, search: &'s Search, plan: Plan<'s>) -> String {
        self.begin(search, plan);
        format!(
            "SELECT COUNT(*){}",
            self.tables_and_conditions(search, false)
        )
    }

    fn tables_and_conditions(&mut self, search: &'s Search, documents: bool) -> String {
        let mut sql = String::new();
        let mut condition = String::new();
        if let Some((key, operand)) = self.plan.key {
            sql += " FROM user_data_index x CROSS JOIN interaction i";
            let key = self.bind(key.to_string().into());
            let value = self.index_value("x", operand);
            condition = format!(
                "x.tenant_id = ${0} AND x.key = ${key} AND {value} AND i.id = x.interaction_id AND i.tenant_id = ${0} AND ",
                self.tenant
            );
        } else {
            sql += " FROM interaction i";
        }
        if documents || reads_user_data(&search.filter) {
            sql += rows::JOIN_JSON;
        }
        if reads_user_data(&search.filter) {
            sql += &self.document(&search.filter);
        }
        if search.long_texts || reads_texts(&search.filter) {
            sql += rows::JOIN_TEXTS;
        }
        let filter = self.filter(&search.filter);
        let tenant = if self.plan.free() {
            D::unindexed("i.tenant_id")
        } else {
            "i.tenant_id".to_owned()
        };
        let mut of_tenant = format!("{tenant} = ${}", self.tenant);
        if self.plan.walked().is_some() {
            of_tenant = D::certain(&of_tenant);
        }
        format!("{sql} WHERE {condition}{of_tenant} AND {filter}")
    }

    /// The placeholder of a text that a document must have.
    pub fn needle(&mut self, text: String) -> usize {
        if let Some(place) = self.needles.get(&text) {
            return *place;
        }
        let place = self.bind(text.as_str().into());
        self.needles.insert(text, place);
        place
    }

    /// Joins the documents that may pass a test of the filter, by the texts that they have.
    fn document(&mut self, filter: &Filter) -> String {
        let holds: Vec<String> = all_needles(filter)
            .into_iter()
            .map(|needles| {
                let has = needles.into_iter().map(|text| {
                    let place = self.needle(text);
                    format!("{} > 0", D::position("j.user_data", &format!("${place}")))
                });
                has.collect::<Vec<String>>().join(" AND ")
            })
            .collect();
        D::join_document(&holds.join(" OR "))
    }

    /// The sort expressions, none of which is ever NULL.
    fn sort_keys(&mut self, sort: &[SortKey]) -> Vec<(String, bool)> {
        let mut keys = Vec::new();
        for key in sort {
            match key.by.name {
                // the filter leaves out what has no end: see `ended_then_open`
                "endDate" if self.plan.is_in_order_of("endDate") => {
                    keys.push((column(key.by).to_owned(), key.descending));
                }
                "endDate" => {
                    let epoch = self.bind(Arg::Time(Moment::from_micros(0)));
                    keys.push((
                        "CASE WHEN i.end_date IS NULL THEN 1 ELSE 0 END".to_owned(),
                        false,
                    ));
                    keys.push((format!("COALESCE(i.end_date, ${epoch})"), key.descending));
                }
                "startDate" if self.plan.key.is_some() => {
                    keys.push(("x.start_date".to_owned(), key.descending));
                }
                "id" if self.plan.key.is_some() => {
                    keys.push(("x.interaction_id".to_owned(), key.descending));
                }
                _ if self.plan.sorted_after => {
                    keys.push((D::unindexed(column(key.by)), key.descending));
                }
                _ => keys.push((column(key.by).to_owned(), key.descending)),
            }
        }
        keys
    }

    fn after(&mut self, keys: &[(String, bool)], sort: &[SortKey], after: &Position) -> String {
        let mut values = Vec::new();
        for (key, value) in sort.iter().zip(&after.0) {
            if key.by.name == "endDate" && !self.plan.is_in_order_of("endDate") {
                values.push(i64::from(value.is_none()).into());
                values.push(
                    value
                        .as_ref()
                        .map_or(Arg::Time(Moment::from_micros(0)), arg),
                );
            } else {
                values.push(value.as_ref().map_or(Arg::Text(None), arg));
            }
        }
        let places: Vec<usize> = values.into_iter().map(|value| self.bind(value)).collect();
        keyset(keys, &places)
    }
}
