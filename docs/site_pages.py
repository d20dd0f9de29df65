"""Pages of the site, for MkDocs: the Markdown files of the repository in their places.

MkDocs knows one folder of pages. These are in several and link to each other, so each keeps its
path from the root of the repository, as do the images and source files that they link to. The
notebook runs in a folder of its own, and is a page with its outputs.
"""

import functools
import inspect
import re
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from mkdocs.structure.files import File, Files
from nbconvert import MarkdownExporter
from nbconvert.preprocessors import ExecutePreprocessor

import ieg

ROOT = Path(__file__).parents[1]
#: Folders of pages.
FOLDERS = (".", "docs", "data", "scripts", "benchmarks")
NOTEBOOK = Path("docs/tutorial.ipynb")
_LINK = re.compile(r"\]\(([^)#:]+)[^)]*\)")
_SHOWN = re.compile(r'src="([^":]+)"')


def on_files(files: Files, config: Any) -> Files:
    """Replace the files of `docs_dir` by all pages, what they link to, and the API reference."""
    theme = [file for file in files if file.src_uri.startswith("assets/")]
    pages = [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.md"))]
    linked = {target for page in pages for target in _linked(page)}
    own = [
        File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path))
        for path in [*pages, *sorted(linked - set(pages))]
    ]
    made = _notebook((ROOT / NOTEBOOK).read_text()) | {"api.md": _api()}
    generated = [File.generated(config, f"docs/{name}", content=made[name]) for name in made]
    return Files([*theme, *own, *generated])


def on_page_markdown(markdown: str, page: Any, **kwargs: Any) -> str:
    """Lead links to the notebook to its page, which alone links to the file."""
    page_of_it = NOTEBOOK.with_suffix(".md")
    if page.file.src_uri == page_of_it.as_posix():
        return f"[The notebook as a file]({NOTEBOOK.name})\n\n{markdown}"
    return markdown.replace(f"{NOTEBOOK.name})", f"{page_of_it.name})")


@functools.cache  # `mkdocs serve` asks again after each change
def _notebook(text: str) -> dict[str, str | bytes]:
    """Name → content of the notebook's page and of the figures and files that its cells show."""
    notebook = nbformat.reads(text, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        ExecutePreprocessor(timeout=None).preprocess(notebook, {"metadata": {"path": folder}})
        resources = {"unique_key": NOTEBOOK.stem}
        page, resources = MarkdownExporter().from_notebook_node(notebook, resources)
        shown = {name: Path(folder, name).read_bytes() for name in _SHOWN.findall(page)}
    return {f"{NOTEBOOK.stem}.md": page, **resources["outputs"], **shown}


def _linked(page: Path) -> set[Path]:
    """Files of the repository that a page links to."""
    targets = [(page.parent / link).resolve() for link in _LINK.findall(page.read_text())]
    return {path for path in targets if path.is_file() and path.is_relative_to(ROOT)}


def _api() -> str:
    """The public names of the package, each with its docstrings."""
    parts = ["# API reference", "All that `import ieg` gives; see [From Python](python.md)."]
    for name in ieg.__all__:
        thing = getattr(ieg, name)
        parts.append(_reference(thing, f"ieg.{name}", 2))
        for member in getattr(thing, "__all__", ()):
            inner = getattr(thing, member)
            if callable(inner) or inspect.ismodule(inner):  # not numbers and types
                parts.append(_reference(inner, f"ieg.{name}.{member}", 3))
    return "\n\n".join(parts)


def _reference(thing: Any, name: str, level: int) -> str:
    """Docstring of a class with its methods, of a function, or of a module.

    A module that lists its public names has its members elsewhere on the page.
    """
    is_module = inspect.ismodule(thing)
    where = thing.__name__ if is_module else f"{thing.__module__}.{thing.__qualname__}"
    members = "members: false" if hasattr(thing, "__all__") else "filters: ['!^_']"
    lines = ["options:", f"  heading: {name}", f"  heading_level: {level}", f"  {members}"]
    return "\n".join([f"::: {where}", *(f"    {line}" for line in lines)])
