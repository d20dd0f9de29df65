"""Names of splits as people spell them, in folders and in tables."""

import re

#: Split → words for it. A word may be followed by set, data, images or split.
_WORDS = {
    "train": ("train", "training"),
    "test": ("test", "tests", "testing"),
    "validation": ("val", "valid", "validation", "dev"),
    "probe": ("probe", "probes"),
}
_SPLITS = {word: split for split, words in _WORDS.items() for word in words}


def split_of(name: str) -> str | None:
    """The split that a name means: "train", "test", "validation", "probe", or None for no split.

    >>> split_of("Training"), split_of("VAL"), split_of("test_set"), split_of("trainer")
    ('train', 'validation', 'test', None)
    """
    word = re.sub(r"[\s_-]*(set|data|images|split)$", "", name.strip().casefold())
    return _SPLITS.get(word)
