"""What a lesson defines, for the tests of its parts: a lesson's own code, not a copy of it."""
import ast
import json

KINDS = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef


def cells(notebook):
    """The sources of a notebook's code cells, in order.  notebook: a path."""
    found = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"]


def definitions(notebook, also=(), **names):
    """`names` and what the lesson imports, defines and, of its other lines, assigns to a name in `also`: not its experiments."""
    for source in cells(notebook):
        kept = [node for node in ast.parse(source).body if isinstance(node, KINDS) or set(also) & _assigned(node)]
        exec(compile(ast.Module(kept, []), notebook.name, "exec"), names)
    return names


def _assigned(node):
    targets = node.targets if isinstance(node, ast.Assign) else []
    return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
