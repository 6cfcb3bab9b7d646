"""English words that are written alike and said differently ("to record", "a record").

A word beside it decides where that is right nearly always; otherwise CMUdict's first pronunciation is taken, and the
others are named as alternatives. Phones are CMUdict's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tts.text.arpabet import Phones, with_s
from tts.text.rules import word_set


@dataclass(frozen=True)
class Sense:
    """One way to say a word.

    Attributes:
        phones: with stress digits.
        before: any of these words right before (adverbs between do not count) calls for it.
        after: any of these words right after does; "" is the end of the text.
        always: it is said wherever no sense before it fits.
    """

    phones: Phones
    before: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()
    always: bool = False


@dataclass(frozen=True)
class Choice:
    """What is said for a heteronym; `phones` is None where no rule decides."""

    phones: Phones | None
    others: tuple[Phones, ...]


_ADVERBS = word_set("never already just ever not also always recently only often really soon finally")
_MARKS = frozenset(",.;:!?")
_MODALS = word_set(
    "to will would can could shall should may might must cannot can't won't don't doesn't didn't couldn't wouldn't "
    "shouldn't let's i'll you'll he'll she'll it'll we'll they'll please did"
)
_VERB = _MODALS | word_set("i we they you who")
_DETERMINERS = word_set("a an the my your his its our their this each every another")
_NOUN = _DETERMINERS | {"no"}
_OBJECTS = word_set("the a an my your his her our their this these those it them him me us")
_PERFECT = word_set(
    "have has had having i've you've we've they've he'd she'd was were is are been be being well widely"
)
_HE = word_set("he she it who")

_NOUN_AND_VERB = {
    "abuse": ("AH0 B Y UW1 S", "AH0 B Y UW1 Z"),
    "address": ("AE1 D R EH2 S", "AH0 D R EH1 S"),
    "attribute": ("AE1 T R AH0 B Y UW2 T", "AH0 T R IH1 B Y UW2 T"),
    "combine": ("K AA1 M B AY0 N", "K AH0 M B AY1 N"),
    "compound": ("K AA1 M P AW0 N D", "K AH0 M P AW1 N D"),
    "compress": ("K AA1 M P R EH0 S", "K AH0 M P R EH1 S"),
    "conduct": ("K AA1 N D AH0 K T", "K AH0 N D AH1 K T"),
    "conflict": ("K AA1 N F L IH0 K T", "K AH0 N F L IH1 K T"),
    "console": ("K AA1 N S OW0 L", "K AH0 N S OW1 L"),
    "contest": ("K AA1 N T EH0 S T", "K AH0 N T EH1 S T"),
    "contract": ("K AA1 N T R AE2 K T", "K AH0 N T R AE1 K T"),
    "contrast": ("K AA1 N T R AE0 S T", "K AH0 N T R AE1 S T"),
    "convert": ("K AA1 N V ER0 T", "K AH0 N V ER1 T"),
    "convict": ("K AA1 N V IH0 K T", "K AH0 N V IH1 K T"),
    "decrease": ("D IY1 K R IY2 S", "D IH0 K R IY1 S"),
    "defect": ("D IY1 F EH0 K T", "D IH0 F EH1 K T"),
    "desert": ("D EH1 Z ER0 T", "D IH0 Z ER1 T"),
    "digest": ("D AY1 JH EH0 S T", "D AY0 JH EH1 S T"),
    "discount": ("D IH1 S K AW0 N T", "D IH0 S K AW1 N T"),
    "escort": ("EH1 S K AO0 R T", "EH0 S K AO1 R T"),
    "excuse": ("IH0 K S K Y UW1 S", "IH0 K S K Y UW1 Z"),
    "export": ("EH1 K S P AO0 R T", "IH0 K S P AO1 R T"),
    "extract": ("EH1 K S T R AE2 K T", "IH0 K S T R AE1 K T"),
    "import": ("IH1 M P AO2 R T", "IH2 M P AO1 R T"),
    "incense": ("IH1 N S EH2 N S", "IH2 N S EH1 N S"),
    "increase": ("IH1 N K R IY2 S", "IH2 N K R IY1 S"),
    "insult": ("IH1 N S AH2 L T", "IH2 N S AH1 L T"),
    "object": ("AA1 B JH EH0 K T", "AH0 B JH EH1 K T"),
    "permit": ("P ER1 M IH2 T", "P ER0 M IH1 T"),
    "present": ("P R EH1 Z AH0 N T", "P R IY0 Z EH1 N T"),
    "produce": ("P R OW1 D UW0 S", "P R AH0 D UW1 S"),
    "progress": ("P R AA1 G R EH2 S", "P R AH0 G R EH1 S"),
    "project": ("P R AA1 JH EH0 K T", "P R AH0 JH EH1 K T"),
    "protest": ("P R OW1 T EH2 S T", "P R AH0 T EH1 S T"),
    "rebel": ("R EH1 B AH0 L", "R IH0 B EH1 L"),
    "refund": ("R IY1 F AH2 N D", "R IH0 F AH1 N D"),
    "refuse": ("R EH1 F Y UW2 Z", "R AH0 F Y UW1 Z"),
    "reject": ("R IY1 JH EH0 K T", "R IH0 JH EH1 K T"),
    "subject": ("S AH1 B JH IH0 K T", "S AH0 B JH EH1 K T"),
    "survey": ("S ER1 V EY2", "S ER0 V EY1"),
    "suspect": ("S AH1 S P EH2 K T", "S AH0 S P EH1 K T"),
    "torment": ("T AO1 R M EH2 N T", "T AO0 R M EH1 N T"),
    "transfer": ("T R AE1 N S F ER0", "T R AE0 N S F ER1"),
    "transport": ("T R AE1 N S P AO0 R T", "T R AE0 N S P AO1 R T"),
    "upset": ("AH1 P S EH2 T", "AH0 P S EH1 T"),
    # Nouns and adjectives against verbs in -ate.
    "advocate": ("AE1 D V AH0 K AH0 T", "AE1 D V AH0 K EY2 T"),
    "alternate": ("AO1 L T ER0 N AH0 T", "AO1 L T ER0 N EY2 T"),
    "animate": ("AE1 N AH0 M AH0 T", "AE1 N AH0 M EY2 T"),
    "approximate": ("AH0 P R AA1 K S AH0 M AH0 T", "AH0 P R AA1 K S AH0 M EY2 T"),
    "articulate": ("AA0 R T IH1 K Y AH0 L AH0 T", "AA0 R T IH1 K Y AH0 L EY2 T"),
    "associate": ("AH0 S OW1 S IY0 AH0 T", "AH0 S OW1 S IY0 EY2 T"),
    "coordinate": ("K OW0 AO1 R D AH0 N AH0 T", "K OW0 AO1 R D AH0 N EY2 T"),
    "delegate": ("D EH1 L AH0 G AH0 T", "D EH1 L AH0 G EY2 T"),
    "deliberate": ("D IH0 L IH1 B ER0 AH0 T", "D IH0 L IH1 B ER0 EY2 T"),
    "duplicate": ("D UW1 P L AH0 K AH0 T", "D UW1 P L AH0 K EY2 T"),
    "elaborate": ("IH0 L AE1 B R AH0 T", "IH0 L AE1 B ER0 EY2 T"),
    "estimate": ("EH1 S T AH0 M AH0 T", "EH1 S T AH0 M EY2 T"),
    "graduate": ("G R AE1 JH AH0 W AH0 T", "G R AE1 JH AH0 W EY2 T"),
    "intimate": ("IH1 N T AH0 M AH0 T", "IH1 N T AH0 M EY2 T"),
    "moderate": ("M AA1 D ER0 AH0 T", "M AA1 D ER0 EY2 T"),
    "separate": ("S EH1 P ER0 IH0 T", "S EH1 P ER0 EY2 T"),
}


def _sense(phones: str, before: str | frozenset[str] = "", after: str | frozenset[str] = "") -> Sense:
    before, after = (word_set(each) if isinstance(each, str) else each for each in (before, after))
    return Sense(tuple(phones.split()), before, after, always=not before and not after)


_OTHERS = {
    "a": (_sense("EY1", "letter grade vitamin", _MARKS | {""}),),
    "bass": (
        _sense("B EY1 S", "", "guitar guitars drum drums line lines player clef guitarist voice singer solo notes"),
        _sense("B AE1 S", "sea striped largemouth smallmouth", "fishing"),
    ),
    "bow": (_sense("B OW1", "", "tie ties and"), _sense("B AW1", _MODALS, "down")),
    "close": (
        _sense(
            "K L OW1 S",
            "so too very how as pretty quite really",
            "to by together friend friends enough call range relationship attention quarters proximity contact ties",
        ),
        _sense("K L OW1 Z", _VERB, _OBJECTS),
    ),
    "content": (
        _sense("K AA1 N T EH0 N T", _NOUN),
        _sense("K AH0 N T EH1 N T", "", "with to"),
    ),
    "excuse": (_sense("IH0 K S K Y UW1 Z", _VERB, "me us him her them the my"), _sense("IH0 K S K Y UW1 S", _NOUN)),
    "invalid": (_sense("IH1 N V AH0 L AH0 D", "war"), _sense("IH2 N V AE1 L AH0 D")),
    "lead": (
        _sense("L IY1 D", _VERB, "to the a us you them him me by singer role roles actor story"),
        _sense("L EH1 D", "", "pipe pipes paint poisoning acid pencil bullets"),
    ),
    "leads": (_sense("L IY1 D Z"),),
    "live": (
        _sense("L IH1 V", _VERB | word_set("people not")),
        _sense("L AY1 V", _DETERMINERS, "music show concert broadcast audience performance band stream coverage event"),
    ),
    "lives": (
        _sense("L IH1 V Z", _HE),
        _sense("L AY1 V Z", "their our your my the these those of many both all"),
    ),
    "minute": (
        _sense("M AY0 N UW1 T", "", "details detail amounts amount quantities particles"),
        _sense("M IH1 N AH0 T"),
    ),
    "perfect": (_sense("P ER1 F IH2 K T", _NOUN), _sense("P ER0 F EH1 K T", _MODALS), _sense("P ER1 F IH2 K T")),
    "polish": (_sense("P AA1 L IH0 SH"),),
    "read": (_sense("R EH1 D", _PERFECT), _sense("R IY1 D", _MODALS)),
    "record": (
        _sense("R EH1 K ER0 D", _NOUN, "mode player players label labels deal company store holder high low"),
        _sense("R AH0 K AO1 R D", _VERB | {"re"}),
    ),
    "records": (_sense("R EH1 K ER0 D Z", _NOUN), _sense("R AH0 K AO1 R D Z", _HE)),
    "resume": (_sense("R EH1 Z AH0 M EY2", "a my your his her their"), _sense("R IH0 Z UW1 M", _VERB)),
    "tear": (
        _sense("T EH1 R", _MODALS, "down apart up off out into it them"),
        _sense("T IH1 R", "", "gas ducts"),
    ),
    "tears": (
        _sense("T EH1 R Z", _HE, "down apart up off out into it them"),
        _sense("T IH1 R Z", "in to into of with the my your his her their through and"),
    ),
    "use": (_sense("Y UW1 Z", _VERB, _OBJECTS), _sense("Y UW1 S", _NOUN | {"of", "in"}, "of")),
    "wind": (
        _sense("W IH1 N D", _DETERMINERS),
        _sense("W AY1 N D", _MODALS - {"to"}, "up down through around back"),
        _sense("W IH1 N D"),
    ),
    "wound": (_sense("W AW1 N D", "", "up down around through"), _sense("W UW1 N D", _NOUN)),
}
_CAPITALIZED = {
    "A": (_sense("EY1"),),
    "Nice": (_sense("N IY1 S", "in to from of near at"),),
    "Polish": (_sense("P OW1 L IH0 SH"),),
    "Reading": (_sense("R EH1 D IH0 NG", "in to from near at"),),
}
"""Said so with a capital inside a sentence."""


def _table() -> dict[str, tuple[Sense, ...]]:
    table: dict[str, tuple[Sense, ...]] = {}
    for word, phones in _NOUN_AND_VERB.items():
        noun, verb = (tuple(each.split()) for each in phones)
        table[word] = (Sense(noun, _NOUN), Sense(verb, _VERB))
        table[word + "s"] = (Sense(with_s(noun), _NOUN), Sense(with_s(verb), _HE))
    return table | _OTHERS


HETERONYMS = _table()
"""The senses of each word in the order in which they are tried."""


def choose(words: Sequence[str], index: int) -> Choice | None:
    """Choose how to say ``words[index]`` among its neighbours; None for a word that is no heteronym.

    Args:
        words: the words and marks of a text, as written.
        index: of the word.
    """
    word = words[index]
    before, after = _before(words, index), (words[index + 1].lower() if index + 1 < len(words) else "")
    capitalized = _CAPITALIZED.get(word, ()) if _is_capital_meant(words, index) else ()
    senses = (*capitalized, *HETERONYMS.get(word.lower(), ()))
    if not senses:
        return None
    found = next((each for each in senses if each.always or before in each.before or after in each.after), None)
    phones = found.phones if found else None
    return Choice(phones, tuple(dict.fromkeys(each.phones for each in senses if each.phones != phones)))


def _is_capital_meant(words: Sequence[str], index: int) -> bool:
    """Whether a capital is neither a sentence's first letter nor one of a headline ("Once Upon A Time")."""
    if index == 0 or words[index - 1] in ".!?":
        return False
    following = words[index + 1] if index + 1 < len(words) else ""
    return words[index] != "A" or following.islower() or len(following) == 1


def _before(words: Sequence[str], index: int) -> str:
    while index > 0 and words[index - 1].lower() in _ADVERBS:
        index -= 1
    return words[index - 1].lower() if index > 0 else ""
