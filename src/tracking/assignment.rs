//! Who takes which box: the best assignment of rows to columns, or of neither.
//!
//! The Hungarian method by shortest augmenting paths with potentials (Kuhn 1955; Jonker and Volgenant 1987), one row at
//! a time, `O(rows^2 * (rows + columns))` at worst and about `rows * columns` for tracks, most of which overlap one box.

/// A solver that keeps its tables between calls.
#[derive(Debug, Default)]
pub(super) struct Assignment {
    /// Minus the gain of each pair, row by row.
    costs: Vec<f64>,
    row_potential: Vec<f64>,
    column_potential: Vec<f64>,
    /// The row that holds each column, if any.
    row_of: Vec<Option<usize>>,
    /// For the row being placed: the cheapest way found to each column, the column before it on that way, and whether
    /// the way is final.
    cheapest: Vec<f64>,
    previous: Vec<Option<usize>>,
    is_final: Vec<bool>,
    column_of: Vec<Option<usize>>,
}

impl Assignment {
    /// Pairs rows with columns so that the sum of the gains is the greatest possible; each row and column is used at
    /// most once. A pair whose gain is not a positive, finite number is never made. Returns one entry per row.
    ///
    /// Deterministic: of equal ways the one over the lower column is taken.
    pub(super) fn solve(
        &mut self,
        rows: usize,
        columns: usize,
        mut gain: impl FnMut(usize, usize) -> f64,
    ) -> &[Option<usize>] {
        self.costs.clear();
        for row in 0..rows {
            for column in 0..columns {
                let gain = gain(row, column);
                self.costs.push(if gain.is_finite() && gain > 0.0 { -gain } else { 0.0 });
            }
        }
        // Behind the real columns lies one empty place per row, at no gain: a row may always stay alone.
        let places = columns + rows;
        refill(&mut self.row_potential, rows, 0.0);
        refill(&mut self.column_potential, places, 0.0);
        refill(&mut self.row_of, places, None);
        for row in 0..rows {
            self.place(row, columns, places);
        }
        refill(&mut self.column_of, rows, None);
        for (column, row) in self.row_of[..columns].iter().enumerate() {
            if let Some(row) = *row
                && self.costs[row * columns + column] < 0.0
            {
                self.column_of[row] = Some(column);
            }
        }
        &self.column_of
    }

    /// Finds the cheapest way to seat one more row, moving rows that sit already where that is cheaper.
    fn place(&mut self, row: usize, columns: usize, places: usize) {
        refill(&mut self.cheapest, places, f64::INFINITY);
        refill(&mut self.previous, places, None);
        refill(&mut self.is_final, places, false);
        let mut from_column = None;
        let mut from_row = row;
        let free_column = loop {
            let mut step = f64::INFINITY;
            let mut next = None;
            for column in (0..places).filter(|&column| !self.is_final[column]) {
                let cost = if column < columns { self.costs[from_row * columns + column] } else { 0.0 };
                let reduced = cost - self.row_potential[from_row] - self.column_potential[column];
                if reduced < self.cheapest[column] {
                    self.cheapest[column] = reduced;
                    self.previous[column] = from_column;
                }
                if self.cheapest[column] < step {
                    step = self.cheapest[column];
                    next = Some(column);
                }
            }
            // There are more places than rows, so one is always left.
            let Some(column) = next else { return };
            self.row_potential[row] += step;
            for other in 0..places {
                if self.is_final[other] {
                    self.column_potential[other] -= step;
                    if let Some(holder) = self.row_of[other] {
                        self.row_potential[holder] += step;
                    }
                } else {
                    self.cheapest[other] -= step;
                }
            }
            self.is_final[column] = true;
            match self.row_of[column] {
                None => break column,
                Some(holder) => (from_column, from_row) = (Some(column), holder),
            }
        };
        // Walk back: every row on the way moves one seat on, and the new row takes the first.
        let mut column = free_column;
        while let Some(before) = self.previous[column] {
            self.row_of[column] = self.row_of[before];
            column = before;
        }
        self.row_of[column] = Some(row);
    }
}

/// `length` copies of `value`, without giving up what was allocated.
fn refill<T: Copy>(table: &mut Vec<T>, length: usize, value: T) {
    table.clear();
    table.resize(length, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn gains(rows: usize, columns: usize) -> impl Strategy<Value = Vec<f64>> {
        // Many zeros and many ties, as overlaps have.
        let gain = prop_oneof![Just(0.0), (0u8..=10).prop_map(|tenths| f64::from(tenths) / 10.0), 0.0f64..1.0];
        prop::collection::vec(gain, rows * columns)
    }

    fn best_by_brute_force(gains: &[f64], columns: usize, row: usize, taken: u32) -> f64 {
        if (row + 1) * columns > gains.len() {
            return 0.0;
        }
        let alone = best_by_brute_force(gains, columns, row + 1, taken);
        (0..columns).filter(|column| taken & (1 << column) == 0).fold(alone, |best, column| {
            let with =
                gains[row * columns + column] + best_by_brute_force(gains, columns, row + 1, taken | (1 << column));
            best.max(with)
        })
    }

    proptest! {
        #[test]
        fn no_assignment_gains_more(
            (columns, gains) in (1usize..6, 1usize..6).prop_flat_map(|(r, c)| (Just(c), gains(r, c)))
        ) {
            let rows = gains.len() / columns;
            let mut assignment = Assignment::default();
            let found = assignment.solve(rows, columns, |row, column| gains[row * columns + column]);
            let mut used = vec![false; columns];
            let mut total = 0.0;
            for (row, column) in found.iter().enumerate().filter_map(|(row, column)| column.map(|c| (row, c))) {
                prop_assert!(!used[column], "column {} twice", column);
                used[column] = true;
                prop_assert!(gains[row * columns + column] > 0.0);
                total += gains[row * columns + column];
            }
            let best = best_by_brute_force(&gains, columns, 0, 0);
            prop_assert!((total - best).abs() < 1e-9, "found {}, best {}", total, best);
        }

        #[test]
        fn any_number_ends_in_an_assignment(
            gains in prop::collection::vec(prop::num::f64::ANY, 12)
        ) {
            let mut assignment = Assignment::default();
            let found = assignment.solve(3, 4, |row, column| gains[row * 4 + column]);
            for (row, column) in found.iter().enumerate() {
                if let Some(column) = column {
                    prop_assert!(gains[row * 4 + column] > 0.0 && gains[row * 4 + column].is_finite());
                }
            }
        }
    }

    #[test]
    fn nothing_to_assign_is_an_empty_answer() {
        let mut assignment = Assignment::default();
        assert_eq!(assignment.solve(0, 3, |_, _| 1.0), []);
        assert_eq!(assignment.solve(2, 0, |_, _| 1.0), [None, None]);
    }

    #[test]
    fn a_greedy_choice_that_costs_more_is_not_made() {
        let gains = [[0.9, 0.8], [0.8, 0.0]];
        let mut assignment = Assignment::default();
        assert_eq!(assignment.solve(2, 2, |row, column| gains[row][column]), [Some(1), Some(0)]);
    }

    #[test]
    fn equal_gains_go_to_the_lower_column() {
        let mut assignment = Assignment::default();
        assert_eq!(assignment.solve(2, 3, |_, _| 0.5), [Some(0), Some(1)]);
    }
}
