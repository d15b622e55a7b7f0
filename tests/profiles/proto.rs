//! A reader of `profile.proto`, after github.com/google/pprof.

use std::{collections::BTreeMap, io::Read as _};

/// What a profile says.
#[derive(Debug)]
pub(crate) struct Profile {
    /// Names of the values of a sample.
    pub(crate) types: Vec<String>,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) values: Vec<u64>,
    /// From the innermost function outwards.
    pub(crate) stack: Vec<String>,
    pub(crate) labels: Vec<(String, String)>,
}

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let field = match key & 7 {
            0 => Field::Number(varint(&mut bytes)),
            2 => {
                let length = varint(&mut bytes) as usize;
                let (field, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(field)
            }
            other => panic!("wire type {other}"),
        };
        fields.push((key >> 3, field));
    }
    fields
}

fn numbers(message: &[u8]) -> BTreeMap<u64, u64> {
    let number = |(key, field)| match field {
        Field::Number(number) => Some((key, number)),
        Field::Bytes(_) => None,
    };
    fields(message).into_iter().filter_map(number).collect()
}

fn messages(message: &[u8], wanted: u64) -> Vec<&[u8]> {
    let bytes = |(key, field)| match field {
        Field::Bytes(bytes) if key == wanted => Some(bytes),
        _ => None,
    };
    fields(message).into_iter().filter_map(bytes).collect()
}

fn packed(message: &[u8], wanted: u64) -> Vec<u64> {
    let mut values = Vec::new();
    for mut bytes in messages(message, wanted) {
        while !bytes.is_empty() {
            values.push(varint(&mut bytes));
        }
    }
    values
}

impl Profile {
    /// Panics where it is no profile, or where an identifier leads nowhere.
    pub(crate) fn read(gzipped: &[u8]) -> Self {
        let mut plain = Vec::new();
        let mut gzip = flate2::read::GzDecoder::new(gzipped);
        gzip.read_to_end(&mut plain).unwrap();
        let strings: Vec<String> = messages(&plain, 6)
            .into_iter()
            .map(|text| String::from_utf8(text.to_vec()).unwrap())
            .collect();
        assert_eq!(strings[0], "");
        let text = |of: &BTreeMap<u64, u64>, field| strings[of[&field] as usize].clone();
        let mut functions = BTreeMap::new();
        for function in messages(&plain, 5) {
            let of = numbers(function);
            // `go tool pprof` cuts everything in angle brackets out of a name that is also the
            // system's.
            assert_ne!(of.get(&3), of.get(&2));
            functions.insert(of[&1], text(&of, 2));
        }
        let mappings: Vec<u64> = messages(&plain, 3)
            .into_iter()
            .map(|mapping| numbers(mapping)[&1])
            .collect();
        let mut locations = BTreeMap::new();
        for location in messages(&plain, 4) {
            let of = numbers(location);
            assert!(mappings.contains(&of[&2]));
            let lines = messages(location, 4).into_iter();
            let names: Vec<String> = lines
                .map(|line| functions[&numbers(line)[&1]].clone())
                .collect();
            locations.insert(of[&1], names);
        }
        let samples = messages(&plain, 2).into_iter().map(|sample| Sample {
            values: packed(sample, 2),
            stack: packed(sample, 1)
                .iter()
                .flat_map(|id| locations[id].clone())
                .collect(),
            labels: messages(sample, 3)
                .into_iter()
                .map(|label| (text(&numbers(label), 1), text(&numbers(label), 2)))
                .collect(),
        });
        Self {
            types: messages(&plain, 1)
                .into_iter()
                .map(|kind| text(&numbers(kind), 1))
                .collect(),
            samples: samples.collect(),
        }
    }

    /// The sum of a value over the samples whose stack has a function with this in its name.
    pub(crate) fn sum(&self, value: usize, function: &str) -> u64 {
        let has = |sample: &&Sample| sample.stack.iter().any(|name| name.contains(function));
        let with = self.samples.iter().filter(has);
        with.map(|sample| sample.values[value]).sum()
    }
}
