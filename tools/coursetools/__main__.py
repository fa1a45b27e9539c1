"""The command line of the course's tools.

python -m coursetools execute --fast --only 02
python -m coursetools render kaggle --help
"""

import ast
import importlib.util
import sys
from pathlib import Path

# Command -> module whose `main` it is, imported when asked for: each needs other libraries.
COMMANDS = {
    "execute": "execute",
    "platforms": "platforms",
    "teaching": "teaching",
    "badges": "badges",
    "lint": "lint",
    "tidy": "tidy",
    "pictures": "pictures",
    "classroom": "classroom.command",
    "grade": "grade.command",
    "progress": "grade.progress",
    "render html": "render.html",
    "render kaggle": "render.kaggle",
    "render standalone": "render.standalone",
    "render site": "render.site",
}


def usage():
    """Return the list of commands."""
    lines = ["usage: python -m coursetools COMMAND [options]; each command knows --help", ""]
    for command, name in COMMANDS.items():
        text = Path(importlib.util.find_spec(f"coursetools.{name}").origin).read_text("utf-8")
        lines.append(f"  {command:18} {ast.get_docstring(ast.parse(text)).splitlines()[0]}")
    return "\n".join(lines)


def main(arguments=None):
    """Run the command that the arguments name, and return its exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    for words in (2, 1):
        command = " ".join(arguments[:words])
        if command in COMMANDS:
            return _module(COMMANDS[command]).main(arguments[words:], prog=f"coursetools {command}")
    print(usage())
    return 0 if arguments and arguments[0] in ("-h", "--help") else 2


def _module(name):
    return importlib.import_module(f"coursetools.{name}")


if __name__ == "__main__":
    sys.exit(main())
