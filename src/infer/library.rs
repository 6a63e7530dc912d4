//! Loads ONNX Runtime's shared library and hands `ort` its table of functions.
//!
//! `ort` asks for one version of the table and takes no older library. So it is built for version 20, which it gets from
//! every library since 1.20; the table beside it is that of [`NEWEST`], where the library has it. In an older one the
//! functions that it lacks are `ort_sys`' stand-ins: only [`node_assignment`](super::providers::node_assignment) would call
//! some, and asks first.
#![expect(unsafe_code, reason = "the table of functions comes from a library that is loaded at run time; audited here")]

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use ort_sys::{OrtApi, OrtApiBase};
use std::error::Error as _;
use std::ffi::CStr;
use std::mem::{forget, offset_of};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// The oldest version that will do: the minor one is the version of its table too.
pub(super) const OLDEST_MINOR: u32 = 20;

/// The first version that says where a graph's nodes run: that of the whole table.
pub(super) const NEWEST: u32 = ort_sys::ORT_API_VERSION;

/// How many bytes of the table a library of [`OLDEST_MINOR`] has: this is the first function of a later version (1.22; 1.21
/// brought none). Later versions only append.
const OLDEST_BYTES: usize = offset_of!(OrtApi, ReleaseValueInfo);

/// Why a library is not used.
#[derive(Debug)]
pub(super) enum LibraryError {
    /// The loader's reason, or ours.
    Unusable(String),
    /// Its version, as it states it.
    TooOld(String),
}

/// Loads the library for the life of the process, and gives `ort` its functions. The version as it states it, `1.32.0`.
///
/// # Errors
/// [`LibraryError`]; `ort` is then as it was.
pub(super) fn load(path: &Path) -> Result<String, LibraryError> {
    let unusable = |error: libloading::Error| {
        LibraryError::Unusable(error.source().map_or_else(|| error.to_string(), ToString::to_string))
    };
    // SAFETY: loading runs the initializers of a library that the user has chosen to run.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map_err(unusable)?;
    // SAFETY: onnxruntime_c_api.h declares `const OrtApiBase* OrtGetApiBase(void) NO_EXCEPTION`.
    let base = unsafe { library.get::<unsafe extern "system" fn() -> *const OrtApiBase>(b"OrtGetApiBase\0") };
    let base = base.map_err(unusable)?;
    // SAFETY: as above; the base is a constant of the library, which is loaded as long as it is read.
    let base = unsafe { base().as_ref() };
    let base = base.ok_or_else(|| LibraryError::Unusable("OrtGetApiBase gives nothing".to_owned()))?;
    // SAFETY: the version is a constant string of the library.
    let version = unsafe { CStr::from_ptr((base.GetVersionString)()) }.to_string_lossy().into_owned();
    if minor(&version) < OLDEST_MINOR {
        return Err(LibraryError::TooOld(version));
    }
    let table =
        table(base).ok_or_else(|| LibraryError::Unusable(format!("version {version} has no API {OLDEST_MINOR}")))?;
    if !ort::set_api(table) {
        return Err(LibraryError::Unusable("another ONNX Runtime is in use".to_owned()));
    }
    forget(library);
    Ok(version)
}

/// Tells ONNX Runtime, by the environment of this process, to report nothing to its maker: version 1.32.0 opens a
/// data base for that as soon as it has an environment, before it can be told otherwise. What the user has set stays.
///
/// Where the process has more than one thread, others may read the environment: it then begins again with the same arguments and
/// number. (A library that ROS is traced with starts threads before the program.) False where the system refuses that.
pub(super) fn without_telemetry() -> bool {
    if std::env::var_os(NO_TELEMETRY).is_some() {
        return true;
    }
    if std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count) != 1 {
        let mut arguments = std::env::args_os();
        let Ok(program) = std::env::current_exe() else { return false };
        let mut again = Command::new(&program);
        again.arg0(arguments.next().unwrap_or_else(|| program.into_os_string())).args(arguments);
        // Comes back only where it fails.
        let _ = again.env(NO_TELEMETRY, "1").exec();
        return false;
    }
    // SAFETY: no other thread could read the environment: this is the only one.
    unsafe { std::env::set_var(NO_TELEMETRY, "1") };
    true
}

/// ONNX Runtime's own variable.
const NO_TELEMETRY: &str = "ORT_DISABLE_TELEMETRY";

/// The minor version: 20 of `1.20.1`; 0 of what is no version 1.
pub(super) fn minor(version: &str) -> u32 {
    let mut parts = version.split('.');
    let (major, minor) = (parts.next(), parts.next());
    minor.filter(|_| major == Some("1")).and_then(|minor| minor.parse().ok()).unwrap_or(0)
}

fn table(base: &OrtApiBase) -> Option<OrtApi> {
    // SAFETY: the library answers with a constant table that has at least the functions of the version that is asked for,
    // or with nothing.
    let of = |version: u32| unsafe { (base.GetApi)(version) };
    // SAFETY: as above; the whole of the table is that of `NEWEST`.
    if let Some(whole) = unsafe { of(NEWEST).as_ref() } {
        return Some(whole.clone());
    }
    let oldest = of(OLDEST_MINOR);
    if oldest.is_null() {
        return None;
    }
    let mut table = ort_sys::stub::api();
    // SAFETY: the table of version 20 begins with these bytes, all of them pointers to functions of the same types as those
    // that they replace; the two do not overlap.
    unsafe { oldest.cast::<u8>().copy_to_nonoverlapping((&raw mut table).cast(), OLDEST_BYTES) };
    Some(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::c_char;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn the_minor_version_is_read_from_the_version() {
        assert_eq!(["1.20.1", "1.32.0", "1.24", "2.1.0", "nonsense", ""].map(minor), [20, 32, 24, 0, 0, 0]);
    }

    /// Up to which version the make-believe library has a table.
    static HAS: AtomicU32 = AtomicU32::new(0);
    static WHOLE: OrtApi =
        OrtApi { CreateStatus: other_status, Session_GetEpGraphAssignmentInfo: assigned, ..STAND_INS };
    const STAND_INS: OrtApi = ort_sys::stub::api();

    unsafe extern "system" fn get_api(version: u32) -> *const OrtApi {
        if version <= HAS.load(Ordering::Relaxed) { &raw const WHOLE } else { std::ptr::null() }
    }

    unsafe extern "system" fn version() -> *const c_char {
        c"1.20.1".as_ptr()
    }

    unsafe extern "system" fn other_status(_: ort_sys::OrtErrorCode, _: *const c_char) -> ort_sys::OrtStatusPtr {
        ort_sys::OrtStatusPtr(std::ptr::null_mut())
    }

    unsafe extern "system" fn assigned(
        _: *const ort_sys::OrtSession,
        _: *mut *const *const ort_sys::OrtEpAssignedSubgraph,
        _: *mut usize,
    ) -> ort_sys::OrtStatusPtr {
        ort_sys::OrtStatusPtr(std::ptr::null_mut())
    }

    #[test]
    fn an_older_library_gives_what_it_has_and_stand_ins_for_the_rest() {
        let base = OrtApiBase { GetApi: get_api, GetVersionString: version };
        let address = |function: unsafe extern "system" fn(_, _) -> _| function as usize;
        let newer = |table: &OrtApi| table.Session_GetEpGraphAssignmentInfo as usize;
        for (has, whole) in [(NEWEST, true), (NEWEST - 1, false), (OLDEST_MINOR, false)] {
            HAS.store(has, Ordering::Relaxed);
            let table = table(&base).unwrap();
            assert_eq!(address(table.CreateStatus), address(other_status), "{has}");
            assert_eq!(newer(&table) == newer(&WHOLE), whole, "{has}");
            assert_eq!(newer(&table) == newer(&STAND_INS), !whole, "{has}");
        }
        HAS.store(OLDEST_MINOR - 1, Ordering::Relaxed);
        assert!(table(&base).is_none());
    }
}
