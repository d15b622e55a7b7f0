//! `profile.proto`, written by hand: seven messages of numbers and texts.
//!
//! Source: github.com/google/pprof, proto/profile.proto; the encoding is that of Protocol
//! Buffers. Functions are named, addresses left out: profiles of two runs can be compared, and
//! nobody learns where the program lies in memory.

use std::{
    collections::HashMap,
    io::{self, Write as _},
    time::{Duration, SystemTime},
};

use flate2::{Compression, write::GzEncoder};

/// What a sample's value counts: a name and a unit.
pub(super) type ValueType = (&'static str, &'static str);

/// The functions at one place in the code: inlined ones first, then those they were inlined into.
pub(super) type Functions = Vec<String>;

/// A profile that is being put together.
pub(super) struct Builder {
    out: Message,
    strings: Table<String>,
    functions: Table<u64>,
    locations: Table<Functions>,
}

/// Things by the order of their first use.
struct Table<T>(HashMap<T, u64>, Vec<T>);

impl<T: Clone + Eq + std::hash::Hash> Table<T> {
    /// The thing's place, from 0 on.
    fn place(&mut self, thing: T) -> u64 {
        let next = self.1.len() as u64;
        *self.0.entry(thing.clone()).or_insert_with(|| {
            self.1.push(thing);
            next
        })
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(HashMap::new(), Vec::new())
    }
}

impl Builder {
    /// A profile whose samples have values of these types, the last being what is shown first,
    /// taken at `time` over `duration`, with one sample a `period`.
    pub(super) fn new(
        types: &[ValueType],
        time: SystemTime,
        duration: Duration,
        (period_type, period): (ValueType, u64),
    ) -> Self {
        let mut builder = Self {
            out: Message::default(),
            strings: Table::default(),
            functions: Table::default(),
            locations: Table::default(),
        };
        // The first string is the empty one.
        builder.strings.place(String::new());
        for kind in types {
            let kind = builder.value_type(*kind);
            builder.out.message(1, &kind);
        }
        let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH);
        builder
            .out
            .number(9, since_1970.unwrap_or_default().as_nanos() as u64);
        builder.out.number(10, duration.as_nanos() as u64);
        let kind = builder.value_type(period_type);
        builder.out.message(11, &kind);
        builder.out.number(12, period);
        if let Some((name, _)) = types.last() {
            let default = builder.string(name);
            builder.out.number(14, default);
        }
        builder
    }

    /// Adds a sample: the stack from the innermost place outwards, a value for each type, and
    /// perhaps a label.
    pub(super) fn sample(
        &mut self,
        stack: impl IntoIterator<Item = Functions>,
        values: &[u64],
        label: Option<(&str, &str)>,
    ) {
        let ids: Vec<u64> = stack
            .into_iter()
            .map(|functions| self.locations.place(functions) + 1)
            .collect();
        let mut sample = Message::default();
        sample.packed(1, &ids);
        sample.packed(2, values);
        if let Some((key, value)) = label {
            let mut label = Message::default();
            label.number(1, self.string(key));
            label.number(2, self.string(value));
            sample.message(3, &label);
        }
        self.out.message(2, &sample);
    }

    /// The profile, gzipped.
    pub(super) fn finish(mut self) -> io::Result<Vec<u8>> {
        let mut mapping = Message::default();
        mapping.number(1, 1);
        mapping.number(3, u64::MAX);
        mapping.number(5, self.string(env!("CARGO_PKG_NAME")));
        // Nobody needs to look for the names: they are there.
        mapping.number(7, 1);
        self.out.message(3, &mapping);
        for (functions, id) in std::mem::take(&mut self.locations.1).into_iter().zip(1..) {
            let mut location = Message::default();
            location.number(1, id);
            location.number(2, 1);
            for name in functions {
                let name = self.strings.place(name);
                let mut line = Message::default();
                line.number(1, self.functions.place(name) + 1);
                location.message(4, &line);
            }
            self.out.message(4, &location);
        }
        for (name, id) in std::mem::take(&mut self.functions.1).into_iter().zip(1..) {
            let mut function = Message::default();
            function.number(1, id);
            // No name of the system's beside it: one that is the same is taken for a mangled one of
            // C++, and everything in angle brackets is cut out of it.
            function.number(2, name);
            self.out.message(5, &function);
        }
        for string in &self.strings.1 {
            self.out.bytes(6, string.as_bytes());
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&self.out.0)?;
        gzip.finish()
    }

    fn string(&mut self, text: &str) -> u64 {
        self.strings.place(text.to_owned())
    }

    fn value_type(&mut self, (kind, unit): ValueType) -> Message {
        let mut message = Message::default();
        message.number(1, self.string(kind));
        message.number(2, self.string(unit));
        message
    }
}

/// One message's bytes.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A field that is a number; zero is the default and not written.
    fn number(&mut self, field: u64, value: u64) {
        if value != 0 {
            self.varint(field << 3);
            self.varint(value);
        }
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn message(&mut self, field: u64, message: &Self) {
        self.bytes(field, &message.0);
    }

    fn packed(&mut self, field: u64, values: &[u64]) {
        let mut all = Self::default();
        for value in values {
            all.varint(*value);
        }
        self.message(field, &all);
    }
}
