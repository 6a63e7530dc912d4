//! The cursors over plain CDR: [`Reader`] for bytes from outside, [`Writer`] for bytes of ours.
//!
//! Primitives are aligned to their own size, counted from the first byte behind the encapsulation header. A string is
//! a u32 length that counts the closing NUL, then UTF-8, then NUL; a sequence is a u32 count, then its elements.

use super::error::{Place, WireError};

const ENCAPSULATION_BYTES: usize = 4;
const PLAIN_CDR_BIG_ENDIAN: u16 = 0x0000;
const PLAIN_CDR_LITTLE_ENDIAN: u16 = 0x0001;

/// Reads the fields of one message in order. A failed read leaves the reader where it was or behind the length field.
#[derive(Debug)]
pub struct Reader<'a> {
    /// All behind the encapsulation header.
    body: &'a [u8],
    /// Where the next field may begin, `0..=body.len()`.
    at: usize,
    /// Where the bytes read last begin.
    last: usize,
    big_endian: bool,
    message: &'static str,
}

impl<'a> Reader<'a> {
    /// Reads the encapsulation header; `message` names the expected type in errors.
    ///
    /// # Errors
    /// [`WireError::Empty`] below four bytes, [`WireError::Encapsulation`] for another form than plain CDR.
    pub fn new(cdr: &'a [u8], message: &'static str) -> Result<Self, WireError> {
        let Some((&[high, low, _, _], body)) = cdr.split_first_chunk::<ENCAPSULATION_BYTES>() else {
            return Err(WireError::Empty { message, found: cdr.len() });
        };
        let big_endian = match u16::from_be_bytes([high, low]) {
            PLAIN_CDR_BIG_ENDIAN => true,
            PLAIN_CDR_LITTLE_ENDIAN => false,
            found => return Err(WireError::Encapsulation { message, found }),
        };
        Ok(Self { body, at: 0, last: 0, big_endian, message })
    }

    /// The place of a field whose first byte is `at` in the body.
    fn place(&self, field: &str, at: usize) -> Place {
        Place { message: self.message, field: field.to_owned(), offset: at + ENCAPSULATION_BYTES }
    }

    /// The error of a field, just read, whose value is not allowed.
    pub fn refuse(&self, field: &str, found: impl ToString, expected: &'static str) -> WireError {
        let found = found.to_string().chars().take(64).collect();
        WireError::Value { place: self.place(field, self.last), found, expected }
    }

    /// The error of a Time, just read, that is no stamp.
    pub fn refuse_stamp(&self, field: &str, reason: crate::types::StampError) -> WireError {
        WireError::Stamp { place: self.place(field, self.last), reason }
    }

    /// `len` bytes from the next multiple of `align`.
    #[inline]
    fn bytes(&mut self, field: &str, align: usize, len: usize) -> Result<&'a [u8], WireError> {
        let start = self.at.next_multiple_of(align);
        let left = self.body.get(start..).unwrap_or_default();
        let Some(bytes) = left.get(..len) else {
            return Err(WireError::Truncated { place: self.place(field, start), found: left.len(), expected: len });
        };
        self.last = start;
        self.at = start + len;
        Ok(bytes)
    }

    /// A primitive of `N` bytes, least significant first.
    #[inline]
    fn primitive<const N: usize>(&mut self, field: &str) -> Result<[u8; N], WireError> {
        let mut primitive = [0; N];
        primitive.copy_from_slice(self.bytes(field, N, N)?);
        if self.big_endian {
            primitive.reverse();
        }
        Ok(primitive)
    }

    /// A `uint8`, `bool`, `byte` or `char`.
    pub fn u8(&mut self, field: &str) -> Result<u8, WireError> {
        self.primitive(field).map(u8::from_le_bytes)
    }

    /// A `uint16`.
    pub fn u16(&mut self, field: &str) -> Result<u16, WireError> {
        self.primitive(field).map(u16::from_le_bytes)
    }

    /// A `uint32`.
    pub fn u32(&mut self, field: &str) -> Result<u32, WireError> {
        self.primitive(field).map(u32::from_le_bytes)
    }

    /// An `int32`.
    pub fn i32(&mut self, field: &str) -> Result<i32, WireError> {
        self.primitive(field).map(i32::from_le_bytes)
    }

    /// A `uint64`.
    pub fn u64(&mut self, field: &str) -> Result<u64, WireError> {
        self.primitive(field).map(u64::from_le_bytes)
    }

    /// An `int64`.
    pub fn i64(&mut self, field: &str) -> Result<i64, WireError> {
        self.primitive(field).map(i64::from_le_bytes)
    }

    /// A `float32`.
    pub fn f32(&mut self, field: &str) -> Result<f32, WireError> {
        self.primitive(field).map(f32::from_le_bytes)
    }

    /// A `float64`.
    pub fn f64(&mut self, field: &str) -> Result<f64, WireError> {
        self.primitive(field).map(f64::from_le_bytes)
    }

    /// A fixed array of `float64`, or as many such fields in a row.
    pub fn f64s<const N: usize>(&mut self, field: &str) -> Result<[f64; N], WireError> {
        let big_endian = self.big_endian;
        let (primitives, _) = self.bytes(field, 8, 8 * N)?.as_chunks();
        let mut values = [0.0; N];
        for (value, primitive) in values.iter_mut().zip(primitives) {
            *value = f64_from(*primitive, big_endian);
        }
        Ok(values)
    }

    /// A sequence of `float64`, decoded as it is walked.
    pub fn f64_sequence(&mut self, field: &str) -> Result<impl ExactSizeIterator<Item = f64> + 'a, WireError> {
        let big_endian = self.big_endian;
        let count = self.count(field, 8)?;
        // No element, no alignment for it.
        let bytes = if count == 0 { &[] } else { self.bytes(field, 8, 8 * count)? };
        Ok(bytes.as_chunks().0.iter().map(move |primitive| f64_from(*primitive, big_endian)))
    }

    /// The count of a sequence whose elements take at least `least_bytes` each, alignment apart: never more than
    /// the bytes that are left can hold, so that it is safe to allocate for.
    pub fn count(&mut self, field: &str, least_bytes: usize) -> Result<usize, WireError> {
        let found = self.u32(field)? as usize;
        let left = self.body.len() - self.at;
        let expected = left / least_bytes;
        if found > expected {
            return Err(WireError::Count { place: self.place(field, self.last), found, expected, left });
        }
        Ok(found)
    }

    /// A sequence of `uint8`, borrowed.
    pub fn byte_sequence(&mut self, field: &str) -> Result<&'a [u8], WireError> {
        let length = self.u32(field)? as usize;
        self.bytes(field, 1, length)
    }

    /// A string, borrowed. A length of 0 (no NUL), which some writers use for the empty string, is taken as such.
    pub fn str(&mut self, field: &str) -> Result<&'a str, WireError> {
        let bytes = self.byte_sequence(field)?;
        let Some((&last, text)) = bytes.split_last() else { return Ok("") };
        if last != 0 {
            return Err(WireError::Terminator { place: self.place(field, self.at - 1), found: last });
        }
        std::str::from_utf8(text).map_err(|error| {
            let valid = error.valid_up_to();
            let found = text.get(valid).copied().unwrap_or_default();
            WireError::Utf8 { place: self.place(field, self.last + valid), found }
        })
    }
}

fn f64_from(mut primitive: [u8; 8], big_endian: bool) -> f64 {
    if big_endian {
        primitive.reverse();
    }
    f64::from_le_bytes(primitive)
}

/// Writes the fields of one message in order, little endian.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    /// Clears `out`, keeps its capacity, and writes the encapsulation header.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        out.clear();
        let [high, low] = PLAIN_CDR_LITTLE_ENDIAN.to_be_bytes();
        out.extend_from_slice(&[high, low, 0, 0]);
        Self { out }
    }

    /// Zeros up to the next multiple of `align`.
    #[inline]
    fn align(&mut self, align: usize) {
        let at = self.out.len() - ENCAPSULATION_BYTES;
        self.out.resize(at.next_multiple_of(align) + ENCAPSULATION_BYTES, 0);
    }

    #[inline]
    fn primitive<const N: usize>(&mut self, primitive: [u8; N]) {
        self.align(N);
        self.out.extend_from_slice(&primitive);
    }

    /// A `uint8`, `bool`, `byte` or `char`.
    pub fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    /// A `uint16`.
    pub fn u16(&mut self, value: u16) {
        self.primitive(value.to_le_bytes());
    }

    /// A `uint32`.
    pub fn u32(&mut self, value: u32) {
        self.primitive(value.to_le_bytes());
    }

    /// An `int32`.
    pub fn i32(&mut self, value: i32) {
        self.primitive(value.to_le_bytes());
    }

    /// A `uint64`.
    pub fn u64(&mut self, value: u64) {
        self.primitive(value.to_le_bytes());
    }

    /// An `int64`.
    pub fn i64(&mut self, value: i64) {
        self.primitive(value.to_le_bytes());
    }

    /// A `float32`.
    pub fn f32(&mut self, value: f32) {
        self.primitive(value.to_le_bytes());
    }

    /// A `float64`.
    pub fn f64(&mut self, value: f64) {
        self.primitive(value.to_le_bytes());
    }

    /// A fixed array of `float64`, or as many such fields in a row.
    #[inline]
    pub fn f64s<const N: usize>(&mut self, values: &[f64; N]) {
        self.align(8);
        let start = self.out.len();
        self.out.resize(start + 8 * N, 0);
        for (slot, value) in self.out[start..].as_chunks_mut().0.iter_mut().zip(values) {
            *slot = value.to_le_bytes();
        }
    }

    /// The count in front of a sequence's elements.
    ///
    /// # Panics
    /// Beyond `u32::MAX`, which CDR cannot say: a message of more than 4 GiB.
    pub fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).expect("a CDR sequence counts in 32 bits"));
    }

    /// A sequence of `uint8`.
    ///
    /// # Panics
    /// As [`count`](Self::count).
    pub fn byte_sequence(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.out.extend_from_slice(bytes);
    }

    /// A string.
    ///
    /// # Panics
    /// As [`count`](Self::count).
    pub fn str(&mut self, text: &str) {
        self.text(text.as_bytes());
    }

    /// A string of decimal digits.
    pub fn decimal(&mut self, mut number: u64) {
        // u64::MAX has 20 digits.
        let mut digits = [b'0'; 20];
        let mut start = digits.len();
        while number > 0 || start == digits.len() {
            start -= 1;
            digits[start] += (number % 10) as u8;
            number /= 10;
        }
        self.text(&digits[start..]);
    }

    fn text(&mut self, utf8: &[u8]) {
        self.count(utf8.len() + 1);
        self.out.extend_from_slice(utf8);
        self.out.push(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MESSAGE: &str = "test_msgs/msg/Test";

    fn reader(cdr: &[u8]) -> Reader<'_> {
        Reader::new(cdr, MESSAGE).unwrap()
    }

    proptest! {
        #[test]
        fn primitives_and_strings_survive_the_round_trip(
            a in any::<u8>(), b in any::<u16>(), c in any::<u64>(), d in any::<i32>(), text in any::<String>(),
            e in any::<f64>(), f in any::<[f64; 3]>(), g in any::<f32>(),
        ) {
            let mut out = vec![7; 3];
            let mut writer = Writer::new(&mut out);
            writer.u8(a);
            writer.u16(b);
            writer.u64(c);
            writer.i32(d);
            writer.str(&text);
            writer.f64(e);
            writer.f64s(&f);
            writer.f32(g);
            writer.decimal(c);
            let mut reader = reader(&out);
            prop_assert_eq!(reader.u8("a").unwrap(), a);
            prop_assert_eq!(reader.u16("b").unwrap(), b);
            prop_assert_eq!(reader.u64("c").unwrap(), c);
            prop_assert_eq!(reader.i32("d").unwrap(), d);
            prop_assert_eq!(reader.str("text").unwrap(), text);
            prop_assert_eq!(reader.f64("e").unwrap(), e);
            prop_assert_eq!(reader.f64s("f").unwrap(), f);
            prop_assert_eq!(reader.f32("g").unwrap(), g);
            prop_assert_eq!(reader.str("c").unwrap(), c.to_string());
            prop_assert_eq!(reader.at, reader.body.len());
        }
    }

    #[test]
    fn alignment_counts_from_behind_the_encapsulation_header() {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        writer.u8(1);
        writer.f64(0.0);
        assert_eq!(out.len(), 4 + 16);
    }

    #[test]
    fn another_encapsulation_is_refused_by_number() {
        let error = Reader::new(&[0, 7, 0, 0], MESSAGE).unwrap_err();
        assert_eq!(
            error.to_string(),
            "test_msgs/msg/Test: encapsulation 0x0007, expected 0x0000 or 0x0001 (plain CDR, big or little endian)"
        );
        assert_eq!(Reader::new(&[0, 1, 0], MESSAGE).unwrap_err(), WireError::Empty { message: MESSAGE, found: 3 });
    }

    #[test]
    fn a_field_behind_the_end_is_refused_with_its_offset() {
        let error = reader(&[0, 1, 0, 0, 9, 9]).u32("height").unwrap_err();
        assert_eq!(error.to_string(), "test_msgs/msg/Test height at byte 4: 2 bytes left, expected 4");
    }

    #[test]
    fn a_count_that_the_bytes_cannot_hold_is_refused() {
        let error = reader(&[0, 0, 0, 0, 255, 255, 255, 255, 1, 2, 3, 4]).count("poses", 2).unwrap_err();
        assert_eq!(
            error.to_string(),
            "test_msgs/msg/Test poses at byte 4: a sequence of 4294967295, expected at most 2 in the 4 bytes left"
        );
    }

    #[test]
    fn a_string_without_nul_or_utf8_is_refused_at_the_byte() {
        let error = reader(&[0, 1, 0, 0, 2, 0, 0, 0, b'a', b'b']).str("id").unwrap_err();
        assert_eq!(
            error.to_string(),
            "test_msgs/msg/Test id at byte 9: a string that ends in 0x62, expected a closing 0x00"
        );
        let error = reader(&[0, 1, 0, 0, 3, 0, 0, 0, b'a', 0xff, 0]).str("id").unwrap_err();
        assert_eq!(error.to_string(), "test_msgs/msg/Test id at byte 9: byte 0xff in a string, expected UTF-8");
    }

    #[test]
    fn a_string_of_length_0_is_empty() {
        assert_eq!(reader(&[0, 1, 0, 0, 0, 0, 0, 0]).str("id").unwrap(), "");
    }

    #[test]
    fn an_empty_sequence_of_f64_asks_for_no_alignment() {
        let mut reader = reader(&[0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(reader.f64_sequence("d").unwrap().len(), 0);
    }
}
