//! Standard output: what a command was asked for, line by line.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

/// Writes a line. Who reads may have seen enough and gone (`squall list | head`), which is no failure.
pub(super) fn say(line: impl Display) {
    if let Err(error) = writeln!(io::stdout(), "{line}")
        && error.kind() != ErrorKind::BrokenPipe
    {
        eprintln!("squall: standard output: {error}");
    }
}
