"""Write the site: the notebooks and the pages of docs/ with contents and search, for any browser.

Sphinx builds it from copies that lie as the repository does, so that links between notebooks and
pages hold. No notebook is executed: what was committed is shown. A page asks nothing of another
machine, and everything works from `file://`.
"""

import argparse
import base64
import html
import json
import posixpath
import re
import shutil
import sys
from pathlib import Path

import nbformat

from coursetools import notebooks
from coursetools.files import write_atomically
from coursetools.notebooks import ROOT
from coursetools.render.house import house
from coursetools.render.html import alt_text

SITE = ROOT / "site"
RESULTS = ROOT / "benchmarks" / "results" / "site_models.json"
FIGURES = "figures"  # where the notebooks' pictures lie on the site
PAGES = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")  # where they exist; and docs/, site/
# Loaded by the theme on every page, and not needed: its style sheet holds the icons as a font.
ICON_SCRIPT = re.compile(
    r"\s*<(?:script|link)[^>]*fontawesome(?:\.js|/[\w./]*/all\.min\.js)[^>]*>(?:</script>)?"
)
WORDS_AND_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^\s):#]+)\)")
EXERCISES = re.compile(r"^## .*\bExercises?\b.*$", re.MULTILINE)
LINK = re.compile(r"(\]\(|\b(?:href|src)=\")([^\s)\":#]+)")


def stage(folder, paths, extra):
    """Lay out what Sphinx reads: pages, notebooks, and the files that they link to.

    Args:
        folder: for the sources; emptied before.
        paths: the notebooks' files.
        extra: for the notebooks' pictures; emptied before.

    Returns:
        The pages' names, without their endings.
    """
    for old in (folder, extra):
        shutil.rmtree(old, ignore_errors=True)
    pages = {path.relative_to(SITE): path for path in sorted(SITE.glob("*.md"))}
    for part in SITE.glob("*.html"):  # what the pages of site/ take in as it is
        write_atomically(folder / part.name, part.read_text(encoding="utf-8"))
    for pattern in (*PAGES, "docs/*.md"):
        pages |= {path.relative_to(ROOT): path for path in sorted(ROOT.glob(pattern))}
    for name, path in pages.items():
        text = path.read_text(encoding="utf-8")
        if path.parent == SITE:
            text = fill(text, paths)
        _write_page(folder, name.as_posix(), text)
    for path in paths:
        name = f"notebooks/{notebooks.name_of(path)}.ipynb"
        notebook = notebooks.read(path)
        take_pictures(notebook, name, extra)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = not_run_here(lead(cell.source, name, folder), name)
        write_atomically(folder / name, nbformat.writes(notebook))
    return [name.with_suffix("").as_posix() for name in pages]


def _write_page(folder, name, text):
    write_atomically(folder / name, lead(text, name, folder))


def lead(text, name, folder):
    """Lead the links of a page to pages, and lay the other files they name beside them.

    A link to a folder becomes its words: a site has pages only.

    Args:
        text: Markdown.
        name: the page's path within the site, which is its path in the repository.
        folder: where the sources lie.
    """

    def follow(match):
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), match[2]))
        if target == "README.md":
            home = posixpath.relpath("index.md", posixpath.dirname(name) or ".")
            return match[1] + home
        source = ROOT / target
        if source.is_file() and source.suffix not in {".md", ".ipynb"}:
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / target)
        return match[0]

    def folder_as_words(match):
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), match[2]))
        return match[1] if (ROOT / target).is_dir() else match[0]

    text = WORDS_AND_LINK.sub(folder_as_words, text)
    return re.sub(r"(index\.md)#[\w-]+", r"\1", LINK.sub(follow, text))


def not_run_here(text, name):
    """Say under a notebook's heading of exercises that a page of the site does not run them.

    Args:
        text: Markdown of a cell.
        name: the notebook's path within the site.
    """
    home = posixpath.relpath("index.md", posixpath.dirname(name))
    line = f"*These pages are read, not run: [what to do instead]({home}#on-a-phone).*"
    return EXERCISES.sub(lambda heading: f"{heading[0]}\n\n{line}", text)


def take_pictures(notebook, name, extra):
    """Replace each PNG of a notebook's outputs by an image with its alt text and size.

    Each is a link to its file, where a phone can enlarge small letters. MyST-NB writes pictures
    without the alt texts that `plots.show` put into their metadata.

    Args:
        notebook: changed in place.
        name: its path within the site.
        extra: the folder whose content lies at the root of the site.
    """
    stem, count = Path(name).stem, 0
    root = posixpath.relpath(".", posixpath.dirname(name))
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" not in data or "text/html" in data:
                continue
            png = base64.b64decode(data.pop("image/png"))
            count += 1
            file = f"{FIGURES}/{stem}-{count}.png"
            write_atomically(extra / file, png)
            width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
            alt = html.escape(alt_text(output), quote=True)
            data["text/html"] = (
                f'<a href="{root}/{file}">'
                f'<img class="figure dark-light" src="{root}/{file}" alt="{alt}" '
                f'width="{width}" height="{height}" loading="lazy"></a>'
            )


def fill(text, paths):
    """Replace what stands in double braces in a page of site/.

    `{{contents}}` becomes the navigation, `{{course}}` the README's table of notebooks,
    `{{teaching}}` a line on the teacher's guide, `{{house}}` the figure of the package, and
    `{{letters.elbo}}` or the like a number of benchmarks/results/site_models.json.

    Raises:
        KeyError: naming what is in braces and is not known.
    """
    results = json.loads(RESULTS.read_text(encoding="utf-8"))

    parts = {
        "contents": lambda: contents(paths),
        "course": course_table,
        "teaching": teaching,
        "house": lambda: house((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")),
    }

    def value(match):
        if match[1] in parts:
            return parts[match[1]]()
        found = results
        for key in match[1].split("."):
            found = found[key]
        return f"{found:.1f}".replace("-", "\N{MINUS SIGN}")

    return re.sub(r"\{\{([\w.]+)\}\}", value, text)


def contents(paths):
    """Return the contents of the navigation, as MyST's hidden toctrees."""
    main = [path for path in paths if path.parent.name != notebooks.DEEPER]
    deeper = [path for path in paths if path.parent.name == notebooks.DEEPER]
    own = ["draw", "beta"]
    pages = sorted(path.stem for path in (ROOT / "docs").glob("*.md"))
    root = [Path(page).stem for page in PAGES if (ROOT / page).exists()]
    parts = {
        "The course": [f"notebooks/{notebooks.name_of(path)}" for path in main],
        "Try it": [*own, *(f"docs/{page}" for page in pages if page == "audit_your_loss")],
        "Deeper": [f"notebooks/{notebooks.name_of(path)}" for path in deeper],
        "About": [*(f"docs/{page}" for page in pages if page != "audit_your_loss"), *root],
    }
    trees = []
    for caption, names in parts.items():
        lines = [f"```{{toctree}}\n:hidden:\n:maxdepth: 1\n:caption: {caption}\n", *names, "```"]
        trees.append("\n".join(lines))
    return "\n\n".join(trees)


def course_table():
    """Return the README's table of notebooks."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    part = readme.split("\n## The notebooks\n")[1].split("\n## ")[0]
    return "\n".join(line for line in part.splitlines() if line.startswith("|"))


def teaching():
    """Return the first page's line on the teacher's guide; nothing where there is none."""
    if not (ROOT / "docs" / "teaching.md").exists():
        return ""
    return (
        "- **Teach.** [The teacher's guide](docs/teaching.md): goals, plans for classes, marking."
    )


def slim(output):
    """Take out of the built pages what they load and do not need."""
    for page in output.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        page.write_text(ICON_SCRIPT.sub("", text), encoding="utf-8")
    shutil.rmtree(output / "_static" / "locales", ignore_errors=True)  # the search's translations
    for pattern in (
        "scripts/fontawesome.js*",
        "vendor/fontawesome/**/*.js*",
        "**/*.map",
        "*-macros.html",
    ):
        for file in (output / "_static").glob(pattern):
            file.unlink()


def build(output, work, paths):
    """Build the site, and return the exit status of Sphinx.

    Args:
        output: the folder of the site; emptied before.
        work: a folder for the sources and for what Sphinx remembers from one build to the next.
        paths: the notebooks' files.
    """
    from sphinx.cmd.build import build_main

    source, extra = work / "source", work / "extra"
    stage(source, paths, extra)
    shutil.rmtree(output, ignore_errors=True)
    shutil.copytree(SITE / "models", extra / "models", dirs_exist_ok=True)
    settings = [f"-Dhtml_extra_path={extra}", "--keep-going", "-q"]
    if len(paths) == len(notebooks.find_notebooks()):
        settings.append("-W")
    else:  # a part of the course, whose pages name others
        settings.append("-Dsuppress_warnings=myst.header,myst.xref_missing")
    places = ["-c", str(SITE), "-d", str(work / "doctrees"), str(source), str(output)]
    status = build_main(["-b", "html", *settings, *places])
    if status == 0:
        slim(output)
    return status


def main(arguments=None, prog=None):
    parser = argparse.ArgumentParser(prog, description=__doc__.splitlines()[0])
    notebooks.add_choice(parser)
    parser.add_argument("--build", type=Path, default=notebooks.BUILD)
    options = parser.parse_args(arguments)
    build_folder = options.build.resolve()
    paths = notebooks.find_notebooks(options.notebooks, options.only)
    try:
        status = build(build_folder / "site", build_folder / "site-work", paths)
    except ImportError as error:
        sys.exit(f"{error}: the site needs its extra, pip install -e '.[site]' (`make site` does)")
    if status == 0:
        print(build_folder / "site" / "index.html")
    return status
