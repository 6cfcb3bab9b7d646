"""Numbers in Korean: Chinese ones (일, 이, 삼), Korean ones before counters (한, 두, 세), and digit by digit."""

from __future__ import annotations

_DIGITS = "영일이삼사오육칠팔구"
_TENS = ("천", "백", "십", "")
_MYRIADS = ("", "만", "억", "조", "경")
_MOST_DIGITS = 4 * len(_MYRIADS)
_ONES = ("", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉")
_NATIVE_TENS = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")


def chinese(number: int) -> str:
    """Give a number below 10^20; groups of four digits are words of their own: 만 이천삼백."""
    if number == 0:
        return _DIGITS[0]
    digits = str(number).zfill(_MOST_DIGITS)
    groups = [int(digits[index : index + 4]) for index in range(0, _MOST_DIGITS, 4)]
    words = [_four(group) + unit for group, unit in zip(groups, reversed(_MYRIADS), strict=True) if group]
    if words[0] == "일만":
        words[0] = "만"
    return " ".join(words)


def native(number: int) -> str:
    """Give a number as it stands before a counter, 1 to 99 in Korean words: 스무, 스물한; beyond, what is usual.

    Above a hundred only the last digit is ever Korean, and only after a zero: 백한, but 백이십오.
    """
    hundreds, rest = divmod(number, 100)
    if number == 20:
        return "스무"
    if number == 0 or number >= 1000 or (hundreds and not 0 < rest < 10):
        return chinese(number)
    return (chinese(hundreds * 100) if hundreds else "") + _NATIVE_TENS[rest // 10] + _ONES[rest % 10]


def digit_by_digit(digits: str, *, zero: str = "공") -> str:
    """Give each digit; zeros of telephone numbers are 공, those of decimals 영."""
    return "".join(zero if digit == "0" else _DIGITS[int(digit)] for digit in digits)


def cardinal(digits: str) -> str:
    """Give a number written in digits and thousands' commas; codes (a zero in front, over 20 digits) digit by digit."""
    plain = digits.replace(",", "")
    if len(plain) > _MOST_DIGITS or (len(plain) > 1 and int(plain[0]) == 0):
        return digit_by_digit(plain)
    return chinese(int(plain))


def decimal(digits: str) -> str:
    """Give a number with any count of points: 3.14, 1.2.3."""
    whole, *parts = digits.split(".")
    return "점".join([cardinal(whole), *(digit_by_digit(part, zero="영") for part in parts)])


def _four(number: int) -> str:
    return "".join(
        ("" if digit == "1" and unit else _DIGITS[int(digit)]) + unit
        for digit, unit in zip(f"{number:04}", _TENS, strict=True)
        if digit != "0"
    )
