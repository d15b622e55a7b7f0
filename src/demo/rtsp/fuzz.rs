//! What the demo's server promises about any client.

use super::inbox::{Inbox, MAX_REQUEST};
use crate::fuzzing::{Input, cut};

/// The requests do not depend on how the bytes were cut, and little is gathered.
pub(crate) fn inbox(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let seed = input.byte();
    let stream = input.rest();
    let whole = requests(stream, 0);
    let pieces = requests(stream, seed.max(1));
    assert_eq!(whole, pieces);
}

/// The requests as text, and whether the last thing was a refusal.
fn requests(stream: &[u8], seed: u8) -> (Vec<String>, bool) {
    let mut inbox = Inbox::default();
    let mut came = Vec::new();
    for piece in cut(stream, seed) {
        inbox.bytes.extend_from_slice(piece);
        loop {
            match inbox.next() {
                Ok(Some(request)) => came.push(format!("{request:?} {:?}", request.cseq())),
                Ok(None) => break,
                Err(_) => return (came, true),
            }
        }
        assert!(inbox.bytes.len() < MAX_REQUEST);
    }
    (came, false)
}
