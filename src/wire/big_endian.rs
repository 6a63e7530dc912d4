//! Test data: a message of ours as a big endian writer would have written it.

use super::schema::fields_of;

/// `little_endian` with every primitive turned around. The walk follows the message definitions and not the encoders,
/// and panics where the two disagree about the message's length.
pub fn swapped(type_name: &str, little_endian: &[u8]) -> Vec<u8> {
    assert_eq!(little_endian[..4], [0, 1, 0, 0]);
    let mut walk = Walk { body: &little_endian[4..], out: vec![] };
    walk.value(&type_name.replace("/msg/", "/"));
    assert_eq!(walk.out.len(), walk.body.len(), "{type_name}");
    [&[0; 4], &walk.out[..]].concat()
}

struct Walk<'a> {
    body: &'a [u8],
    /// As long as the part of the body that is done.
    out: Vec<u8>,
}

impl Walk<'_> {
    fn value(&mut self, type_name: &str) {
        match type_name {
            "bool" | "byte" | "uint8" => drop(self.primitive::<1>()),
            "uint16" => drop(self.primitive::<2>()),
            "int32" | "uint32" | "float32" => drop(self.primitive::<4>()),
            "uint64" | "float64" => drop(self.primitive::<8>()),
            "string" => {
                for _ in 0..self.count() {
                    self.primitive::<1>();
                }
            }
            message => {
                for (field_type, array) in fields_of(message).unwrap() {
                    let count = match array {
                        None => 1,
                        Some("") => self.count(),
                        Some(length) => length.parse().unwrap(),
                    };
                    for _ in 0..count {
                        self.value(field_type);
                    }
                }
            }
        }
    }

    fn count(&mut self) -> usize {
        u32::from_le_bytes(self.primitive()) as usize
    }

    /// Little endian, as it stands in the body.
    fn primitive<const N: usize>(&mut self) -> [u8; N] {
        self.out.resize(self.out.len().next_multiple_of(N), 0);
        let at = self.out.len();
        let primitive: [u8; N] = self.body[at..at + N].try_into().unwrap();
        self.out.extend(primitive.iter().rev());
        primitive
    }
}
