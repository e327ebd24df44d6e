//! What is said to the server, in SQL.

/// Where an upsert gathers its rows, and the column that says in which order they came.
const STAGING: &str = "pg_temp.potoroo_batch";
const ORDER: &str = "potoroo_order";

/// What is said to the server.
pub(super) struct Statements {
    /// When a session begins.
    pub(super) begin: Option<String>,
    pub(super) copy: String,
    pub(super) upsert: Option<String>,
    /// Whether the table is as it must be: makes a plan and does nothing.
    pub(super) check: String,
}

/// A name as SQL takes it, whatever is in it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

impl Statements {
    pub(super) fn new(table: &str, columns: &[String], keys: &[String]) -> Self {
        let table = table.split('.').map(quoted).collect::<Vec<_>>().join(".");
        let (all, key) = (list(columns), list(keys));
        if keys.is_empty() {
            let nulls = vec!["NULL"; columns.len()].join(", ");
            return Self {
                begin: None,
                copy: format!("COPY {table} ({all}) FROM STDIN"),
                upsert: None,
                check: format!("EXPLAIN INSERT INTO {table} ({all}) SELECT {nulls}"),
            };
        }
        let others = columns.iter().filter(|column| !keys.contains(column)).map(|column| {
            let column = quoted(column);
            format!("{column} = EXCLUDED.{column}")
        });
        let action = match others.collect::<Vec<_>>().join(", ") {
            others if others.is_empty() => "NOTHING".to_owned(),
            others => format!("UPDATE SET {others}"),
        };
        // One row for each key, the last that came; in the order of keys, so that two jobs do not wait for each other.
        let upsert = format!(
            "INSERT INTO {table} ({all}) SELECT DISTINCT ON ({key}) {all} FROM {STAGING} ORDER BY {key}, {ORDER} DESC \
             ON CONFLICT ({key}) DO {action}"
        );
        Self {
            begin: Some(format!(
                "CREATE TEMPORARY TABLE potoroo_batch ON COMMIT DELETE ROWS AS SELECT {all} FROM {table} WITH NO DATA; \
                 ALTER TABLE {STAGING} ADD COLUMN {ORDER} bigint GENERATED ALWAYS AS IDENTITY"
            )),
            copy: format!("COPY {STAGING} ({all}) FROM STDIN"),
            check: format!("EXPLAIN {upsert}"),
            upsert: Some(upsert),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_in_all_statements() {
        let columns = ["a\"b".to_owned(), "c".to_owned()];
        let copy = Statements::new("s.t", &columns, &[]);
        assert_eq!(copy.copy, "COPY \"s\".\"t\" (\"a\"\"b\", \"c\") FROM STDIN");
        let upsert = Statements::new("t", &columns, &columns[..1]).upsert.unwrap();
        assert!(
            upsert.ends_with("ON CONFLICT (\"a\"\"b\") DO UPDATE SET \"c\" = EXCLUDED.\"c\""),
            "{upsert}"
        );
        let all_keys = Statements::new("t", &columns, &columns).upsert.unwrap();
        assert!(all_keys.ends_with("DO NOTHING"), "{all_keys}");
    }
}
