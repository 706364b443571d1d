"""Every error message of the program, read from its code: a text with a hole for each part that differs.

A message has to be written where it is raised (there, or in a variable of the same function): then it can be found
here, and by whoever searches the code for what is on the screen.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "envyard"
SCRIPTS = ROOT / "scripts"
HOLE = "\N{HORIZONTAL ELLIPSIS}"

# Words between the parts of envyard, which nobody sees: who asked turns them into something else.
INTERNAL = {"NotCached", "NotAsked", "TooManyRuns"}


@dataclass(frozen=True)
class Text:
    """What the program says: `template` has a `HOLE` for each part that differs from time to time."""

    template: str
    place: str

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(".*".join(map(re.escape, self.template.split(HOLE))), re.DOTALL)

    @property
    def words(self) -> list[str]:
        """What of it a person can search for."""
        return re.findall(r"[A-Za-z]{3,}", self.template)

    def __str__(self) -> str:
        return f"{self.place}: {self.template}"


@dataclass(frozen=True)
class Raised:
    """One place that raises an error; `messages` is empty where the message of another error is passed on."""

    name: str
    place: str
    messages: tuple[Text, ...]
    hints: tuple[Text, ...]
    passed_on: bool


@cache
def raised() -> tuple[Raised, ...]:
    """Every place in the library that makes an `EnvyardError` that people may see."""
    names = _error_classes()
    found = []
    for path, tree in _modules(SOURCE):
        for scope, call in _calls(tree):
            if _called(call) in names - INTERNAL:
                found.append(_raised(call, scope, tree, f"{path.relative_to(ROOT).as_posix()}:{call.lineno}"))
    return tuple(found)


@cache
def messages() -> tuple[Text, ...]:
    """Every error message: of the library, the scripts, and the runner files that `init` writes."""
    found = [text for one in raised() for text in one.messages]
    for path, tree in [*_modules(SOURCE), *_modules(SCRIPTS)]:
        place = path.relative_to(ROOT).as_posix()
        found += [Text(text, place) for text in _literal_errors(tree)]
        found += [Text(text, place) for text in _bootstrap_errors(tree)]
    for path in sorted(SCRIPTS.glob("*.*")):
        if path.suffix in (".sh", ".bat", ".ps1"):
            found += [Text(text, path.relative_to(ROOT).as_posix()) for text in _script_errors(path)]
    return tuple(text for text in dict.fromkeys(found) if text.template.strip(HOLE))


@cache
def warnings() -> tuple[Text, ...]:
    """Every warning: of the engine, and those that a command tells at its end."""
    found = list(texts_in("installers/cache.py", "cache_device_warning"))
    for path, tree in _modules(SOURCE):
        for scope, call in _calls(tree):
            if _called(call) == "Warned":
                told = [
                    text
                    for one in call.keywords
                    if one.arg == "message"
                    for text in _texts(one.value, scope, tree) or []
                ]
                found += [Text(text, f"{path.relative_to(ROOT).as_posix()}:{call.lineno}") for text in told]
            if _called(call) == "complain":
                told = [text.lstrip("\n") for text in _texts(call.args[0], scope, tree) or []]
                found += [
                    Text(text.removeprefix("warning: "), f"{path.relative_to(ROOT).as_posix()}:{call.lineno}")
                    for text in told
                    if text.startswith("warning: ")
                ]
    return tuple(dict.fromkeys(found))


@cache
def hints() -> tuple[Text, ...]:
    """Every hint: those that errors are made with, and every other text that may be one."""
    found = [text for one in raised() for text in one.hints]
    for path, tree in [*_modules(SOURCE), *_modules(SCRIPTS)]:
        for scope, node in _outermost_texts(tree):
            told = [text.rpartition("hint: ")[2].strip() for text in _texts(node, scope, tree) or []]
            found += [Text(text, path.relative_to(ROOT).as_posix()) for text in told if " " in text]
    for path in sorted(SCRIPTS.glob("*.sh")):
        found += [Text(text, path.name) for text in re.findall(r"^hint: (.*)$", path.read_text("utf-8"), re.MULTILINE)]
    return tuple(text for text in dict.fromkeys(found) if sum(map(str.isalpha, text.template)) > 8)


def texts_in(module: str, function: str) -> tuple[Text, ...]:
    """Every text with a hole or a space in one function of the library: what it may say."""
    path = SOURCE / module
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            found = [text for _, part in _outermost_texts(node) for text in _texts(part, node, _tree(path)) or []]
            return tuple(Text(text, f"{module}:{function}") for text in dict.fromkeys(found) if " " in text)
    raise AssertionError(f"{module} has no function {function}")


def keyword_values(name: str, keyword: str) -> set[str]:
    """The literal values that `keyword` has in calls of `name` anywhere in the library."""
    return {
        one.value.value
        for _path, tree in _modules(SOURCE)
        for _scope, call in _calls(tree)
        if _called(call) == name
        for one in call.keywords
        if one.arg == keyword and isinstance(one.value, ast.Constant) and isinstance(one.value.value, str)
    }


# --- the library


def _error_classes() -> set[str]:
    """The names of `EnvyardError` and of all that is derived from it."""
    bases = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for _path, tree in _modules(SOURCE)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    known = {"EnvyardError"}
    while more := {name for name, above in bases.items() if above & known} - known:
        known |= more
    return known


def _raised(call: ast.Call, scope: ast.AST, tree: ast.Module, place: str) -> Raised:
    first = call.args[0] if call.args else _default_message(tree, _called(call))
    hint = next((one.value for one in call.keywords if one.arg == "hint"), None)
    told = [] if hint is None else _texts(hint, scope, tree) or [HOLE]
    return Raised(
        name=_called(call),
        place=place,
        messages=tuple(Text(text, place) for text in _texts(first, scope, tree) or [] if text != HOLE),
        hints=tuple(Text(text, place) for text in told if text),
        passed_on=isinstance(first, ast.Attribute) and first.attr == "message",
    )


def _default_message(tree: ast.Module, name: str) -> ast.expr:
    for node in [*ast.walk(tree), *ast.walk(_tree(SOURCE / "errors.py"))]:
        if isinstance(node, ast.ClassDef) and node.name == name:
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.args.defaults:
                    return method.args.defaults[0]
    raise AssertionError(f"{name} is made without a message")


def _texts(node: ast.expr, scope: ast.AST, tree: ast.Module, above: frozenset[str] = frozenset()) -> list[str] | None:
    """Every text that an expression may be, None when it cannot be told from this function.

    `above` are the variables that it is a part of: one that grows out of itself is a hole.
    """

    def texts(part: ast.expr) -> list[str]:
        return _texts(part, scope, tree, above) or [HOLE]

    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return ["".join(chosen) for chosen in itertools.product(*map(texts, node.values))]
    if isinstance(node, ast.FormattedValue):
        return texts(node.value)
    if isinstance(node, ast.IfExp):
        return texts(node.body) + texts(node.orelse)
    if isinstance(node, ast.BoolOp):
        return [text for part in node.values for text in texts(part)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return ["".join(pair) for pair in itertools.product(texts(node.left), texts(node.right))]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "removesuffix":
        return texts(node.func.value)
    if isinstance(node, ast.Name) and node.id not in above:
        values = _assigned(node.id, scope) or (_assigned(node.id, tree) if node.id.isupper() else [])
        inside = above | {node.id}
        more = HOLE if _grows(node.id, scope) else ""
        return [text + more for value in values for text in _texts(value, scope, tree, inside) or [HOLE]] or None
    return None


def _assigned(name: str, scope: ast.AST) -> list[ast.expr]:
    """What a variable of a function (or a module's own) is set to; nothing for one that comes from elsewhere."""
    body = ast.walk(scope) if isinstance(scope, ast.FunctionDef) else iter(getattr(scope, "body", []))
    return [
        node.value
        for node in body
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]


def _grows(name: str, scope: ast.AST) -> bool:
    """Whether something is put behind a variable of a function, by `+=`."""
    return any(
        isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id == name
        for node in (ast.walk(scope) if isinstance(scope, ast.FunctionDef) else ())
    )


def _outermost_texts(tree: ast.AST) -> Iterator[tuple[ast.AST, ast.expr]]:
    """Each text that is no part of another one and no docstring, with the function that it stands in."""

    def visit(node: ast.AST, scope: ast.AST) -> Iterator[tuple[ast.AST, ast.expr]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.JoinedStr | ast.Constant):
                yield scope, child
            elif not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
                yield from visit(child, child if isinstance(child, ast.FunctionDef) else scope)

    return visit(tree, tree)


# --- what is no `EnvyardError`


def _literal_errors(tree: ast.Module) -> Iterator[str]:
    """Texts that begin with `error: `, which are printed as they are; and what a nox session ends with."""
    for scope, call in _calls(tree):
        if _called(call) == "error" and call.args:
            yield from (text.partition("\n")[0] for text in _texts(call.args[0], scope, tree) or [])
    for scope, node in _outermost_texts(tree):
        for text in _texts(node, scope, tree) or []:
            for found in re.findall(r"^error: (.*)$", text.lstrip("\n").partition("\n")[0], re.MULTILINE):
                if found != HOLE:
                    yield found.split("\\n")[0]
    for text in re.findall(r'f"error: (this [^"]*?)\\\\n', ast.unparse(tree)):
        yield re.sub(r"\{[^}]*\}", HOLE, text)


def _bootstrap_errors(tree: ast.Module) -> Iterator[str]:
    """`BootstrapError(message, hint)`, and the table of what pip's words mean."""
    for scope, call in _calls(tree):
        if _called(call) == "BootstrapError":
            yield from _texts(call.args[0], scope, tree) or []
    for value in _assigned("FAILURES", tree):
        if isinstance(value, ast.Tuple):
            for row in value.elts:
                if isinstance(row, ast.Tuple):
                    yield from _texts(row.elts[1], tree, tree) or []


def _script_errors(path: Path) -> Iterator[str]:
    """What follows `error: ` in a shell script, up to the end of the text; variables are holes."""
    for line in path.read_text("utf-8").splitlines():
        found = re.search(r"""error: (.+?)(?:["']\)?(?: >&2)?|>&2)?$""", line) or re.search(
            r'Write-Error "(.+?);', line
        )
        if found:
            text = re.sub(r"\\?\$\{?[\w:]+(?:[:-]+[^}]*)?\}?|%[~\w]+%?", HOLE, found[1]).replace("\\`", "`")
            yield text.removesuffix(HOLE) if "PATH" in text else text


# --- syntax


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _modules(folder: Path) -> list[tuple[Path, ast.Module]]:
    return [(path, _tree(path)) for path in sorted(folder.rglob("*.py"))]


def _calls(tree: ast.Module) -> Iterator[tuple[ast.AST, ast.Call]]:
    """Each call, with the innermost function that it stands in (or the module)."""

    def visit(node: ast.AST, scope: ast.AST) -> Iterator[tuple[ast.AST, ast.Call]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                yield scope, child
            yield from visit(child, child if isinstance(child, ast.FunctionDef) else scope)

    return visit(tree, tree)


def _called(call: ast.Call) -> str:
    function = call.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def not_matched(texts: Sequence[Text], shown: Sequence[str]) -> list[str]:
    """Those of `texts` that nothing of what is shown is an example of."""
    return [str(text) for text in texts if not any(text.pattern.fullmatch(one) for one in shown)]
