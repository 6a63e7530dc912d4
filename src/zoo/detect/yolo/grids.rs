//! How many boxes a network gives: one or three for each cell of its grids, or a list of some.

use super::layout::STRIDES;
use crate::types::Size;
use crate::zoo::LayoutName;

/// The strides of the usual networks, of those with a coarser grid more, and of those with a finer one.
const GRIDS: [&[u32]; 3] = [&STRIDES, &[8, 16, 32, 64], &[4, 8, 16, 32]];

/// No usual list of the best boxes is longer.
const LONGEST_LIST: usize = 1000;

/// The grids of a network for pictures of one size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grids {
    pub size: Size,
}

impl Grids {
    fn cells(self, strides: &[u32]) -> usize {
        let Size { width_px, height_px } = self.size;
        strides.iter().map(|side| width_px.div_ceil(*side) as usize * height_px.div_ceil(*side) as usize).sum()
    }

    /// Whether so many are one for each cell of the three usual grids.
    pub fn is_usual(self, boxes: usize) -> bool {
        boxes == self.cells(&STRIDES)
    }

    fn is_one_a_cell(self, boxes: usize) -> bool {
        GRIDS.iter().any(|strides| boxes == self.cells(strides))
    }

    fn is_three_a_cell(self, boxes: usize) -> bool {
        // The smallest networks have two grids, and always three boxes for each cell.
        GRIDS.iter().chain(&[&[16, 32][..]]).any(|strides| boxes == 3 * self.cells(strides))
    }

    /// Whether a network with grids gives so many boxes, one or three for each cell.
    pub fn is_grid(self, boxes: usize) -> bool {
        self.is_one_a_cell(boxes) || self.is_three_a_cell(boxes)
    }

    /// Whether no network with grids gives so many: each has cells of 32 pixels, or finer ones in them, and more than a
    /// list holds.
    fn is_no_grid(self, boxes: usize) -> bool {
        !self.is_grid(boxes) && (Self::is_list(boxes) || !boxes.is_multiple_of(self.cells(&[32]).max(1)))
    }

    /// Whether so many are three for each cell, and cannot be one for each.
    pub fn is_only_three_a_cell(self, boxes: usize) -> bool {
        self.is_three_a_cell(boxes) && !self.is_one_a_cell(boxes)
    }

    /// Whether a list of the best boxes has a length like this one, as 100 or 300.
    pub fn is_list(boxes: usize) -> bool {
        boxes > 0 && boxes <= LONGEST_LIST && boxes.is_multiple_of(100)
    }

    /// Whether so many boxes can be those of a layout. Three for each cell have objectness, and turned objectness is only
    /// known with three; boxes that are chosen already are not one for each cell.
    pub fn can_hold(self, name: LayoutName, boxes: Option<usize>) -> bool {
        let Some(boxes) = boxes else { return name != LayoutName::ObjectnessRows };
        let only_three = self.is_only_three_a_cell(boxes);
        match name {
            LayoutName::Rows | LayoutName::OrientedRows => !only_three,
            LayoutName::Columns => !only_three && !self.is_no_grid(boxes),
            LayoutName::Objectness | LayoutName::Yolox => self.is_grid(boxes) || !Self::is_list(boxes),
            LayoutName::ObjectnessRows => self.is_three_a_cell(boxes),
            LayoutName::EndToEnd | LayoutName::OrientedEndToEnd => !self.is_grid(boxes) || boxes <= LONGEST_LIST,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_boxes_tells_what_they_can_be() {
        use LayoutName::{Columns, EndToEnd, Objectness, ObjectnessRows, Rows};
        let all = [Rows, Columns, Objectness, ObjectnessRows, EndToEnd];
        let can = |width_px, height_px, boxes| {
            let grids = Grids { size: Size { width_px, height_px } };
            all.into_iter().filter(|name| grids.can_hold(*name, boxes)).collect::<Vec<_>>()
        };
        assert_eq!(can(640, 640, Some(8400)), [Rows, Columns, Objectness], "one for each cell");
        assert_eq!(can(640, 640, Some(25200)), [Objectness, ObjectnessRows], "three for each");
        assert_eq!(can(416, 416, Some(2535)), [Objectness, ObjectnessRows], "three for each of two grids");
        assert_eq!(can(640, 640, Some(300)), [Rows, EndToEnd], "a list");
        assert_eq!(
            can(160, 128, Some(300)),
            [Objectness, ObjectnessRows, EndToEnd],
            "a list, or the grids of 16 and 32"
        );
        assert_eq!(can(640, 640, None), [Rows, Columns, Objectness, EndToEnd]);
    }
}
