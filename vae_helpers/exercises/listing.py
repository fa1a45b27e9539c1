"""The source of a solution, as the learner would have written it."""

import ast
import inspect
import re
import textwrap


def listing(solution, variable: str, is_value: bool = False) -> str:
    """Return the code of a solution under the learner's own name for it.

    Args:
        solution: function or class from a module of `solutions`.
        variable: name that the notebook's cell defines.
        is_value: True where the answer is what the function returns, and not the function.

    Returns:
        Code that runs where np, tf and keras are imported, as in every notebook: what else it
        imports, then the definition of `variable`.
    """
    source = inspect.getsource(solution)
    if is_value:  # def name(): ... return value
        body = textwrap.dedent(source.partition("\n")[2])
        code = re.sub(r"^return ", f"{variable} = ", body, flags=re.MULTILINE)
    else:
        code = re.sub(rf"^(def|class) {solution.__name__}\b", rf"\1 {variable}", source)
    return "\n\n".join(filter(None, ["\n".join(_imports(solution, source)), code.strip("\n")]))


def _imports(solution, source):
    """The `from ... import ...` lines of the solution's module, with the names it uses."""
    used = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    for node in ast.parse(inspect.getsource(inspect.getmodule(solution))).body:
        if isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names if alias.name in used]
            if names:
                yield f"from {node.module} import {', '.join(names)}"
