"""Korean text as it is spoken: numbers, dates, money, units, telephone numbers and Latin letters become Hangul.

A number and its counter become one word (세시, 삼십분, 백명), since they are said as one: 백명 is 뱅명. The rules work
down from the most special; all but the last ones leave digits, which the last ones read. No result holds what another
rule looks for, so normalizing twice is normalizing once.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from tts.errors import TextError
from tts.text.jamo import decompose, is_syllable, letter_name
from tts.text.korean_numbers import cardinal, chinese, decimal, digit_by_digit, native

_MARKS = str.maketrans(
    {"。": ".", "、": ",", "…": ". ", "‥": ". ", "〜": "~", "∼": "~", "⁓": "~", "−": "-", "–": "-", "⁄": "/", "∶": ":"}
    | dict.fromkeys("·・ㆍ()[]{}〈〉《》「」『』【】—―", ", ")
    | dict.fromkeys("'\"‘’“”`´", "")
)
_LETTERS = {
    "A": "에이", "B": "비", "C": "씨", "D": "디", "E": "이", "F": "에프", "G": "지", "H": "에이치", "I": "아이",
    "J": "제이", "K": "케이", "L": "엘", "M": "엠", "N": "엔", "O": "오", "P": "피", "Q": "큐", "R": "알", "S": "에스",
    "T": "티", "U": "유", "V": "브이", "W": "더블유", "X": "엑스", "Y": "와이", "Z": "제트",
}  # fmt: skip
_WORDS = {
    "NATO": "나토", "UNESCO": "유네스코", "UNICEF": "유니세프", "FIFA": "피파", "NASA": "나사", "OPEC": "오펙",
    "AIDS": "에이즈", "Wi-Fi": "와이파이", "WiFi": "와이파이", "email": "이메일", "e-mail": "이메일",
    "K-pop": "케이팝", "Kpop": "케이팝", "R&D": "알앤디", "M&A": "엠앤에이", "Q&A": "큐앤에이", "A/S": "에이에스",
    "Dr": "닥터", "Mr": "미스터", "Mrs": "미시즈", "Ms": "미즈", "vs": "대", "No": "넘버", "app": "앱",
    "Google": "구글", "YouTube": "유튜브", "Samsung": "삼성", "Apple": "애플", "Facebook": "페이스북",
    "Twitter": "트위터", "Instagram": "인스타그램", "Netflix": "넷플릭스", "Amazon": "아마존", "iPhone": "아이폰",
    "iPad": "아이패드", "Windows": "윈도우", "Korea": "코리아", "Seoul": "서울", "ok": "오케이", "okay": "오케이",
    "hello": "헬로", "bye": "바이", "com": "컴", "covid": "코비드", "blog": "블로그", "news": "뉴스", "the": "더",
    "and": "앤드", "MP3": "엠피쓰리", "MP4": "엠피포", "A4": "에이포", "A3": "에이쓰리", "3D": "쓰리디", "2D": "투디",
    "4D": "포디", "4K": "포케이", "5G": "파이브지", "4G": "포지", "3G": "쓰리지", "B2B": "비투비", "B2C": "비투씨",
    "F1": "에프원", "G7": "지세븐",
}  # fmt: skip
_UNITS = {
    "km": "킬로미터", "cm": "센티미터", "mm": "밀리미터", "m": "미터", "kg": "킬로그램", "mg": "밀리그램",
    "g": "그램", "t": "톤", "km2": "제곱킬로미터", "cm2": "제곱센티미터", "m2": "제곱미터", "m3": "세제곱미터",
    "cm3": "세제곱센티미터", "ha": "헥타르", "L": "리터", "l": "리터", "ml": "밀리리터", "mL": "밀리리터",
    "cc": "씨씨", "kWh": "킬로와트시", "kW": "킬로와트", "W": "와트", "V": "볼트", "mAh": "밀리암페어시",
    "Hz": "헤르츠", "kHz": "킬로헤르츠", "MHz": "메가헤르츠", "GHz": "기가헤르츠", "dB": "데시벨", "KB": "킬로바이트",
    "MB": "메가바이트", "GB": "기가바이트", "TB": "테라바이트", "cal": "칼로리", "kcal": "킬로칼로리",
    "hPa": "헥토파스칼", "ppm": "피피엠", "ms": "밀리초", "%p": "퍼센트포인트", "%P": "퍼센트포인트", "%": "퍼센트",
    "°": "도", "₩": "원", "$": "달러",
}  # fmt: skip
_SPEEDS = {"km/h": "시속 {}킬로미터", "m/s": "초속 {}미터", "°C": "섭씨 {}도", "°F": "화씨 {}도"}
_CURRENCIES = {"₩": ("원", ""), "$": ("달러", "센트"), "€": ("유로", "센트"), "£": ("파운드", "펜스"), "¥": ("엔", "")}
_SYMBOLS = {
    "&": "앤드",
    "+": "플러스",
    "@": "골뱅이",
    "#": "샵",
    "×": "곱하기",
    "÷": "나누기",
    "%": "퍼센트",
    "°": "도",
}
# Counters that take Korean numbers: up to which one, and what must not follow.
_COUNTERS = {
    "번째": (99, ""), "시간": (23, ""), "사람": (99, ""), "마리": (99, ""), "켤레": (99, ""), "송이": (99, ""),
    "그루": (99, ""), "자루": (99, ""), "가지": (99, ""), "군데": (99, ""), "그릇": (99, ""), "바퀴": (99, ""),
    "차례": (99, ""), "방울": (99, ""), "포기": (99, ""), "다발": (99, ""), "상자": (99, ""), "봉지": (99, ""),
    "조각": (99, ""), "걸음": (99, ""), "갈래": (99, ""), "모금": (99, ""), "개": (99, "월|년|국|소|사|항|정"),
    "명": (99, "령"), "살": (99, "균"), "시": (12, "즌|리즈|트|점|속|간"),
    "번": (20, "호|지|길|선|홈|타자|\\s?(?:출구|버스|국도|문제|트랙|방|선수)"), "달": (99, "러"), "잔": (99, "액"),
    "병": (99, "원|동|상"), "권": (99, "역"), "장": (99, "관|조|기"), "대": (99, "학|회|기업|한|륙|통령|비|\\d"),
    "벌": (99, "금"), "채": (99, "널"), "척": (99, "추"), "쌍": (99, ""), "곳": (99, ""), "통": (99, "화|신"),
    "줄": (99, ""), "끼": (99, ""), "배": (19, "럴|수|송|달|열|팅"), "알": (99, "파"), "컵": (99, ""), "판": (99, ""),
    "곡": (99, ""), "편": (99, ""), "건": (99, "물"), "월": (12, "드"),
}  # fmt: skip
_MONTHS = {6: "유", 10: "시"}
# Days that are names: 5·18, 6.25 전쟁.
_NAMED_DAY = re.compile(
    r"(?<![\d.])(\d{1,2})(?:\s?[·ㆍ]\s?|\.(?=\d+\s?(?:전쟁|민주|혁명|운동|사태)))(\d{1,2})(?![\d.])"
)
_GLOSS = re.compile(r"(?<=[가-힣])\s?[(（][\u3400-\u9fff\uf900-\ufaff\s·]+[)）]")
_PARTICLE = "(?=$|[^가-힣]|[은는이가을를의에도로과와만씩쯤들째]|까지|부터|입니|예요|정도|동안|이상|이하|전|후)"
_COUNTER = "|".join(f"{word}(?!{never})" if never else word for word, (_, never) in _COUNTERS.items())
_NUMBER = r"(?<![\d.,])\d+(?:,\d{3})*(?![\d.,]*\d)"
_DIGITS = r"\d+(?:,\d{3})*"
_DECIMAL = rf"{_DIGITS}(?:\.\d+)*"
_UNIT = "|".join(map(re.escape, sorted(_UNITS, key=len, reverse=True)))
_SPEED = "|".join(map(re.escape, _SPEEDS))
_WORD = "|".join(map(re.escape, sorted(_WORDS, key=len, reverse=True)))
_LOWER_WORDS = {written.lower(): spoken for written, spoken in _WORDS.items()}


def normalize_korean(text: str) -> str:
    """Give a text of Hangul syllables, spaces and ``,.;:!?`` only.

    Raises:
        TextError: nothing speakable is left, or a letter is neither Hangul nor Latin; the message names it.
    """
    plain = unicodedata.normalize("NFKC", _printable(text).translate(_MARKS)).translate(_MARKS)
    for pattern, speak in _RULES:
        plain = pattern.sub(speak, plain)
    _require_known(plain, text)
    spoken = _tidy("".join(char if is_syllable(char) or char in ",.;:!?" else " " for char in plain))
    if not any(map(is_syllable, spoken)):
        raise TextError(f"nothing to say in {text!r}; give it words, or drop the utterance")
    return spoken


def _printable(text: str) -> str:
    """Without glosses in Chinese characters, which nobody reads out, and invisible characters; 5·18 in words."""
    text = _NAMED_DAY.sub(lambda day: cardinal(day[1]) + digit_by_digit(day[2]), _GLOSS.sub("", text))
    kinds = ((char, unicodedata.category(char)) for char in text)
    return "".join(" " if kind in ("Cc", "Zl", "Zp") else char for char, kind in kinds if kind not in ("Cf", "Cs"))


def _require_known(plain: str, text: str) -> None:
    foreign = next((char for char in plain if char.isalnum() and not is_syllable(char)), None)
    if foreign:
        name = unicodedata.name(foreign, "no name")
        raise TextError(f"{foreign!r} ({name}) in {text!r} is neither Hangul nor Latin; write it in Hangul")


def _tidy(text: str) -> str:
    """One mark of each run of marks, the strongest, and none in front."""
    text = re.sub(r"\s*([,.;:!?][\s,.;:!?]*)", lambda run: next(m for m in "?!.;:," if m in run[1]) + " ", text)
    text = " ".join(text.split()).lstrip(" ,.;:!?")
    return re.sub(r"[,:;]$", "", text)


def _date(match: re.Match[str]) -> str:
    year, month, day = map(int, match.groups())
    return f"{year}년 {month}월 {day}일" if 1 <= month <= 12 and 1 <= day <= 31 else match[0]


def _time(match: re.Match[str]) -> str:
    hour, minute = int(match[1]), int(match[2])
    return f"{hour}시 {minute}분" if minute else f"{hour}시"


def _money(match: re.Match[str]) -> str:
    unit, cent = _CURRENCIES[match["currency"]]
    amount, part, scale = match["amount"], match["part"] or "", match["scale"]
    if cent and len(part) == 2 and not scale:
        return f"{amount}{unit} {int(part)}{cent}" if int(part) else f"{amount}{unit}"
    return f"{amount}{'.' * bool(part)}{part}{scale}{unit}"


def _rate(match: re.Match[str]) -> str:
    below = match["minus"] and ("영하 " if "°" in match["unit"] else "마이너스 ")
    return _SPEEDS[match["unit"]].format(f"{below or ''}{match['number']}")


def _count(number: str, counter: str) -> str:
    value = int(number.replace(",", ""))
    most = _COUNTERS[counter][0]
    if counter == "월":
        return _MONTHS.get(value, chinese(value))
    if counter == "번째" and value == 1:
        return "첫"
    is_decade = counter == "대" and value % 10 == 0
    return chinese(value) if is_decade or (most < 99 and value > most) else native(value)


def _counted(match: re.Match[str]) -> str:
    return f"{_count(match['number'], match['counter'])}{match['space']}{match['counter']}"


def _counted_range(match: re.Match[str]) -> str:
    first, last = (_count(match[name], match["counter"]) for name in ("first", "last"))
    return f"{first}{match['counter']}에서 {last}{match['counter']}"


def _telephone(match: re.Match[str]) -> str:
    return ", ".join(digit_by_digit(part) for part in re.findall(r"\d+", match[0]))


def _topic(match: re.Match[str]) -> str:
    """The particle of "2+3=5": 은 after a consonant."""
    before = match.string[match.start() - 1 : match.start()]
    return "은 " if before and is_syllable(before) and decompose(before).final else "는 "


def _spell(match: re.Match[str]) -> str:
    plain = unicodedata.normalize("NFD", match[0].upper())
    return "".join(_LETTERS.get(char, "" if unicodedata.combining(char) else char) for char in plain)


_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(pattern), speak)
    for pattern, speak in (
        (rf"(?i:(?<![A-Za-z\d])(?:{_WORD})(?![A-Za-z\d])\.?)", lambda m: _LOWER_WORDS[m[0].rstrip(".").lower()]),
        (r"(?<![\d-])(?:0\d{1,2}(?:-|,\s+)\d{3,4}-\d{4}|1[568]\d\d-\d{4})(?![\d-])", _telephone),
        (r"(?<!\d)11[0-9](?=에\s?(?:전화|신고)|\s?(?:구급|신고|상황실))", lambda m: digit_by_digit(m[0])),
        (r"(?<![\d.])(\d{4})[-./]\s?(\d{1,2})[-./]\s?(\d{1,2})(?!\d)", _date),
        (r"(?<![\d:.])([01]?\d|2[0-4]):([0-5]\d)(?![\d:])", _time),
        (rf"(?P<currency>[₩$€£¥])\s?(?P<amount>{_DIGITS})(?:\.(?P<part>\d+))?(?P<scale>[십백천만억조]*)", _money),
        (rf"(?P<minus>(?<![\w.])-)?(?P<number>{_DECIMAL})\s?(?P<unit>{_SPEED})(?![A-Za-z])", _rate),
        (rf"(?P<number>\d)\s?(?P<unit>{_UNIT})(?![A-Za-z\d])", lambda m: m["number"] + _UNITS[m["unit"]]),
        (r"(?<![\w.])-(?=[\d.]+도)", lambda _: "영하 "),
        (r"(?<=제)(\s?)(\d+)", lambda m: m[1] + cardinal(m[2])),
        (rf"(?P<first>{_NUMBER})\s?[~-]\s?(?P<last>{_NUMBER})\s?(?P<counter>{_COUNTER})", _counted_range),
        (r"(?<=[\d가-힣])\s?~\s?(?=\d)|(?<=[월화수목금토일])~(?=[월화수목금토일])", lambda _: "에서 "),
        (rf"(?<=[\d시분])\s?-\s?(?={_DECIMAL}[가-힣])", lambda _: "에서 "),
        (rf"(?P<number>{_NUMBER})(?P<space>)(?P<counter>{_COUNTER})", _counted),
        (rf"(?P<number>{_NUMBER})(?P<space>\s)(?P<counter>{_COUNTER}){_PARTICLE}", _counted),
        (r"(?<![\d:])(\d+)\s?:\s?(\d+)(?![\d:])", lambda m: f"{cardinal(m[1])} 대 {cardinal(m[2])}"),
        (r"(?<![\d/.])(\d+)/(\d+)(?![\d/.])", lambda m: f"{cardinal(m[2])}분의 {cardinal(m[1])}"),
        (r"(?<=\d)-(?=\d)", lambda _: " 다시 "),
        (r"(?<=\d)\s*\+\s*(?=\d)", lambda _: " 더하기 "),
        (r"(?<![\w.])-(?=\d)", lambda _: "마이너스 "),
        (r"(?<![\d.,])1(?=[십백천만](?!\d))", lambda _: ""),
        (_DECIMAL, lambda m: decimal(m[0])),
        (r"(?<=[가-힣])\s*=\s*", _topic),
        (r"(?<=\S)\s*[~/](?=\s|$)|~|(?<=[가-힣])/(?=[가-힣])|\s-+\s|--+", lambda _: ", "),
        ("[" + re.escape("".join(_SYMBOLS)) + "]", lambda m: f" {_SYMBOLS[m[0]]} "),
        (r"(?<![A-Za-z])([A-Za-z])\.(?=[A-Za-z](?![A-Za-z]))", lambda m: m[1]),
        (r"(?<=[A-Za-z])\.(?=[A-Za-z가-힣]+)", lambda _: "점"),
        (r"[A-Za-z\u00c0-\u024f]", _spell),
        (r"[\u1100-\u11ff\u3131-\u318e]", lambda m: letter_name(m[0]) or m[0]),
    )
)
