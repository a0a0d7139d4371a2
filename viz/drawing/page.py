"""A picture as a page of its own: one file, which asks nothing of any network."""

from __future__ import annotations

import html

_PAGE = """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 1rem; }}
main {{ overflow-x: auto; }}
svg {{ display: block; margin: auto; max-height: 94vh; min-width: min(100%, 60rem); max-width: 100%; }}
@media print {{ body {{ margin: 0; }} svg {{ max-height: none; }} }}
</style>
</head>
<body>
<main>
{svg}
</main>
</body>
</html>
"""  # noqa: E501


def page(svg: str, title: str, language: str) -> str:
    """An HTML page that shows an SVG as large as the window allows.

    >>> "<title>a &lt; b</title>" in page("<svg/>", "a < b", "en")
    True
    """
    tags = {"en": "en", "zh": "zh-CN"}
    return _PAGE.format(svg=svg, title=html.escape(title), language=tags[language])
