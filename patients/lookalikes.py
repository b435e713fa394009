"""Letters of one alphabet that look like those of another: an Anna with a Cyrillic A is found as Anna.

No word of any language mixes Latin with Cyrillic or Greek letters: one that does was typed with the wrong keyboard,
read from paper by a machine, or meant to pass for another. Pairs: Unicode Technical Standard #39, confusables.txt,
those of letters that names are written with.
"""

import re
import unicodedata

ALIKE = {
    **dict(zip("аеорсухіјѕԁһԛԝӏѵ", "aeopcyxijsdhqwlv", strict=True)),  # Cyrillic
    **dict(zip("АВЕКМНОРСТУХІЈЅԌԚԜӀѴ", "ABEKMHOPCTYXIJSGQWIV", strict=True)),
    **dict(zip("αινορυγϲϳ", "aivopuycj", strict=True)),  # Greek
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True)),
}
TO_LATIN = str.maketrans(ALIKE)
TO_CYRILLIC = str.maketrans({latin: other for other, latin in ALIKE.items() if "\u0400" <= other <= "\u052f"})
WORD = re.compile(r"[^\W\d_]+")


def unmixed(text: str) -> str:
    """``text`` with each word that mixes alphabets in one of them, where its letters allow it: Latin before Cyrillic.
    Any other word is as it was."""
    return text if text.isascii() else WORD.sub(lambda word: _in_one(word[0]), text)


def _in_one(word: str) -> str:
    if len(_alphabets(word)) < 2:
        return word
    return next((one for one in map(word.translate, (TO_LATIN, TO_CYRILLIC)) if len(_alphabets(one)) == 1), word)


def _alphabets(word: str) -> set[str]:
    names = {unicodedata.name(letter, "").partition(" ")[0] for letter in word}
    return names & {"LATIN", "CYRILLIC", "GREEK"}
