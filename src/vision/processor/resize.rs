//! Resizing 8-bit pictures as Pillow does: columns first, then rows, rounded and clipped to bytes after each.
//!
//! Since version 13 Pillow does the rows first where the height shrinks by more than twice as many pixels as the width;
//! what is clipped between the two differs, so that order is kept. Only the rows and columns of the wanted window are
//! made, and of the rows between the two passes only as many are kept as one resized row needs, in a ring.

use super::window::{Source, Window};
use crate::types::Size;
use crate::vision::kernels::{BATCH, Kernel, Packed, Resample, RingRows, STRIDE_BYTES, Span, Taps};
use crate::vision::row_reader::RowReader;
use std::ops::Range;

/// What is to be made: a picture's size, its filter, and the window of it that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resizing {
    pub resized: Size,
    pub window: Window,
    pub filter: Resample,
}

impl Resizing {
    /// Whether Pillow makes the rows first.
    fn rows_first(&self, source: Size) -> bool {
        let less = |source: u32, resized: u32| i64::from(source) - i64::from(resized);
        let rows_less = less(source.height_px, self.resized.height_px);
        rows_less > 0 && rows_less > 2 * less(source.width_px, self.resized.width_px)
    }
}

/// Resizes; owns tables and rows, which are made again when a size differs from the last one's.
#[derive(Debug)]
pub(super) struct Resizer {
    kernel: Kernel,
    reader: RowReader,
    made_for: Option<(Size, Resizing)>,
    columns: Taps,
    rows: Taps,
    /// Source row `r` at `r % capacity`, as RGB bytes: with resized columns, or as it is where rows come first.
    ring: Vec<u8>,
    capacity: usize,
    /// One resized row: of the window, or of all columns of the source where rows come first.
    row: Vec<u8>,
    /// One row of the window, where rows come first.
    last: Vec<u8>,
    /// Source rows with room behind them, for kernels that read more than they use: as they are, or made RGB.
    copies: [Vec<u8>; BATCH],
}

impl Resizer {
    pub fn new() -> Self {
        Self::with_kernel(Kernel::detect())
    }

    pub fn with_kernel(kernel: Kernel) -> Self {
        Self {
            kernel,
            reader: RowReader::new(kernel),
            made_for: None,
            columns: Taps::default(),
            rows: Taps::default(),
            ring: Vec::new(),
            capacity: 0,
            row: Vec::new(),
            last: Vec::new(),
            copies: Default::default(),
        }
    }

    /// Gives `emit` the window's rows from the top, as RGB bytes.
    pub fn run(&mut self, source: &Source, resizing: Resizing, mut emit: impl FnMut(usize, &[u8])) {
        self.prepare(source.size(), resizing);
        let rows_first = resizing.rows_first(source.size());
        let width_bytes = resizing.window.size.width_px as usize * 3;
        let stride = self.row.len();
        let source_end = self.rows.spans().last().map_or(0, Span::end);
        let mut next = 0;
        for (y, span) in self.rows.spans().iter().enumerate() {
            next = next.max(span.first);
            while next < span.end() {
                let count = BATCH.min(source_end - next);
                let ring = Ring { bytes: &mut self.ring, stride, capacity: self.capacity };
                if rows_first {
                    copy_rows(source, next..next + count, &mut self.reader, ring);
                } else {
                    let tools = (self.kernel, &mut self.reader, &mut self.copies);
                    resize_columns(tools, source, next..next + count, &self.columns, ring);
                }
                next += count;
            }
            let rows = RingRows { bytes: &self.ring, stride, capacity: self.capacity };
            self.kernel.weigh_rows(rows, &self.rows, y, &mut self.row);
            if rows_first {
                self.kernel.weigh_columns(&[&self.row], Packed::Rgb, &self.columns, &mut [&mut self.last]);
            }
            let done = if rows_first { &self.last } else { &self.row };
            emit(y, &done[..width_bytes]);
        }
    }

    fn prepare(&mut self, source: Size, resizing: Resizing) {
        if self.made_for == Some((source, resizing)) {
            return;
        }
        let Resizing { resized, window, filter } = resizing;
        let range = |start: u32, len: u32| start..start + len;
        let (across, down) = (range(window.left_px, window.size.width_px), range(window.top_px, window.size.height_px));
        self.columns.rebuild(source.width_px, resized.width_px, across, filter);
        self.rows.rebuild(source.height_px, resized.height_px, down, filter);
        // A kernel writes one byte more than the last pixel.
        let window_bytes = window.size.width_px as usize * 3 + 1;
        let row_bytes = if resizing.rows_first(source) {
            self.last.resize(window_bytes, 0);
            source.width_px as usize * 3 + self.kernel.bytes_behind()
        } else {
            window_bytes
        };
        let stride = row_bytes.next_multiple_of(STRIDE_BYTES);
        self.capacity = self.rows.longest() + BATCH - 1;
        self.ring.resize(self.capacity * stride, 0);
        self.row.resize(stride, 0);
        self.made_for = Some((source, resizing));
    }
}

/// Copies source rows into the ring, as RGB bytes.
fn copy_rows(source: &Source, rows: Range<usize>, reader: &mut RowReader, ring: Ring) {
    let width = source.size().width_px as usize;
    let (first, count) = (rows.start, rows.len());
    for (row, slot) in rows.zip(&mut ring_slots(ring, first, count)[..count]) {
        source.write_rgb(row, reader, slot.as_chunks_mut().0.split_at_mut(width).0);
    }
}

/// The ring to write to.
struct Ring<'a> {
    bytes: &'a mut [u8],
    stride: usize,
    capacity: usize,
}

/// Resizes the columns of some source rows into the ring.
fn resize_columns(
    (kernel, reader, copies): (Kernel, &mut RowReader, &mut [Vec<u8>; BATCH]),
    source: &Source,
    rows: Range<usize>,
    columns: &Taps,
    ring: Ring,
) {
    let width = source.size().width_px as usize;
    let colors = source.colors();
    let layout = colors.unwrap_or(Packed::Rgb);
    let width_bytes = width * layout.bytes_per_pixel();
    let needed = width_bytes + kernel.bytes_behind();
    let (first, count) = (rows.start, rows.len());
    let mut copied = [false; BATCH];
    for (index, row) in rows.enumerate() {
        let borrowed = colors.map(|colors| source.bytes_from(row, colors));
        if borrowed.is_some_and(|bytes| bytes.len() >= needed) {
            continue;
        }
        let copy = &mut copies[index];
        copy.resize(needed, 0);
        match borrowed {
            Some(bytes) => copy[..width_bytes].copy_from_slice(&bytes[..width_bytes]),
            None => source.write_rgb(row, reader, copy.as_chunks_mut().0.split_at_mut(width).0),
        }
        copied[index] = true;
    }
    let bytes: [&[u8]; BATCH] = std::array::from_fn(|index| match colors {
        _ if index >= count => &[][..],
        Some(colors) if !copied[index] => source.bytes_from(first + index, colors),
        _ => &copies[index],
    });
    let mut slots = ring_slots(ring, first, count);
    kernel.weigh_columns(&bytes[..count], layout, columns, &mut slots[..count]);
}

/// The places of `count` rows from `first` on, which lie in the ring one after another, perhaps around its end.
fn ring_slots(ring: Ring<'_>, first: usize, count: usize) -> [&mut [u8]; BATCH] {
    let start = first % ring.capacity;
    let (head, tail) = ring.bytes.split_at_mut(start * ring.stride);
    let mut places = tail.chunks_exact_mut(ring.stride).chain(head.chunks_exact_mut(ring.stride));
    std::array::from_fn(|index| if index < count { places.next().unwrap_or_default() } else { Default::default() })
}
