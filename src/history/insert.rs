//! Records into rows.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, Statement, params, types::Value};

use super::{
    Cell, Kind, Record, cell,
    kind::{Column, Stored},
};

/// The numbers of names that have been looked up.
pub(super) type Names = HashMap<String, i64>;

/// Writes them all in one transaction, or none.
pub(super) fn write(
    connection: &mut Connection,
    names: &mut Names,
    records: &[Record],
) -> rusqlite::Result<()> {
    let outcome = try_write(connection, names, records);
    if outcome.is_err() {
        // Some of them may have been undone.
        names.clear();
    }
    outcome
}

fn try_write(
    connection: &mut Connection,
    names: &mut Names,
    records: &[Record],
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut statements: [Option<Statement<'_>>; Kind::COUNT] = Default::default();
        for record in records {
            let place = &mut statements[record.kind.index()];
            let statement = match place {
                Some(statement) => statement,
                None => place.insert(transaction.prepare(&insertion(record.kind))?),
            };
            let mut values = vec![
                Value::Integer(cell::millis(record.at)),
                Value::Integer(number(&transaction, names, &record.subject)?),
            ];
            for (column, cell) in record.kind.stored().zip(&record.cells) {
                values.push(value(&transaction, names, column, cell)?);
            }
            statement.execute(rusqlite::params_from_iter(values))?;
        }
    }
    transaction.commit()
}

fn insertion(kind: Kind) -> String {
    let fields: Vec<&str> = kind.stored().map(|column| column.field).collect();
    let marks = ", ?".repeat(fields.len());
    format!(
        "INSERT INTO {kind} (at, subject, {}) VALUES (?, ?{marks})",
        fields.join(", ")
    )
}

fn value(
    connection: &Connection,
    names: &mut Names,
    column: &Column,
    cell: &Cell,
) -> rusqlite::Result<Value> {
    Ok(match (column.stored, cell) {
        (Stored::Word, Cell::Text(word)) => Value::Integer(number(connection, names, word)?),
        (Stored::Parts(parts), Cell::Real(real)) => {
            // Saturates, which no real figure does.
            Value::Integer((real * parts).round() as i64)
        }
        (_, Cell::Integer(whole)) => Value::Integer(*whole),
        (_, Cell::Real(real)) => Value::Real(*real),
        (_, Cell::Text(text)) => Value::Text(text.clone()),
        (_, Cell::Time(at)) => Value::Integer(cell::millis(*at)),
        (_, Cell::Null) => Value::Null,
    })
}

/// The number of a name, which is given one if it has none.
fn number(connection: &Connection, names: &mut Names, name: &str) -> rusqlite::Result<i64> {
    if let Some(number) = names.get(name) {
        return Ok(*number);
    }
    let known = connection
        .query_row("SELECT id FROM name WHERE text = ?", [name], |row| {
            row.get(0)
        })
        .optional()?;
    let number = match known {
        Some(number) => number,
        None => {
            connection.execute("INSERT INTO name (text) VALUES (?)", params![name])?;
            connection.last_insert_rowid()
        }
    };
    names.insert(name.to_owned(), number);
    Ok(number)
}
