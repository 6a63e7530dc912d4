//! CDR bytes to types and back.
