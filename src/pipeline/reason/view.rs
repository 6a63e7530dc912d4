//! What a language model is asked: the parameter's words, and what is in view.

use crate::types::{InView, Labels, Track};
use std::fmt::Write;

/// No more tracks are told, the nearest ones: a crowd must not fill the model's context.
const MAX_TRACKS: usize = 16;

/// The nearest tracks of a frame, for words.
pub(in crate::pipeline) struct View<'a> {
    tracks: Vec<&'a Track>,
    labels: &'a Labels,
}

impl<'a> View<'a> {
    /// Of confirmed tracks. Those with a place come first, by their distance from the robot; then the largest boxes.
    pub(in crate::pipeline) fn new(tracks: &'a [Track], labels: &'a Labels) -> Self {
        let mut nearest: Vec<&Track> = tracks.iter().collect();
        let rank = |track: &Track| match track.place.ground() {
            Some(ground) => (0, ground.position_m.coords.norm()),
            None => (1, -f64::from(track.bbox.height())),
        };
        nearest.sort_by(|a, b| {
            let ((a_kind, a_rank), (b_kind, b_rank)) = (rank(a), rank(b));
            a_kind.cmp(&b_kind).then(a_rank.total_cmp(&b_rank)).then(a.id.cmp(&b.id))
        });
        nearest.truncate(MAX_TRACKS);
        Self { tracks: nearest, labels }
    }

    /// What a proposal may name.
    pub(in crate::pipeline) fn in_view(&self) -> InView {
        let mut tracks: Vec<_> =
            self.tracks.iter().map(|track| (track.id, Box::from(self.labels.name(track.class)))).collect();
        tracks.sort_unstable_by_key(|(id, _)| *id);
        InView { tracks }
    }

    /// `What next? In view: person 7, 3.0 m ahead, 0.5 m left; dog 9, place unknown.`
    pub(in crate::pipeline) fn question(&self, prompt: &str) -> String {
        let mut text = format!("{prompt} In view:");
        if self.tracks.is_empty() {
            text.push_str(" nothing.");
            return text;
        }
        for (index, track) in self.tracks.iter().enumerate() {
            let separator = if index == 0 { "" } else { ";" };
            let name = self.labels.name(track.class);
            // A String takes all text.
            let _ = write!(text, "{separator} {name} {}, ", track.id);
            let _ = match track.place.ground() {
                Some(ground) => {
                    let (x_m, y_m) = (ground.position_m.x, ground.position_m.y);
                    let (along, across) =
                        (if x_m < 0.0 { "behind" } else { "ahead" }, if y_m < 0.0 { "right" } else { "left" });
                    write!(text, "{:.1} m {along}, {:.1} m {across}", x_m.abs(), y_m.abs())
                }
                None => write!(text, "place unknown"),
            };
        }
        text.push('.');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{BBox, ClassId, GroundPosition, Place, TrackId};
    use nalgebra::{Matrix2, Point2};

    fn track(id: u64, class: u16, place: Option<(f64, f64)>, height: f32) -> Track {
        Track {
            id: TrackId(id),
            bbox: BBox::from_corners(0.0, 0.0, 1.0, height).unwrap(),
            velocity_px_s: (0.0, 0.0),
            class: ClassId(class),
            score: 0.9,
            seen: true,
            unseen_ns: 0,
            place: place.map_or(Place::Unknown, |(x, y)| {
                Place::Ground(GroundPosition { position_m: Point2::new(x, y), covariance_m2: Matrix2::identity() })
            }),
        }
    }

    fn labels() -> Labels {
        Labels::new(["person", "dog"], 0)
    }

    #[test]
    fn the_nearest_comes_first_and_what_has_no_place_last() {
        let tracks = [
            track(3, 1, None, 5.0),
            track(4, 1, None, 9.0),
            track(7, 0, Some((3.04, -0.5)), 1.0),
            track(9, 0, Some((-1.0, 0.25)), 1.0),
        ];
        let labels = labels();
        let view = View::new(&tracks, &labels);
        assert_eq!(
            view.question("What next?"),
            "What next? In view: person 9, 1.0 m behind, 0.2 m left; person 7, 3.0 m ahead, 0.5 m right; \
             dog 4, place unknown; dog 3, place unknown."
        );
        let names: Vec<_> = view.in_view().tracks.iter().map(|(id, name)| (id.0, name.to_string())).collect();
        let expected = [(3, "dog"), (4, "dog"), (7, "person"), (9, "person")];
        assert_eq!(names, expected.map(|(id, name)| (id, name.to_owned())));
    }

    #[test]
    fn an_empty_view_is_told_too() {
        assert_eq!(View::new(&[], &labels()).question("What next?"), "What next? In view: nothing.");
    }

    #[test]
    fn of_a_crowd_the_nearest_are_told() {
        let crowd: Vec<Track> = (1..=100).map(|id| track(id, 0, Some((200.0 - id as f64, 0.0)), 1.0)).collect();
        let in_view = View::new(&crowd, &labels()).in_view();
        assert_eq!(in_view.tracks.len(), 16);
        assert_eq!((in_view.tracks[0].0, in_view.tracks[15].0), (TrackId(85), TrackId(100)));
    }
}
