//! Which class a track has, when the detector wavers.

use crate::types::ClassId;

/// How many classes a track remembers at once; the weakest makes room for a new one.
const REMEMBERED: usize = 4;

/// What is left of every older vote when a new one comes in: the last twenty votes or so decide.
const FADING: f32 = 0.95;

/// A running vote, each box voting for its class with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ClassVote {
    /// Class and weight; a weight of 0 is an empty place.
    ballots: [(ClassId, f32); REMEMBERED],
}

impl ClassVote {
    /// The first box decides alone.
    pub(super) fn new(class: ClassId, score: f32) -> Self {
        let mut vote = Self { ballots: [(class, 0.0); REMEMBERED] };
        vote.add(class, score);
        vote
    }

    /// One more box. `score` in `0..=1`.
    pub(super) fn add(&mut self, class: ClassId, score: f32) {
        for (_, weight) in &mut self.ballots {
            *weight *= FADING;
        }
        if let Some((_, weight)) = self.ballots.iter_mut().find(|(known, weight)| *known == class && *weight > 0.0) {
            *weight += score;
            return;
        }
        // The first of equals: `min_by` keeps the earlier place.
        if let Some(weakest) = self.ballots.iter_mut().min_by(|a, b| a.1.total_cmp(&b.1)) {
            *weakest = (class, score);
        }
    }

    /// The class with the most weight; of equals the one in the earlier place, so that a tie does not flicker.
    pub(super) fn winner(&self) -> ClassId {
        let [mut best, others @ ..] = self.ballots;
        for ballot in others {
            if ballot.1 > best.1 {
                best = ballot;
            }
        }
        best.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAR: ClassId = ClassId(2);
    const TRUCK: ClassId = ClassId(7);

    #[test]
    fn a_single_other_box_does_not_change_the_class() {
        let mut vote = ClassVote::new(CAR, 0.6);
        vote.add(CAR, 0.6);
        vote.add(TRUCK, 0.9);
        assert_eq!(vote.winner(), CAR);
    }

    #[test]
    fn a_class_that_stays_wins_after_a_long_mistake() {
        let mut vote = ClassVote::new(CAR, 0.6);
        (0..1000).for_each(|_| vote.add(CAR, 0.6));
        let needed = (1..100).find(|_| {
            vote.add(TRUCK, 0.6);
            vote.winner() == TRUCK
        });
        assert!(needed.is_some_and(|frames| frames < 20), "{needed:?}");
    }

    #[test]
    fn more_classes_than_places_keep_the_strongest() {
        let mut vote = ClassVote::new(CAR, 0.9);
        (10..40).for_each(|other| {
            vote.add(CAR, 0.5);
            vote.add(ClassId(other), 0.5);
        });
        assert_eq!(vote.winner(), CAR);
    }

    #[test]
    fn votes_of_score_zero_still_name_a_class_that_was_seen() {
        assert_eq!(ClassVote::new(CAR, 0.0).winner(), CAR);
    }
}
