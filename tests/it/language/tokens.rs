//! Tokenizers and the streaming of their texts.

use super::data;
use proptest::prelude::*;
use std::fs;
use std::sync::LazyLock;
use vedette::language::{LanguageError, TextStream, Tokenizer};

const FILES: [&str; 3] = ["tokenizer.json", "sentencepiece.json", "wordpiece.json"];

static ALL: LazyLock<Vec<Tokenizer>> =
    LazyLock::new(|| FILES.iter().map(|file| Tokenizer::open(&data(file)).unwrap()).collect());

/// Every piece that a stream gives, and the rest at its end.
fn streamed(tokenizer: &Tokenizer, ids: &[u32], skip_special: bool) -> Vec<String> {
    let mut stream = TextStream::new(tokenizer, skip_special);
    let mut pieces: Vec<String> = ids.iter().filter_map(|id| stream.push(*id).unwrap()).collect();
    pieces.extend(stream.finish().unwrap());
    pieces
}

#[test]
fn the_files_own_padding_and_truncation_are_off() {
    let tokenizer = &ALL[0];
    let text = "What do you see in this picture? A person walks beside the van, and a dog behind it.";
    let encoding = tokenizer.encode(text, true).unwrap();
    assert!(encoding.ids.len() > 12, "{}", encoding.ids.len());
    assert_eq!(tokenizer.encode("a", true).unwrap().ids.len(), 1);
    assert_eq!(tokenizer.decode(&encoding.ids, false).unwrap(), text);
    assert!(encoding.mask.iter().all(|mask| *mask == 1));
}

#[test]
fn special_tokens_are_added_when_asked_and_offsets_are_bytes_of_the_text() {
    let tokenizer = &ALL[2];
    let text = "Straße, a dog";
    let encoding = tokenizer.encode(text, true).unwrap();
    let tokens: Vec<String> = encoding.ids.iter().map(|id| tokenizer.token(*id).unwrap()).collect();
    assert_eq!(tokens.first().unwrap(), "[CLS]");
    assert_eq!(tokens.last().unwrap(), "[SEP]");
    assert_eq!(encoding.type_ids, vec![0; tokens.len()]);
    let dog = tokens.iter().position(|token| token == "dog").unwrap();
    assert_eq!(&text[encoding.offsets[dog].clone()], "dog");
    assert_eq!(encoding.offsets[0], 0..0);
    assert_eq!(tokenizer.encode(text, false).unwrap().ids, encoding.ids[1..encoding.ids.len() - 1]);
    assert!(tokenizer.is_special(encoding.ids[0]) && !tokenizer.is_special(encoding.ids[dog]));
}

#[test]
fn texts_are_filled_up_to_a_length_and_never_cut() {
    let tokenizer = &ALL[2];
    let pad = tokenizer.required_token_id("[PAD]").unwrap();
    let padded = tokenizer.encode_padded(&["a dog", "van"], 6, pad).unwrap();
    assert_eq!(padded[0].mask, [1, 1, 1, 1, 0, 0]);
    assert_eq!(padded[1].mask, [1, 1, 1, 0, 0, 0]);
    assert!(padded.iter().all(|text| text.ids.len() == 6 && text.type_ids.len() == 6 && text.offsets.len() == 6));
    assert_eq!(padded[1].ids[3..], [pad; 3]);
    let refusal = tokenizer.encode_padded(&["a dog", "the delivery van"], 4, pad).unwrap_err();
    assert_eq!(refusal, LanguageError::TooLong { start: "the delivery van".to_owned(), tokens: 5, limit: 4 });
    assert_eq!(refusal.to_string(), "text \"the delivery van\" has 5 tokens, expected at most 4");
}

#[test]
fn special_tokens_in_a_text_are_taken_for_what_they_are() {
    let tokenizer = &ALL[0];
    let ids = tokenizer.encode("<|im_start|>user", false).unwrap().ids;
    assert_eq!(Some(ids[0]), tokenizer.token_id("<|im_start|>"));
    assert_eq!(tokenizer.decode(&ids, true).unwrap(), "user");
    assert_eq!(tokenizer.vocab_size(), 480);
    let missing = tokenizer.required_token_id("<fake_token_around_image>").unwrap_err().to_string();
    assert!(missing.ends_with("tokenizer.json has no token \"<fake_token_around_image>\""), "{missing}");
}

#[test]
fn a_piece_leaves_when_its_characters_are_complete() {
    for (tokenizer, text) in ALL.iter().zip(["A 😀 in 日本語.", "A 😀 in 日本語.", "the dog"]) {
        let ids = tokenizer.encode(text, false).unwrap().ids;
        let pieces = streamed(tokenizer, &ids, true);
        assert_eq!(pieces.concat(), text);
        assert!(pieces.len() > 1, "{pieces:?}");
        assert!(pieces.iter().all(|piece| !piece.contains(char::REPLACEMENT_CHARACTER)), "{pieces:?}");
    }
}

proptest! {
    #[test]
    fn the_pieces_together_are_the_text_of_all_tokens(
        which in 0..FILES.len(),
        ids in proptest::collection::vec(0u32..500, 0..40),
        skip_special: bool,
    ) {
        let tokenizer = &ALL[which];
        let pieces = streamed(tokenizer, &ids, skip_special);
        prop_assert_eq!(pieces.concat(), tokenizer.decode(&ids, skip_special).unwrap());
    }

    #[test]
    fn any_text_survives_byte_level_tokens(text in "\\PC{0,40}") {
        let ids = ALL[0].encode(&text, false).unwrap().ids;
        prop_assert_eq!(ALL[0].decode(&ids, false).unwrap(), text);
    }

    #[test]
    fn a_damaged_file_is_refused_or_used_but_never_panics(
        which in 0..FILES.len(),
        cut in 0usize..30_000,
        changes in proptest::collection::vec((0usize..30_000, 32u8..127), 0..6),
    ) {
        let mut bytes = fs::read(data(FILES[which])).unwrap();
        for (place, byte) in changes {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        bytes.truncate(cut);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        fs::write(&path, &bytes).unwrap();
        match Tokenizer::open(&path) {
            Ok(tokenizer) => {
                if let Ok(encoding) = tokenizer.encode("A person walks, 日本語 [CLS].", true) {
                    let _ = tokenizer.decode(&encoding.ids, true);
                    let _ = tokenizer.encode_padded(&["a"], 4, 0);
                }
                let _ = tokenizer.decode(&[0, 1, 2, 300, u32::MAX], false);
            }
            Err(refusal) => prop_assert!(refusal.to_string().contains("tokenizer.json"), "{}", refusal),
        }
    }
}

#[test]
fn a_file_that_is_no_tokenizer_is_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        Tokenizer::open(&path).unwrap_err().to_string()
    };
    for (name, content, reason) in [
        ("empty.json", &b""[..], "EOF"),
        ("half.json", b"{\"version\": \"1.0\", \"model\": {", "EOF"),
        ("other.json", b"{\"architectures\": []}", "is not a Hugging Face tokenizer"),
        ("bytes.json", b"\xff\xfe\x00", "cannot be read"),
        (
            "no_vocabulary.json",
            b"{\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", \"continuing_subword_prefix\": \"##\", \
              \"max_input_chars_per_word\": 100, \"vocab\": {}}}",
            "vocabulary is empty",
        ),
    ] {
        let message = refusal(name, content);
        assert!(message.contains(name) && message.contains(reason), "{message}");
    }
    let missing = Tokenizer::open(&folder.path().join("absent.json")).unwrap_err();
    assert!(matches!(missing, LanguageError::File { .. }), "{missing}");
}
