//! Reading: ranges of time, page by page or step by step.

use std::{
    fmt::{self, Write as _},
    path::Path,
    str::FromStr,
    time::{Duration, Instant, SystemTime},
};

use rusqlite::{Connection, Row, types::ValueRef};

use super::{
    Cell, Kind, cell,
    kind::{Column, Fold, Stored},
    open,
};

/// Rows of an answer, at most.
pub const MOST_ROWS: usize = 5_000;
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Of which kind.
    pub kind: Kind,
    /// About whom; everybody if left out.
    pub subject: Option<String>,
    /// From when on, inclusive.
    pub from: Option<SystemTime>,
    /// Until when, exclusive.
    pub to: Option<SystemTime>,
    /// How it is cut.
    pub shape: Shape,
}

/// How an answer is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// In the order in which they were recorded, at most so many, after the cursor.
    Page(usize, Option<Cursor>),
    /// The last so many, in the order in which they were recorded.
    Newest(usize),
    /// What falls into each step becomes one row; by subject and time.
    Steps(Duration),
}

/// A place among records: the last that was told, and the last that there was at the first page,
/// so that pages joined together are what was there then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    after: i64,
    until: i64,
}

/// A part of the records.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// What the cells of a row are: the time, the subject, and the kind's own.
    pub columns: Vec<&'static str>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
    /// Where the next page begins.
    pub next: Option<Cursor>,
}

/// Why nothing was read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// None is configured.
    #[error("no history is kept")]
    Off,
    /// There is one, but it cannot be read now.
    #[error("{0}")]
    Unavailable(String),
    /// Too many ask.
    #[error("too many questions about the past wait")]
    Busy,
    /// It took too long.
    #[error("the question took too long")]
    TooLong,
    /// The thread that reads does not come back from the disk, or from those who asked before.
    #[error("the history's disk does not answer")]
    Unanswered,
    /// More than [`MOST_ROWS`] steps.
    #[error("the answer would have more than {MOST_ROWS} rows")]
    TooMany,
    /// Records of this kind cannot be added up.
    #[error("records of this kind cannot be told in steps")]
    NoSteps,
    /// The program stops.
    #[error("the program stops")]
    Stopped,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}", self.after, self.until)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let number = |text: &str| i64::from_str_radix(text, 16).ok().filter(|n| *n >= 0);
        let (after, until) = text.split_once('-').ok_or(())?;
        Ok(Self {
            after: number(after).ok_or(())?,
            until: number(until).ok_or(())?,
        })
    }
}

/// Answers from the file. Blocks, for three seconds at most and for as long as the disk does.
pub(super) fn read(path: &Path, query: &Query) -> Result<Page, ReadError> {
    read_within(PATIENCE, path, query)
}

pub(super) fn read_within(
    patience: Duration,
    path: &Path,
    query: &Query,
) -> Result<Page, ReadError> {
    let told = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::OperationInterrupted) => ReadError::TooLong,
        _ => ReadError::Unavailable(format!("the history's file cannot be read: {error}")),
    };
    let mut connection = open::open_to_read(path).map_err(told)?;
    let deadline = Instant::now() + patience;
    connection
        .progress_handler(10_000, Some(move || Instant::now() >= deadline))
        .map_err(told)?;
    if matches!(query.shape, Shape::Steps(_)) && !query.kind.can_be_folded() {
        return Err(ReadError::NoSteps);
    }
    let page = select(&connection, query).map_err(told)?;
    if page.rows.len() > MOST_ROWS {
        return Err(ReadError::TooMany);
    }
    Ok(page)
}

fn select(connection: &Connection, query: &Query) -> rusqlite::Result<Page> {
    let Query { kind, shape, .. } = query;
    // One picture of the file for all that follows.
    let picture = connection.unchecked_transaction()?;
    let columns: Vec<&Column> = kind
        .columns()
        .iter()
        .filter(|column| match shape {
            Shape::Steps(_) => column.fold.is_some(),
            _ => column.own,
        })
        .collect();
    let newest = || {
        let sql = format!("SELECT coalesce(max(seq), 0) FROM {kind}");
        picture.query_row(&sql, [], |row| row.get::<_, i64>(0))
    };
    let cursor = match shape {
        Shape::Page(_, Some(cursor)) => *cursor,
        _ => Cursor {
            after: 0,
            until: newest()?,
        },
    };
    let limit = match shape {
        // One more tells whether there is another page.
        Shape::Page(limit, _) => limit + 1,
        Shape::Newest(count) => *count,
        Shape::Steps(_) => MOST_ROWS + 1,
    };
    let sql = sql(query, &columns);
    let mut statement = picture.prepare(&sql)?;
    let bound = |time: Option<SystemTime>, open: i64| time.map_or(open, cell::millis);
    let step = match shape {
        Shape::Steps(step) => i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1),
        _ => 1,
    };
    let mut found = statement.query(rusqlite::named_params! {
        ":after": cursor.after,
        ":until": cursor.until,
        ":from": bound(query.from, i64::MIN),
        ":to": bound(query.to, i64::MAX),
        ":subject": query.subject,
        ":limit": i64::try_from(limit).unwrap_or(i64::MAX),
        ":step": step,
    })?;
    let mut rows = Vec::new();
    let mut last = cursor.after;
    let mut next = None;
    while let Some(row) = found.next()? {
        if matches!(shape, Shape::Page(limit, _) if rows.len() == *limit) {
            next = Some(Cursor {
                after: last,
                until: cursor.until,
            });
            break;
        }
        last = row.get(0)?;
        rows.push(cells(row, &columns)?);
    }
    if matches!(shape, Shape::Newest(_)) {
        rows.reverse();
    }
    let mut names = vec!["time", kind.subject()];
    names.extend(columns.iter().map(|column| column.name));
    Ok(Page {
        columns: names,
        rows,
        next,
    })
}

/// The statement. Names come from the tables of this program; what a client sends is bound.
fn sql(query: &Query, columns: &[&Column]) -> String {
    let kind = query.kind;
    let steps = matches!(query.shape, Shape::Steps(_));
    let time = if steps { "(at / :step) * :step" } else { "at" };
    let first = if steps { "0" } else { "seq" };
    let mut sql = format!("SELECT {first}, {time}, (SELECT text FROM name WHERE id = subject)");
    for Column {
        field,
        stored,
        fold,
        ..
    } in columns
    {
        let _always_works = match fold.filter(|_| steps) {
            None if *stored == Stored::Word => {
                write!(sql, ", (SELECT text FROM name WHERE id = {field})")
            }
            None => write!(sql, ", {field}"),
            Some(Fold::Sum) => write!(sql, ", sum({field})"),
            Some(Fold::Mean) => write!(sql, ", avg({field})"),
            Some(Fold::Least) => write!(sql, ", min({field})"),
            Some(Fold::Greatest) => write!(sql, ", max({field})"),
            Some(Fold::RootMeanSquare) => write!(sql, ", avg(1.0 * {field} * {field})"),
        };
    }
    let _always_works = write!(
        sql,
        " FROM {kind} WHERE seq > :after AND seq <= :until AND at >= :from AND at < :to"
    );
    if query.subject.is_some() {
        sql.push_str(" AND subject = (SELECT id FROM name WHERE text = :subject)");
    } else {
        sql.push_str(" AND :subject IS NULL");
    }
    sql.push_str(match query.shape {
        Shape::Page(..) => " AND :step ORDER BY seq LIMIT :limit",
        Shape::Newest(_) => " AND :step ORDER BY seq DESC LIMIT :limit",
        Shape::Steps(_) => " GROUP BY subject, 2 ORDER BY 3, 2 LIMIT :limit",
    });
    sql
}

fn cells(row: &Row<'_>, columns: &[&Column]) -> rusqlite::Result<Vec<Cell>> {
    let mut cells = vec![
        Cell::Time(cell::moment(row.get(1)?)),
        row.get::<_, Option<String>>(2)?
            .map_or(Cell::Null, Cell::Text),
    ];
    for (at, column) in (3..).zip(columns) {
        cells.push(shown(column, row.get_ref(at)?));
    }
    Ok(cells)
}

/// A value as people are told it.
fn shown(column: &Column, value: ValueRef<'_>) -> Cell {
    let squared = column.fold == Some(Fold::RootMeanSquare);
    let number = match (value, column.stored) {
        (ValueRef::Null | ValueRef::Blob(_), _) => return Cell::Null,
        (ValueRef::Text(text), _) => {
            return Cell::Text(String::from_utf8_lossy(text).into_owned());
        }
        (ValueRef::Integer(whole), Stored::Parts(parts)) => whole as f64 / parts,
        (ValueRef::Integer(whole), _) => return Cell::Integer(whole),
        // Only a mean square is a fraction of parts.
        (ValueRef::Real(real), Stored::Parts(parts)) if squared => real.sqrt() / parts,
        (ValueRef::Real(real), Stored::Parts(parts)) => real / parts,
        (ValueRef::Real(real), Stored::Integer) => return Cell::Integer(real.round() as i64),
        (ValueRef::Real(real), _) => real,
    };
    if number.is_finite() {
        Cell::Real(number)
    } else {
        Cell::Null
    }
}
