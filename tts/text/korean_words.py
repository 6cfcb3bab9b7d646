"""Korean words whose sound hangs on what they are made of, which spelling does not show: tables and patterns.

Marks stand where a word says more than its letters: ' makes the next consonant tense (문'법: 문뻡), + puts ㄴ before
ㅣ ㅑ ㅕ ㅛ ㅠ (꽃+잎: 꼰닙), | says the consonant as at the end and moves it over (맛|없: 마덥), - keeps ㄹ from
joining ㄴ (의견-란: 의견난). ^ is the start of a word; what follows ~ must not come after. Articles as in
`korean_pronunciation.py`.
"""

from __future__ import annotations

import re
from functools import cache

from tts.text.jamo import FINALS, INITIALS, VOWELS, Syllable, compose, decompose, is_syllable

# A letter or cluster as it sounds before a consonant or at the end [8 to 11].
NEUTRAL = {
    "ㄲ": "ㄱ", "ㅋ": "ㄱ", "ㄳ": "ㄱ", "ㄺ": "ㄱ", "ㅅ": "ㄷ", "ㅆ": "ㄷ", "ㅈ": "ㄷ", "ㅊ": "ㄷ", "ㅌ": "ㄷ",
    "ㅎ": "ㄷ", "ㅍ": "ㅂ", "ㅄ": "ㅂ", "ㄿ": "ㅂ", "ㄵ": "ㄴ", "ㄶ": "ㄴ", "ㄼ": "ㄹ", "ㄽ": "ㄹ", "ㄾ": "ㄹ",
    "ㅀ": "ㄹ", "ㄻ": "ㅁ",
}  # fmt: skip
TENSE = {"ㄱ": "ㄲ", "ㄷ": "ㄸ", "ㅂ": "ㅃ", "ㅅ": "ㅆ", "ㅈ": "ㅉ"}

# After ㄹ of Chinese words, ㄷ ㅅ ㅈ [26].
_CHINESE = """
    갈'등 갈'증 결'단 결'제 결'정 결'석 결'성 결'심 결'승 결'실 결'산 골'절 굴'절 골'동품 달'성 돌'진 말'살 멸'종
    몰'상식 몰'두 물'질 물'증 물'자 밀'도 밀'접 밀'집 밀'실 발'달 발'동 발'생 발'성 발'송 발'전 발'족 발'진 발'신
    발'설 발'사 별'도 별'장 별'세 불'순 불'신 불'시 불'상 살'생 설'득 설'정~책 설'사 솔'직 솔'선 술'수 실'시 실'수
    실'습 실'신 실'제 실'적 실'직 실'존 실'질 실'정 실'종 실'상 실'세 열'심 열'정 열'대 열'중 열'성 열'등 월'세 율'동
    ^일'단 ^일'대 ^일'등 ^일'상 ^일'생 ^일'시 ^일'정 ^일'제 ^일'종 ^일'주 ^일'지 ^일'전 ^절'대 절'도 절'단 절'전 절'제
    절'정 절'실 절'수 질'서 질'주 철'도 철'저 철'수 철'자 철'제 철'조망 철'사 ^출'생 출'석 출'신~고 출'시~장 출'장
    출'전 출'동 출'두 출'제 출'중 칠'순 탈'수 탈'당 탈'세 팔'자 팔'순 필'수 필'자 필'승 할'당 할'증 혈'당 혈'서 홀'수
    활'동 활'성 활'자 활'주로 삼일'절
"""
# In compounds, as if with ㅅ between, and in Chinese words by custom [28].
_COMPOUNDS = """
    문'고리 눈'동자 눈'길 눈'빛 눈'가 눈'병 산'새 산'길 산'속 산'골 산'불 손'재주 손'등 손'바닥 손'가락 손'길 손'수건
    길'가 길'거리 물'동이 물'고기 물'결 물'속 물'방울 물'감 물'병 물'집 발'바닥 발'가락 발'등 발'길 발'자국 발'걸음
    발'소리 굴'속 술'잔 술'집 술'병 달'빛 별'빛 불'빛 불'길 바람'결 그믐'달 보름'달 초승'달 아침'밥 점심'밥 비빔'밥
    볶음'밥 된장'국 콩나물'국 봄'비 봄'바람 가을'비 여름'밤 겨울'밤 오늘'밤 밤'길 한밤'중 강'가 강'줄기 강'바람
    강'바닥 등'불 창'살 창'가 빵'집 안'방 용'돈 돈'벌이 일'자리 일'거리 일'손 글'자 글'귀 글'짓기 문'자
    ^한'자~리루국동 점'자 철'새 갈'대 빨'대 열'쇠 말'소리 종'소리 울음'소리 웃음'소리 콩'가루 밀'가루 쌀'가루 신'바람
    쓸'데없 풀'밭 잠'결 가슴'속 마음'속 꿈'속 몸'속 품'속 땀'방울 힘'줄 ^줄넘'기 ^문'법 ^헌'법 ^민'법 ^형'법 성'격
    ^인'격 ^인'기 조'건~물 사'건~물 ^안'건 ^요'건 ^여'건 ^여'권 ^인'권 ^정'권 ^안'과~거 ^내'과 ^치'과 ^외'과 인후'과
    부인'과 소아'과 ^성'과 초'점 문제'점 ^장'점 ^단'점 ^관'점 ^강'점 ^시'점 ^쟁'점 차이'점 공통'점 ^허'점 ^평'가~방
    ^물'가~에 ^원'가 ^정'가 ^단'가 ^주'가 ^백'분
"""
# ㄴ comes in [29].
_WITH_N = """
    막+일 삯+일 들+일 밭+일 볼+일 앞+일 뒷+일 옛+일 웬+일 할+일 궂은+일 집안+일 허드렛+일 일+일이 꽃+잎 깻+잎 나뭇+잎
    솔+잎 풀+잎 연+잎 댓+잎 맨+입 홑+이불 덧+이 ^물+약 알+약 내복+약 두통+약 소독+약 안+약 콩+엿 물+엿 ^담+요 눈+요기
    식용+유 휘발+유 백분+율 늑막+염 설+익 남존+여비 밤+윷 신+여성 밭+이랑 베갯+잇 도리깻+열 뒷+윷 흑+역사 대전+역
    삼성+역 덧+양말 짓+이기 앞+이마 뒷+이야기 한+입 첫+여름
"""
# A word begins after the consonant [15, 16].
_APART = """
    젖|어미 맛|없 멋|없 겉|옷 홑|옷 헛|웃 헛|일 값|어치 값|없 값|있 넋|없 끝|없 뜻|없 웃|어른 윗|옷 윗|어른 웃|옷
    첫|인상 첫|아이 첫|얼음 옷|안 밭|아래 꽃|위 팥|알 낟|알 몇|월 몇|인분 몇|억
"""
# Verbs in ㄴ ㅁ before endings [24]; 신고, 참고, 감지 and 안다 are left, being other words too.
_STEMS = """
    ^남'다~르른름 ^남'고 ^남'지 ^남'습 ^남'게 아남'다 아남'고 아남'지 아남'습 ^넘'다 ^넘'고 ^넘'지 ^넘'습 ^넘'게
    어넘'다 어넘'고 어넘'지 어넘'습 ^신'다 ^신'습 ^감'다 ^감'고 ^감'습 껴안'다 껴안'고 껴안'지 껴안'습 끌어안'다
    끌어안'고 끌어안'습 ^안'고~ ^안'습 ^참'다 ^참'지 ^참'습 ^숨'다 ^숨'고 ^숨'습 ^심'다 ^심'고 ^심'습 ^담'다 ^담'고
    ^담'습 더듬'다 더듬'고 더듬'지 더듬'습 다듬'다 다듬'고 다듬'지 다듬'습 머금'다 머금'고 ^품'다 ^품'고 ^품'습
    ^삼'다~수 ^삼'고 ^삼'습
"""
# ㄹ does not join ㄴ [20, proviso], though the last two syllables are a word where it does.
_KEPT_APART = "공'권-력 이원-론 다원-론 일원-론 입원-료"
_JOINED = """
    인력 권력 전력 훈령 신령 관령 분량 한량 완료 원료 연료 진료 만료 분류 인류 한류 전류 언론 원론 반론 변론 본론 진로
    난로 선로 산란 혼란 논란 곤란 문란 반란 전례 관례
"""
_HEADS = "이불 여름 여자 여성 연필 열차 여우 여행 요리 유리 이야기 잇몸 약국 양말"
_FOLLOWS = "(?=$|[은는이가을를의에도로과와만인품들]|까지|부터|입니|예요|처럼|보다|마다|으로)"
_NO_FUTURE = """
    오늘 내일 매일 물 말 길 일 달 별 불 술 글 발 팔 딸 아들 서울 가을 겨울 마을 얼굴 하늘 요일 한글 칼
    털 뿔 벌 굴 쌀 살 칠 열 스물
"""
_DEPENDENT = re.compile(
    "것|거(?:$|[야예지다라나든면였])|게(?:$|요)|건(?:$|가|지)|걸(?:$|요)|겁니|수(?:$|[가는도를만]|밖|조차)|데(?:$|[가는도를에])"
    "|바(?:$|[가는도를에와])|줄(?:$|[도로만]|은|을)|지(?:$|도)|적(?:$|[도에이은])|듯|곳|도리(?:$|[가는도밖])|사람"
)

_LETTER_NAMES = {
    "디귿": "디긋", "지읒": "지읏", "치읓": "치읏", "키읔": "키윽", "티읕": "티읏", "피읖": "피읍", "히읗": "히읏",
}  # fmt: skip


def _one_of(words: str) -> str:
    return "|".join(words.split())


def _syllables(*, initials: str = "".join(INITIALS), finals: tuple[str, ...] = FINALS) -> str:
    """A character class of a regular expression."""
    return "[" + "".join(compose(Syllable(i, v, f)) for i in initials for v in VOWELS for f in finals) + "]"


_G, _N, _L = _syllables(initials="ㄱ"), _syllables(finals=("ㄴ",)), _syllables(finals=("ㄹ",))
_CONSONANT, _VOWEL = _syllables(initials="ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅈㅉㅊㅋㅌㅍ"), _syllables(initials="ㅇ")
_PATTERNS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # Numbers.
        (r"(?<=[십백천만억])육", "+육"),
        (r"(?<=[열물른흔쉰순든])여(?=섯|덟)", "+여"),
        (r"(?<=열)(?=둘|두|셋|세|다섯)", "'"),
        (r"(?<=[칠팔])십", "'십"),
        (rf"(?:(?<=^제)|(?<![가-힣])|(?<=[십백천만]))([일칠팔])(등|세|점|조|주|장|대|단)(?={_FOLLOWS})", r"\1'\2"),
        (r"(?<=[영일이삼사오육칠팔구십백천만])점(?=[영일이삼사오육칠팔구])", "'점"),
        # ㄴ comes in [29]: stations, purposes, and heads that begin so.
        (rf"(?<=[가-힣]{{2}})(?<![번통면영방용현권광전병반])역{_FOLLOWS}", "+역"),
        (rf"(?<=[가-힣]{{2}})(?<![작적인활신전관공상응운군남겸통])용{_FOLLOWS}", "+용"),
        (r"(?<=[가-힣]{2})(?<![학일])용품", "+용품"),
        (rf"(?<=[가-힣])(?={_one_of(_HEADS)})", "+"),
        # Endings of the future [27].
        (rf"(?<={_L})(?=수록|지라도|지언정|진대|세라|게요|걸(?:$|요))", "'"),
        (r"(?<=[을할갈올볼줄])게$", "'게"),
        (r"(?<=[을할될갈올])지(?=$|는|도|가|를)", "'지"),
        # ㄹ does not join ㄴ at the end of longer words [20, proviso].
        (rf"(?<=[가-힣'])(?!{_one_of(_JOINED)})({_N})(?=[란량력령례로론료류])", r"\1-"),
        # Nouns in ㄺ [11], and what does as they do in clusters [10, 24, 25].
        *((rf"{noun}(?={_G})", plain) for noun, plain in zip("닭흙칡슭삵", "닥흑칙슥삭", strict=True)),
        (rf"밟(?={_CONSONANT})", "밥"),
        (r"넓(?=죽|적|둥)", "넙"),
        (rf"여덟(?={_CONSONANT})", "여덜"),
        (r"삶(?=[과도]|보다|들)", "삼"),
        *((f"{stem}(?=기)", plain) for stem, plain in zip("굶옮곪", "굼옴곰", strict=True)),
        # Names of letters [16].
        *((f"{name}(?={_VOWEL})", plain) for name, plain in _LETTER_NAMES.items()),
    )
)  # fmt: skip


@cache
def _listed() -> tuple[re.Pattern[str], dict[str, str]]:
    """A pattern that finds the words of the lists, longest first, and their marked spellings."""
    marked, patterns = {}, {}
    for entry in " ".join((_CHINESE, _COMPOUNDS, _WITH_N, _APART, _STEMS, _KEPT_APART)).split():
        spelling, _, not_before = entry.partition("~")
        plain = re.sub(r"[\^'+|-]", "", spelling)
        marked[plain] = spelling.lstrip("^")
        patterns[plain] = (
            f"{'(?<![가-힣])' * spelling.startswith('^')}{plain}{f'(?![{not_before}])' * bool(not_before)}"
        )
    longest_first = sorted(patterns, key=len, reverse=True)
    return re.compile("|".join(patterns[plain] for plain in longest_first)), marked


def respell(word: str) -> str:
    """Give a word spelled so that the rules for single letters give its sound: 꽃잎 is 꽃닙, 겉옷 is 거돗."""
    pattern, marked = _listed()
    word = pattern.sub(lambda found: marked[found[0]], word)
    for pattern, replacement in _PATTERNS:
        word = pattern.sub(replacement, word)
    return _obey_marks(word)


def follows_future(word: str, before: str) -> bool:
    """Whether the first consonant of a word is tense after the word before it, as in 할 것 and 갈 데 [27]."""
    future = is_syllable(before[-1:] or " ") and decompose(before[-1]).final == "ㄹ"
    return future and before[-1] != "를" and before not in _NO_FUTURE.split() and bool(_DEPENDENT.match(word))


def _obey_marks(marked: str) -> str:
    syllables: list[Syllable] = []
    mark = ""
    for char in marked:
        if not is_syllable(char):
            mark = char
            continue
        syllable = decompose(char)
        if mark and syllables:
            syllables[-1], syllable = _MARKS[mark](syllables[-1], syllable)
        syllables.append(syllable)
        mark = ""
    return "".join(map(compose, syllables))


def _tense(before: Syllable, after: Syllable) -> tuple[Syllable, Syllable]:
    return before, after._replace(initial=TENSE.get(after.initial, after.initial))


def _with_n(before: Syllable, after: Syllable) -> tuple[Syllable, Syllable]:
    is_met = before.final and after.initial == "ㅇ" and after.vowel in "ㅣㅑㅕㅛㅠㅒㅖ"
    return before, after._replace(initial="ㄴ") if is_met else after


def _apart(before: Syllable, after: Syllable) -> tuple[Syllable, Syllable]:
    return before._replace(final=""), after._replace(initial=NEUTRAL.get(before.final, before.final))


def _kept(before: Syllable, after: Syllable) -> tuple[Syllable, Syllable]:
    return before, after._replace(initial="ㄴ" if after.initial == "ㄹ" else after.initial)


_MARKS = {"'": _tense, "+": _with_n, "|": _apart, "-": _kept}
