"""One spelling and one notation through the whole book, and every main symbol in the table of symbols."""

import re
from collections import Counter
from pathlib import Path

import chapters
import pytest

ROOT = Path(__file__).parents[1]
TEXTS = sorted(
    path
    for pattern in ("*.md", "appendices/*.md", "chapters/*.ipynb", "thermolib/**/*.py",
                    "thermolib/**/*.js", "thermolib/**/*.css", "_ext/*.py", "_assets/*.*")
    for path in ROOT.glob(pattern)
)  # fmt: skip

#: British forms, as beginnings of words unless they end in \b.
BRITISH = re.compile(
    r"\b(?:(?:\w*(?:colour|behaviour|neighbour|favour|honour|labour|vapour|flavour|harbour|endeavour))"
    r"|grey|(?:re)?centre|(?:kilo|centi|milli|micro|nano)?metres?\b|litre|fibre|calibre|theatre"
    r"|(?:analy|paraly|cataly)s(?:ed|e|ing)\b"
    r"|(?:organ|optim|minim|maxim|normal|real|general|initial|recogn|character|quant|factor|summar|penal|regular|stabil|equal"
    r"|digit|polar|ion|memor|local|ideal|util|standard|random|parametr|discret|linear|symmetr|thermal|visual|critic|special"
    r"|vector|serial|synchron|mechan|crystall)is(?:e|ed|es|er|ing|ation|ations)\b"
    r"|emphasis(?:e|ed|es|ing)\b|catalogue|analogue|programmed?\b(?<!programmed)|programmes\b"
    r"|(?:travel|model|label|signal|level|channel|tunnel|fuel)l(?:ed|ing|er)\b|cancell(?:ed|ing)\b"
    r"|licence|defence|offence|pretence|sceptic|ageing\b|whilst\b|amongst\b|learnt\b|spelt\b|burnt\b|dreamt\b|leapt\b|maths\b"
    r"|mould|plough|fulfil\b|enrol\b|skilful|artefact|acknowledgement|judgement|cheque|tyre|manoeuvre|sulphur|aluminium"
    r"|practise|(?:to|after|back|for|up|down|in|out)wards\b)",
    re.IGNORECASE,
)

#: What this book writes in another way, and how.
OTHERWISE = {
    r"\bnon-linear": "nonlinear",
    r"\\tau_r\b|\\tau_\\text\{r\}": r"\tau_\mathrm{r}",
    r"(?<![\w{])E_b\b|E_\\text\{b\}": r"E_\mathrm{b}",
    r"\bh_c\b|h_\\text\{c\}": r"h_\mathrm{c}",
    r"\^\{?\\mathsf\{? ?T|\^T\b|\^\{T\}": r"^\top",
    r"\\(?:text|mathrm)\{[Vv]ar\}|\\operatorname\{var\}": r"\operatorname{Var}",
    r"k_\{?\\?(?:mathrm|text)?\{?B\}?\}?\s*T\b": "kT",
    r"(?<![\d.,])\d{1,3} \d{3}(?!\d)": "a comma between thousands",
    r"\d\\,\d{3}(?!\d)": "{,} between thousands",
    r"Fokker-Planck|Fenchel-Young": "a dash between two names",
}  # fmt: skip


def prose(path):
    """A file's text; of a notebook the Markdown cells."""
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    return "\n\n".join(c.source for c in chapters.read(path).cells if c.cell_type == "markdown")


def without_code(text):
    """Without folded solutions' code and code in the text, whose names are the library's."""
    return re.sub(r"```(?:python|\{proof|\{test)?.*?```|`[^`\n]*`", " ", text, flags=re.DOTALL)


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_the_spelling_is_american(path):
    assert BRITISH.findall(prose(path)) == []


def test_the_word_list_finds_what_it_should():
    british = "colour behaviours Neighbouring grey centred kilometres analysed normalised realisation emphasise modelling labelled learnt towards"
    american = "color gray centered kilometers analyzed analyses normalized realistic emphasis modeling labeled learned toward programmed wise size precise"
    assert [word for word in british.split() if not BRITISH.search(word)] == []
    assert [word for word in american.split() if BRITISH.search(word)] == []


@pytest.mark.parametrize("path", [*chapters.PATHS, *sorted(ROOT.glob("appendices/*.md")), ROOT / "intro.md"], ids=lambda p: p.stem)
def test_one_thing_is_written_in_one_way(path):
    text = without_code(prose(path))
    found = {better: hits for form, better in OTHERWISE.items() if (hits := re.findall(form, text))}
    assert found == {}


# --- symbols ----------------------------------------------------------------------------

GREEK = ("alpha beta gamma delta epsilon varepsilon zeta eta theta kappa lambda mu nu xi rho sigma tau phi varphi psi omega "
         "Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega").split()  # fmt: skip
LETTER = r"\\mathcal ?\{?[A-Z]\}?|\\(?:" + "|".join(GREEK) + r")(?![a-zA-Z])|[a-zA-Z]"
INDEX = r"_(?:\\(?:text|mathrm)\{([^}]*)\}|\{[^{}]*\}|\w|\\\w+)"
SYMBOL = re.compile(rf"({LETTER})(?:\^\*)?'*(?:{INDEX})?")
#: Words and commands in a formula that are no symbols, other than an index.
WORDS = re.compile(r"(?<!_)\\(?:text|mathrm|operatorname|begin|end)\{[^}]*\}|\\(?!(?:mathcal|text|mathrm|" + "|".join(GREEK) + r")(?![a-zA-Z]))[a-zA-Z]+")
#: Indices that count, the order of a term, the differential.
COUNTERS = set("ijcOd")


def symbols(formula):
    """The letters of a formula, each with its index if that is a word."""
    found = SYMBOL.findall(WORDS.sub(" ", formula))
    return {(re.sub(r"[{} ]", "", letter), word if len(word) > 1 else "") for letter, word in found}


def test_symbols_are_read_off_formulas():
    assert symbols(r"E_\text{train}\gtrsim 2NDkT") == {("E", "train"), ("N", ""), ("D", ""), ("k", ""), ("T", "")}
    assert symbols(r"\tau_\mathrm{r}=\frac{\gamma}{\kappa_l}") == {(r"\tau", ""), (r"\gamma", ""), (r"\kappa", "")}
    assert symbols(r"\begin{aligned}\ln\mathcal L\text{ nats}\end{aligned}") == {(r"\mathcalL", "")}
    assert symbols(r"H(\text{before})\,\Big(\hat x'\Big)") == {("H", ""), ("x", "")}


def test_every_main_symbol_is_in_the_table():
    """Every letter that stands in a display formula, and every letter with a word for an index that stands in two."""
    table = (ROOT / "appendices" / "symbols.md").read_text(encoding="utf-8")
    listed = set().union(*(symbols(formula) for formula in re.findall(r"\$([^$]+)\$", table)))
    letters = {letter for letter, _ in listed}
    displayed = Counter()
    for path in chapters.PATHS:
        for formula in re.findall(r"\$\$(.+?)\$\$", prose(path).split("## Exercises")[0], re.DOTALL):
            displayed.update(symbols(formula))
    assert len(displayed) > 60
    assert {letter for letter, _ in displayed} - letters - COUNTERS == set()
    assert {s for s, times in displayed.items() if s[1] and times > 1} - listed == set()
