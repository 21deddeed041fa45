r"""Word's formulas (OMML) as LaTeX on one line: `\frac{a}{b}`, `x^{2}`. How they are set is left out."""

from __future__ import annotations

from collections.abc import Callable

from lxml import etree

from ingest.readers.package import local

_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_SYMBOLS = """
α alpha β beta γ gamma δ delta ε varepsilon ζ zeta η eta θ theta ι iota κ kappa λ lambda μ mu ν nu ξ xi π pi
ρ rho ς varsigma σ sigma τ tau υ upsilon φ varphi χ chi ψ psi ω omega ϵ epsilon ϑ vartheta ϕ phi ϖ varpi
Γ Gamma Δ Delta Θ Theta Λ Lambda Ξ Xi Π Pi Σ Sigma Υ Upsilon Φ Phi Ψ Psi Ω Omega
∞ infty ∂ partial ∇ nabla ∅ emptyset ℏ hbar ℓ ell ℜ Re ℑ Im ℵ aleph ∀ forall ∃ exists ∄ nexists
× times ÷ div ± pm ∓ mp ⋅ cdot ∘ circ ∙ bullet ≤ leq ≥ geq ≠ neq ≈ approx ≡ equiv ≅ cong ∼ sim ∝ propto
≪ ll ≫ gg ∈ in ∉ notin ∋ ni ⊂ subset ⊃ supset ⊆ subseteq ⊇ supseteq ∪ cup ∩ cap ∖ setminus ∧ wedge ∨ vee
¬ neg ⊕ oplus ⊗ otimes ⊥ perp ∥ parallel ∠ angle → rightarrow ← leftarrow ↔ leftrightarrow ⇒ Rightarrow
⇐ Leftarrow ⇔ Leftrightarrow ↦ mapsto ↑ uparrow ↓ downarrow ∴ therefore ∵ because … ldots ⋯ cdots ⋮ vdots
⋱ ddots ′ prime ∑ sum ∏ prod ∐ coprod ∫ int ∬ iint ∭ iiint ∮ oint ∯ oiint ∰ oiiint ⋃ bigcup ⋂ bigcap
⋀ bigwedge ⋁ bigvee ⨁ bigoplus ⨂ bigotimes √ surd
"""
_PAIRS = _SYMBOLS.split()
_NAMES = str.maketrans(
    {sign: f"\\{name} " for sign, name in zip(_PAIRS[::2], _PAIRS[1::2], strict=True)}
    | {"−": "-", "\u2061": ""}
)
_FUNCTIONS = """
arccos arcsin arctan arg cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim liminf limsup ln log max
min Pr sec sin sinh sup tan tanh
"""
_KNOWN = frozenset(_FUNCTIONS.split())
_ACCENTS = {
    "\u0300": "grave", "\u0301": "acute", "\u0302": "hat", "\u0303": "tilde", "\u0304": "bar",
    "\u0305": "overline", "\u0306": "breve", "\u0307": "dot", "\u0308": "ddot", "\u030c": "check",
    "\u20d7": "vec", "\u20db": "dddot", "\u0332": "underline", "\u20d6": "overleftarrow",
}  # fmt: skip
_BREAK = " \\\\ "
_GROUPS = {"⏞": "overbrace", "⏟": "underbrace", "¯": "overline", "_": "underline"}
_DELIMITERS = {"{": "\\{", "}": "\\}", "⟨": "\\langle ", "⟩": "\\rangle ", "‖": "\\|"} | {
    "⌊": "\\lfloor ", "⌋": "\\rfloor ", "⌈": "\\lceil ", "⌉": "\\rceil ", "": "."
}  # fmt: skip


def latex(formula: etree._Element) -> str:
    """A formula, an `m:oMath` or any part of one, on one line."""
    return " ".join(_inside(formula).split())


def _inside(element: etree._Element | None) -> str:
    """The parts of an element, one after the other."""
    return "".join(map(_part, element)) if element is not None else ""


def _part(element: etree._Element) -> str:
    name = local(element)
    if name == "r":
        return "".join(text.text or "" for text in element.iter("{*}t")).translate(_NAMES)
    if name.endswith("Pr"):
        return ""
    convert = _CONVERTERS.get(name)
    return convert(element) if convert else _inside(element)


def _of(element: etree._Element, name: str) -> str:
    return _inside(element.find(f"{_M}{name}"))


def _property(element: etree._Element, name: str, otherwise: str) -> str:
    """A value out of the element's properties; one that is named without a value is empty."""
    found = element.find(f"{_M}{local(element)}Pr/{_M}{name}")
    return otherwise if found is None else found.get(f"{_M}val", "")


def _script(element: etree._Element, name: str, mark: str) -> str:
    text = _of(element, name).strip()
    return f"{mark}{{{text}}}" if text else ""


def _scripts(element: etree._Element) -> str:
    return _of(element, "e") + _script(element, "sub", "_") + _script(element, "sup", "^")


def _before(element: etree._Element) -> str:
    return f"{{}}{_script(element, 'sub', '_')}{_script(element, 'sup', '^')}{_of(element, 'e')}"


def _fraction(element: etree._Element) -> str:
    parts = f"{{{_of(element, 'num')}}}{{{_of(element, 'den')}}}"
    kind = _property(element, "type", "bar")
    if kind == "lin":
        return f"{_of(element, 'num')}/{_of(element, 'den')}"
    return f"\\genfrac{{}}{{}}{{0pt}}{{}}{parts}" if kind == "noBar" else f"\\frac{parts}"


def _sum(element: etree._Element) -> str:
    sign = _property(element, "chr", "∫").translate(_NAMES).rstrip()
    return f"{sign}{_script(element, 'sub', '_')}{_script(element, 'sup', '^')} {_of(element, 'e')}"


def _delimited(element: etree._Element) -> str:
    begin, end = _property(element, "begChr", "("), _property(element, "endChr", ")")
    between = _property(element, "sepChr", "|")
    inner = between.join(_inside(part) for part in element.iterfind(f"{_M}e"))
    return f"\\left{_DELIMITERS.get(begin, begin)}{inner}\\right{_DELIMITERS.get(end, end)}"


def _function(element: etree._Element) -> str:
    argument = element.find(f"{_M}e")
    text = _inside(argument)
    if argument is None or len(argument) != 1 or local(argument[0]) != "d":
        text = f"{{{text}}}" if element.find(f"{_M}fName/{_M}limLow") is not None else f"({text})"
    return _named(_of(element, "fName")) + text


def _named(name: str) -> str:
    word = name.strip()
    return f"\\{word}" if word in _KNOWN else name


def _below(element: etree._Element) -> str:
    base = _of(element, "e")
    word = base.strip()
    if word.isalpha() and word.isascii() and len(word) > 1:
        base = f"\\{word}" if word in _KNOWN else f"\\operatorname{{{word}}}"
    return f"{base}_{{{_of(element, 'lim').strip()}}}"


def _above(element: etree._Element) -> str:
    return f"\\overset{{{_of(element, 'lim').strip()}}}{{{_of(element, 'e')}}}"


def _root(element: etree._Element) -> str:
    degree = _of(element, "deg").strip()
    return f"\\sqrt{f'[{degree}]' if degree else ''}{{{_of(element, 'e')}}}"


def _accent(element: etree._Element) -> str:
    sign = _property(element, "chr", "\u0302")
    return f"\\{_ACCENTS.get(sign, 'hat')}{{{_of(element, 'e')}}}"


def _bar(element: etree._Element) -> str:
    name = "overline" if _property(element, "pos", "bot") == "top" else "underline"
    return f"\\{name}{{{_of(element, 'e')}}}"


def _group(element: etree._Element) -> str:
    sign = _property(element, "chr", "⏟")
    return f"\\{_GROUPS.get(sign, 'underbrace')}{{{_of(element, 'e')}}}"


def _lines(element: etree._Element) -> str:
    lines = [_inside(line) for line in element.iterfind(f"{_M}e")]
    return lines[0] if len(lines) == 1 else f"\\begin{{array}}{{c}}{_BREAK.join(lines)}\\end{{array}}"


def _matrix(element: etree._Element) -> str:
    rows = [
        " & ".join(_inside(cell) for cell in row.iterfind(f"{_M}e")) for row in element.iterfind(f"{_M}mr")
    ]
    return f"\\begin{{matrix}}{_BREAK.join(rows)}\\end{{matrix}}"


_CONVERTERS: dict[str, Callable[[etree._Element], str]] = {
    "f": _fraction,
    "sSup": _scripts,
    "sSub": _scripts,
    "sSubSup": _scripts,
    "sPre": _before,
    "nary": _sum,
    "d": _delimited,
    "func": _function,
    "limLow": _below,
    "limUpp": _above,
    "rad": _root,
    "acc": _accent,
    "bar": _bar,
    "groupChr": _group,
    "eqArr": _lines,
    "m": _matrix,
}
