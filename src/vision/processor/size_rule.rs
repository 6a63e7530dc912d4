//! To which size a checkpoint's processor resizes a picture.

use crate::types::Size;

/// The rule in a configuration's `size`. Sides round as in transformers; however thin, a picture keeps one pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SizeRule {
    /// `height` and `width`: each side stretched on its own.
    Exact(Size),
    /// `shortest_edge`: the shorter side becomes this long, the longer one keeps the aspect and loses its fraction.
    Shortest(u32),
    /// `shortest_edge` and `longest_edge`, as DETR has it: as [`Self::Shortest`], unless the longer side would become
    /// longer than `longest_px`; then that is its length.
    Between {
        /// Length of the shorter side.
        shortest_px: u32,
        /// Bound of the longer side.
        longest_px: u32,
    },
    /// `longest_edge`, as Idefics3 has it: the longer side becomes this long, at most 4096; the other keeps the aspect,
    /// loses its fraction and becomes even.
    Longest(u32),
}

impl SizeRule {
    /// The size to which a picture of size `source` is resized. Its longer side may exceed any tensor: whoever
    /// allocates bounds it.
    pub fn resized(self, source: Size) -> Size {
        let (short, long) = (source.width_px.min(source.height_px), source.width_px.max(source.height_px));
        match self {
            Self::Exact(size) => size,
            Self::Shortest(shortest_px) => with_sides(source, shortest_px, proportional(shortest_px, long, short)),
            Self::Between { shortest_px, longest_px } => {
                let (short, long) = (f64::from(short), f64::from(long));
                if long / short * f64::from(shortest_px) > f64::from(longest_px) {
                    let exact = f64::from(longest_px) * short / long;
                    let shorter = exact.round_ties_even();
                    if shorter == short {
                        return source;
                    }
                    with_sides(source, whole_px(shorter), whole_px(exact * long / short))
                } else if f64::from(shortest_px) == short {
                    source
                } else {
                    with_sides(source, shortest_px, whole_px(f64::from(shortest_px) * long / short))
                }
            }
            Self::Longest(longest_px) => bounded_longest(even_longest(source, longest_px)),
        }
    }
}

/// The most that [`SizeRule::Longest`] gives.
const LONGEST_PX: u32 = 4096;

fn even_longest(source: Size, longest_px: u32) -> Size {
    let even = |side: u32| (side + side % 2).max(1);
    let aspect = f64::from(source.width_px) / f64::from(source.height_px);
    if source.width_px >= source.height_px {
        Size { width_px: longest_px, height_px: even(fraction_lost(f64::from(longest_px) / aspect)) }
    } else {
        Size { width_px: even(fraction_lost(f64::from(longest_px) * aspect)), height_px: longest_px }
    }
}

fn bounded_longest(size: Size) -> Size {
    let aspect = f64::from(size.width_px) / f64::from(size.height_px);
    if size.width_px >= size.height_px && size.width_px > LONGEST_PX {
        Size { width_px: LONGEST_PX, height_px: whole_px(f64::from(LONGEST_PX) / aspect) }
    } else if size.height_px > size.width_px && size.height_px > LONGEST_PX {
        Size { width_px: whole_px(f64::from(LONGEST_PX) * aspect), height_px: LONGEST_PX }
    } else {
        size
    }
}

/// A picture's size whose shorter and longer sides are these.
fn with_sides(source: Size, shorter_px: u32, longer_px: u32) -> Size {
    if source.width_px <= source.height_px {
        Size { width_px: shorter_px, height_px: longer_px }
    } else {
        Size { width_px: longer_px, height_px: shorter_px }
    }
}

fn proportional(side_px: u32, numerator: u32, denominator: u32) -> u32 {
    // The product is exact, the division rounds once.
    whole_px((u64::from(side_px) * u64::from(numerator)) as f64 / f64::from(denominator))
}

/// Without its fraction, at least one.
fn whole_px(side: f64) -> u32 {
    fraction_lost(side).max(1)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; `as` saturates")]
fn fraction_lost(side: f64) -> u32 {
    side as u32
}

/// The size in whole tiles to which Idefics3 resizes a picture before it cuts it: the longer side is rounded up to
/// tiles, the other follows the aspect and is rounded up too.
pub(super) fn whole_tiles(size: Size, tile_px: u32) -> Size {
    let aspect = f64::from(size.width_px) / f64::from(size.height_px);
    let up = |side: u32| side.div_ceil(tile_px).max(1) * tile_px;
    if size.width_px >= size.height_px {
        let width_px = up(size.width_px);
        Size { width_px, height_px: up(fraction_lost(f64::from(width_px) / aspect)) }
    } else {
        let height_px = up(size.height_px);
        Size { width_px: up(fraction_lost(f64::from(height_px) * aspect)), height_px }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn size(width_px: u32, height_px: u32) -> Size {
        Size { width_px, height_px }
    }

    #[test]
    fn the_shorter_side_is_met_and_the_longer_one_loses_its_fraction() {
        assert_eq!(SizeRule::Shortest(224).resized(size(1920, 1080)), size(398, 224));
        assert_eq!(SizeRule::Shortest(224).resized(size(576, 768)), size(224, 298));
    }

    #[test]
    fn a_longer_side_past_its_bound_decides() {
        let rule = SizeRule::Between { shortest_px: 800, longest_px: 1333 };
        assert_eq!(rule.resized(size(768, 576)), size(1066, 800));
        assert_eq!(rule.resized(size(1920, 1080)), size(1333, 750));
        assert_eq!(rule.resized(size(1080, 1920)), size(750, 1333));
        assert_eq!(rule.resized(size(800, 800)), size(800, 800));
    }

    #[test]
    fn the_longest_side_is_met_and_the_other_one_even() {
        assert_eq!(SizeRule::Longest(2048).resized(size(1920, 1080)), size(2048, 1152));
        assert_eq!(SizeRule::Longest(1456).resized(size(451, 300)), size(1456, 968));
        assert_eq!(SizeRule::Longest(8000).resized(size(400, 300)), size(4096, 3072));
    }

    #[test]
    fn tiles_cover_the_picture() {
        assert_eq!(whole_tiles(size(2048, 1152), 512), size(2048, 1536));
        assert_eq!(whole_tiles(size(300, 700), 512), size(512, 1024));
    }

    #[test]
    fn a_thread_of_a_picture_keeps_one_pixel() {
        let between = SizeRule::Between { shortest_px: 800, longest_px: 1333 };
        assert_eq!(between.resized(size(32_768, 1)), size(1333, 1));
        assert_eq!(SizeRule::Longest(2048).resized(size(1, 32_768)), size(1, 2048));
        assert_eq!(SizeRule::Shortest(224).resized(size(1, 32_768)), size(224, 7_340_032));
        assert_eq!(whole_tiles(size(1, 2048), 512), size(512, 2048));
    }

    proptest! {
        #[test]
        fn no_side_is_empty_and_bounds_hold(
            (w, h) in (1u32..32_769, 1u32..32_769), shortest_px in 1u32..2000, more in 0u32..2000,
        ) {
            let longest_px = shortest_px + more;
            for rule in [
                SizeRule::Shortest(shortest_px), SizeRule::Between { shortest_px, longest_px },
                SizeRule::Longest(longest_px),
            ] {
                let resized = rule.resized(size(w, h));
                prop_assert!(resized.width_px >= 1 && resized.height_px >= 1);
                // DETR leaves a picture whose shorter side is right already.
                if !matches!(rule, SizeRule::Shortest(_)) && resized != size(w, h) {
                    prop_assert!(resized.width_px.max(resized.height_px) <= longest_px);
                }
            }
        }
    }
}
