//! The body of an answer, taken apart as its framing says.

use super::answer_head::Malformed;

/// How the end of a body is known, and how far it has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none, or it has ended.
    None,
    /// So many bytes are left.
    Length(u64),
    Chunked(ChunkPart),
    /// It ends with the connection.
    UntilClose,
}

/// Where in a chunked body the reading stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChunkPart {
    Size,
    /// So many bytes of data are left in this chunk.
    Data(u64),
    /// The line break after a chunk's data.
    DataEnd,
    /// Trailer lines, up to an empty one.
    Trailer,
}

/// A size line or trailer line longer than this is no HTTP.
const MOST_LINE_BYTES: usize = 8 * 1024;

impl Framing {
    pub(super) fn chunked() -> Self {
        Self::Chunked(ChunkPart::Size)
    }

    pub(super) fn is_done(self) -> bool {
        self == Self::None
    }

    /// Reads on in `bytes`, handing data to `keep`, and returns how many bytes it took. What it
    /// leaves is an unfinished line of a chunked body, or belongs to what follows the body.
    pub(super) fn advance(
        &mut self,
        bytes: &[u8],
        mut keep: Option<&mut Vec<u8>>,
    ) -> Result<usize, Malformed> {
        let mut taken = 0;
        while !self.is_done() && taken < bytes.len() {
            let rest = &bytes[taken..];
            let step = match self {
                Self::None => 0,
                Self::UntilClose => data(rest, u64::MAX, &mut keep),
                Self::Length(left) => {
                    let step = data(rest, *left, &mut keep);
                    *left -= step as u64;
                    if *left == 0 {
                        *self = Self::None;
                    }
                    step
                }
                Self::Chunked(ChunkPart::Data(left)) => {
                    let step = data(rest, *left, &mut keep);
                    *left -= step as u64;
                    if *left == 0 {
                        *self = Self::Chunked(ChunkPart::DataEnd);
                    }
                    step
                }
                Self::Chunked(part) => {
                    let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                        return if rest.len() > MOST_LINE_BYTES {
                            Err(Malformed)
                        } else {
                            Ok(taken)
                        };
                    };
                    *self = after_line(*part, &rest[..end])?;
                    end + 1
                }
            };
            taken += step;
        }
        Ok(taken)
    }
}

fn data(bytes: &[u8], most: u64, keep: &mut Option<&mut Vec<u8>>) -> usize {
    let step = bytes.len().min(usize::try_from(most).unwrap_or(usize::MAX));
    if let Some(kept) = keep {
        kept.extend_from_slice(&bytes[..step]);
    }
    step
}

/// `line` is without its line feed.
fn after_line(part: ChunkPart, line: &[u8]) -> Result<Framing, Malformed> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match part {
        ChunkPart::DataEnd if line.is_empty() => Ok(Framing::chunked()),
        ChunkPart::DataEnd | ChunkPart::Data(_) => Err(Malformed),
        ChunkPart::Trailer if line.is_empty() => Ok(Framing::None),
        ChunkPart::Trailer => Ok(Framing::Chunked(ChunkPart::Trailer)),
        ChunkPart::Size => {
            let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
            let digits = std::str::from_utf8(digits).map_err(|_| Malformed)?.trim();
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(Malformed);
            }
            match u64::from_str_radix(digits, 16).map_err(|_| Malformed)? {
                0 => Ok(Framing::Chunked(ChunkPart::Trailer)),
                size => Ok(Framing::Chunked(ChunkPart::Data(size))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the body in pieces of `piece` bytes, as a network would.
    fn read(
        mut framing: Framing,
        body: &[u8],
        piece: usize,
    ) -> Result<(Vec<u8>, Framing, usize), Malformed> {
        let mut kept = Vec::new();
        let mut pending = Vec::new();
        let mut taken = 0;
        for part in body.chunks(piece) {
            pending.extend_from_slice(part);
            let step = framing.advance(&pending, Some(&mut kept))?;
            pending.drain(..step);
            taken += step;
        }
        Ok((kept, framing, taken))
    }

    #[test]
    fn a_chunked_body_is_the_same_however_it_is_cut() {
        let body = b"5\r\nhello\r\n6;note=\"x\"\r\n world\r\n0\r\nTrailer: t\r\n\r\nHTTP/1.1";
        for piece in 1..=body.len() {
            let (kept, framing, taken) = read(Framing::chunked(), body, piece).unwrap();
            assert_eq!(
                (kept.as_slice(), framing),
                (&b"hello world"[..], Framing::None),
                "pieces of {piece}"
            );
            assert_eq!(taken, body.len() - b"HTTP/1.1".len());
        }
    }

    #[test]
    fn a_counted_body_takes_no_more_than_its_count() {
        let (kept, framing, taken) = read(Framing::Length(3), b"abcdef", 2).unwrap();
        assert_eq!(
            (kept.as_slice(), framing, taken),
            (&b"abc"[..], Framing::None, 3)
        );
        let (_, framing, _) = read(Framing::Length(9), b"abcdef", 6).unwrap();
        assert_eq!(framing, Framing::Length(3));
    }

    #[test]
    fn broken_chunks_are_malformed() {
        assert!(read(Framing::chunked(), b"xyz\r\n", 5).is_err());
        assert!(read(Framing::chunked(), b"-5\r\nhello\r\n", 11).is_err());
        assert!(read(Framing::chunked(), b"2\r\nabc\r\n", 8).is_err());
        assert!(
            read(
                Framing::chunked(),
                &[b'1'; MOST_LINE_BYTES + 1],
                MOST_LINE_BYTES + 1
            )
            .is_err()
        );
        assert!(read(Framing::chunked(), b"fffffffffffffffff\r\n", 19).is_err());
    }
}
