"""Free text from a model or an event becomes one plain line: nothing mentions, links, renders or hides."""

from __future__ import annotations

import html
import re
import unicodedata

import regex

_INVISIBLE = regex.compile(r"[\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Variation_Selector}\u115f\u1160\u3164\uffa0\u2800]")
"""Zero-width, bidirectional, tag characters (U+E0000…), private use, unassigned, selectors, fillers."""
_MARKS = regex.compile(r"(\p{M}{3})\p{M}+")
"""Thai stacks two marks on a consonant; a pile of more is decoration or an attack."""
_GRAPHEME = regex.compile(r"\X")
_SPACE = regex.compile(r"[\s\p{Cc}\p{Z}]+")

_TAG = re.compile(
    r"(?i)</?(?:a|abbr|audio|b|base|body|br|button|code|div|embed|form|h[1-6]|head|html|i|iframe|img|input|link"
    r"|math|meta|object|p|pre|script|span|strong|style|svg|table|td|textarea|title|tr|u|video)"
    r"(?=[\s/>]|$)[^<>]{0,2000}>?"
)
_ENTITY = re.compile(r"&(?=#?\w{1,32};?)")
_MARKDOWN_LINK = re.compile(
    r"!?\[([^\[\]]{0,400})\][ ]?(?:\([^()\n]{0,2000}\)?|\[[^\[\]]{0,200}\]|:\s?(?=\S+[.:/]))"
)
_URL = re.compile(
    r"(?i)(?:(?<![a-z0-9+.-])(?:[a-z][a-z0-9+.-]{1,30}:(?=//|\\\\)|(?:javascript|data|vbscript|mailto|tel|sms):)"
    r"|(?<!\w)//(?=\w)|(?<![\w.])www\d?\.)[^\s<>\"')\]]{1,2048}"
)
_DOMAIN = re.compile(
    r"(?i)(?<![\w@.-])((?:[\w-]{1,63}\.){1,6})"
    r"((?:com|org|net|io|co|ai|ru|cn|xyz|top|info|biz|site|online|tk|gg)(?=/|[^\w.(\[-]|$|\.(?:\s|$))|[a-z]{2,24}(?=/\w))"
)
"""A bare host that clients make a link of; with a path behind it any last label counts."""
_MENTION = re.compile(r"(?:(?<=\w)[@＠﹫](?=\w))")
_TEAM = re.compile(r"(?<![\w#])[#＃]+(?=\w)")
_WIKI = re.compile(
    r"\[~[^\[\]]{0,100}\]|(?<!\w)![^\s!|]{1,300}\.(?:png|jpe?g|gif|svg|webp)[^!\s]{0,60}!?", re.I
)


def plain_text(text: str) -> str:
    """One line without control or invisible characters, HTML, links, images, mentions; in NFC."""
    text = _unescape(text)
    text = _SPACE.sub(" ", text)
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", text))
    text = _MARKS.sub(r"\1", text)
    for _ in range(3):  # links in links
        text = _MARKDOWN_LINK.sub(r"\1", text)
    text = _WIKI.sub("", text)
    text = _URL.sub("[link]", text)
    text = _DOMAIN.sub(_defang, text)
    text = _TAG.sub(" ", text)
    text = _ENTITY.sub("", text)
    text = _MENTION.sub(" at ", text)
    text = re.sub("[@＠﹫]", "", text)
    text = _TEAM.sub("", text)
    text = text.replace("<", "‹").replace(">", "›").replace("](", "] (").replace("![", "[")
    return " ".join(text.split())


def one_line(text: str) -> str:
    """Event text as it goes into a prompt: on one line, with nothing invisible in it, else unchanged."""
    return " ".join(_INVISIBLE.sub("", _SPACE.sub(" ", text)).split())


def _unescape(text: str) -> str:
    """``&lt;script&gt;`` may be escaped more than once; what still is afterwards loses its ampersand."""
    for _ in range(3):
        plain = html.unescape(text)
        if plain == text:
            break
        text = plain
    return text


def _defang(m: re.Match[str]) -> str:
    """``evil.example.com`` stays readable as ``evil.example[.]com`` and no client makes a link of it."""
    if m[2][:1].isupper() and not m[2].isupper():  # System.Net, Main.App
        return m[0]
    return f"{m[1][:-1]}[.]{m[2]}"


def cut(text: str, limit: int) -> str:
    """At most ``limit`` characters (code points): at a word's end, else between graphemes; ``…`` marks it."""
    if len(text) <= limit:
        return text
    kept = ""
    for cluster in _GRAPHEME.findall(text[: limit + 64]):
        if len(kept) + len(cluster) > limit - 1:
            break
        kept += cluster
    words = kept.rpartition(" ")[0] if not text[len(kept) : len(kept) + 1].isspace() else kept
    # Thai, Chinese and Japanese have few spaces: a word's end far back would throw most of the sentence away.
    best = words if len(words) >= 0.6 * len(kept) else kept
    return best.rstrip(" ,;:-–—(") + "…"
