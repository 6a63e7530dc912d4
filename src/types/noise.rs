//! Noise that is the same each time, to try things on.

/// Marsaglia's xorshift of 32 bits, from one seed.
#[derive(Debug, Clone)]
pub struct Noise(u32);

impl Default for Noise {
    fn default() -> Self {
        Self(0x9e37_79b9)
    }
}

impl Noise {
    /// The next 32 bits.
    pub fn bits(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        self.bits().to_be_bytes()[0]
    }

    /// The next number from -1 to 1.
    pub fn float(&mut self) -> f32 {
        f32::from(self.byte()) / 127.5 - 1.0
    }
}
