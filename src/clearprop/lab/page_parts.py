"""The page's files as one HTML text: styles, fonts, pictures and modules in it, nothing to fetch.

A module in a `data:` address has no place from which `./other.js` could be told, so each one gets
a name of its own (`lab/other.js`) and an import map says where each is. The policy of the page lets
these scripts run by their digests and opens no connection at all: not for the page, nor for its
workers, nor for code that a person pastes.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from pathlib import Path

PAGE = Path(__file__).parent / "page"
# What runs beside the page, and is no module of it.
WORKER = "worker.js"
_IMPORT = re.compile(r"""((?:\bfrom|\bimport)\s*\(?\s*)(["'])\./([\w./-]+\.js)\2""")
_STYLE = re.compile(r'<link rel="stylesheet" href="([\w./-]+)"((?: media="\w+")?)>')
_PICTURE = re.compile(r'\b(href|src)="([\w./-]+\.svg)"')
_MODULE = re.compile(r'<script type="module" src="([\w./-]+)"></script>\n?')
_ADDRESS = re.compile(r'url\("([\w./-]+)"\)')
_KINDS = {".js": "text/javascript", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
# Where the report has its fonts, which the page uses too.
_FONTS = PAGE.parent.parent / "teaching" / "reports" / "fonts"
# 'wasm-unsafe-eval' is for the runtime; data: and blob: are the page's own modules and workers.
_POLICY = (
    "default-src 'none'; script-src {digests} data: blob: 'wasm-unsafe-eval'; worker-src blob:;"
    " style-src 'unsafe-inline'; img-src data: blob:; font-src data:; connect-src 'none';"
    " base-uri 'none'; form-action 'none'"
)


def in_one(folder: Path, *, language: str, head: str, payload: str) -> str:
    """The page of `folder` as one text. `head` stands before the modules and `payload`, what is
    heavy, behind everything that a person reads."""
    page = (folder / "index.html").read_text(encoding="utf-8")
    start = _MODULE.search(page)
    if start is None:
        raise ValueError("index.html has no module to start with")
    imports = script("importmap", json.dumps({"imports": _modules(folder)}))
    # async: it starts when it has been read, and not when all of the payload has.
    run = f'<script type="module" async src="{_module(folder, start.group(1))}"></script>'
    page = _MODULE.sub("", page)
    page = _STYLE.sub(lambda found: _style(folder, found), page)
    page = _PICTURE.sub(lambda found: f'{found.group(1)}="{_file(folder, found.group(2))}"', page)
    page = re.sub(r'(<html\b[^>]*\blang=")[^"]*', rf"\g<1>{language}", page, count=1)
    policy = _POLICY.format(digests=_digest(imports))
    meta = f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">'
    before, charset, after = page.partition('<meta charset="utf-8">\n')
    page = f"{before}{charset}{meta}\n{after}"
    body, end, rest = page.rpartition("</body>")
    return f"{body}{imports}\n{head}\n{run}\n{payload}\n{end}{rest}"


def script(kind: str, content: str, **attributes: str) -> str:
    """A script element that no content can end early: `</` and `<!` are written as JSON writes
    them, so the content is JSON."""
    safe = content.replace("<", "\\u003c")
    named = "".join(f' {name}="{html.escape(value)}"' for name, value in attributes.items())
    return f'<script type="{kind}"{named}>{safe}</script>'


def _modules(folder: Path) -> Mapping[str, str]:
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.js"))
    return {f"lab/{name}": _module(folder, name) for name in names if name != WORKER}


def _module(folder: Path, name: str) -> str:
    """The address of a module; what it imports is called by its name."""
    within = Path(name).parent

    def named(found: re.Match[str]) -> str:
        return f'{found.group(1)}"lab/{(within / found.group(3)).as_posix()}"'

    text = _IMPORT.sub(named, (folder / name).read_text(encoding="utf-8"))
    # What a browser calls it where something fails; the address is its whole text.
    return _data_address(_KINDS[".js"], f"{text}\n//# sourceURL=lab/{name}\n".encode())


def _file(folder: Path, name: str) -> str:
    path = folder / name if (folder / name).exists() else _FONTS / name
    return _data_address(_KINDS[path.suffix], path.read_bytes())


def _style(folder: Path, found: re.Match[str]) -> str:
    text = (folder / found.group(1)).read_text(encoding="utf-8")
    text = _ADDRESS.sub(lambda at: f'url("{_file(folder, at.group(1))}")', text)
    return f"<style{found.group(2)}>\n{text}</style>"


def _data_address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _digest(element: str) -> str:
    content = element[element.index(">") + 1 : element.rindex("</script>")]
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
