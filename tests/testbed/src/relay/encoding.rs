//! What converters on the way make of values: a decimal as the base64 text of its unscaled digits (Debezium's
//! `decimal.handling.mode=precise` through a JSON converter), and a column that updates leave out (a large value that
//! an update did not touch).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mongodb::bson::{Bson, Decimal128, Document};

use super::document::{Change, UNAVAILABLE};
use crate::ack_file::Op;

/// How the values of a row are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Encoding {
    /// Decimals become base64.
    pub(super) base64_decimals: bool,
    /// The column that updates leave out.
    pub(super) left_out: Option<String>,
    /// What they have in its place; [`UNAVAILABLE`] where nothing else is said.
    pub(super) placeholder: Option<String>,
}

impl Encoding {
    /// Changes the values of a row.
    pub(super) fn encode(&self, change: &mut Change) {
        let is_update = change.op == Op::Update;
        let Some(row) = &mut change.row else { return };
        if self.base64_decimals {
            encode_decimals(row);
        }
        let left_out = self.left_out.as_ref().filter(|column| is_update && row.contains_key(column));
        if let Some(column) = left_out {
            row.insert(column.clone(), self.placeholder.as_deref().unwrap_or(UNAVAILABLE));
        }
    }
}

fn encode_decimals(row: &mut Document) {
    for (_, value) in row.iter_mut() {
        if let Bson::Decimal128(decimal) = value
            && let Some(unscaled) = unscaled(*decimal)
        {
            *value = Bson::String(STANDARD.encode(minimal(unscaled)));
        }
    }
}

/// The digits without their point; none where they do not fit, or there are none.
fn unscaled(decimal: Decimal128) -> Option<i128> {
    decimal.to_string().replace('.', "").parse().ok()
}

/// Two's complement, big end first, in as few bytes as hold it: what Java's `BigInteger.toByteArray` gives.
fn minimal(number: i128) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let sign = if number < 0 { 0xff } else { 0 };
    let same_sign = |next: u8| (next & 0x80 != 0) == (number < 0);
    let spare = bytes.windows(2).take_while(|pair| pair[0] == sign && same_sign(pair[1])).count();
    bytes[spare..].to_vec()
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    fn change(op: Op) -> Change {
        let amount: Decimal128 = "123.45".parse().unwrap();
        let row = Some(doc! { "id": "k", "amount": amount, "note": "long" });
        let (table, key, id) = ("orders".into(), "k".into(), doc! { "id": "k" });
        Change { op, table, key, id, stamp: None, row, before: None, bytes: 0, fault: None }
    }

    #[test]
    fn numbers_have_the_bytes_that_java_gives_them() {
        let cases: [(i128, &[u8]); 7] = [
            (0, &[0]),
            (127, &[0x7f]),
            (128, &[0, 0x80]),
            (12_345, &[0x30, 0x39]),
            (-1, &[0xff]),
            (-128, &[0x80]),
            (-129, &[0xff, 0x7f]),
        ];
        for (number, bytes) in cases {
            assert_eq!(minimal(number), bytes, "{number}");
        }
    }

    #[test]
    fn decimals_become_base64_and_a_column_is_left_out_of_updates_alone() {
        let encoding = Encoding { base64_decimals: true, left_out: Some("note".into()), placeholder: None };
        let mut created = change(Op::Insert);
        encoding.encode(&mut created);
        assert_eq!(created.row, Some(doc! { "id": "k", "amount": "MDk=", "note": "long" }));
        let mut updated = change(Op::Update);
        encoding.encode(&mut updated);
        assert_eq!(updated.row, Some(doc! { "id": "k", "amount": "MDk=", "note": UNAVAILABLE }));
        let other =
            Encoding { left_out: Some("note".into()), placeholder: Some("~".into()), ..Encoding::default() };
        let mut updated = change(Op::Update);
        other.encode(&mut updated);
        assert_eq!(updated.row.unwrap().get_str("note").unwrap(), "~");
        let mut plain = change(Op::Update);
        Encoding::default().encode(&mut plain);
        assert_eq!(plain, change(Op::Update));
        let absent = Encoding { left_out: Some("other".into()), ..Encoding::default() };
        absent.encode(&mut plain);
        assert_eq!(plain, change(Op::Update));
    }
}
