//! What this ROS distribution has that others lack.

use std::env;
use std::path::Path;

/// rcl_interfaces has them since Iron.
const LOGGER_SERVICE: &str = "share/rcl_interfaces/srv/SetLoggerLevels.srv";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=AMENT_PREFIX_PATH");
    println!("cargo::rustc-check-cfg=cfg(has_logger_services)");
    let prefixes = env::var_os("AMENT_PREFIX_PATH").unwrap_or_default();
    if env::split_paths(&prefixes).any(|prefix| prefix.join(Path::new(LOGGER_SERVICE)).exists()) {
        println!("cargo::rustc-cfg=has_logger_services");
    }
}
