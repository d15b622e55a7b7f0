//! The few figures of a Prometheus exposition that tell about a heap.
//!
//! Read as it comes: lines that name nothing of interest are dropped, so the memory needed does
//! not depend on how much a recorder exposes. Source: prometheus/docs, `exposition_formats.md`.

/// The longest line that is looked at, in bytes; those of interest are far shorter.
const LONGEST: usize = 8 * 1024;

/// A heap cannot be larger than the addresses of a process on the machines this runs on: 128 TiB.
const MOST_BYTES: f64 = (1_u64 << 47) as f64;

/// What a recorder tells about itself; what it does not is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::memory) struct OwnWords {
    /// Bytes of live objects.
    pub(in crate::memory) heap: Option<u64>,
    /// Bytes that the heap has and does not use, but has not given back either.
    pub(in crate::memory) idle: Option<u64>,
    /// Goroutines, or what else runs at once.
    pub(in crate::memory) tasks: Option<u64>,
    /// The part of the CPU time that the garbage collector takes, 0 to 1.
    pub(in crate::memory) collecting: Option<f64>,
}

/// Takes an exposition in pieces.
#[derive(Debug, Default)]
pub(in crate::memory) struct Reader {
    pending: Vec<u8>,
    /// The rest of a line that is too long is skipped.
    skipping: bool,
    samples: u64,
    found: Found,
}

/// Sums by name; runtimes tell the heap in parts.
#[derive(Debug, Default)]
struct Found {
    go_alloc: Option<f64>,
    go_idle: Option<f64>,
    go_released: Option<f64>,
    go_in_use: Option<f64>,
    goroutines: Option<f64>,
    go_collecting: Option<f64>,
    node_used: Option<f64>,
    node_total: Option<f64>,
    java_used: Option<f64>,
    java_committed: Option<f64>,
    java_threads: Option<f64>,
}

impl Reader {
    /// Takes the next bytes.
    pub(in crate::memory) fn feed(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let ends = piece.last() == Some(&b'\n');
            if !self.skipping {
                self.pending.extend_from_slice(piece);
            }
            if self.pending.len() > LONGEST {
                self.skipping = true;
                self.pending.clear();
            }
            if ends {
                self.line();
                self.skipping = false;
                self.pending.clear();
            }
        }
    }

    /// What was told; `None` when this was no exposition at all.
    pub(in crate::memory) fn finish(mut self) -> Option<OwnWords> {
        self.line();
        (self.samples > 0).then(|| self.found.words())
    }

    fn line(&mut self) {
        let Ok(line) = std::str::from_utf8(&self.pending) else {
            return;
        };
        if let Some((name, labels, value)) = sample(line.trim_end()) {
            self.samples += 1;
            self.found.take(name, labels, value);
        }
    }
}

/// Name, labels with their braces, and value of a sample line.
fn sample(line: &str) -> Option<(&str, &str, f64)> {
    let in_a_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let end = line.find(|c: char| !in_a_name(c))?;
    let (name, rest) = line.split_at(end);
    if name.is_empty() {
        return None;
    }
    // No label of interest holds a brace, and of others the value does not matter.
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => rest.rsplit_once('}')?,
        None => ("", rest),
    };
    let value = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some((name, labels, value))
}

impl Found {
    fn take(&mut self, name: &str, labels: &str, value: f64) {
        let of_heap = labels.contains("area=\"heap\"");
        let place = match name {
            "go_memstats_heap_alloc_bytes" => &mut self.go_alloc,
            "go_memstats_heap_idle_bytes" => &mut self.go_idle,
            "go_memstats_heap_released_bytes" => &mut self.go_released,
            "go_memstats_heap_inuse_bytes" => &mut self.go_in_use,
            "go_goroutines" => &mut self.goroutines,
            "go_memstats_gc_cpu_fraction" => &mut self.go_collecting,
            "nodejs_heap_size_used_bytes" => &mut self.node_used,
            "nodejs_heap_size_total_bytes" => &mut self.node_total,
            // One series for each pool of the heap, or one for all of it.
            "jvm_memory_used_bytes" | "jvm_memory_bytes_used" if of_heap => &mut self.java_used,
            "jvm_memory_committed_bytes" | "jvm_memory_bytes_committed" if of_heap => {
                &mut self.java_committed
            }
            "jvm_threads_current" | "jvm_threads_live_threads" => &mut self.java_threads,
            _ => return,
        };
        if value.is_finite() && value >= 0.0 {
            *place = Some(place.unwrap_or(0.0) + value);
        }
    }

    fn words(&self) -> OwnWords {
        let go_idle = self
            .go_idle
            .map(|idle| idle - self.go_released.unwrap_or(0.0))
            .zip(self.go_in_use.zip(self.go_alloc))
            // What lies idle in whole spans, and in spans that are in use.
            .map(|(idle, (in_use, alloc))| idle + (in_use - alloc));
        let beyond = |total: Option<f64>, used: Option<f64>| Some(total? - used?);
        let idle = go_idle
            .or_else(|| beyond(self.node_total, self.node_used))
            .or_else(|| beyond(self.java_committed, self.java_used));
        let whole = |value: f64| value.max(0.0) as u64;
        let possible = |value: &f64| *value <= MOST_BYTES;
        let heap = self.go_alloc.or(self.node_used).or(self.java_used);
        OwnWords {
            heap: heap.filter(possible).map(whole),
            idle: idle.filter(possible).map(whole),
            tasks: self.goroutines.or(self.java_threads).map(whole),
            collecting: self.go_collecting.map(|share| share.min(1.0)),
        }
    }
}

impl OwnWords {
    /// The part of the heap that lies idle, 0 to 1.
    pub(in crate::memory) fn fragmentation(&self) -> Option<f64> {
        let (heap, idle) = (self.heap? as f64, self.idle? as f64);
        (heap + idle > 0.0).then(|| idle / (heap + idle))
    }
}

/// A recorder's metrics: the same however they are cut; no more is held than a long line; what
/// is told makes sense.
///
/// # Panics
/// When that is not so.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let Some((size, text)) = bytes.split_first() else {
        return;
    };
    let mut whole = Reader::default();
    whole.feed(text);
    let mut pieces = Reader::default();
    for piece in text.chunks(usize::from(*size).max(1)) {
        pieces.feed(piece);
        assert!(pieces.pending.len() <= LONGEST);
    }
    let words = whole.finish();
    assert_eq!(pieces.finish(), words);
    let words = words.unwrap_or_default();
    let shares = [words.collecting, words.fragmentation()];
    assert!(
        shares
            .iter()
            .flatten()
            .all(|share| (0.0..=1.0).contains(share)),
        "{words:?}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<OwnWords> {
        let mut whole = Reader::default();
        whole.feed(text.as_bytes());
        let mut pieces = Reader::default();
        text.as_bytes()
            .chunks(3)
            .for_each(|piece| pieces.feed(piece));
        let words = whole.finish();
        assert_eq!(pieces.finish(), words, "in pieces");
        words
    }

    #[test]
    fn a_go_program_tells_heap_idle_goroutines_and_collection() {
        let words = read(
            "# HELP go_goroutines Number.\n# TYPE go_goroutines gauge\ngo_goroutines 42\n\
             go_memstats_heap_alloc_bytes 6e+06\ngo_memstats_heap_inuse_bytes 7e+06\n\
             go_memstats_heap_idle_bytes 5e+06\ngo_memstats_heap_released_bytes 4e+06\n\
             go_memstats_gc_cpu_fraction 0.07\nother{path=\"}\"} 1 1700000000000",
        )
        .unwrap();
        let expected = OwnWords {
            heap: Some(6_000_000),
            idle: Some(2_000_000),
            tasks: Some(42),
            collecting: Some(0.07),
        };
        assert_eq!(words, expected);
        assert_eq!(words.fragmentation(), Some(0.25));
    }

    #[test]
    fn other_runtimes_tell_what_they_know() {
        let node = "nodejs_heap_size_used_bytes 30\nnodejs_heap_size_total_bytes 40\n";
        assert_eq!(read(node).unwrap().fragmentation(), Some(0.25));
        let java = "jvm_memory_used_bytes{area=\"heap\",id=\"Eden\",} 10.0\n\
                    jvm_memory_used_bytes{area=\"heap\",id=\"Old\",} 20.0\n\
                    jvm_memory_used_bytes{area=\"nonheap\",id=\"Code\",} 99.0\n\
                    jvm_threads_live_threads 7\n";
        let words = read(java).unwrap();
        assert_eq!(
            (words.heap, words.idle, words.tasks),
            (Some(30), None, Some(7))
        );
        let python = "python_info{version=\"3\"} 1.0\nprocess_resident_memory_bytes 5\n";
        assert_eq!(read(python), Some(OwnWords::default()));
    }

    #[test]
    fn what_is_no_exposition_is_refused_and_what_is_strange_is_left_out() {
        for text in [
            "",
            "<html>hello</html>\n",
            "# only a comment\n",
            "{\"a\": 1}",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
        let strange =
            "go_goroutines NaN\ngo_goroutines -5\ngo_memstats_heap_alloc_bytes +Inf\nx 1\n";
        assert_eq!(read(strange), Some(OwnWords::default()));
        let absurd = "go_memstats_heap_alloc_bytes 9e18\nx 1\n";
        assert_eq!(read(absurd), Some(OwnWords::default()));
        let long = format!(
            "x{{y=\"{}\"}} 1\ngo_goroutines 3\n",
            "z".repeat(3 * LONGEST)
        );
        assert_eq!(read(&long).unwrap().tasks, Some(3));
    }

    #[test]
    fn a_line_without_end_takes_no_memory() {
        let mut reader = Reader::default();
        for _ in 0..1_000 {
            reader.feed(&[b'a'; 4096]);
            assert!(reader.pending.capacity() <= 4 * LONGEST);
        }
        assert_eq!(reader.finish(), None);
    }
}
