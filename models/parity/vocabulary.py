"""Tokenizers of the families' own classes, trained on `corpus.txt`.

Small vocabularies, but with the structure of the published ones: the same normalization, splitting, special tokens and
order of ids.
"""

import collections
import io
import itertools
import operator
import re
import string
import tempfile
from pathlib import Path

import sentencepiece
from tokenizers import Regex, normalizers, processors
from transformers import BertTokenizer, CLIPTokenizer, SiglipTokenizer
from transformers.convert_slow_tokenizer import SpmConverter, bytes_to_unicode

CORPUS = (Path(__file__).parent / "corpus.txt").read_text(encoding="utf-8").splitlines()
CLIP_MERGES = 480
SIGLIP_PIECES = 240
BERT_MERGES = 400


def clip(**options):
    """CLIP's byte-level BPE: bytes, bytes that end a word, merges, `<|startoftext|>`, `<|endoftext|>` (the highest id).

    As in the published vocabulary "!" has the id 0, which OWL pads with.
    """
    start, end, suffix = "<|startoftext|>", "<|endoftext|>", "</w>"
    # The class splits and normalizes; the training sees words as it does.
    backend = CLIPTokenizer().backend_tokenizer
    letters = list(bytes_to_unicode().values())
    words = collections.Counter(
        (*word[:-1], word[-1] + suffix)
        for line in CORPUS
        for word, _ in backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(line))
    )
    merges = bpe_merges(words, CLIP_MERGES)
    tokens = [*letters, *(letter + suffix for letter in letters), *("".join(pair) for pair in merges), start, end]
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, unk_token=end, bos_token=start, eos_token=end, **options)


def siglip(max_length, texts):
    """SigLIP's SentencePiece tokenizer, which is Python, and its twin for `tokenizer.json`, equal on the texts too.

    Ids as published: `<pad>` 0 (not used), `</s>` 1 (the end, and what pads), `<unk>` 2.
    """
    model = io.BytesIO()
    no_punctuation = str.maketrans("", "", string.punctuation)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(line.lower().translate(no_punctuation) for line in CORPUS),
        model_writer=model,
        vocab_size=SIGLIP_PIECES,
        model_type="unigram",
        character_coverage=1.0,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spiece.model"
        path.write_bytes(model.getvalue())
        slow = SiglipTokenizer(str(path), model_max_length=max_length)
        return slow, fast(slow, SiglipConverter, texts)


class SiglipConverter(SpmConverter):
    """SigLIP's Python tokenizer as a `tokenizer.json`: it lowers the case and drops punctuation before SentencePiece."""

    def normalizer(self, proto):
        return normalizers.Sequence(
            [
                normalizers.Lowercase(),
                normalizers.Replace(Regex(f"[{re.escape(string.punctuation)}]"), ""),
                normalizers.Replace(Regex(r"\s+"), " "),
                normalizers.Strip(),
                normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap),
            ]
        )

    def post_processor(self):
        end = self.original_tokenizer.eos_token
        special = [(end, self.original_tokenizer.eos_token_id)]
        return processors.TemplateProcessing(single=["$A", end], pair=["$A", end, "$B", end], special_tokens=special)


def fast(slow, converter, texts):
    """The `tokenizers` twin of a Python tokenizer, after a proof of equal ids on the corpus and the texts."""
    twin = converter(slow).converted()
    for text in [*CORPUS, *texts]:
        wanted, found = slow(text)["input_ids"], twin.encode(text).ids
        if wanted != found:
            raise SystemExit(f"{text!r} has the ids {found}, the original gives {wanted}")
    return twin


def bert():
    """BERT's uncased WordPiece. Ids up to the letters as published, which Grounding DINO relies on.

    `[PAD]` 0, `[UNK]` 100, `[CLS]` 101, `[SEP]` 102, `[MASK]` 103, then characters from "!" 999: "." is 1012, "?" 1029.
    """
    backend = BertTokenizer().backend_tokenizer
    words = collections.Counter(
        (word[0], *("##" + letter for letter in word[1:]))
        for line in CORPUS
        for word, _ in backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(line))
    )
    letters = sorted({symbol for word in words for symbol in word})
    special = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]"}
    tokens = [special.get(index, f"[unused{index}]") for index in range(999)]
    tokens += [chr(code) for code in range(ord("!"), ord("~") + 1) if not chr(code).isupper()]
    tokens += letters
    tokens += [join_pieces(*pair) for pair in bpe_merges(words, BERT_MERGES, join_pieces)]
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    return BertTokenizer(vocab=vocabulary, model_max_length=512)


def join_pieces(left, right):
    """A piece of WordPiece and the one that continues it, as one."""
    return left + right.removeprefix("##")


def bpe_merges(words, count, join=operator.add):
    """The first merges of byte-pair encoding over words (tuples of symbols) and how often each occurs.

    Of pairs that occur equally often the first in the alphabet is taken: the trainer of `tokenizers` leaves that to the
    order of a hash map, and so differs from run to run.
    """
    merges = []
    for _ in range(count):
        pairs = collections.Counter()
        for word, times in words.items():
            for pair in itertools.pairwise(word):
                pairs[pair] += times
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        words = {merged(word, best, join): times for word, times in words.items()}
    return merges


def merged(word, pair, join):
    """A word, a tuple of symbols, with every occurrence of the pair joined, from the left."""
    joined = []
    for symbol in word:
        if joined and (joined[-1], symbol) == pair:
            joined[-1] = join(joined[-1], symbol)
        else:
            joined.append(symbol)
    return tuple(joined)
