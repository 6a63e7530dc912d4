//! Counts the heap allocations of the calling thread, for the tests that promise none, and their bytes, for those that
//! promise a limit.
#![expect(unsafe_code, reason = "a global allocator can only be implemented with unsafe code")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

struct CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn count_one() {
    // A thread that is ending has no counter any more.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
}

/// What another thread allocated and this one frees makes the sum negative, which is harmless.
fn count_bytes(change: isize) {
    let bytes = BYTES.try_with(|bytes| {
        bytes.set(bytes.get().wrapping_add(change));
        bytes.get()
    });
    let _ = bytes.and_then(|bytes| PEAK.try_with(|peak| peak.set(peak.get().max(bytes))));
}

// SAFETY: every call goes to the system allocator with its arguments unchanged; the counter does not allocate.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count_one();
        count_bytes(layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count_bytes(-layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of `GlobalAlloc::dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count_one();
        count_bytes(size.cast_signed() - layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of `GlobalAlloc::realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// How many times `work` allocated or grew an allocation on this thread.
pub fn allocations_in(work: impl FnOnce()) -> usize {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

/// The most bytes that `work` held at a time on this thread, whether it got them or not.
pub fn peak_bytes_in(work: impl FnOnce()) -> usize {
    let before = BYTES.get();
    PEAK.set(before);
    work();
    usize::try_from(PEAK.get() - before).unwrap_or(0)
}

#[test]
fn a_peak_is_measured() {
    let peak = peak_bytes_in(|| {
        drop(std::hint::black_box(vec![1_u8; 5000]));
        drop(std::hint::black_box(vec![1_u8; 1000]));
    });
    assert!((5000..6000).contains(&peak), "{peak}");
}

#[test]
fn an_allocation_is_counted_and_its_absence_too() {
    assert!(allocations_in(|| drop(std::hint::black_box(vec![1_u8; 100]))) >= 1);
    assert_eq!(allocations_in(|| assert_eq!(std::hint::black_box([1_u8; 100])[7], 1)), 0);
}
