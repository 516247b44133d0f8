//! Tab stops.

/// Where the tab stops are; every eighth column at first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tabs(Vec<bool>);

impl Tabs {
    pub(super) fn new(cols: u16) -> Self {
        Self((0..cols).map(|col| col % 8 == 0).collect())
    }

    pub(super) fn set(&mut self, col: usize, stop: bool) {
        if let Some(tab) = self.0.get_mut(col) {
            *tab = stop;
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.fill(false);
    }

    /// The columns that have a stop.
    pub(super) fn stops(&self) -> impl Iterator<Item = usize> {
        self.0
            .iter()
            .enumerate()
            .filter(|(_, stop)| **stop)
            .map(|(col, _)| col)
    }

    /// The `count`th stop right of `col`, or the last column.
    pub(super) fn after(&self, col: usize, count: u16) -> usize {
        let last = self.0.len() - 1;
        let nth = usize::from(count.max(1)) - 1;
        (col + 1..last)
            .filter(|&col| self.0[col])
            .nth(nth)
            .unwrap_or(last)
    }

    /// The `count`th stop left of `col`, or the first column.
    pub(super) fn before(&self, col: usize, count: u16) -> usize {
        let nth = usize::from(count.max(1)) - 1;
        (1..col.min(self.0.len()))
            .rev()
            .filter(|&col| self.0[col])
            .nth(nth)
            .unwrap_or(0)
    }
}
