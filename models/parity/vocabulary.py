"""Tokenizers of the families' own classes, trained on `corpus.txt`.

Small vocabularies, but with the structure of the published ones: the same normalization, splitting, special tokens and
order of ids.
"""

import collections
import itertools
from pathlib import Path

from transformers import CLIPTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

CORPUS = (Path(__file__).parent / "corpus.txt").read_text(encoding="utf-8").splitlines()
CLIP_MERGES = 480


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


def bpe_merges(words, count):
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
        words = {merged(word, best): times for word, times in words.items()}
    return merges


def merged(word, pair):
    """A word, a tuple of symbols, with every occurrence of the pair joined, from the left."""
    joined = []
    for symbol in word:
        if joined and (joined[-1], symbol) == pair:
            joined[-1] += symbol
        else:
            joined.append(symbol)
    return tuple(joined)
