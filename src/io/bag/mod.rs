//! Bags: MCAP and sqlite3, in and out.
