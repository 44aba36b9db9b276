//! Pages of lists that run from the newest item, which has the highest id, to the oldest.

use thiserror::Error;

/// Where the first page begins: above every id.
pub const NEWEST: i64 = i64::MAX;

/// 1 to 100 items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(u8);

#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("a page has 1 to {} items", PageSize::MAX)]
pub struct PageSizeError;

impl PageSize {
    pub const MAX: u8 = 100;
    pub const DEFAULT: Self = Self(20);

    pub fn new(items: i64) -> Result<Self, PageSizeError> {
        match u8::try_from(items) {
            Ok(items @ 1..=Self::MAX) => Ok(Self(items)),
            _ => Err(PageSizeError),
        }
    }

    pub fn items(self) -> u8 {
        self.0
    }

    /// How many rows to ask the database for: one more than is shown says whether a next page exists.
    pub fn rows(self) -> i64 {
        i64::from(self.0) + 1
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The id below which the next page begins; `None` at the end of the list.
    pub next: Option<i64>,
}

impl<T> Page<T> {
    /// Cuts the surplus row of [`PageSize::rows`] off again.
    pub fn from_rows(mut rows: Vec<T>, size: PageSize, id: impl Fn(&T) -> i64) -> Self {
        let items = usize::from(size.items());
        let more = rows.len() > items;
        rows.truncate(items);
        let next = rows.last().filter(|_| more).map(id);
        Self { items: rows, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_1_to_100_items() {
        for items in [1, 20, 100] {
            assert_eq!(i64::from(PageSize::new(items).unwrap().items()), items);
        }
        for items in [i64::MIN, -1, 0, 101, 257, i64::MAX] {
            assert_eq!(PageSize::new(items), Err(PageSizeError), "{items}");
        }
    }

    #[test]
    fn the_next_page_begins_below_the_last_item_shown_and_only_when_more_rows_came() {
        let size = PageSize::new(2).unwrap();
        let page = |rows: &[i64]| Page::from_rows(rows.to_vec(), size, |&id| id);
        assert_eq!(
            page(&[9, 7, 4]),
            Page {
                items: vec![9, 7],
                next: Some(7)
            }
        );
        assert_eq!(
            page(&[9, 7]),
            Page {
                items: vec![9, 7],
                next: None
            }
        );
        assert_eq!(
            page(&[]),
            Page {
                items: vec![],
                next: None
            }
        );
    }
}
