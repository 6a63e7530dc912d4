//! From pixels to places.
