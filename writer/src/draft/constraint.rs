//! What a check constraint allows, as far as it can be read: a list of values, or a range. Pure.
//!
//! The texts are those of `pg_get_constraintdef`, which writes whatever the user wrote in one way: `IN` as `= ANY (ARRAY[…])`,
//! `BETWEEN` as two comparisons.

/// What a constraint allows of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    /// These values, as text.
    Values(Vec<String>),
    /// Numbers from one end to the other; of a partition also days and moments.
    Range {
        /// The smallest, and whether it is allowed itself.
        low: Option<(String, bool)>,
        /// The largest, and whether it is allowed itself.
        high: Option<(String, bool)>,
    },
}

/// What a constraint allows of the one column that it is about (`VALUE` in a domain's); nothing where it says something else.
pub(super) fn read(definition: &str) -> Option<Allowed> {
    let tokens = tokens(definition.strip_prefix("CHECK")?);
    values(&tokens).or_else(|| range(&tokens))
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A name, a keyword, or an operator.
    Word(String),
    /// A text or a number.
    Literal(String),
}

impl Token {
    fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(found) if found.eq_ignore_ascii_case(word))
    }
}

/// The words without parentheses and casts: neither changes what these constraints say.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let token;
        (token, rest) = match first {
            '\'' => {
                let (literal, after) = quoted(&rest[1..], '\'');
                (Some(Token::Literal(literal)), after)
            }
            '"' => {
                let (name, after) = quoted(&rest[1..], '"');
                (Some(Token::Word(name)), after)
            }
            '(' | ')' => (None, &rest[1..]),
            ':' if rest.starts_with("::") => (None, after_type(&rest[2..])),
            _ if first.is_ascii_digit()
                || (first == '-' && rest[1..].starts_with(|next: char| next.is_ascii_digit())) =>
            {
                let end = rest[1..]
                    .find(|next: char| !next.is_ascii_digit() && next != '.')
                    .map_or(rest.len(), |at| at + 1);
                (Some(Token::Literal(rest[..end].to_owned())), &rest[end..])
            }
            _ if first.is_alphabetic() || first == '_' => {
                let end =
                    rest.find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(rest.len());
                (Some(Token::Word(rest[..end].to_owned())), &rest[end..])
            }
            _ => {
                let is_operator = |next: char| "<>=!~*+-/%".contains(next);
                let end = match rest.find(|next: char| !is_operator(next)) {
                    Some(0) => first.len_utf8(),
                    Some(end) => end,
                    None => rest.len(),
                };
                (Some(Token::Word(rest[..end].to_owned())), &rest[end..])
            }
        };
        tokens.extend(token);
        rest = rest.trim_start();
    }
    tokens
}

/// A text up to its closing quote, which stands twice where it is meant itself, and what follows.
pub(super) fn quoted(text: &str, quote: char) -> (String, &str) {
    let mut inner = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(quote) {
        inner.push_str(before);
        match after.strip_prefix(quote) {
            Some(more) => {
                inner.push(quote);
                rest = more;
            }
            None => return (inner, after),
        }
    }
    inner.push_str(rest);
    (inner, "")
}

/// What follows the name of a type: `character varying[]`, `numeric(10,2)`, `timestamp without time zone`.
fn after_type(text: &str) -> &str {
    let mut rest = match text.strip_prefix('"') {
        Some(name) => quoted(name, '"').1,
        None => text.trim_start_matches(|next: char| next.is_alphanumeric() || matches!(next, '_' | '.')),
    };
    for more in [" varying", " precision", " without time zone", " with time zone"] {
        rest = rest.strip_prefix(more).unwrap_or(rest);
    }
    let is_modifier = |inner: &str| inner.chars().all(|next| next.is_ascii_digit() || next == ',');
    if let Some((inner, after)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'))
        && is_modifier(inner)
    {
        rest = after;
    }
    rest.strip_prefix("[]").unwrap_or(rest)
}

/// `column = ANY (ARRAY['a', 'b'])`, or `column = 'a'`, or several of these with OR between.
fn values(tokens: &[Token]) -> Option<Allowed> {
    if let [Token::Word(_), equal, any, array, open, inner @ .., close] = tokens
        && equal.is("=")
        && any.is("ANY")
        && array.is("ARRAY")
        && open.is("[")
        && close.is("]")
    {
        let items = inner.split(|token| token.is(","));
        let literal = |item: &[Token]| match item {
            [Token::Literal(text)] => Some(text.clone()),
            _ => None,
        };
        return items.map(literal).collect::<Option<Vec<_>>>().map(Allowed::Values);
    }
    let mut of = None;
    let mut found = Vec::new();
    for part in tokens.split(|token| token.is("OR")) {
        let [Token::Word(column), equal, Token::Literal(text)] = part else { return None };
        if !equal.is("=") || of.get_or_insert(column) != &column {
            return None;
        }
        found.push(text.clone());
    }
    Some(Allowed::Values(found))
}

/// One or more comparisons of one column with a number, with AND between.
fn range(tokens: &[Token]) -> Option<Allowed> {
    let (mut low, mut high, mut of) = (None, None, None);
    for part in tokens.split(|token| token.is("AND")) {
        let [Token::Word(column), Token::Word(operator), Token::Literal(number)] = part else { return None };
        number.parse::<f64>().ok()?;
        if of.get_or_insert(column) != &column {
            return None;
        }
        let end = match operator.as_str() {
            ">" | ">=" => &mut low,
            "<" | "<=" => &mut high,
            _ => return None,
        };
        // Two bounds on one side: which is the narrower does not matter enough to be told.
        if end.replace((number.clone(), operator.len() == 2)).is_some() {
            return None;
        }
    }
    Some(Allowed::Range { low, high })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_postgresql_prints_them() {
        for definition in [
            "CHECK ((status = ANY (ARRAY['new'::text, 'paid'::text])))",
            "CHECK (((status)::text = ANY ((ARRAY['new'::character varying, 'paid'::character varying])::text[])))",
            "CHECK (((status = 'new'::text) OR (status = 'paid'::text)))",
            "CHECK (((\"Status\")::text = ANY (ARRAY[('new'::character varying)::text, ('paid'::character varying)::text])))",
        ] {
            let expected = Allowed::Values(vec!["new".to_owned(), "paid".to_owned()]);
            assert_eq!(read(definition), Some(expected), "{definition}");
        }
        let numbers = read("CHECK ((stars = ANY (ARRAY[1, 2, '-3'::integer])))");
        assert_eq!(numbers, Some(Allowed::Values(["1", "2", "-3"].map(str::to_owned).to_vec())));
        let quotes = read("CHECK ((a = ANY (ARRAY['it''s'::text])))");
        assert_eq!(quotes, Some(Allowed::Values(vec!["it's".to_owned()])));
    }

    #[test]
    fn ranges_are_read_with_their_ends() {
        let end = |number: &str, with: bool| Some((number.to_owned(), with));
        let cases = [
            ("CHECK (((age >= 0) AND (age <= 150)))", end("0", true), end("150", true)),
            ("CHECK ((price > (0)::numeric))", end("0", false), None),
            ("CHECK ((VALUE < '-1.5'::numeric(10,2)))", None, end("-1.5", false)),
            ("CHECK ((rate >= (0.5)::double precision))", end("0.5", true), None),
        ];
        for (definition, low, high) in cases {
            assert_eq!(read(definition), Some(Allowed::Range { low, high }), "{definition}");
        }
    }

    #[test]
    fn whatever_else_it_says_is_left_to_a_person() {
        for definition in [
            "CHECK ((char_length(name) > 3))",
            "CHECK ((starts_at < ends_at))",
            "CHECK ((email ~~ '%@%'::text))",
            "CHECK (((a > 0) OR (a < '-5'::integer)))",
            "CHECK (((a >= 0) AND (b <= 1)))",
            "CHECK ((a > b + 1))",
            "CHECK ((day > '2020-01-01'::date))",
            "NOT VALID",
            "CHECK ((name IS NOT NULL))",
            "CHECK (('",
        ] {
            assert_eq!(read(definition), None, "{definition}");
        }
    }
}
