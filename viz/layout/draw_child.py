"""Draws the DOT source on standard input with pygraphviz; run as a program of its own.

Arguments: folders to look for pygraphviz in besides the interpreter's own, joined by the system's
path separator, then the formats wanted. The pictures go to standard output one after the other,
all of them from one layout, as with several `-T` options of `dot`.
"""

from __future__ import annotations

import os
import sys


def main(folders: str, *formats: str) -> None:
    """Draw the graph on standard input in each format; `folders` are where packages may be."""
    sys.path.extend(folder for folder in folders.split(os.pathsep) if folder)
    from pygraphviz import AGraph
    from pygraphviz import graphviz as library

    # As in `dot`: where only some nodes have a label, the others show their names.
    library.agattr(None, library.AGNODE, b"label", rb"\N")
    graph = AGraph(string=sys.stdin.buffer.read().decode("utf-8"))
    context = library.gvContextWithBuiltins()
    if library.gvLayout(context, graph.handle, b"dot") != 0:
        sys.exit("Error: the layout failed")
    for name in formats:
        status, picture = library.gvRenderData(context, graph.handle, name.encode())
        if status != 0:
            sys.exit(f"Error: the format {name} cannot be written")
        sys.stdout.buffer.write(picture)


if __name__ == "__main__":
    main(*sys.argv[1:])
