//! The generating families beside transformers: fixtures of `models/parity/`, see `tests/data/parity`.

mod bad_input;
mod florence2;
mod reference;
mod smolvlm;
