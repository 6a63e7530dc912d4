//! What can be tuned about tracking.

/// Parameters of the [`Tracker`](super::Tracker). Ranges are checked where parameters are read (`config`); values
/// outside them track badly, and never panic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackingParams {
    /// Boxes with at least this score choose their tracks first. `0..=1`, default 0.4.
    pub high_score: f32,
    /// Boxes below this score are not looked at; those between it and `high_score` may continue a track and never begin
    /// one. `0..=high_score`, default 0.1. The detector's own `score_threshold` comes before it: at its default of 0.25
    /// the boxes from 0.25 to 0.4 are the poor ones.
    pub low_score: f32,
    /// A box that no track took begins one from this score on. `0..=1`, default 0.4. Lower is more careful, at the price
    /// of ghosts.
    pub new_track_score: f32,
    /// The least overlap (IoU) of a track's predicted box with the box that it takes, both grown by the prediction's
    /// uncertainty. `0.01..=0.9`, default 0.2. A poor box, or one of another class, must reach at least 0.5.
    pub min_iou: f32,
    /// How long a track goes on without a box, in milliseconds of stamp time; frames further apart than this cannot be
    /// tracked at all. `1..=600_000`, default 1000.
    pub max_unseen_ms: u32,
    /// How many boxes make a track: it gets its id, and shows, with that one. `1..=100`, default 2. A sure box is planned
    /// with before that; for poorer ones, every frame more is one more before the planner knows.
    pub confirm_frames: u32,
}

impl Default for TrackingParams {
    fn default() -> Self {
        Self {
            high_score: 0.4,
            low_score: 0.1,
            new_track_score: 0.4,
            min_iou: 0.2,
            max_unseen_ms: 1000,
            confirm_frames: 2,
        }
    }
}
