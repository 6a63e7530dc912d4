//! Benchmarks of the core for developers: `cargo bench --bench core`. The comparison with the peers is `make bench`.

mod language;
mod vision;
mod zoo;

<<<<<<< HEAD
criterion::criterion_group!(stages, vision::preprocess, vision::process, vision::nms, zoo::decode);
=======
criterion::criterion_group!(
    stages,
    vision::preprocess,
    vision::nms,
    zoo::decode,
    language::sampling,
    language::grammar
);
>>>>>>> language
criterion::criterion_main!(stages);
