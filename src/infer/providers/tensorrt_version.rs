//! The version of the TensorRT that this process has loaded: an engine of another one cannot be read.
#![expect(unsafe_code, reason = "the library is asked itself: its file's name may say only the major version")]

use libloading::os::unix::{Library, RTLD_LAZY};
use std::ffi::c_int;

/// `10.14.1`; `unknown` where no TensorRT is loaded, or it does not tell.
pub(super) fn loaded() -> String {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    library_in(&maps).and_then(asked).map_or_else(|| "unknown".to_owned(), in_words)
}

/// The file of TensorRT's main library, by the process' memory map.
fn library_in(maps: &str) -> Option<&str> {
    maps.lines().filter_map(|line| line.find('/').map(|at| line[at..].trim_end())).find(|path| {
        path.rsplit('/').next().is_some_and(|name| name == "libnvinfer.so" || name.starts_with("libnvinfer.so."))
    })
}

fn asked(path: &str) -> Option<c_int> {
    // SAFETY: the library is loaded already, so that no initializer of it runs; the handle only counts it once more.
    let library = unsafe { Library::open(Some(path), RTLD_LAZY) }.ok()?;
    // SAFETY: NvInferRuntimeBase.h declares `int32_t getInferLibVersion() noexcept` with C linkage.
    let version = unsafe { library.get::<unsafe extern "C" fn() -> c_int>(b"getInferLibVersion\0") }.ok()?;
    // SAFETY: as above; it takes nothing and reads a constant.
    Some(unsafe { version() })
}

/// TensorRT counts `major * 10000 + minor * 100 + patch` since 10, `major * 1000 + minor * 100 + patch` before.
fn in_words(version: c_int) -> String {
    let thousands = if version >= 100_000 { 10_000 } else { 1000 };
    format!("{}.{}.{}", version / thousands, version % thousands / 100, version % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loaded_library_is_found_in_the_memory_map() {
        let maps = "7f00-7f01 r-xp 00000000 08:01 42                 /usr/lib/libc.so.6\n\
                    7f01-7f02 r-xp 00000000 08:01 42                 /opt/trt/libnvinfer_plugin.so.10\n\
                    7f02-7f03 r-xp 00000000 08:01 43                 /opt/a b/libnvinfer.so.10.14.1\n";
        assert_eq!(library_in(maps), Some("/opt/a b/libnvinfer.so.10.14.1"));
        assert_eq!(library_in("7f00-7f01 r-xp 0 0 0 [heap]"), None);
    }

    #[test]
    fn versions_before_and_since_10_are_told_in_full() {
        assert_eq!([8601, 101_401, 100_301].map(in_words), ["8.6.1", "10.14.1", "10.3.1"]);
    }

    #[test]
    fn a_library_without_that_function_does_not_tell() {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let libc =
            maps.lines().find_map(|line| line.find("/").map(|at| &line[at..]).filter(|path| path.contains("libc.so")));
        assert_eq!(asked(libc.unwrap()), None);
        assert_eq!(loaded(), "unknown");
    }
}
