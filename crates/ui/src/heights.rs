//! Heights of the rows of a long list: where a row begins and which row stands at a place, in logarithmic time.
//!
//! A row has an estimate until it was laid out once. A Fenwick tree holds the sums.

/// Heights of rows, in logical pixels.
#[derive(Debug, Clone, Default)]
pub struct Heights {
    rows: Vec<f32>,
    /// Sums by Fenwick; the first is not used.
    sums: Vec<f64>,
}

impl Heights {
    /// So many rows of the same estimate.
    #[must_use]
    pub fn new(rows: usize, estimate: f32) -> Self {
        let mut heights = Self { rows: Vec::with_capacity(rows), sums: vec![0.0] };
        (0..rows).for_each(|_| heights.push(estimate));
        heights
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// There is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Another row at the end.
    pub fn push(&mut self, height: f32) {
        if self.sums.is_empty() {
            self.sums.push(0.0);
        }
        self.rows.push(height);
        let place = self.rows.len();
        let begin = place & (place - 1);
        let mut sum = f64::from(height);
        let mut below = place - 1;
        while below > begin {
            sum += self.sums.get(below).copied().unwrap_or_default();
            below &= below - 1;
        }
        self.sums.push(sum);
    }

    /// A row is as high as that; whether that is new.
    pub fn measure(&mut self, row: usize, height: f32) -> bool {
        let Some(before) = self.rows.get_mut(row) else { return false };
        if (*before - height).abs() < 0.5 {
            return false;
        }
        let change = f64::from(height) - f64::from(*before);
        *before = height;
        let mut place = row + 1;
        while let Some(sum) = self.sums.get_mut(place) {
            *sum += change;
            place += place & place.wrapping_neg();
        }
        true
    }

    /// Where a row begins.
    #[must_use]
    pub fn offset(&self, row: usize) -> f32 {
        let mut place = row.min(self.rows.len());
        let mut sum = 0.0;
        while place > 0 {
            sum += self.sums.get(place).copied().unwrap_or_default();
            place &= place - 1;
        }
        sum as f32
    }

    /// Of all rows.
    #[must_use]
    pub fn total(&self) -> f32 {
        self.offset(self.rows.len())
    }

    /// The row at a place; the first before it, the last behind it.
    #[must_use]
    pub fn row_at(&self, offset: f32) -> usize {
        let (mut place, mut left) = (0_usize, f64::from(offset.max(0.0)));
        let mut step = self.rows.len().checked_next_power_of_two().unwrap_or(0);
        while step > 0 {
            let next = place + step;
            if let Some(sum) = self.sums.get(next).filter(|sum| **sum <= left) {
                left -= sum;
                place = next;
            }
            step /= 2;
        }
        place.min(self.rows.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_where_they_stand() {
        let mut heights = Heights::new(0, 0.0);
        assert_eq!((heights.row_at(10.0), heights.total()), (0, 0.0));
        let mut rows: Vec<f32> = (0..1000).map(|n| (n % 7) as f32 * 3.0).collect();
        rows.iter().for_each(|height| heights.push(*height));
        for (row, height) in [(0, 40.0), (500, 0.0), (999, 9.5)] {
            rows[row] = height;
            heights.measure(row, height);
        }
        let mut offset = 0.0;
        for (row, height) in rows.iter().enumerate() {
            assert!((heights.offset(row) - offset).abs() < 0.01, "{row}");
            if *height > 0.0 {
                assert_eq!(heights.row_at(offset + height / 2.0), row);
            }
            offset += height;
        }
        assert!((heights.total() - offset).abs() < 0.01);
        assert_eq!(heights.row_at(1e9), 999);
        assert!(!heights.measure(999, 9.5), "nothing new");
    }
}
