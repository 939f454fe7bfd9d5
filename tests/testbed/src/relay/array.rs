//! PostgreSQL's arrays as it prints them: `{a,"b c",NULL}`. Of one dimension: what a run writes has no more.

use anyhow::{Result, bail};

/// The type of the elements of an array, both by their number in `pg_type`; nothing for what is no array of a built-in type.
pub(super) fn element_type(type_id: u32) -> Option<u32> {
    Some(match type_id {
        1000 => 16,
        1001 => 17,
        1005 => 21,
        1007 => 23,
        1009 => 25,
        1014 => 1042,
        1015 => 1043,
        1016 => 20,
        1021 => 700,
        1022 => 701,
        1041 => 869,
        1115 => 1114,
        1182 => 1082,
        1183 => 1083,
        1185 => 1184,
        1231 => 1700,
        2951 => 2950,
        _ => return None,
    })
}

/// The elements as text, nothing for a null.
pub(super) fn elements(text: &str) -> Result<Vec<Option<String>>> {
    let Some(inner) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        bail!("'{text}' is not an array of one dimension that begins with its first element");
    };
    let mut elements = Vec::new();
    let (mut element, mut was_quoted, mut in_quotes) = (String::new(), false, false);
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => element.extend(letters.next()),
            '"' => (was_quoted, in_quotes) = (true, !in_quotes),
            ',' if !in_quotes => {
                elements.push(finished(&mut element, was_quoted));
                was_quoted = false;
            }
            '{' if !in_quotes => bail!("'{text}' is an array of several dimensions"),
            _ => element.push(letter),
        }
    }
    if !inner.is_empty() {
        elements.push(finished(&mut element, was_quoted));
    }
    Ok(elements)
}

fn finished(element: &mut String, was_quoted: bool) -> Option<String> {
    let text = std::mem::take(element);
    (was_quoted || !text.eq_ignore_ascii_case("null")).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_read_as_postgresql_prints_them() {
        let some = |texts: &[&str]| -> Vec<Option<String>> {
            texts.iter().map(|text| Some((*text).to_owned())).collect()
        };
        let cases = [
            ("{}", vec![]),
            ("{1,-2}", some(&["1", "-2"])),
            (r#"{"",a}"#, some(&["", "a"])),
            (r#"{"a,b","say \"\\hi\"","NULL"}"#, some(&["a,b", r#"say "\hi""#, "NULL"])),
            ("{NULL,x}", vec![None, Some("x".to_owned())]),
        ];
        for (text, expected) in cases {
            assert_eq!(elements(text).unwrap(), expected, "{text}");
        }
        for bad in ["", "1,2", "{{1},{2}}", "[0:1]={1,2}"] {
            assert!(elements(bad).is_err(), "{bad}");
        }
    }
}
