//! The walk over a file that finds everything that is not as the [records](super::records) say.
//!
//! The walk hands back a repaired value: unknown keys are gone and unusable values replaced, so
//! that the checks that come after it also see the rest of a plan that has errors.

use serde_json::{Map, Value, json};

use crate::finding::Severity;
use crate::ids::TaskId;
use crate::read::records::CHECK;
use crate::read::report::{Report, nearest};
use crate::read::source::{Source, Step};
use crate::schema::DEFAULT_PRIORITY;

/// What a value may be.
#[derive(Debug)]
pub(crate) enum Shape {
    Text,
    Id,
    Flag,
    Whole {
        min: u32,
        max: u32,
    },
    /// A number of seconds that other people's tools may write with a fraction; rounded up.
    Seconds {
        min: u32,
        max: u32,
    },
    /// An amount of US dollars.
    Dollars {
        max: u32,
    },
    /// Any number.
    Number,
    Words(&'static [&'static str]),
    List(&'static Shape),
    /// A list whose entries the caller walks one by one.
    Entries,
    Record(&'static Record),
    /// True, false, or an object.
    FlagOr(&'static Record),
    /// An object whose names are free and whose values are such objects.
    Table(&'static Record),
    /// A check: a list of words, or an object.
    Check,
    /// Names and texts.
    Variables,
    Anything,
}

/// An object with known keys.
#[derive(Debug)]
pub(crate) struct Record {
    /// For messages, as in `a task`.
    pub(crate) what: &'static str,
    pub(crate) keys: &'static [Key],
    /// How grave a key is that is not among them.
    pub(crate) unknown: Severity,
}

#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) shape: Shape,
}

pub(super) const fn must(name: &'static str, shape: Shape) -> Key {
    Key { name, required: true, shape }
}

pub(super) const fn may(name: &'static str, shape: Shape) -> Key {
    Key { name, required: false, shape }
}

impl Shape {
    /// What stands in for a value that is missing or unusable; none where nothing can.
    fn stand_in(&self) -> Option<Value> {
        Some(match self {
            Self::Text => json!(""),
            Self::Flag => json!(true),
            Self::Whole { min, .. } | Self::Seconds { min, .. } => json!((*min).clamp(1, DEFAULT_PRIORITY)),
            Self::Dollars { .. } | Self::Number => json!(0),
            Self::Words(words) => json!(words.first()?),
            Self::List(_) | Self::Entries => json!([]),
            Self::Variables | Self::Table(_) => json!({}),
            Self::Anything => Value::Null,
            Self::Id | Self::Record(_) | Self::FlagOr(_) | Self::Check => return None,
        })
    }

    fn described(&self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::Id => "an id, a text".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Whole { .. } => "a whole number".to_owned(),
            Self::Seconds { .. } => "a number of seconds".to_owned(),
            Self::Dollars { .. } => "a number of US dollars".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Words(words) => format!("one of `{}`", words.join("`, `")),
            Self::List(_) | Self::Entries => "a list".to_owned(),
            Self::Record(record) => format!("an object, {}", record.what),
            Self::FlagOr(record) => format!("true, false or an object, {}", record.what),
            Self::Table(record) => format!("an object of names, each with {}", record.what),
            Self::Check => "a list of words, as in `[\"make\", \"test\"]`".to_owned(),
            Self::Variables => "an object of names and texts".to_owned(),
            Self::Anything => "anything".to_owned(),
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A walk over one file.
pub(crate) struct Walk<'a> {
    pub(crate) source: &'a Source,
    pub(crate) report: &'a mut Report,
}

impl Walk<'_> {
    /// Checks an object against its known keys. None when it cannot be used at all.
    pub(crate) fn record(
        &mut self,
        value: &Value,
        record: &'static Record,
        path: &[Step<'_>],
    ) -> Option<Value> {
        let Value::Object(members) = value else {
            self.wrong_type(value, &format!("an object, {}", record.what), path);
            return None;
        };
        // A misspelt key is one fault, not an unknown and a missing one.
        let mut meant = Vec::new();
        for name in members.keys() {
            if !record.keys.iter().any(|key| key.name == name) {
                meant.extend(self.unknown_key(name, members, record, path));
            }
        }
        let mut usable = true;
        let mut repaired = Map::new();
        for key in record.keys {
            let found = members.get(key.name).filter(|value| !value.is_null());
            let value = match found {
                Some(value) => self.value(value, &key.shape, &[path, &[Step::Key(key.name)]].concat()),
                None if key.required => {
                    if !meant.contains(&key.name) {
                        self.missing_key(key, record, path);
                    }
                    None
                }
                None => continue,
            };
            match value.or_else(|| key.shape.stand_in().filter(|_| key.required)) {
                Some(value) => {
                    repaired.insert(key.name.to_owned(), value);
                }
                None => usable &= !key.required,
            }
        }
        usable.then_some(Value::Object(repaired))
    }

    fn value(&mut self, value: &Value, shape: &'static Shape, path: &[Step<'_>]) -> Option<Value> {
        match (shape, value) {
            (Shape::Anything, _) => Some(Value::Null),
            (Shape::Text, Value::String(text)) => self.text(text, path),
            (Shape::Id, Value::String(text)) => self.id(text, path),
            (Shape::Flag | Shape::FlagOr(_), Value::Bool(_)) | (Shape::Number, Value::Number(_)) => {
                Some(value.clone())
            }
            (Shape::Whole { min, max }, Value::Number(number)) => {
                let number = number.as_f64().filter(|number| number.fract() == 0.0);
                let Some(number) = number else {
                    self.wrong_type(value, &shape.described(), path);
                    return None;
                };
                self.ranged(number, *min, *max, path)
            }
            (Shape::Seconds { min, max }, Value::Number(number)) => {
                self.ranged(number.as_f64()?.ceil(), *min, *max, path)
            }
            (Shape::Dollars { max }, Value::Number(number)) => {
                let dollars = number.as_f64()?;
                self.in_range(dollars, 0, *max, path).then(|| json!(dollars))
            }
            (Shape::Words(words), Value::String(text)) => self.word(text, words, path),
            (Shape::Entries, Value::Array(_)) => Some(json!([])),
            (Shape::List(inner), Value::Array(items)) => {
                let items = items.iter().enumerate();
                let walked =
                    items.filter_map(|(at, item)| self.value(item, inner, &[path, &[Step::At(at)]].concat()));
                Some(Value::Array(walked.collect()))
            }
            (Shape::Record(record) | Shape::FlagOr(record), Value::Object(_)) => {
                self.record(value, record, path)
            }
            (Shape::Table(record), Value::Object(members)) => Some(self.table(members, record, path)),
            (Shape::Check, Value::Object(_)) => self.record(value, &CHECK, path),
            (Shape::Check, Value::Array(_)) => self.value(value, &Shape::List(&Shape::Text), path),
            (Shape::Variables, Value::Object(members)) => {
                let walked = members.iter().filter_map(|(name, value)| {
                    let value = self.value(value, &Shape::Text, &[path, &[Step::Key(name)]].concat())?;
                    Some((name.clone(), value))
                });
                Some(Value::Object(walked.collect()))
            }
            _ => {
                self.wrong_type(value, &shape.described(), path);
                None
            }
        }
    }

    fn table(&mut self, members: &Map<String, Value>, record: &'static Record, path: &[Step<'_>]) -> Value {
        let walked = members.iter().filter_map(|(name, value)| {
            let value = self.record(value, record, &[path, &[Step::Key(name)]].concat())?;
            Some((name.clone(), value))
        });
        Value::Object(walked.collect())
    }

    fn text(&mut self, text: &str, path: &[Step<'_>]) -> Option<Value> {
        if text.contains('\0') {
            let place = self.source.place(path);
            self.report.error("bad-text", place, "The text holds a NUL character.", "Remove it.");
            return None;
        }
        Some(json!(text))
    }

    fn id(&mut self, text: &str, path: &[Step<'_>]) -> Option<Value> {
        if let Err(error) = TaskId::new(text) {
            let place = self.source.place(path);
            let message = format!("`{}` is not a valid id.", error.text);
            let remedy = "An id starts with a letter, goes on with letters, digits, `_` or `-`, and has at most 48 characters.";
            self.report.error("invalid-id", place, message, remedy);
            return None;
        }
        Some(json!(text))
    }

    fn in_range(&mut self, number: f64, min: u32, max: u32, path: &[Step<'_>]) -> bool {
        let fits = (f64::from(min)..=f64::from(max)).contains(&number);
        if !fits {
            let message = format!("{} is {number}.", last_key(path));
            let remedy = format!("Write a number from {min} to {max}.");
            self.report.error("out-of-range", self.source.place(path), message, remedy);
        }
        fits
    }

    fn ranged(&mut self, number: f64, min: u32, max: u32, path: &[Step<'_>]) -> Option<Value> {
        if !self.in_range(number, min, max, path) {
            return None;
        }
        // In range and whole, so its text is that of a u32.
        format!("{number:.0}").parse::<u32>().ok().map(|number| json!(number))
    }

    fn word(&mut self, text: &str, words: &'static [&'static str], path: &[Step<'_>]) -> Option<Value> {
        if words.contains(&text) {
            return Some(json!(text));
        }
        let message = format!("`{text}` is not a word that {} knows.", last_key(path));
        let remedy = nearest(text, words.iter().copied()).map_or_else(
            || format!("Write one of `{}`.", words.join("`, `")),
            |word| format!("Did you mean `{word}`?"),
        );
        self.report.error("unknown-word", self.source.place(path), message, remedy);
        None
    }

    fn wrong_type(&mut self, value: &Value, expected: &str, path: &[Step<'_>]) {
        let what = if path.is_empty() { "The file".to_owned() } else { last_key(path) };
        let message = match value {
            Value::Number(number) => format!("{what} is {number}; it must be {expected}."),
            _ => format!("{what} is {}; it must be {expected}.", kind_of(value)),
        };
        self.report.error("wrong-type", self.source.place(path), message, "Change it.");
    }

    /// Reports a key that is not known, and gives the one that was most likely meant.
    fn unknown_key(
        &mut self,
        name: &str,
        members: &Map<String, Value>,
        record: &Record,
        path: &[Step<'_>],
    ) -> Option<&'static str> {
        let place = self.source.place(&[path, &[Step::Key(name)]].concat());
        let message = format!("{} has no key `{name}`.", capital(record.what));
        // A key that is there already was not meant.
        let free = record.keys.iter().map(|key| key.name).filter(|key| !members.contains_key(*key));
        let meant = nearest(name, free);
        let remedy = meant.map_or_else(|| "Remove it.".to_owned(), |key| format!("Did you mean `{key}`?"));
        self.report.add(record.unknown, "unknown-key", place, message, remedy);
        meant.filter(|_| record.unknown == Severity::Error)
    }

    fn missing_key(&mut self, key: &Key, record: &Record, path: &[Step<'_>]) {
        let message = format!("{} lacks the key `{}`.", capital(record.what), key.name);
        let remedy = format!("Add it; it must be {}.", key.shape.described());
        self.report.error("missing-key", self.source.place(path), message, remedy);
    }
}

fn last_key(path: &[Step<'_>]) -> String {
    let key = path.iter().rev().find_map(|step| match step {
        Step::Key(key) => Some(*key),
        Step::At(_) => None,
    });
    match (key, path.last()) {
        (Some(key), Some(Step::At(_))) => format!("An entry of `{key}`"),
        (Some(key), _) => format!("`{key}`"),
        (None, _) => "The entry".to_owned(),
    }
}

fn capital(what: &str) -> String {
    let mut letters = what.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
