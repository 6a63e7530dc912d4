"""Makes the tokenizers of this folder: three small vocabularies, as their families write them.

Needs `tokenizers` (made with 0.23.3): python3 tests/data/language/make.py
"""

import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = Path(__file__).parent
WORDS = ["proceed", "slow", "stop", "avoid", "yield", "hover", "land", "return"]
TEXT = [
    '{"decision":"%s","speed_limit_mps":%d.%d,"steps":[{"track":%d,"class":"%s","action":"%s","reason":"%s"}],"reason":"%s"}'
    % (WORDS[i % 8], i % 9, i % 10, 7 * i, ["person", "car", "delivery van", "dog"][i % 4], WORDS[(i + 3) % 8],
       ["it crosses the path", "it is near", "wait for it"][i % 3], ["the way is clear", "people ahead"][i % 2])
    for i in range(200)
] + ["Naïve café, Straße, 日本語 and 😀 in view.", "What do you see in this picture? A person walks beside the van."] * 20


def byte_level():
    """As GPT-2, SmolLM and Qwen write bytes; chat tokens as ChatML has them."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=480, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TEXT, trainer)
    # Padding and truncation that somebody left on.
    tokenizer.enable_padding(length=12)
    tokenizer.enable_truncation(max_length=12)
    tokenizer.save(str(HERE / "tokenizer.json"))


def sentence_piece():
    """As Llama's converted tokenizers are: spaces as U+2581, unknown characters as bytes."""
    base = {"<unk>": 0, "<s>": 1, "</s>": 2}
    for byte in range(256):
        base[f"<0x{byte:02X}>"] = len(base)
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    trainer = trainers.BpeTrainer(vocab_size=200, special_tokens=["<unk>"], limit_alphabet=90, show_progress=False)
    trained.train_from_iterator(TEXT, trainer)
    model = json.loads(trained.to_str())["model"]
    for token in sorted(model["vocab"], key=model["vocab"].get):
        base.setdefault(token, len(base))
    merges = [tuple(merge) for merge in model["merges"]]
    tokenizer = Tokenizer(models.BPE(base, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in ("<unk>", "<s>", "</s>")])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.save(str(HERE / "sentencepiece.json"))


def word_piece():
    """As BERT's are: sentences between [CLS] and [SEP]."""
    pieces = "[PAD] [UNK] [CLS] [SEP] a person walk ##s ##ing delivery van dog the beside straße cafe , . ?".split()
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces += list(letters) + ["##" + letter for letter in letters]
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in pieces[:4]])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(HERE / "wordpiece.json"))


byte_level()
sentence_piece()
word_piece()
