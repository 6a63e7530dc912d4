//! From boxes to tracks.
