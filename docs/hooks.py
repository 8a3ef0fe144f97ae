"""What mkdocs does beside `mkdocs.yml`: patterns in the navigation, pages of the root, the board if it was built."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT_PAGES = ("CONTRIBUTING.md", "CHANGELOG.md")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add pages of the root and the board; expand patterns of the navigation to pages that no other entry names."""
    root, nav = Path(config.docs_dir).parent, list(config.nav or [])
    for name in ROOT_PAGES:
        text = (root / name).read_text("utf-8").replace("](docs/", "](")
        files.append(File.generated(config, name.lower(), content=text))
    for path in sorted((root / "board").rglob("*")):
        if path.is_file() and path.suffix != ".md":
            name = path.relative_to(root).as_posix()
            files.append(File(name, str(root), config.site_dir, use_directory_urls=False))
    if files.get_file_from_path("board/index.html"):
        nav.append({"Board": "board/index.html"})
    pages = [file.src_uri for file in files.documentation_pages()]
    config.nav = expand(nav, pages, set(leaves(nav)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """On GitHub links lead to the root of the repository; here to the copies of its pages."""
    return re.sub(r"\]\(\.\./([A-Z]+\.md)", lambda found: f"]({found[1].lower()}", markdown)


def leaves(nav: Any) -> list[str]:
    """The paths of a navigation, patterns among them."""
    if isinstance(nav, list):
        return [leaf for entry in nav for leaf in leaves(entry)]
    if isinstance(nav, dict):
        return [leaf for entry in nav.values() for leaf in leaves(entry)]
    return [nav]


def expand(nav: list[Any], pages: list[str], taken: set[str]) -> list[Any]:
    """Each pattern replaced by what fits it and is not yet `taken`, in alphabetical order; an empty part goes."""
    expanded: list[Any] = []
    for entry in nav:
        if isinstance(entry, dict):
            ((title, part),) = entry.items()
            part = expand(part, pages, taken) if isinstance(part, list) else part
            expanded += [{title: part}] if part else []
        elif "*" in entry:
            fitting = sorted(page for page in pages if fnmatch(page, entry) and page not in taken)
            expanded += fitting
            taken.update(fitting)
        else:
            expanded.append(entry)
    return expanded
