//! The transform buffer against what the real tf2 answered: tests/data/tf/generate.py says how that was recorded.

use nalgebra::{Isometry3, Quaternion, UnitQuaternion, Vector3};
use vedette::spatial::{LinkKind, LookupKind, TransformBuffer, When};
use vedette::types::Stamp;

static TABLE: &[u8] = include_bytes!("../data/tf/lookups.bin");

/// Reads the table from its beginning.
struct Table(&'static [u8]);

impl Table {
    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let (bytes, rest) = self.0.split_first_chunk().unwrap();
        self.0 = rest;
        *bytes
    }

    fn byte(&mut self) -> u8 {
        self.bytes::<1>()[0]
    }

    fn text(&mut self) -> &'static str {
        let length = usize::from(self.byte());
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        std::str::from_utf8(text).unwrap()
    }

    fn stamp(&mut self) -> Stamp {
        Stamp::from_ns(i64::from_le_bytes(self.bytes()))
    }

    fn number(&mut self) -> f64 {
        f64::from_le_bytes(self.bytes())
    }

    fn short(&mut self) -> f64 {
        f64::from(i16::from_le_bytes(self.bytes()))
    }
}

fn isometry([x, y, z]: [f64; 3], [i, j, k, w]: [f64; 4]) -> Isometry3<f64> {
    let turn = UnitQuaternion::new_normalize(Quaternion::new(w, i, j, k));
    Isometry3::from_parts(Vector3::new(x, y, z).into(), turn)
}

/// The number of a kind in the table.
fn number_of(kind: LookupKind) -> u8 {
    match kind {
        LookupKind::InvalidArgument => 1,
        LookupKind::Lookup => 2,
        LookupKind::Connectivity => 3,
        LookupKind::Extrapolation => 4,
    }
}

#[test]
fn lookups_give_what_tf2_gives_within_1e_9_and_fail_as_tf2_does() {
    // A jump back is no new beginning for tf2 itself: its listeners see to that.
    let begin = || TransformBuffer::new(i64::MAX);
    let (mut table, mut buffer) = (Table(TABLE), begin());
    let (mut answers, mut worst, mut latest) = ([0; 5], 0.0f64, 0);
    while !table.0.is_empty() {
        match table.byte() {
            0 => buffer = begin(),
            what @ (1 | 2) => {
                let kind = if what == 1 { LinkKind::Moving } else { LinkKind::Static };
                let (parent, child, stamp) = (table.text(), table.text(), table.stamp());
                let place = [(); 3].map(|()| table.short() / 1000.0);
                let turn = [(); 4].map(|()| table.short());
                // tf2 only logs what it refuses: that it has is seen by the lookups.
                let _ = buffer.insert(kind, stamp, parent, child, isometry(place, turn));
            }
            3 => buffer.clear(),
            4 => {
                let (target, source, stamp) = (table.text(), table.text(), table.stamp());
                let when = if stamp == Stamp::from_ns(0) { When::Latest } else { When::At(stamp) };
                let found = buffer.lookup(target, source, when);
                let expected = table.byte();
                answers[usize::from(expected)] += 1;
                let asked = format!("{source} to {target} at {stamp}, lookup {}", answers.iter().sum::<i32>());
                assert_eq!(found.map_or_else(|error| number_of(error.kind()), |_| 0), expected, "{asked}: {found:?}");
                if let Ok(found) = found {
                    let place = [(); 3].map(|()| table.number());
                    let turn = [(); 4].map(|()| table.number());
                    let expected = isometry(place, turn);
                    let apart = (found.translation.vector - expected.translation.vector).amax();
                    let turn = found.rotation.coords;
                    let turned = (turn - expected.rotation.coords).amax().min((turn + expected.rotation.coords).amax());
                    worst = worst.max(apart).max(turned);
                    assert!(worst < 1e-9, "{asked}: {found:?}, expected {expected:?}");
                }
            }
            5 => {
                let found = buffer.latest_common_time(table.text(), table.text());
                let expected = (table.byte() == 0).then(|| table.stamp());
                assert_eq!(found.ok().map(Option::unwrap_or_default), expected);
                latest += 1;
            }
            other => panic!("no record begins with {other}"),
        }
    }
    assert_eq!(answers.iter().sum::<i32>(), 5000);
    assert!(answers.iter().all(|count| *count >= 50), "each kind is there: {answers:?}");
    assert!(latest >= 100, "{latest} latest common times");
}
