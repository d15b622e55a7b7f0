//! Memory: what this process and its machine have.

pub mod limits;
