"""What of the package a text uses, read with `ast` and without importing anything.

The package's folders are lazy: `vae_helpers/plots/__init__.py` holds `_HOME = {"show": "style"}`,
and imports `vae_helpers.plots.style` when somebody asks for `plots.show`. So who needs what is
asked name by name: a name is followed to the submodule that defines it.
"""

import ast
import functools
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Use:
    """A name that a source takes from a module of the package.

    Attributes:
        module: dotted, inside the package, such as ``plots`` or ``exercises.nb02``; "" is the
            package itself.
        name: what is taken from it; "" for the module alone, "*" for all that it has.
    """

    module: str
    name: str = ""

    def __str__(self):
        return f"{self.module}.{self.name}".strip(".")


class Package:
    """A folder of Python modules, asked for names.

    Args:
        folder: the package's folder; its name is the package's.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.name = self.folder.name
        for slow in ("file", "tree", "home", "names"):  # asked again and again
            setattr(self, slow, functools.cache(getattr(self, slow)))

    def file(self, module):
        """Return the file of a module, given as in `Use`, or None when there is none."""
        base = Path(self.folder, *filter(None, module.split(".")))
        candidates = (base / "__init__.py", base.with_suffix(".py") if module else base)
        return next((path for path in candidates if path.is_file()), None)

    def modules(self):
        """Return every module of the package, the package itself as ""."""
        parts = [path.relative_to(self.folder).with_suffix("") for path in self._python_files()]
        return [".".join(path.parts).removesuffix("__init__").rstrip(".") for path in parts]

    def _python_files(self):
        return sorted(self.folder.rglob("*.py"))

    def tree(self, module):
        """Return the syntax tree of a module."""
        return ast.parse(self.file(module).read_text(encoding="utf-8"))

    def home(self, module):
        """Return what a lazy package loads on demand: {name: submodule}; empty for other modules.

        It stands in a dictionary `_HOME`, or in imports from the package's own modules under
        `if TYPE_CHECKING`, beside a `__getattr__`.
        """
        found = {}
        for node in self.tree(module).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HOME":
                return ast.literal_eval(node.value)
            if is_for_type_checkers(node):
                for inner in node.body:
                    if isinstance(inner, ast.ImportFrom):
                        own = self.inside(inner.module) or ""
                        names = [alias.asname or alias.name for alias in inner.names]
                        found |= dict.fromkeys(names, own.removeprefix(f"{module}."))
        return found

    def names(self, module):
        """Return the names that a module defines or imports at its top level."""
        found = set()
        for node in _top_level(self.tree(module)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                for alias in node.names:
                    if alias.name == "*":
                        found |= self.names(self.inside(node.module))
                    found.add(alias.asname or alias.name.partition(".")[0])
            else:
                found |= {
                    inner.id
                    for inner in ast.walk(node)
                    if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
                }
        return found

    def imports(self, module):
        """Return what a module of the package takes from the package."""
        return self.uses([self.file(module).read_text(encoding="utf-8")])

    def uses(self, sources):
        """Return what sources that share their names, such as a notebook's cells, take.

        Imports count wherever they stand, in functions too, except under `if TYPE_CHECKING`. Of
        a module that was imported, the attributes count that are asked of its name.

        Args:
            sources: Python; lines of IPython's own (magics) are skipped.

        Returns:
            list of `Use`, in the order met, each once.
        """
        trees = [ast.parse(_without_magics(source)) for source in sources]
        return self.uses_of([node for tree in trees for node in walk(tree)], {})

    def uses_of(self, nodes, bound):
        """Return what nodes of a syntax tree take; `bound` is {name: module} of earlier imports."""
        found, bound = [], dict(bound)
        for node in nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                for name, module, use in self.imported(node):
                    found.append(use)
                    bound |= {} if module is None else {name: module}
        found += self._attributes(nodes, bound)
        return list(dict.fromkeys(found))

    def imported(self, node):
        """Yield (name bound, module that it is bound to or None, `Use`) of an import."""
        if isinstance(node, ast.ImportFrom):
            module = self.inside(node.module) if node.level == 0 else None
            for alias in node.names if module is not None else []:
                inner = f"{module}.{alias.name}".lstrip(".")
                is_module = self.file(inner) is not None
                use = Use(inner) if is_module else Use(module, alias.name)
                yield alias.asname or alias.name, inner if is_module else None, use
        else:
            for alias in node.names:
                module = self.inside(alias.name)
                if module is not None:
                    yield alias.asname or self.name, module if alias.asname else "", Use(module)

    def _attributes(self, nodes, bound):
        """Yield what is asked of the names that imports have bound to modules."""
        # A name that is assigned as well may be something else: then only what fits counts.
        stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        stored |= {node.arg for node in nodes if isinstance(node, ast.arg)}
        parents = set()  # names that something is asked of; the others are handed on whole
        for node in nodes:
            if not isinstance(node, ast.Attribute):
                continue
            root = _root(node)
            parents.add(id(root))
            module = self._module_of(node.value, bound)
            if module is None or node.attr.startswith("__"):
                continue
            inner = f"{module}.{node.attr}".lstrip(".")
            use = Use(inner) if self.file(inner) else Use(module, node.attr)
            if root.id not in stored or self.has(use):
                yield use
        for node in nodes:
            whole = isinstance(node, ast.Name) and id(node) not in parents
            if whole and node.id in bound and node.id not in stored:
                yield Use(bound[node.id], "*")

    def _module_of(self, node, bound):
        """Return the module that `plots` or `vae_helpers.plots` means, or None."""
        if isinstance(node, ast.Name):
            return bound.get(node.id)
        if isinstance(node, ast.Attribute):
            module = self._module_of(node.value, bound)
            inner = None if module is None else f"{module}.{node.attr}".lstrip(".")
            return inner if inner and self.file(inner) else None
        return None

    def inside(self, dotted):
        """Return a dotted name without the package's own, or None for another package's."""
        if dotted == self.name:
            return ""
        return dotted.removeprefix(f"{self.name}.") if dotted.startswith(f"{self.name}.") else None

    def resolve(self, use):
        """Return the modules that must be there for one use.

        Raises:
            LookupError: naming what does not exist.
        """
        if self.file(use.module) is None:
            raise LookupError(f"there is no module {self.name}.{use.module}")
        home = self.home(use.module)
        if use.name in home:
            inner = f"{use.module}.{home[use.name]}".lstrip(".")
            return [use.module, *self.resolve(Use(inner, use.name))]
        if use.name == "*":
            return [use.module, *(f"{use.module}.{part}" for part in dict.fromkeys(home.values()))]
        names = self.names(use.module) if use.name else {""}
        if use.name in names or (not home and "__getattr__" in names):
            return [use.module]
        raise LookupError(f"{self.name}.{use.module or self.name} has no {use.name!r}")

    def has(self, use):
        """Return whether what a use names exists."""
        try:
            return bool(self.resolve(use))
        except LookupError:
            return False


def _without_magics(source):
    return re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.MULTILINE)


def _root(node):
    """Return the innermost value of a chain of attributes: `a` of `a.b.c`."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node if isinstance(node, ast.Name) else ast.Name("")


def is_for_type_checkers(node):
    """Return whether a statement is an `if TYPE_CHECKING`."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def walk(node):
    """Walk as `ast.walk`, but not into what is for type checkers only."""
    if is_for_type_checkers(node):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from walk(child)


def _top_level(tree):
    """Yield a module's own statements, those in its `if` and `try` blocks included."""
    for node in tree.body if hasattr(tree, "body") else []:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With | ast.For):
            for block in ("body", "orelse", "finalbody"):
                yield from _top_level(ast.Module(getattr(node, block, []), []))
            for handler in getattr(node, "handlers", []):
                yield from _top_level(handler)
