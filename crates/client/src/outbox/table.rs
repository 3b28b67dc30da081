//! The names of an outbox in the database.

use std::sync::Arc;

use super::OutboxError;

const DEFAULT: &str = "fanfare_outbox";
/// Of a part of the name. With what is put behind it, it is within PostgreSQL's 63.
const LONGEST: usize = 48;

/// A table whose name was checked, and what belongs to it. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    schema: Option<Arc<str>>,
    name: Arc<str>,
}

impl Default for Table {
    fn default() -> Self {
        Self { schema: None, name: DEFAULT.into() }
    }
}

impl Table {
    pub(super) fn parse(text: &str) -> Result<Self, OutboxError> {
        let (schema, name) = text.split_once('.').map_or((None, text), |(schema, name)| (Some(schema), name));
        if !schema.into_iter().chain([name]).all(is_name) {
            return Err(OutboxError::Table(text.to_owned()));
        }
        Ok(Self { schema: schema.map(Into::into), name: name.into() })
    }

    /// A statement with `{table}`, `{meta}`, `{ids}` and `{name}` filled in.
    pub(super) fn sql(&self, statement: &str) -> sqlx::AssertSqlSafe<String> {
        // Nothing but names that were checked is put in.
        sqlx::AssertSqlSafe(
            statement
                .replace("{table}", &self.with(""))
                .replace("{meta}", &self.with("_meta"))
                .replace("{ids}", &self.with("_ids"))
                .replace("{name}", &self.name),
        )
    }

    /// What is notified. Of two outboxes with one name in two schemas each is woken for the other, which does no harm.
    pub(super) fn channel(&self) -> &str {
        &self.name
    }

    fn with(&self, suffix: &str) -> String {
        let schema = self.schema.iter().map(|schema| format!("\"{schema}\".")).collect::<String>();
        format!("{schema}\"{}{suffix}\"", self.name)
    }
}

fn is_name(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let rest = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    first && rest && text.len() <= LONGEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_checked_before_it_gets_into_any_statement() {
        for good in ["outbox", "_o1", "shop.outbox", &"a".repeat(48)] {
            assert!(Table::parse(good).is_ok(), "{good}");
        }
        let long = "a".repeat(49);
        for bad in ["", ".", "a.", ".a", "a.b.c", "1a", "Outbox", "a b", "a\"b", "a;drop table b", "ä", &long]
        {
            assert!(matches!(Table::parse(bad), Err(OutboxError::Table(name)) if name == bad), "{bad}");
        }
    }

    #[test]
    fn names_are_quoted_so_that_a_word_of_sql_is_a_name_too() {
        let table = Table::parse("shop.order").unwrap();
        assert_eq!(
            table.sql("{table} {meta} {ids} {name}").0,
            r#""shop"."order" "shop"."order_meta" "shop"."order_ids" order"#
        );
    }
}
