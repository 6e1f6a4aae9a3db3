//! SQL over the columns: one reading statement, over the tables of one tenant.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::dataframe::DataFrame;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    self, AccessExpr, Expr, Ident, Subscript, Value, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use super::columns::Snapshot;
use super::table::{KEY, Kind, Table};
use super::{Engine, ReportError};

/// The largest number of bytes of a statement.
const LONGEST: usize = 64 * 1024;
/// The largest number of tokens of a statement that are no blanks.
const MOST_TOKENS: usize = 5000;
/// The name of the column of maps.
const USER_DATA: &str = "user_data";

/// Plans a statement over the tables of a tenant.
///
/// # Errors
/// [`ReportError::Refused`] if it is no single reading statement, or names what does not exist.
pub async fn plan(
    engine: &Engine,
    snapshot: &Arc<Snapshot>,
    tenant: i64,
    sql: &str,
    parameters: Vec<ScalarValue>,
) -> Result<DataFrame, ReportError> {
    check(sql)?;
    let context = engine.context();
    let state = context.state();
    let mut statement = state.sql_to_statement(sql, &state.config_options().sql_parser.dialect)?;
    let keys = rewrite(&mut statement)?;
    for (kind, name) in Kind::ALL {
        let table = Table::new(kind, Arc::clone(snapshot), tenant, &keys);
        context.register_table(name, Arc::new(table))?;
    }
    let plan = context.state().statement_to_plan(statement).await?;
    let plan = if parameters.is_empty() {
        plan
    } else {
        plan.with_param_values(parameters)?
    };
    let frame = context.execute_logical_plan(plan).await?;
    Ok(frame)
}

/// Bounds a statement before it is parsed.
fn check(sql: &str) -> Result<(), ReportError> {
    if sql.len() > LONGEST {
        return Err(ReportError::Refused(format!(
            "is longer than {LONGEST} bytes"
        )));
    }
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize();
    let tokens = tokens.map_err(|error| ReportError::Refused(error.to_string()))?;
    let count = tokens
        .iter()
        .filter(|token| !matches!(token, Token::Whitespace(_)))
        .count();
    if count > MOST_TOKENS {
        return Err(ReportError::Refused(format!(
            "has {count} words and signs, and may have {MOST_TOKENS}"
        )));
    }
    Ok(())
}

/// Replaces `user_data['key']` by the column of the key, and returns the keys. Anything but one
/// query is refused.
fn rewrite(statement: &mut Statement) -> Result<BTreeSet<String>, ReportError> {
    let query = match statement {
        Statement::Statement(statement) => match &mut **statement {
            ast::Statement::Query(query) => query,
            _ => return Err(ReportError::Refused("is no SELECT".to_owned())),
        },
        _ => return Err(ReportError::Refused("is no SELECT".to_owned())),
    };
    let mut keys = Keys::default();
    let _ = query.visit(&mut keys);
    Ok(keys.0)
}

#[derive(Default)]
struct Keys(BTreeSet<String>);

impl VisitorMut for Keys {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some((key, column)) = column_of(expr) {
            self.0.insert(key);
            *expr = column;
        }
        ControlFlow::Continue(())
    }
}

/// For `user_data['key']` or `table.user_data['key']`: the key, and the column that holds it.
fn column_of(expr: &Expr) -> Option<(String, Expr)> {
    let Expr::CompoundFieldAccess { root, access_chain } = expr else {
        return None;
    };
    let (last, before) = access_chain.split_last()?;
    let AccessExpr::Subscript(Subscript::Index {
        index: Expr::Value(value),
    }) = last
    else {
        return None;
    };
    let Value::SingleQuotedString(key) = &value.value else {
        return None;
    };
    let mut names = match &**root {
        Expr::Identifier(name) => vec![name.clone()],
        Expr::CompoundIdentifier(names) => names.clone(),
        _ => return None,
    };
    for step in before {
        match step {
            AccessExpr::Dot(Expr::Identifier(name)) => names.push(name.clone()),
            _ => return None,
        }
    }
    if !names.pop()?.value.eq_ignore_ascii_case(USER_DATA) {
        return None;
    }
    let column = Ident::with_quote('"', format!("{KEY}{key}"));
    Some((
        key.clone(),
        if names.is_empty() {
            Expr::Identifier(column)
        } else {
            names.push(column);
            Expr::CompoundIdentifier(names)
        },
    ))
}

#[cfg(test)]
mod tests {
    use datafusion::sql::parser::DFParser;

    use super::*;

    #[test]
    fn a_key_of_user_data_becomes_a_column() {
        let sql = "SELECT user_data['a b'], t.USER_DATA['it''s'], lower(user_data['c']), event['d'], user_data[1] \
                   FROM interactions AS t WHERE EXISTS (SELECT 1 WHERE t.user_data['e'] = 'x')";
        let mut statement = DFParser::parse_sql(sql).unwrap().remove(0).unwrap();
        let keys = rewrite(&mut statement).unwrap();
        assert_eq!(
            keys.into_iter().collect::<Vec<_>>(),
            ["a b", "c", "e", "it's"]
        );
        assert_eq!(
            statement.to_string(),
            "SELECT \"user_data.a b\", t.\"user_data.it's\", lower(\"user_data.c\"), event['d'], user_data[1] \
             FROM interactions AS t WHERE EXISTS (SELECT 1 WHERE t.\"user_data.e\" = 'x')"
        );
    }
}
