"""Where this machine's fonts are, and the fontconfig files that layout engines run under.

The host's own fontconfig file may be newer than the library that comes with pygraphviz, which
then prints errors; so that library gets a plain file with the host's folders and our aliases.
"""

from __future__ import annotations

import html
import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Mapping
from pathlib import Path

from viz.layout.font_file import blank_font

_HOST_CONFIGURATION = "/etc/fonts/fonts.conf"
_SYSTEM_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/usr/share/X11/fonts/TTF",
    "/run/current-system/sw/share/X11/fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "~/Library/Fonts",
    "~/.fonts",
    "~/.nix-profile/share/fonts",
)
_SANS_SERIF = (
    *("Arial", "Liberation Sans", "Arimo", "Nimbus Sans", "Nimbus Sans L", "FreeSans"),
    *("Noto Sans", "DejaVu Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei"),
)
# Graphviz replaces Helvetica itself, by the first in its own list that is installed, and asks
# fontconfig for that: usually for DejaVu Sans, even beside fonts that have Helvetica's widths.
_ALIASED = ("Helvetica", "Arial", "sans-serif", "DejaVu Sans", "Bitstream Vera Sans")
_DEEPEST_INCLUDE = 5


def font_folders(environment: Mapping[str, str]) -> list[Path]:
    """Return the existing folders in which fonts are looked for, best known first.

    With FONTCONFIG_FILE set, these are the folders that the file names, and no others.

    >>> font_folders({"FONTCONFIG_FILE": "/there is no such file"})
    []
    """
    chosen = environment.get("FONTCONFIG_FILE")
    if chosen:
        return _existing(_folders_in(Path(chosen), environment))
    folders = [Path(folder).expanduser() for folder in _SYSTEM_FOLDERS]
    folders.append(_data_home(environment) / "fonts")
    folders += [
        Path(folder, "fonts")
        for folder in environment.get("XDG_DATA_DIRS", "").split(os.pathsep)
        if folder
    ]
    if environment.get("WINDIR"):
        folders.append(Path(environment["WINDIR"], "Fonts"))
    if environment.get("LOCALAPPDATA"):
        folders.append(Path(environment["LOCALAPPDATA"], "Microsoft", "Windows", "Fonts"))
    folders += _folders_in(Path(_HOST_CONFIGURATION), environment)
    return _existing(folders)


def write_host_configuration(folder: Path, environment: Mapping[str, str]) -> Path:
    """Write a fontconfig file into `folder` that finds the machine's own fonts."""
    return _write_configuration(folder, font_folders(environment), _aliases(), "fontconfig")


def write_layout_configuration(folder: Path, text: str) -> Path:
    """Write a fontconfig file into `folder` that finds one font only, the blank one of a text."""
    fonts = folder / "fonts"
    fonts.mkdir()
    (fonts / "regular.ttf").write_bytes(blank_font(text))
    (fonts / "bold.ttf").write_bytes(blank_font(text, bold=True))
    return _write_configuration(folder, [fonts], "", None)


def _write_configuration(
    folder: Path, font_folders: Iterable[Path], rules: str, shared_cache: str | None
) -> Path:
    lines = ['<?xml version="1.0"?>', '<!DOCTYPE fontconfig SYSTEM "fonts.dtd">', "<fontconfig>"]
    lines += [f"<dir>{html.escape(str(path), quote=False)}</dir>" for path in font_folders]
    if shared_cache is not None:
        lines.append(f'<cachedir prefix="xdg">{shared_cache}</cachedir>')
    lines.append(f"<cachedir>{html.escape(str(folder / 'cache'), quote=False)}</cachedir>")
    lines += [rules, "</fontconfig>", ""]
    file = folder / "fonts.conf"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def _aliases() -> str:
    preferred = "".join(f"<family>{name}</family>" for name in _SANS_SERIF)
    return "\n".join(
        f'<alias binding="same"><family>{name}</family><prefer>{preferred}</prefer></alias>'
        for name in _ALIASED
    )


def _existing(folders: Iterable[Path]) -> list[Path]:
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]


def _data_home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("XDG_DATA_HOME") or "~/.local/share").expanduser()


def _folders_in(configuration: Path, environment: Mapping[str, str], depth: int = 0) -> list[Path]:
    """Return the folders of every `<dir>` in a fontconfig file and in the files it includes."""
    if depth > _DEEPEST_INCLUDE:
        return []
    if configuration.is_dir():
        parts = sorted(configuration.glob("[0-9]*.conf"))
        return [path for part in parts for path in _folders_in(part, environment, depth + 1)]
    try:
        root = ElementTree.parse(configuration).getroot()
    except (OSError, ElementTree.ParseError):
        return []
    config_home = Path(environment.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    folders = []
    for element in root:
        text = (element.text or "").strip()
        if element.tag == "dir":
            base = _data_home(environment) if element.get("prefix") == "xdg" else Path()
            folders.append(base / Path(text).expanduser())
        elif element.tag == "include":
            base = config_home if element.get("prefix") == "xdg" else configuration.parent
            included = base / Path(text).expanduser()
            folders += _folders_in(included, environment, depth + 1)
    return folders
