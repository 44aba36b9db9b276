//! Lists on the wire: `{items, next_cursor}`, and with offset paging also `page`, `size`, `total_count`.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Problem;
use super::cursor;
use crate::page::{NEWEST, Page, PageSize};

/// One page of a list, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    items: Vec<T>,
    /// Asks for the next page; null at the end of the list.
    #[schema(required = true)]
    next_cursor: Option<String>,
    /// The number of this page, counted from 1; only with offset paging.
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<u32>,
    /// How many items a full page has; only with offset paging.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u8>,
    /// How many items all pages have; only with offset paging.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_count: Option<i64>,
}

impl<T> List<T> {
    /// `name` is the list's own, as for [`cursor::encode`].
    pub fn by_cursor(page: Page<T>, name: &str) -> Self {
        Self {
            items: page.items,
            next_cursor: page.next.map(|position| cursor::encode(name, position)),
            page: None,
            size: None,
            total_count: None,
        }
    }

    /// Its cursor goes on where this page ends.
    pub fn by_offset(
        page: Page<T>,
        name: &str,
        number: u32,
        size: PageSize,
        total_count: i64,
    ) -> Self {
        Self {
            page: Some(number),
            size: Some(size.items()),
            total_count: Some(total_count),
            ..Self::by_cursor(page, name)
        }
    }
}

/// Which page of a list that is paged by cursor.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CursorQuery {
    /// `next_cursor` of the page before; missing or empty: the first page.
    cursor: Option<String>,
    /// Items per page, 1 to 100; 20 when missing.
    size: Option<i64>,
}

impl CursorQuery {
    /// The position below which the page begins.
    pub fn before(&self, name: &str) -> Result<i64, Problem> {
        position(self.cursor.as_deref(), name)
    }

    pub fn size(&self) -> Result<PageSize, Problem> {
        page_size(self.size)
    }
}

/// The position below which the page begins: [`NEWEST`] without a cursor.
pub fn position(cursor: Option<&str>, name: &str) -> Result<i64, Problem> {
    match cursor {
        None | Some("") => Ok(NEWEST),
        Some(cursor) => cursor::decode(name, cursor)
            .map_err(|error| Problem::invalid_field("cursor", "invalid_cursor", error.to_string())),
    }
}

pub fn page_size(size: Option<i64>) -> Result<PageSize, Problem> {
    size.map_or(Ok(PageSize::DEFAULT), PageSize::new)
        .map_err(|error| Problem::invalid_field("size", "out_of_range", error.to_string()))
}
