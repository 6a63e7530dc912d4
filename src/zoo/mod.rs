//! Model families and their manifests.
