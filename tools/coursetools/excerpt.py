"""The part of the package that a notebook needs, definition by definition.

A notebook is one file on Kaggle, and should not carry ten thousand lines of helpers. Starting from
the names that its cells use, each definition is followed to the names that it uses itself; what is
reached is kept word for word, the rest is left out. Of a module that is kept, all statements stay
that do something when it is imported, and of its imports those that are used.
"""

import ast
import re
from dataclasses import dataclass
from functools import cached_property

from coursetools.package import Use, is_for_type_checkers, walk

DATA_FILE = re.compile(r"[\w-]+\.(?:csv|json|html)")
STORED_RESULTS = re.compile(r"benchmarks/results/[\w-]+\.json")  # beside the package
BINDS = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign | ast.AugAssign
OWN = re.compile(r"_HOME|__(?!all)\w+__")  # what Python and lazy packages look for by name
# asked as a whole: all its questions
WHOLE = re.compile(r"exercises\.(?:solutions\.)?nb\d\d(?:_[a-z]+)?")


def stored_results(package_folder):
    """Return the files of results, in the folder above a package, that its modules name."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(package_folder.rglob("*.py"))]
    named = {name for text in texts for name in STORED_RESULTS.findall(text)}
    files = [package_folder.parent / name for name in sorted(named)]
    return [file for file in files if file.is_file()]


@dataclass(frozen=True)
class Statement:
    """A statement at the top level of a module, with what has to be known of it."""

    node: ast.stmt
    package: object
    bound: dict  # {name: module} of the module's imports

    @property
    def is_import(self):
        return isinstance(self.node, ast.Import | ast.ImportFrom)

    @property
    def is_star(self):
        """Whether it is an import of all that a module of the package has."""
        star = isinstance(self.node, ast.ImportFrom) and self.node.names[0].name == "*"
        return star and self.package.inside(self.node.module) is not None

    @cached_property
    def names(self):
        """The names that it binds."""
        node = self.node
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            return {node.name}
        if self.is_star:
            return self.package.names(self.package.inside(node.module))
        if self.is_import:
            return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        stores = (n for n in ast.walk(node) if isinstance(n, ast.Name) and is_stored(n))
        return {name.id for name in stores}

    @cached_property
    def always(self):
        """Whether it stays in any case: it acts on import, or Python itself looks for its name."""
        if is_for_type_checkers(self.node):
            return False
        if isinstance(self.node, BINDS):
            return not self.names or any(OWN.fullmatch(n) for n in self.names)
        return not self.is_import or getattr(self.node, "module", "") == "__future__"

    @cached_property
    def loads(self):
        """The names that it reads."""
        return {n.id for n in walk(self.node) if isinstance(n, ast.Name) and not is_stored(n)}

    @cached_property
    def uses(self):
        """What it takes from the package beyond its module."""
        return self.package.uses_of(list(walk(self.node)), self.bound)

    @cached_property
    def texts(self):
        """The strings in it."""
        constants = (n.value for n in walk(self.node) if isinstance(n, ast.Constant))
        return {value for value in constants if isinstance(value, str)}


class Excerpt:
    """What sources need of a package.

    Args:
        package: a `Package`.
        sources: Python, such as the cells of a notebook.
    """

    def __init__(self, package, sources):
        self.package = package
        self.kept = {}  # {module: {index of a statement: names of it that are needed}}
        self._statements, self._seen = {}, set()
        for use in package.uses(sources):
            self._need(use)

    def statements(self, module):
        """Return the top-level statements of a module."""
        if module not in self._statements:
            body = self.package.tree(module).body
            imports = [n for n in body if isinstance(n, ast.Import | ast.ImportFrom)]
            found = [entry for node in imports for entry in self.package.imported(node)]
            bound = {name: inner for name, inner, _ in found if inner is not None}
            self._statements[module] = [Statement(node, self.package, bound) for node in body]
        return self._statements[module]

    def files(self):
        """Return {path: text}, each module after those it needs; data files beside their module.

        The paths are relative to the package folder's parent.
        """
        found = {}
        for module in self._in_order():
            path = self.package.file(module)
            for file in self._data_files(module):
                found[file] = file.read_text(encoding="utf-8")
            found[path] = self._text(module, path.read_text(encoding="utf-8"))
        return {path.relative_to(self.package.folder.parent): text for path, text in found.items()}

    def _need(self, use):
        """Keep what one use names, and what that uses in turn."""
        if use in self._seen or not self.package.has(use):
            return  # of what does not exist Python will speak, when it runs
        self._seen.add(use)
        module, name = use.module, use.name
        if module not in self.kept:
            self._enter(module)
        home = self.package.home(module)
        for wanted in home if name == "*" else [name] if name in home else []:
            self._need(Use(f"{module}.{home[wanted]}".lstrip("."), wanted))
        for index, statement in enumerate(self.statements(module)):
            if is_for_type_checkers(statement.node):
                continue
            for bound in sorted(statement.names if name == "*" else statement.names & {name}):
                self._keep(module, index, bound)

    def _enter(self, module):
        self.kept[module] = {}
        if module:
            self._need(Use(module.rpartition(".")[0]))
        for index, statement in enumerate(self.statements(module)):
            for name in sorted(statement.names or {""}) if statement.always else ():
                self._keep(module, index, name)
        if WHOLE.fullmatch(module):
            self._need(Use(module, "*"))
            solutions = module.replace("exercises.nb", "exercises.solutions.nb")
            self._need(Use(solutions))  # loaded by name, when a reader asks for it

    def _keep(self, module, index, name):
        statement = self.statements(module)[index]
        names = self.kept[module].setdefault(index, set())
        if name in names:
            return
        first = not names
        names.add(name)
        if statement.is_star:
            self._need(Use(self.package.inside(statement.node.module), name))
        elif statement.is_import:
            for bound, _, use in self.package.imported(statement.node):
                if bound == name:
                    self._need(use)
        elif first:
            for load in sorted(statement.loads):  # so that two renderings are the same file
                self._need(Use(module, load))
            for use in statement.uses:
                self._need(use)

    def _in_order(self):
        """Return the modules that are kept, each after those that it imports."""
        ordered, entered = [], set()

        def enter(module):
            if module in entered or module not in self.kept:
                return
            entered.add(module)
            if module:
                enter(module.rpartition(".")[0])
            for index in sorted(self.kept[module]):
                for use in self.statements(module)[index].uses:
                    enter(use.module)
            ordered.append(module)

        for module in list(self.kept):
            enter(module)
        return ordered

    def _data_files(self, module):
        """Return the files of data that a module names: beside it, or results of benchmarks."""
        folder, root = self.package.file(module).parent, self.package.folder.parent
        texts = set().union(*(self.statements(module)[i].texts for i in self.kept[module]))
        named = [folder / text for text in sorted(texts) if DATA_FILE.fullmatch(text)]
        named += [root / text for text in sorted(texts) if STORED_RESULTS.fullmatch(text)]
        return [file for file in named if file.is_file()]

    def _text(self, module, text):
        """Return what is kept of a module's text, with comments and single blank lines between."""
        lines, statements = text.splitlines(), self.statements(module)
        if not statements:
            return text
        parts, end, apart = [], 0, False
        for index, statement in enumerate(statements):
            node = statement.node
            start = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))]) - 1
            while start > end and lines[start - 1].startswith("#"):  # a comment that belongs to it
                start -= 1
            apart = apart or (start > end and not lines[start - 1].strip())
            if index in self.kept[module]:
                own = lines[start : node.end_lineno]
                if statement.is_import:
                    own = _import_lines(node, self.kept[module][index], own)
                parts += [""] * apart + own
                apart = False
            end = node.end_lineno
        return "\n".join(parts).strip("\n") + "\n"


def _import_lines(node, names, lines):
    """Return an import with those of its names that are needed."""
    needed = [a for a in node.names if (a.asname or a.name.partition(".")[0]) in names]
    if len(needed) == len(node.names) or node.names[0].name == "*":
        return lines
    kept = type(node)(**{**vars(node), "names": needed})
    return ast.unparse(kept).splitlines()


def is_stored(name):
    """Return whether a name is assigned rather than read."""
    return not isinstance(name.ctx, ast.Load)
