//! Benchmarks of the core for developers: `cargo bench --bench core`. The comparison with the peers is `make bench`.

mod language;
mod vision;
mod vocabulary;
mod zoo;

criterion::criterion_group!(
    stages,
    vision::preprocess,
    vision::process,
    vision::nms,
    zoo::decode,
    language::sampling,
    language::grammar
);
criterion::criterion_main!(stages);
