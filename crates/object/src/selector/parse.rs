//! The query syntax of label selectors.

use super::{Operator, Requirement, SelectorError};
use crate::names::qualified_name_errors;
use std::collections::BTreeSet;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    End,
    Close,
    Comma,
    Not,
    DoubleEquals,
    Equals,
    Greater,
    Identifier,
    In,
    Less,
    NotEquals,
    NotIn,
    Open,
}

/// The tokens of a selector with their texts; the last one is always [`Token::End`].
fn tokens(text: &str) -> Vec<(Token, String)> {
    let mut tokens = Vec::new();
    // Upstream reads a NUL byte as the end of the text.
    let mut rest = text.split('\0').next().unwrap_or_default();
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let (token, used) = match rest.chars().next() {
            None => break,
            Some(first) if is_special(first) => symbol(rest),
            Some(_) => word(rest),
        };
        tokens.push((token, rest[..used].to_owned()));
        rest = &rest[used..];
    }
    tokens.push((Token::End, String::new()));
    tokens
}

fn is_special(letter: char) -> bool {
    "=!(),><".contains(letter)
}

/// Reads the longest symbol at the start of `text`, which begins with one.
fn symbol(text: &str) -> (Token, usize) {
    let two = text.get(..2).and_then(|two| match two {
        "==" => Some(Token::DoubleEquals),
        "!=" => Some(Token::NotEquals),
        _ => None,
    });
    if let Some(token) = two {
        return (token, 2);
    }
    let token = match text.as_bytes()[0] {
        b')' => Token::Close,
        b',' => Token::Comma,
        b'!' => Token::Not,
        b'=' => Token::Equals,
        b'>' => Token::Greater,
        b'<' => Token::Less,
        _ => Token::Open,
    };
    (token, 1)
}

/// Reads an identifier or a keyword at the start of `text`.
fn word(text: &str) -> (Token, usize) {
    let end = text.find(|letter| is_special(letter) || " \t\r\n".contains(letter)).unwrap_or(text.len());
    let token = match &text[..end] {
        "in" => Token::In,
        "notin" => Token::NotIn,
        _ => Token::Identifier,
    };
    (token, end)
}

struct Parser {
    tokens: Vec<(Token, String)>,
    at: usize,
}

impl Parser {
    /// Gives the next token, reading `in` and `notin` as what they are only where an operator may stand.
    fn peek(&self, operator_expected: bool) -> (Token, &str) {
        let (token, text) = &self.tokens[self.at.min(self.tokens.len() - 1)];
        match token {
            Token::In | Token::NotIn if !operator_expected => (Token::Identifier, text),
            _ => (*token, text),
        }
    }

    fn take(&mut self, operator_expected: bool) -> (Token, String) {
        let (token, text) = self.peek(operator_expected);
        let taken = (token, text.to_owned());
        self.at += 1;
        taken
    }

    fn requirement(&mut self) -> Result<Requirement, SelectorError> {
        let (key, negated) = self.key()?;
        if matches!(self.peek(false).0, Token::End | Token::Comma) {
            let operator = if negated { Operator::DoesNotExist } else { Operator::Exists };
            return Requirement::new(&key, operator, []);
        }
        if negated {
            return Requirement::new(&key, Operator::DoesNotExist, []);
        }
        let operator = self.operator()?;
        let values = match operator {
            Operator::In | Operator::NotIn => self.set()?,
            _ => BTreeSet::from([self.exact_value()?]),
        };
        Requirement::new(&key, operator, values.iter().map(String::as_str))
    }

    /// Reads a key and whether `!` stands before it.
    fn key(&mut self) -> Result<(String, bool), SelectorError> {
        let (mut token, mut text) = self.take(false);
        let negated = token == Token::Not;
        if negated {
            (token, text) = self.take(false);
        }
        if token != Token::Identifier {
            return Err(found(&text, ", expected: identifier"));
        }
        let errors = qualified_name_errors(&text);
        if !errors.is_empty() {
            // Upstream has no field path here, and Go prints that as `<nil>`.
            return Err(SelectorError(format!("<nil>: Invalid value: {text:?}: {}", errors.join("; "))));
        }
        Ok((text, negated))
    }

    fn operator(&mut self) -> Result<Operator, SelectorError> {
        let (token, text) = self.take(true);
        Ok(match token {
            Token::In => Operator::In,
            Token::NotIn => Operator::NotIn,
            Token::Equals => Operator::Equals,
            Token::DoubleEquals => Operator::DoubleEquals,
            Token::NotEquals => Operator::NotEquals,
            Token::Greater => Operator::GreaterThan,
            Token::Less => Operator::LessThan,
            _ => return Err(found(&text, ", expected: in, notin, =, ==, !=, gt, lt")),
        })
    }

    /// Reads `(a,b)`; places between commas left empty stand for the empty value.
    fn set(&mut self) -> Result<BTreeSet<String>, SelectorError> {
        let (token, text) = self.take(false);
        if token != Token::Open {
            return Err(found(&text, " expected: '('"));
        }
        match self.peek(false) {
            (Token::Identifier | Token::Comma, _) => {}
            (Token::Close, _) => {
                self.at += 1;
                return Ok(BTreeSet::from([String::new()]));
            }
            (_, text) => return Err(found(text, ", expected: ',', ')' or identifier")),
        }
        let mut values = BTreeSet::new();
        let mut value_expected = true;
        loop {
            let (token, text) = self.take(false);
            match token {
                Token::Identifier if value_expected => {
                    values.insert(text);
                    value_expected = false;
                }
                Token::Comma => {
                    if value_expected {
                        values.insert(String::new());
                    }
                    value_expected = true;
                }
                Token::Close => {
                    if value_expected {
                        values.insert(String::new());
                    }
                    return Ok(values);
                }
                _ if value_expected => return Err(found(&text, ", expected: ',', or identifier")),
                _ => return Err(found(&text, ", expected: ',' or ')'")),
            }
        }
    }

    fn exact_value(&mut self) -> Result<String, SelectorError> {
        if matches!(self.peek(false).0, Token::End | Token::Comma) {
            return Ok(String::new());
        }
        match self.take(false) {
            (Token::Identifier, text) => Ok(text),
            (_, text) => Err(found(&text, ", expected: identifier")),
        }
    }
}

fn found(text: &str, expected: &str) -> SelectorError {
    SelectorError(format!("found '{text}'{expected}"))
}

/// Parses a whole selector into its requirements, in the order in which they are written.
pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, SelectorError> {
    let mut parser = Parser { tokens: tokens(text), at: 0 };
    let mut requirements = Vec::new();
    loop {
        match parser.peek(false) {
            (Token::Identifier | Token::Not, _) => {}
            (Token::End, _) => return Ok(requirements),
            (_, text) => return Err(found(text, ", expected: !, identifier, or 'end of string'")),
        }
        let requirement = parser.requirement();
        requirements.push(
            requirement.map_err(|error| SelectorError(format!("unable to parse requirement: {error}")))?,
        );
        match parser.take(false) {
            (Token::End, _) => return Ok(requirements),
            (Token::Comma, _) => match parser.peek(false) {
                (Token::Identifier | Token::Not, _) => {}
                (_, text) => return Err(found(text, ", expected: identifier after ','")),
            },
            (_, text) => return Err(found(&text, ", expected: ',' or 'end of string'")),
        }
    }
}
