//! Places on one row of glyphs: from a place in the text to a place on the row, and back.

use iced::advanced::graphics::text::cosmic_text::{LayoutGlyph, LayoutLine};

use super::steps;
use crate::direction::Direction;

/// Glyphs that stand for one stretch of the text.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cluster {
    start: usize,
    end: usize,
    left: f32,
    right: f32,
    rtl: bool,
}

/// One row of a line; places count from where the line begins.
pub(super) struct Row<'a> {
    clusters: Vec<Cluster>,
    text: &'a str,
    direction: Direction,
    width: f32,
}

impl<'a> Row<'a> {
    /// Which row of a line a place is on.
    pub(super) fn of(rows: &[LayoutLine], index: usize) -> usize {
        let starts = rows.iter().map(|row| row.glyphs.iter().map(|glyph| glyph.start).min().unwrap_or(0));
        starts.take_while(|start| *start <= index).count().saturating_sub(1)
    }

    pub(super) fn new(glyphs: &[LayoutGlyph], text: &'a str, direction: Direction, width: f32) -> Self {
        let mut clusters: Vec<Cluster> = Vec::new();
        for glyph in glyphs {
            let (left, right) = (glyph.x, glyph.x + glyph.w);
            match clusters.last_mut() {
                Some(last) if (last.start, last.end) == (glyph.start, glyph.end) => {
                    (last.left, last.right) = (last.left.min(left), last.right.max(right));
                }
                _ => {
                    let (start, end, rtl) = (glyph.start, glyph.end, glyph.level.is_rtl());
                    clusters.push(Cluster { start, end, left, right, rtl });
                }
            }
        }
        Self { clusters, text, direction, width }
    }

    /// Where the row begins in the text.
    pub(super) fn first(&self) -> usize {
        self.clusters.iter().map(|cluster| cluster.start).min().unwrap_or(0)
    }

    /// Where it ends.
    pub(super) fn last(&self) -> usize {
        self.clusters.iter().map(|cluster| cluster.end).max().unwrap_or(0)
    }

    /// Where a place stands on the row: before the character that follows it, or after the last.
    pub(super) fn x(&self, index: usize) -> f32 {
        let within = |cluster: &&Cluster| cluster.start <= index && index < cluster.end;
        if let Some(cluster) = self.clusters.iter().find(within) {
            return self.within(cluster, index);
        }
        match self.clusters.iter().filter(|cluster| cluster.end <= index).max_by_key(|cluster| cluster.end) {
            Some(cluster) => self.within(cluster, cluster.end),
            None if self.direction.is_rtl() => self.width,
            None => 0.0,
        }
    }

    /// The places within a cluster, in the text.
    fn places(&self, cluster: &Cluster) -> Vec<usize> {
        let text = self.text.get(cluster.start..cluster.end).unwrap_or_default();
        steps::places(text).into_iter().map(|at| cluster.start + at).collect()
    }

    /// One glyph may stand for several characters: each has its share.
    fn within(&self, cluster: &Cluster, index: usize) -> f32 {
        let share = if index <= cluster.start {
            0.0
        } else if index >= cluster.end {
            1.0
        } else {
            let places = self.places(cluster);
            let before = places.iter().filter(|place| **place < index).count();
            before as f32 / places.len().saturating_sub(1).max(1) as f32
        };
        let along = (cluster.right - cluster.left) * share;
        if cluster.rtl { cluster.right - along } else { cluster.left + along }
    }

    /// The place nearest to a point of the row.
    pub(super) fn index(&self, x: f32) -> usize {
        let away = |cluster: &Cluster| (cluster.left - x).max(x - cluster.right).max(0.0);
        let nearest = self.clusters.iter().min_by(|a, b| away(a).total_cmp(&away(b)));
        let Some(cluster) = nearest else { return 0 };
        let distance = |place: &usize| (self.within(cluster, *place) - x).abs();
        let places = self.places(cluster);
        places.into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(cluster.start)
    }

    /// What lies between two places, from left to right: several spans where directions meet.
    pub(super) fn spans(&self, from: usize, to: usize) -> Vec<(f32, f32)> {
        let covered = self.clusters.iter().filter(|cluster| cluster.start < to && cluster.end > from);
        let mut spans: Vec<(f32, f32)> = covered
            .map(|cluster| {
                let (a, b) = (self.within(cluster, from), self.within(cluster, to));
                (a.min(b), a.max(b))
            })
            .collect();
        spans.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut joined: Vec<(f32, f32)> = Vec::new();
        for (left, right) in spans {
            match joined.last_mut() {
                Some(last) if left <= last.1 + 0.5 => last.1 = last.1.max(right),
                _ => joined.push((left, right)),
            }
        }
        joined
    }
}
