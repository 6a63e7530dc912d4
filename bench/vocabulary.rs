//! A tokenizer as large as SmolVLM-256M's, made up.

use serde_json::{Map, Value, json};

/// As many tokens as SmolVLM-256M has.
pub const TOKENS: usize = 49_152;

/// Byte-level: each byte, then words of two to nine letters, most with a space before them.
pub fn tokenizer_json() -> Value {
    let bytes = ('!'..='~').chain('\u{a1}'..='\u{ac}').chain('\u{ae}'..='\u{ff}').chain('\u{100}'..='\u{143}');
    let mut vocabulary: Map<String, Value> =
        bytes.enumerate().map(|(id, byte)| (byte.to_string(), json!(id))).collect();
    let mut number = 1_usize;
    while vocabulary.len() < TOKENS {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let letters = (0..2 + (number >> 60) % 8).map(|place| {
            let letter = (number >> (8 + 5 * place)) % 26;
            char::from(b"etaoinshrdlucmfwypvbgkjqxz"[letter * letter / 26])
        });
        let space = if number >> 20 & 3 == 0 { "" } else { "Ġ" };
        let id = vocabulary.len();
        vocabulary.entry(format!("{space}{}", letters.collect::<String>())).or_insert(json!(id));
    }
    json!({
        "version": "1.0",
        "added_tokens": [],
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
    })
}
