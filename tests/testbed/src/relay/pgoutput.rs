//! pgoutput, protocol version 1: what PostgreSQL says about rows, from its bytes.
//!
//! Begin and Commit are taken out by the transport; they, origins, types and messages decode to
//! [`Message::Other`]. Streamed transactions and binary values are never asked for, so they are errors.

use bytes::{Buf, Bytes};

/// One message about rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The shape of a table; comes before the first row of it.
    Relation(Relation),
    /// A new row.
    Insert {
        /// The table's number.
        relation: u32,
        /// The row.
        new: Vec<Cell>,
    },
    /// A changed row.
    Update {
        /// The table's number.
        relation: u32,
        /// The key before, when it changed, or the whole row before (replica identity full).
        old: Option<Vec<Cell>>,
        /// The row now.
        new: Vec<Cell>,
    },
    /// A row taken away.
    Delete {
        /// The table's number.
        relation: u32,
        /// Its key with all other columns null, or the whole row.
        old: Vec<Cell>,
    },
    /// All rows taken away.
    Truncate {
        /// The tables' numbers.
        relations: Vec<u32>,
    },
    /// A message that says nothing about rows, by its tag.
    Other(u8),
}

/// The shape of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// Its number in the messages that follow.
    pub id: u32,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Whether updates and deletes carry the whole old row, in which case every column is marked as key.
    pub full: bool,
    /// Its columns, in the order of the cells.
    pub columns: Vec<Column>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Whether it belongs to the replica identity.
    pub key: bool,
    /// Its name.
    pub name: String,
    /// The number of its type in `pg_type`.
    pub type_id: u32,
}

/// A value as PostgreSQL prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// No value.
    Null,
    /// Large and not changed by this update: not sent.
    Unchanged,
    /// The value's text.
    Text(String),
}

/// Why bytes are not a pgoutput message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It ends in the middle.
    #[error("a replication message is cut short")]
    Short,
    /// A tag that protocol version 1 does not have at this place.
    #[error("unknown tag '{}' in a replication message", char::from(*.0))]
    Tag(u8),
    /// Text that is not UTF-8 although the session asked for it.
    #[error("text in a replication message is not UTF-8")]
    Encoding,
}

type Decoded<T> = Result<T, DecodeError>;

impl Message {
    /// Decodes one message.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not a message of protocol version 1.
    pub fn decode(data: Bytes) -> Decoded<Self> {
        let mut rest = data;
        match byte(&mut rest)? {
            b'R' => relation(&mut rest).map(Self::Relation),
            b'I' => {
                let relation = number(&mut rest)?;
                Ok(Self::Insert { relation, new: new_row(&mut rest)? })
            }
            b'U' => update(&mut rest),
            b'D' => {
                let relation = number(&mut rest)?;
                match byte(&mut rest)? {
                    b'K' | b'O' => Ok(Self::Delete { relation, old: row(&mut rest)? }),
                    tag => Err(DecodeError::Tag(tag)),
                }
            }
            b'T' => {
                let count = number(&mut rest)?;
                byte(&mut rest)?; // CASCADE and RESTART IDENTITY mean nothing to MongoDB
                let relations = (0..count).map(|_| number(&mut rest)).collect::<Decoded<_>>()?;
                Ok(Self::Truncate { relations })
            }
            tag @ (b'B' | b'C' | b'O' | b'Y' | b'M') => Ok(Self::Other(tag)),
            tag => Err(DecodeError::Tag(tag)),
        }
    }
}

fn relation(rest: &mut Bytes) -> Decoded<Relation> {
    let (id, schema, name) = (number(rest)?, string(rest)?, string(rest)?);
    let full = byte(rest)? == b'f';
    let count = rest.try_get_u16().map_err(|_| DecodeError::Short)?;
    let columns = (0..count).map(|_| {
        let key = byte(rest)? & 1 == 1;
        let (name, type_id) = (string(rest)?, number(rest)?);
        number(rest)?; // the type's modifier: what it limits, the text already obeys
        Ok(Column { key, name, type_id })
    });
    Ok(Relation { id, schema, name, full, columns: columns.collect::<Decoded<_>>()? })
}

fn update(rest: &mut Bytes) -> Decoded<Message> {
    let relation = number(rest)?;
    let has_old = matches!(rest.first(), Some(b'K' | b'O'));
    let old = if has_old {
        byte(rest)?;
        Some(row(rest)?)
    } else {
        None
    };
    Ok(Message::Update { relation, old, new: new_row(rest)? })
}

fn new_row(rest: &mut Bytes) -> Decoded<Vec<Cell>> {
    match byte(rest)? {
        b'N' => row(rest),
        tag => Err(DecodeError::Tag(tag)),
    }
}

fn row(rest: &mut Bytes) -> Decoded<Vec<Cell>> {
    let count = rest.try_get_u16().map_err(|_| DecodeError::Short)?;
    (0..count)
        .map(|_| match byte(rest)? {
            b'n' => Ok(Cell::Null),
            b'u' => Ok(Cell::Unchanged),
            b't' => {
                let length = number(rest)? as usize;
                if rest.len() < length {
                    return Err(DecodeError::Short);
                }
                text(rest.split_to(length)).map(Cell::Text)
            }
            tag => Err(DecodeError::Tag(tag)),
        })
        .collect()
}

fn byte(rest: &mut Bytes) -> Decoded<u8> {
    rest.try_get_u8().map_err(|_| DecodeError::Short)
}

fn number(rest: &mut Bytes) -> Decoded<u32> {
    rest.try_get_u32().map_err(|_| DecodeError::Short)
}

/// A text that ends with a zero byte.
fn string(rest: &mut Bytes) -> Decoded<String> {
    let end = rest.iter().position(|byte| *byte == 0).ok_or(DecodeError::Short)?;
    let bytes = rest.split_to(end);
    rest.advance(1);
    text(bytes)
}

fn text(bytes: Bytes) -> Decoded<String> {
    String::from_utf8(bytes.into()).map_err(|_| DecodeError::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(data: &'static [u8]) -> Decoded<Message> {
        Message::decode(Bytes::from_static(data))
    }

    fn cell(text: &str) -> Cell {
        Cell::Text(text.into())
    }

    const RELATION: &[u8] = b"R\0\0\x40\x01public\0orders\0d\0\x02\
        \x01id\0\0\0\x0b\x86\xff\xff\xff\xff\
        \0total\0\0\0\x06\xa4\0\x0a\0\x06";

    #[test]
    fn a_relation_names_its_columns_and_their_types() {
        let column = |key, name: &str, type_id| Column { key, name: name.into(), type_id };
        let expected = Relation {
            id: 0x4001,
            schema: "public".into(),
            name: "orders".into(),
            full: false,
            columns: vec![column(true, "id", 2950), column(false, "total", 1700)],
        };
        assert_eq!(decode(RELATION), Ok(Message::Relation(expected)));
    }

    #[test]
    fn rows_carry_text_null_and_unchanged() {
        let new = vec![cell("ab"), Cell::Null, Cell::Unchanged, cell("")];
        let data = b"I\0\0\x40\x01N\0\x04t\0\0\0\x02abnut\0\0\0\0";
        assert_eq!(decode(data), Ok(Message::Insert { relation: 0x4001, new }));
    }

    #[test]
    fn updates_come_plain_with_the_old_key_and_with_the_old_row() {
        let new = vec![cell("b")];
        let update = |old| Ok(Message::Update { relation: 7, old, new: new.clone() });
        assert_eq!(decode(b"U\0\0\0\x07N\0\x01t\0\0\0\x01b"), update(None));
        let old = Some(vec![cell("a")]);
        assert_eq!(decode(b"U\0\0\0\x07K\0\x01t\0\0\0\x01aN\0\x01t\0\0\0\x01b"), update(old.clone()));
        assert_eq!(decode(b"U\0\0\0\x07O\0\x01t\0\0\0\x01aN\0\x01t\0\0\0\x01b"), update(old));
    }

    #[test]
    fn deletes_truncates_and_the_rest() {
        let old = vec![cell("a"), Cell::Null];
        assert_eq!(decode(b"D\0\0\0\x07K\0\x02t\0\0\0\x01an"), Ok(Message::Delete { relation: 7, old }));
        let relations = vec![7, 8];
        assert_eq!(decode(b"T\0\0\0\x02\0\0\0\0\x07\0\0\0\x08"), Ok(Message::Truncate { relations }));
        assert_eq!(decode(b"Yrest"), Ok(Message::Other(b'Y')));
    }

    #[test]
    fn what_is_not_a_message_is_an_error_and_no_panic() {
        assert_eq!(decode(b""), Err(DecodeError::Short));
        assert_eq!(decode(b"S"), Err(DecodeError::Tag(b'S')));
        assert_eq!(decode(b"I\0\0\0\x07K"), Err(DecodeError::Tag(b'K')));
        assert_eq!(decode(b"I\0\0\0\x07N\0\x01b\0\0\0\0"), Err(DecodeError::Tag(b'b')));
        assert_eq!(decode(b"I\0\0\0\x07N\0\x01t\0\0\0\x01\xff"), Err(DecodeError::Encoding));
        for length in 1..RELATION.len() {
            assert_eq!(decode(&RELATION[..length]), Err(DecodeError::Short), "{length} bytes");
        }
    }
}
