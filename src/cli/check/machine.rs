//! The GPU of this machine and the libraries that ONNX Runtime's GPU providers load, each with what cures it.

use super::finding::Finding;
use serde_json::json;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use vedette::infer::{Provider, Runtime};

/// The driver that each CUDA needs at least, by NVIDIA's table of minor version compatibility.
const DRIVERS: [(&str, u32); 2] = [("12", 525), ("13", 580)];

/// The libraries that are looked for, by the file's name up to the version.
const LIBRARIES: [(&str, &str, Provider); 3] = [
    ("cuda", "libcudart.so.", Provider::Cuda),
    ("cudnn", "libcudnn.so.", Provider::Cuda),
    ("tensorrt", "libnvinfer.so.", Provider::TensorRt),
];

const JETSON_CURE: &str = "a Jetson needs a build of ONNX Runtime for its JetPack, in ORT_DYLIB_PATH (docs/gpu.md)";

/// What the findings rest on.
#[derive(Debug, Clone, Default)]
struct Facts {
    /// The version of ONNX Runtime, and the providers that it was built with; `None` where it is not loaded.
    runtime: Option<(String, Vec<Provider>)>,
    /// Whether that one says which nodes a provider holds.
    tells_nodes: bool,
    arch: &'static str,
    /// By `nvidia-smi`; `None` where there is none, or it fails.
    driver: Option<String>,
    /// Names with compute capability.
    gpus: Vec<String>,
    /// The first line of `/etc/nv_tegra_release`.
    tegra: Option<String>,
    /// The files found of each of [`LIBRARIES`], with their versions.
    libraries: [Vec<(PathBuf, String)>; 3],
}

/// One finding for each of: what the runtime lacks, Jetson release, GPUs and driver, CUDA, cuDNN, TensorRT.
pub(super) fn findings() -> Vec<Finding> {
    let runtime = Runtime::load(None).ok();
    let (driver, gpus) = asked_of_the_driver();
    let folders = searched_folders();
    told(&Facts {
        runtime: runtime.map(|runtime| (runtime.version().to_owned(), runtime.built_in_providers())),
        tells_nodes: runtime.is_some_and(Runtime::tells_node_assignment),
        arch: env::consts::ARCH,
        driver,
        gpus,
        tegra: fs::read_to_string("/etc/nv_tegra_release").ok().and_then(|text| text.lines().next().map(str::to_owned)),
        libraries: LIBRARIES.map(|(_, prefix, _)| found(&folders, prefix)),
    })
}

fn told(facts: &Facts) -> Vec<Finding> {
    let providers = facts.runtime.as_ref().map(|(_, providers)| providers.as_slice()).unwrap_or_default();
    let mut findings = Vec::new();
    if let Some((version, providers)) = &facts.runtime {
        findings.push(lacking(version, providers, facts));
    }
    if let Some(release) = &facts.tegra {
        let cure = (!providers.contains(&Provider::Cuda)).then(|| JETSON_CURE.to_owned());
        findings.push(Finding::noted("jetson", release.clone(), cure, json!({ "release": release })));
    }
    findings.push(gpu(facts));
    for ((subject, prefix, provider), files) in LIBRARIES.into_iter().zip(&facts.libraries) {
        let cure = (files.is_empty() && providers.contains(&provider)).then(|| match facts.tegra {
            Some(_) => "JetPack brings it: `sudo apt-get install nvidia-jetpack`".to_owned(),
            None => "`make setup GPU=1` fetches it; an installed one needs its folder in LD_LIBRARY_PATH".to_owned(),
        });
        let named: Vec<String> =
            files.iter().map(|(path, version)| format!("{version} at {}", path.display())).collect();
        let text = match named.len() {
            0 => format!("no {prefix}* found"),
            _ => named.join(", "),
        };
        let all: Vec<_> = files.iter().map(|(path, version)| json!({ "file": path, "version": version })).collect();
        findings.push(Finding::noted(subject, text, cure, json!({ "found": all })));
    }
    findings
}

/// What the loaded ONNX Runtime cannot do.
fn lacking(version: &str, providers: &[Provider], facts: &Facts) -> Finding {
    let missing: Vec<&str> =
        Provider::ALL.into_iter().filter(|one| !providers.contains(one)).map(Provider::name).collect();
    let mut lacks = Vec::new();
    if !facts.tells_nodes {
        lacks.push(format!("version {version} does not say which nodes a provider holds (1.24 and later do)"));
    }
    if !missing.is_empty() {
        lacks.push(format!("not built with {}", missing.join(", ")));
    }
    let cure = match (facts.tegra.is_some(), missing.as_slice()) {
        (_, []) => None,
        (true, _) => Some(JETSON_CURE.to_owned()),
        (false, ["tensorrt"]) if facts.arch == "aarch64" => Some(
            "the wheel for aarch64 has no TensorRT provider: models run on CUDA; for TensorRT build ONNX Runtime with \
             `--use_cuda --use_tensorrt` and set ORT_DYLIB_PATH (docs/gpu.md)"
                .to_owned(),
        ),
        (false, _) => Some("with an NVIDIA GPU: `make setup GPU=1` fetches a build with them".to_owned()),
    };
    let text = if lacks.is_empty() { "nothing".to_owned() } else { lacks.join("; ") };
    Finding::noted(
        "onnxruntime lacks",
        text,
        cure,
        json!({ "node_assignment": facts.tells_nodes, "providers": missing }),
    )
}

/// The GPUs and whether their driver is new enough for the CUDA that is there.
fn gpu(facts: &Facts) -> Finding {
    let details = json!({ "gpus": facts.gpus, "driver": facts.driver });
    let Some(driver) = &facts.driver else {
        let cure = "where there is an NVIDIA GPU: install its driver, or pass the GPU into the container".to_owned();
        return Finding::noted("gpu", "nvidia-smi names none".to_owned(), Some(cure), details);
    };
    let major = |version: &str| version.split('.').next().unwrap_or_default().to_owned();
    let installed: u32 = major(driver).parse().unwrap_or(u32::MAX);
    let cudas: Vec<String> = facts.libraries[0].iter().map(|(_, version)| major(version)).collect();
    let needed = DRIVERS.into_iter().filter(|(cuda, _)| cudas.iter().any(|found| found == cuda));
    // Several may be installed: the driver serves the oldest at least.
    let needed = needed.min_by_key(|(_, driver)| *driver).filter(|(_, driver)| *driver > installed);
    // The driver of a Jetson counts by its own releases.
    let needed = needed.filter(|_| facts.tegra.is_none());
    let cure = needed.map(|(cuda, driver)| format!("CUDA {cuda} needs driver {driver} or later: install a newer one"));
    Finding::noted("gpu", format!("{}, driver {driver}", facts.gpus.join(", ")), cure, details)
}

/// The driver's version and the GPUs.
fn asked_of_the_driver() -> (Option<String>, Vec<String>) {
    let query = ["--query-gpu=driver_version,name,compute_cap", "--format=csv,noheader"];
    let output = Command::new("nvidia-smi").args(query).output().ok().filter(|output| output.status.success());
    output.map(|output| read_smi(&String::from_utf8_lossy(&output.stdout))).unwrap_or_default()
}

fn read_smi(text: &str) -> (Option<String>, Vec<String>) {
    let rows = text.lines().filter_map(|line| {
        let (driver, rest) = line.split_once(',')?;
        let (name, capability) = rest.rsplit_once(',')?;
        Some((driver.trim().to_owned(), format!("{} ({})", name.trim(), capability.trim())))
    });
    let (drivers, gpus): (Vec<_>, Vec<_>) = rows.unzip();
    (drivers.into_iter().next(), gpus)
}

/// Where the loader looks, as far as that is easily known: `LD_LIBRARY_PATH`, then its cache's folders.
fn searched_folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        env::var_os("LD_LIBRARY_PATH").map(|list| env::split_paths(&list).collect()).unwrap_or_default();
    let cache = ["ldconfig", "/sbin/ldconfig"]
        .into_iter()
        .find_map(|program| Command::new(program).arg("-p").output().ok().filter(|output| output.status.success()));
    let cache = cache.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let cached = cache.lines().filter_map(|line| Path::new(line.rsplit_once("=> ")?.1).parent().map(Path::to_path_buf));
    for folder in cached {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

/// The files in `folders` whose names begin with `prefix`, each once, with the version in the name of the file behind links.
fn found(folders: &[PathBuf], prefix: &str) -> Vec<(PathBuf, String)> {
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().filter_map(Result::ok);
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)) {
        let file = fs::canonicalize(entry.path()).unwrap_or_else(|_| entry.path());
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if let Some((_, version)) = name.split_once(".so.").filter(|_| files.iter().all(|(known, _)| *known != file)) {
            files.push((file.clone(), version.to_owned()));
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut Facts);

    fn library(version: &str) -> Vec<(PathBuf, String)> {
        vec![(PathBuf::from("/lib/x.so"), version.to_owned())]
    }

    /// An RTX card on which all is well.
    fn rtx() -> Facts {
        Facts {
            runtime: Some(("1.31.1".to_owned(), Provider::ALL.to_vec())),
            tells_nodes: true,
            arch: "x86_64",
            driver: Some("580.65.06".to_owned()),
            gpus: vec!["NVIDIA GeForce RTX 4070 (8.9)".to_owned()],
            tegra: None,
            libraries: [library("13.0.96"), library("9.14.0"), library("10.13.3")],
        }
    }

    /// The cures, by subject.
    fn cures(facts: &Facts) -> Vec<(String, String)> {
        told(facts).into_iter().filter_map(|finding| Some((finding.subject, finding.cure?))).collect()
    }

    #[test]
    fn where_all_is_well_nothing_is_to_be_cured() {
        assert_eq!(cures(&rtx()), []);
        assert!(told(&rtx()).iter().all(|finding| finding.is_good));
    }

    #[test]
    fn what_a_machine_lacks_is_told_with_its_cure() {
        let table: [(&str, Change, &str, &str); 9] = [
            (
                "a driver too old for CUDA 13",
                |facts| facts.driver = Some("535.183.01".to_owned()),
                "gpu",
                "CUDA 13 needs driver 580",
            ),
            ("no driver", |facts| facts.driver = None, "gpu", "install its driver"),
            ("no cuDNN", |facts| facts.libraries[1].clear(), "cudnn", "make setup GPU=1"),
            ("no TensorRT", |facts| facts.libraries[2].clear(), "tensorrt", "make setup GPU=1"),
            (
                "a CPU build",
                |facts| facts.runtime = Some(("1.32.0".to_owned(), vec![Provider::Cpu])),
                "onnxruntime lacks",
                "make setup GPU=1",
            ),
            (
                "a DGX Spark with the wheel",
                |facts| {
                    facts.arch = "aarch64";
                    facts.runtime = Some(("1.31.1".to_owned(), vec![Provider::Cuda, Provider::Cpu]));
                },
                "onnxruntime lacks",
                "no TensorRT provider: models run on CUDA",
            ),
            (
                "a Jetson with a CPU build",
                |facts| {
                    facts.tegra = Some("# R36 (release), REVISION: 4.3".to_owned());
                    facts.runtime = Some(("1.32.0".to_owned(), vec![Provider::Cpu]));
                },
                "jetson",
                "ORT_DYLIB_PATH",
            ),
            (
                "a Jetson without TensorRT",
                |facts| {
                    facts.tegra = Some("# R36 (release), REVISION: 4.3".to_owned());
                    facts.libraries[2].clear();
                },
                "tensorrt",
                "nvidia-jetpack",
            ),
            (
                "a driver too old for both CUDAs",
                |facts| {
                    facts.driver = Some("470.1".to_owned());
                    facts.libraries[0] = [library("12.6.77"), library("13.0.96")].concat();
                },
                "gpu",
                "CUDA 12 needs driver 525",
            ),
        ];
        for (what, change, subject, words) in table {
            let mut facts = rtx();
            change(&mut facts);
            let cures = cures(&facts);
            assert!(cures.iter().any(|(of, cure)| of == subject && cure.contains(words)), "{what}: {cures:?}");
        }
    }

    #[test]
    fn a_jetsons_own_driver_and_an_older_cuda_are_no_faults() {
        let mut jetson = rtx();
        jetson.tegra = Some("# R36 (release), REVISION: 4.3".to_owned());
        jetson.driver = Some("540.4.0".to_owned());
        assert_eq!(cures(&jetson), []);
        let mut cuda_12 = rtx();
        cuda_12.driver = Some("535.183.01".to_owned());
        cuda_12.libraries[0] = library("12.6.77");
        assert_eq!(cures(&cuda_12), []);
    }

    #[test]
    fn a_runtime_before_1_24_says_what_it_does_not_tell() {
        let facts = Facts { tells_nodes: false, runtime: Some(("1.20.1".to_owned(), Provider::ALL.to_vec())), ..rtx() };
        let lacks = told(&facts).into_iter().find(|finding| finding.subject == "onnxruntime lacks").unwrap();
        assert!(lacks.text.starts_with("version 1.20.1 does not say which nodes"), "{}", lacks.text);
        assert!(lacks.is_good && lacks.cure.is_none());
    }

    #[test]
    fn libraries_are_found_once_with_the_version_behind_the_link() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("libnvinfer.so.10.13.3");
        fs::write(&real, b"").unwrap();
        std::os::unix::fs::symlink(&real, folder.path().join("libnvinfer.so.10")).unwrap();
        fs::write(folder.path().join("libnvinfer_plugin.so.10"), b"").unwrap();
        let found = found(&[folder.path().to_path_buf(), "/no/such/folder".into()], "libnvinfer.so.");
        assert_eq!(found, [(fs::canonicalize(real).unwrap(), "10.13.3".to_owned())]);
    }

    #[test]
    fn lines_of_nvidia_smi_are_driver_and_gpus() {
        let two = "580.65.06, NVIDIA GB10, 12.1\n580.65.06, NVIDIA H100, 9.0\n";
        let gpus = ["NVIDIA GB10 (12.1)", "NVIDIA H100 (9.0)"].map(str::to_owned).to_vec();
        assert_eq!(read_smi(two), (Some("580.65.06".to_owned()), gpus));
        assert_eq!(read_smi("No devices were found"), (None, Vec::new()));
    }
}
