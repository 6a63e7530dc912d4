//! What comes in broken: files, graphs, questions, pictures.
