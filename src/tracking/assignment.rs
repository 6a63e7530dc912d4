//! Who takes which box: the best assignment of rows to columns, where anyone may stay alone.
//!
//! The Hungarian method by shortest augmenting paths with potentials (Kuhn 1955; Jonker and Volgenant 1987), one row at
//! a time, over the pairs that gain something: most tracks overlap few boxes.

/// A solver that keeps its tables between calls.
#[derive(Debug)]
pub(super) struct Assignment {
    /// Where each row's pairs begin in `pairs`, and where the last one's end.
    starts: Vec<usize>,
    /// Column and cost (minus the gain), row by row, by ascending column.
    pairs: Vec<(usize, f64)>,
    /// Potentials: `cost - row - column >= 0` for every pair, and 0 for those that are made; a row's is at most 0, and 0
    /// where it is alone; a column's is at most 0, and 0 where it is free.
    row_potential: Vec<f64>,
    column_potential: Vec<f64>,
    row_of: Vec<Option<usize>>,
    column_of: Vec<Option<usize>>,
    search: Search,
}

/// The search for one row's place: the cheapest way to every column that it has come to.
#[derive(Debug)]
struct Search {
    /// Columns that have been reached.
    reached: Vec<usize>,
    /// By column: length of the way, the row before it, and whether the way is final.
    length: Vec<f64>,
    previous: Vec<usize>,
    is_final: Vec<bool>,
}

/// Where a search ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// At a free column.
    Column(usize),
    /// At a row that stays alone from now on.
    Row(usize),
}

impl Assignment {
    /// A solver with room for `expected` rows and as many columns; more make it grow.
    pub(super) fn new(expected: usize) -> Self {
        Self {
            starts: Vec::with_capacity(expected + 1),
            pairs: Vec::with_capacity(expected * expected),
            row_potential: Vec::with_capacity(expected),
            column_potential: Vec::with_capacity(expected),
            row_of: Vec::with_capacity(expected),
            column_of: Vec::with_capacity(expected),
            search: Search {
                reached: Vec::with_capacity(expected),
                length: Vec::with_capacity(expected),
                previous: Vec::with_capacity(expected),
                is_final: Vec::with_capacity(expected),
            },
        }
    }

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
        self.starts.clear();
        self.pairs.clear();
        for row in 0..rows {
            self.starts.push(self.pairs.len());
            self.pairs.extend((0..columns).filter_map(|column| {
                let gain = gain(row, column);
                (gain.is_finite() && gain > 0.0).then_some((column, -gain))
            }));
        }
        self.starts.push(self.pairs.len());
        refill(&mut self.row_potential, rows, 0.0);
        refill(&mut self.column_potential, columns, 0.0);
        refill(&mut self.column_of, rows, None);
        refill(&mut self.row_of, columns, None);
        refill(&mut self.search.length, columns, f64::INFINITY);
        refill(&mut self.search.previous, columns, 0);
        refill(&mut self.search.is_final, columns, false);
        for row in 0..rows {
            self.place(row);
        }
        &self.column_of
    }

    /// Finds the cheapest way to place one more row, moving rows that have a place where that is cheaper, or sending
    /// one away.
    fn place(&mut self, row: usize) {
        self.search.reached.clear();
        let mut scanned = row;
        let mut scanned_at = 0.0;
        let mut best_alone = (0.0, row);
        let (length, end) = loop {
            self.scan(scanned, scanned_at);
            match self.search.nearest() {
                Some(column) if self.search.length[column] < best_alone.0 => {
                    scanned_at = self.search.length[column];
                    let Some(holder) = self.row_of[column] else { break (scanned_at, End::Column(column)) };
                    self.search.is_final[column] = true;
                    scanned = holder;
                    let alone = scanned_at - self.row_potential[holder];
                    if alone < best_alone.0 {
                        best_alone = (alone, holder);
                    }
                }
                _ => break (best_alone.0, End::Row(best_alone.1)),
            }
        };
        self.raise_potentials(row, length);
        self.walk_back(row, end);
    }

    /// Follows the pairs of a row that was reached after `from`.
    fn scan(&mut self, row: usize, from: f64) {
        let Search { reached, length, previous, is_final } = &mut self.search;
        for &(column, cost) in &self.pairs[self.starts[row]..self.starts[row + 1]] {
            let through = from + cost - self.row_potential[row] - self.column_potential[column];
            if !is_final[column] && through < length[column] {
                if length[column] == f64::INFINITY {
                    reached.push(column);
                }
                length[column] = through;
                previous[column] = row;
            }
        }
    }

    /// Keeps the invariant of the potentials after a search of this length, and clears the search's tables.
    fn raise_potentials(&mut self, row: usize, length: f64) {
        self.row_potential[row] = length;
        for &column in &self.search.reached {
            if self.search.is_final[column] {
                let rest = length - self.search.length[column];
                self.column_potential[column] -= rest;
                if let Some(holder) = self.row_of[column] {
                    self.row_potential[holder] += rest;
                }
            }
            self.search.length[column] = f64::INFINITY;
            self.search.is_final[column] = false;
        }
    }

    /// From the end of the way to the new row: every row on it moves one place on.
    fn walk_back(&mut self, new_row: usize, end: End) {
        let mut next = match end {
            End::Column(column) => Some(column),
            End::Row(row) => self.column_of[row].take(),
        };
        while let Some(column) = next {
            let row = self.search.previous[column];
            self.row_of[column] = Some(row);
            next = self.column_of[row].replace(column);
            if row == new_row {
                break;
            }
        }
    }
}

impl Search {
    /// The column with the shortest way that is not final; of equals the lowest.
    fn nearest(&self) -> Option<usize> {
        let open = self.reached.iter().copied().filter(|&column| !self.is_final[column]);
        open.min_by(|&a, &b| self.length[a].total_cmp(&self.length[b]).then(a.cmp(&b)))
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
            let mut assignment = Assignment::new(4);
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
            let mut assignment = Assignment::new(4);
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
        let mut assignment = Assignment::new(4);
        assert_eq!(assignment.solve(0, 3, |_, _| 1.0), []);
        assert_eq!(assignment.solve(2, 0, |_, _| 1.0), [None, None]);
    }

    #[test]
    fn a_greedy_choice_that_costs_more_is_not_made() {
        let gains = [[0.9, 0.8], [0.8, 0.0]];
        let mut assignment = Assignment::new(4);
        assert_eq!(assignment.solve(2, 2, |row, column| gains[row][column]), [Some(1), Some(0)]);
    }

    #[test]
    fn equal_gains_go_to_the_lower_column() {
        let mut assignment = Assignment::new(4);
        assert_eq!(assignment.solve(2, 3, |_, _| 0.5), [Some(0), Some(1)]);
    }
}
