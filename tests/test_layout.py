"""The layout of the package: imports go one way and in no circle, and the root has no modules of its own."""

import ast
from pathlib import Path

import pytest

import keras_lr

PACKAGE = Path(keras_lr.__file__).parent
ROOT = {"__init__", "__main__"}
# Each part may import those before it, and itself. Plotting is an extra, so the parts before it import it late.
ORDER = [{"schedules"}, {"rules"}, {"optimizers"}, {"callbacks", "finder"}, {"plotting"}, {"compare"}, ROOT]
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}


def modules_of(package):
    """The files of a package by the names of their modules; a folder has the name of its `__init__`."""
    names = {}
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(package.parent).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return names


def imports_of(package):
    """The modules of the package that each of its modules imports: (name, whether inside a function) pairs."""
    modules = modules_of(package)
    found = {}
    for name, file in modules.items():
        tree = ast.parse(file.read_text(encoding="utf-8"))
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        late = {id(node) for function in functions for node in ast.walk(function)}
        imports = set()
        for node in ast.walk(tree):
            imports |= {(target, id(node) in late) for target in targets_of(node, name, file, modules)}
        found[name] = imports
    return found


def targets_of(node, name, file, modules):
    """The modules that an import statement imports, of those in `modules`."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names} & set(modules)
    if not isinstance(node, ast.ImportFrom):
        return set()
    base = node.module or ""
    if node.level:
        parts = name.split(".")
        parents = parts[: len(parts) - node.level + (file.name == "__init__.py")]
        base = ".".join([*parents, node.module] if node.module else parents)
    if base not in modules:
        return set()
    submodules = {f"{base}.{alias.name}" for alias in node.names} & set(modules)
    return submodules | ({base} if len(submodules) < len(node.names) else set())


def is_exempt(target, is_late, package):
    return is_late and (target + ".").startswith(f"{package.name}.plotting.")


def cycles_in(package):
    """The sets of modules that import each other, directly or not; imports inside functions count."""
    graph = {
        name: {target for target, is_late in imports if not is_exempt(target, is_late, package)}
        for name, imports in imports_of(package).items()
    }
    reachable = {}
    for name in graph:
        reachable[name], waiting = set(), list(graph[name])
        while waiting:
            target = waiting.pop()
            if target not in reachable[name]:
                reachable[name].add(target)
                waiting.extend(graph[target])
    groups = {frozenset(b for b in reachable[a] if a in reachable[b]) for a in graph if a in reachable[a]}
    return sorted(sorted(group) for group in groups)


def wrong_imports_in(package):
    """The imports against `ORDER`, as "module -> module"."""

    def part_of(name):
        return name.split(".")[1] if "." in name else "__init__"

    def is_allowed(name, target):
        part, other = part_of(name), part_of(target)
        if name.endswith(".__main__") and target == package.name:
            return True  # for the version
        return part == other or RANK[other] < RANK[part]

    return sorted(
        f"{name} -> {target}"
        for name, imports in imports_of(package).items()
        for target, is_late in imports
        if not is_exempt(target, is_late, package) and not is_allowed(name, target)
    )


def root_modules_of(package):
    return {file.stem for file in package.glob("*.py")}


def test_no_circular_imports():
    assert cycles_in(PACKAGE) == []


def test_imports_go_one_way():
    assert wrong_imports_in(PACKAGE) == []


def test_every_folder_has_its_place():
    assert root_modules_of(PACKAGE) == ROOT
    assert {file.parent.name for file in PACKAGE.glob("*/__init__.py")} == set(RANK) - ROOT


@pytest.fixture
def planted(tmp_path):
    """A function that writes a package from the text of its files."""

    def write(**files):
        package = tmp_path / "planted"
        for name in ["", "schedules", "rules", "optimizers", "callbacks", "finder", "plotting", "compare"]:
            (package / name).mkdir(exist_ok=True, parents=True)
            (package / name / "__init__.py").touch()
        for name, text in files.items():
            (package / (name.replace("__", "/") + ".py")).write_text(text)
        return package

    return write


def test_a_planted_cycle_is_found(planted):
    """Also one through three modules, one of which imports the next inside a function."""
    late, a = "def f():\n    from .c import g\n", "from . import a"
    package = planted(rules__a="from .b import f", rules__b=late, rules__c=a, rules__d=a)
    assert cycles_in(package) == [["planted.rules.a", "planted.rules.b", "planted.rules.c"]]
    assert wrong_imports_in(package) == []


def test_a_planted_wrong_import_is_found(planted):
    package = planted(
        schedules__a="def f():\n    from ..optimizers.b import g\n",
        optimizers__b="import planted.callbacks.c",
        callbacks__c="from ..finder import d",
        finder__d="import numpy",
    )
    assert wrong_imports_in(package) == [
        "planted.callbacks.c -> planted.finder.d",
        "planted.optimizers.b -> planted.callbacks.c",
        "planted.schedules.a -> planted.optimizers.b",
    ]


def test_plotting_is_imported_late(planted):
    package = planted(
        schedules__a="def f():\n    from ..plotting.style import g\n",
        finder__b="from ..plotting import style",
        plotting__style="from ..schedules import a",
    )
    assert wrong_imports_in(package) == ["planted.finder.b -> planted.plotting.style"]
    assert cycles_in(package) == []


def test_a_planted_module_at_the_root_is_found(planted):
    assert root_modules_of(planted(stray="")) == {"__init__", "stray"}
