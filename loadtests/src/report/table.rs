//! Tables of text, for Markdown and HTML alike.

/// A table; the first `labels` columns are words, the rest numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub labels: usize,
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new<S: Into<String>>(labels: usize, head: impl IntoIterator<Item = S>) -> Self {
        Self {
            labels,
            head: head.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    pub fn push<S: Into<String>>(&mut self, row: impl IntoIterator<Item = S>) {
        self.rows.push(row.into_iter().map(Into::into).collect());
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
