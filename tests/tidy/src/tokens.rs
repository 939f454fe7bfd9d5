//! A source as words and signs with their lines, without comments, literals and what only tests see.

/// One word or sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// An identifier, or one sign; `::` is one.
    pub text: String,
    /// Counted from 1.
    pub line: usize,
}

/// The tokens of a source without what stands under `#[cfg(test)]`.
#[must_use]
pub fn shipped(text: &str) -> Vec<Token> {
    without_tests(&cut(text), &mut Vec::new())
}

/// The names of the modules that a file declares under `#[cfg(test)]` and that have a file of their own.
#[must_use]
pub fn test_modules(text: &str) -> Vec<String> {
    let mut modules = Vec::new();
    without_tests(&cut(text), &mut modules);
    modules
}

fn cut(text: &str) -> Vec<Token> {
    let letters: Vec<char> = text.chars().collect();
    let at = |index: usize| letters.get(index).copied().unwrap_or('\0');
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut tokens = Vec::new();
    let (mut index, mut line) = (0, 1);
    while index < letters.len() {
        let start = index;
        match (at(index), at(index + 1)) {
            ('/', '/') => index = end_of_line(&letters, index),
            ('/', '*') => index = end_of_comment(&letters, index),
            ('"', _) => index = end_of_text(&letters, index + 1),
            // A character, and not a lifetime.
            ('\'', '\\') => index = end_of_quote(&letters, index + 3),
            ('\'', _) if at(index + 2) == '\'' => index += 3,
            (letter, _) if is_word(letter) => {
                while is_word(at(index)) {
                    index += 1;
                }
                let word: String = letters[start..index].iter().collect();
                let raw = matches!(word.as_str(), "r" | "br" | "cr") && matches!(at(index), '"' | '#');
                if raw && let Some(end) = end_of_raw(&letters, index) {
                    index = end;
                } else {
                    tokens.push(Token { text: word, line });
                }
            }
            (':', ':') => {
                tokens.push(Token { text: "::".to_owned(), line });
                index += 2;
            }
            (letter, _) => {
                if !letter.is_whitespace() {
                    tokens.push(Token { text: letter.to_string(), line });
                }
                index += 1;
            }
        }
        line += letters[start..index.min(letters.len())].iter().filter(|letter| **letter == '\n').count();
    }
    tokens
}

fn end_of_line(letters: &[char], from: usize) -> usize {
    letters[from..].iter().position(|letter| *letter == '\n').map_or(letters.len(), |length| from + length)
}

/// Comments may stand within comments.
fn end_of_comment(letters: &[char], from: usize) -> usize {
    let (mut index, mut depth) = (from, 0_usize);
    while index + 1 < letters.len() {
        match (letters[index], letters[index + 1]) {
            ('/', '*') => (index, depth) = (index + 2, depth + 1),
            ('*', '/') if depth == 1 => return index + 2,
            ('*', '/') => (index, depth) = (index + 2, depth - 1),
            _ => index += 1,
        }
    }
    letters.len()
}

fn end_of_text(letters: &[char], from: usize) -> usize {
    let mut index = from;
    while index < letters.len() {
        match letters[index] {
            '\\' => index += 2,
            '"' => return index + 1,
            _ => index += 1,
        }
    }
    letters.len()
}

fn end_of_quote(letters: &[char], from: usize) -> usize {
    let rest = letters.get(from..).unwrap_or_default();
    rest.iter().position(|letter| *letter == '\'').map_or(letters.len(), |length| from + length + 1)
}

/// The end of a raw text whose marks begin at `from`; nothing for a raw identifier.
fn end_of_raw(letters: &[char], from: usize) -> Option<usize> {
    let marks = letters[from..].iter().take_while(|letter| **letter == '#').count();
    if letters.get(from + marks) != Some(&'"') {
        return None;
    }
    let mut end = vec!['"'];
    end.extend(std::iter::repeat_n('#', marks));
    let rest = &letters[from + marks + 1..];
    let length = rest.windows(end.len()).position(|window| window == end)?;
    Some(from + marks + 1 + length + end.len())
}

fn without_tests(tokens: &[Token], modules: &mut Vec<String>) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        let Some(attribute) = test_attribute(&tokens[index..]) else {
            kept.push(tokens[index].clone());
            index += 1;
            continue;
        };
        index += attribute;
        // The other attributes of the same item.
        while text(tokens, index) == "#" {
            index += enclosed(&tokens[index + 1..]) + 1;
        }
        let item = item_length(&tokens[index..]);
        let words: Vec<&str> = tokens[index..index + item].iter().map(|token| token.text.as_str()).collect();
        if let [.., "mod", name, ";"] = words[..] {
            modules.push(name.to_owned());
        }
        index += item;
    }
    kept
}

fn text(tokens: &[Token], index: usize) -> &str {
    tokens.get(index).map_or("", |token| token.text.as_str())
}

/// How many tokens `#[cfg(test)]`, or a `cfg` of several with `test` among them, takes; nothing elsewhere.
fn test_attribute(tokens: &[Token]) -> Option<usize> {
    let head = ["#", "[", "cfg", "("];
    if (0..head.len()).any(|index| text(tokens, index) != head[index]) {
        return None;
    }
    let length = enclosed(&tokens[1..]) + 1;
    let inner = &tokens[..length];
    let has = |word: &str| inner.iter().any(|token| token.text == word);
    (has("test") && !has("not") && !has("any")).then_some(length)
}

/// How many tokens a bracket and what it encloses take.
fn enclosed(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" if depth == 1 => return index + 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    tokens.len()
}

/// How many tokens an item takes: up to its semicolon, or to the end of its braces.
fn item_length(tokens: &[Token]) -> usize {
    let mut index = 0;
    while index < tokens.len() {
        match tokens[index].text.as_str() {
            ";" | "," => return index + 1,
            "{" => {
                let end = index + enclosed(&tokens[index..]);
                // A list of a `use` has its semicolon after its braces.
                return end + usize::from(text(tokens, end) == ";");
            }
            "(" | "[" => index += enclosed(&tokens[index..]),
            _ => index += 1,
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        shipped(text).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_literals_are_no_words() {
        let text = "a /* b /* c */ d */ \"e \\\" f\" 'g' '\\'' h r#\"i \" j\"# 'k: // l\nm";
        assert_eq!(words(text), ["a", "h", "'", "k", ":", "m"]);
        assert_eq!(shipped("a\n\"b\nc\"\nd").last().map(|token| token.line), Some(4));
    }

    #[test]
    fn what_only_tests_see_is_left_out_up_to_its_end() {
        assert_eq!(words("#[cfg(test)] use a::{b, c}; d"), ["d"]);
        assert_eq!(words("#[cfg(test)]\n#[path = \"x.rs\"]\nmod tests; d"), ["d"]);
        assert_eq!(words("#[cfg(all(test, unix))] mod tests { fn a() { b } } d"), ["d"]);
        assert_eq!(words("#[cfg(test)] fn a(b: [u8; 3]) -> c { d } e"), ["e"]);
        assert_eq!(
            words("#[cfg(not(test))] a"),
            ["#", "[", "cfg", "(", "not", "(", "test", ")", ")", "]", "a"]
        );
        assert_eq!(test_modules("#[cfg(test)] pub(crate) mod fixture; mod a;"), ["fixture"]);
    }
}
