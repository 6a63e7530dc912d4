//! Benchmarks of the core for developers: `cargo bench --bench core`. The comparison with the peers is `make bench`.

mod vision;
mod zoo;

criterion::criterion_group!(stages, vision::preprocess, vision::process, vision::nms, zoo::decode);
criterion::criterion_main!(stages);
