//! `…/export`: all records that fit a question, as one file.
//!
//! Page after page is read as the client takes them, so that neither the length of the history nor
//! a slow client costs more than a page. What cannot be read to its end breaks the connection: a
//! file that is not whole does not look so.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use hyper::{
    Response, StatusCode,
    header::{self, HeaderValue},
    http::request::Parts,
};
use tokio::time::{Instant, sleep, timeout_at};

use super::{prefers_csv, problem, query::Asked, table};
use crate::{
    history::{Cursor, History, Kind, Page, Query, ReadError, Shape},
    http::{
        problem::Problem,
        reply::{Body, piecewise, reply},
        resource::Extent,
    },
};

/// Rows in memory for an export.
const ROWS: usize = 1_000;
/// How long an export may take; a longer one is asked for in parts, with `from` and `to`.
const PATIENCE: Duration = Duration::from_secs(600);
/// The pause while others keep the reader busy.
const PAUSE: Duration = Duration::from_millis(100);

/// What to answer where no history is kept.
type Otherwise<'a> = &'a (dyn Fn() -> Result<Page, Problem> + Sync);

/// Answers with everything that the query asks for.
pub(in crate::http::api) async fn export(
    history: &Arc<History>,
    kind: Kind,
    head: &Parts,
    otherwise: Otherwise<'_>,
) -> Result<Response<Body>, Problem> {
    let asked = Asked::of(kind, Extent::All, head)?;
    let csv = asked.csv.unwrap_or_else(|| prefers_csv(head));
    let mut rest = Rest {
        history: Arc::clone(history),
        query: asked.query,
        csv,
        until: Instant::now() + PATIENCE,
    };
    let page = match rest.read(None).await {
        Err(ReadError::Off) => otherwise()?,
        answer => answer.map_err(|error| problem(&error))?,
    };
    let first = Bytes::from(table::piece(kind, &page, csv, true));
    let mut answer = if let Some(next) = page.next {
        let others = stream::try_unfold(Some((rest, next)), Rest::piece);
        let all = stream::once(async { Ok(first) }).chain(others);
        let mut answer = piecewise(table::media_type(csv), all);
        // Nobody keeps a connection for what comes after minutes.
        let close = HeaderValue::from_static("close");
        answer.headers_mut().insert(header::CONNECTION, close);
        answer
    } else {
        reply(StatusCode::OK, table::media_type(csv), first)
    };
    let end = if csv { "csv" } else { "json" };
    let file = format!("attachment; filename=\"{kind}.{end}\"");
    // Of letters: always valid.
    if let Ok(file) = HeaderValue::try_from(file) {
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_DISPOSITION, file);
    }
    Ok(answer)
}

/// What is left of an export.
struct Rest {
    history: Arc<History>,
    query: Query,
    csv: bool,
    until: Instant,
}

impl Rest {
    async fn read(&mut self, after: Option<Cursor>) -> Result<Page, ReadError> {
        self.query.shape = Shape::Page(ROWS, after);
        loop {
            match timeout_at(self.until, self.history.read(self.query.clone())).await {
                Err(_) => return Err(ReadError::TooLong),
                // Who has begun is not sent away.
                Ok(Err(ReadError::Busy)) if after.is_some() => sleep(PAUSE).await,
                Ok(answer) => return answer,
            }
        }
    }

    /// The next piece, and where the one after it begins.
    async fn piece(
        left: Option<(Self, Cursor)>,
    ) -> Result<Option<(Bytes, Option<(Self, Cursor)>)>, ReadError> {
        let Some((mut rest, after)) = left else {
            return Ok(None);
        };
        let page = rest.read(Some(after)).await.inspect_err(|error| {
            tracing::warn!(%error, kind = %rest.query.kind, "an export of the history ends before its end");
        })?;
        let text = table::piece(rest.query.kind, &page, rest.csv, false);
        Ok(Some((text.into(), page.next.map(|next| (rest, next)))))
    }
}
