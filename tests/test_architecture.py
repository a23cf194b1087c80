"""The rules of docs/architecture.md that a machine can check."""

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.models.towers import AUDIO_TOWERS

ROOT = Path(__file__).parents[1]
PACKAGES = ("engine", "app", "trainer")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports, anywhere, but not for types only."""
    found: set[str] = set()

    class Visitor(ast.NodeVisitor):
        def visit_If(self, node: ast.If) -> None:
            if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
                self.generic_visit(node)

        def visit_Import(self, node: ast.Import) -> None:
            found.update(alias.name for alias in node.names)

        def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")

    Visitor().visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


def within(name: str, packages: tuple[str, ...] | set[str]) -> bool:
    return any(name == p or name.startswith(p + ".") for p in packages)


def test_the_contracts_of_the_house_are_kept():
    """See ``[tool.importlinter]`` in pyproject.toml; ``make lint`` asks the same."""
    code = "from importlinter.cli import lint_imports_command as lint; lint()"
    options = ["--no-cache", "--config", str(ROOT / "pyproject.toml")]
    done = subprocess.run(
        [sys.executable, "-c", code, *options],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONUTF8": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", [p for p in FILES if module(p).startswith("app")], ids=module)
def test_the_trainer_is_reached_by_two_commands_only(path):
    name, used = module(path), imports(path)
    if name not in ("app.cli.evaluate", "app.cli.train"):
        assert not [m for m in used if within(m, ("trainer",))]


def test_the_windows_class_is_named_in_the_shell_only():
    """Whoever is handed the window depends on everything in it."""
    named = {
        module(path)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if "MainWindow" in (getattr(node, part, "") for part in ("id", "name", "attr"))
    }
    assert named and not [name for name in named if not within(name, ("app.gui.shell",))]


@pytest.mark.parametrize(
    "path", [p for p in FILES if module(p) != "engine.models.towers"], ids=module
)
def test_towers_are_named_in_their_registry_only(path):
    """Who asks for one by name asks the registry what it is like."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    texts = {node.value for node in nodes if isinstance(node, ast.Constant)}
    assert not texts & set(AUDIO_TOWERS)


def test_which_towers_there_are_is_known_without_torch():
    loaded = loaded_by("import engine.models.spec; from engine.models.towers import AUDIO_TOWERS")
    assert "torch" not in loaded


def test_one_place_tells_caches_what_was_added():
    marked = [module(p) for p in FILES if "insert(tables.windows)" in p.read_text(encoding="utf-8")]
    assert marked == ["engine.store.lineage"]


@pytest.mark.parametrize(
    "path", [p for p in FILES if not module(p).startswith("trainer")], ids=module
)
def test_torch_is_imported_in_its_places_only(path):
    top_level = {
        name
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
        )
    }
    heavy = [m for m in top_level if within(m, ("torch", "torchaudio", "transformers"))]
    if not within(module(path), ("engine.models", "engine.transport")):
        assert not heavy
    assert not [m for m in heavy if not within(m, ("torch",))]


@pytest.mark.parametrize("path", FILES, ids=module)
def test_no_file_is_two_nouns(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 450
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.ClassDef):
            methods = [n for n in node.body if isinstance(n, ast.FunctionDef)]
            methods = [method for method in methods if not method.name.startswith("__")]
            assert len(methods) <= 20, node.name
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno <= 60, node.name


@pytest.mark.parametrize("path", FILES, ids=module)
def test_nothing_dangerous_is_called(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("eval", "exec", "pickle.load", "pickle.loads", "os.system")
            if called == "torch.load":
                assert "weights_only=True" in ast.unparse(node)


@pytest.mark.parametrize(
    "path", [p for p in FILES if not module(p).startswith("trainer")], ids=module
)
def test_nothing_is_unpickled_but_tensors(path):
    """Weights are safetensors, or a checkpoint of which only tensors are read."""
    unsafe = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    assert not [name for name in imports(path) if within(name, unsafe)]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            keywords = {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert keywords.get("allow_pickle", "False") == "False"
            if ast.unparse(node.func).endswith("torch.load"):
                assert keywords.get("weights_only") == "True"
        if isinstance(node, ast.ImportFrom) and node.module == "torch":
            assert "load" not in {alias.name for alias in node.names}


def test_tests_that_must_be_alone_are_where_they_are_looked_for():
    """`make unit` starts pytest a second time for them, on this folder."""
    folder, mark = "tests/app/gui", "mark." + "alone"
    files = (ROOT / "tests").rglob("test_*.py")
    found = [file for file in files if mark in file.read_text(encoding="utf-8")]
    assert found and all(file.is_relative_to(ROOT / folder) for file in found)
    assert f"pytest -m alone {folder}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")


def loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {line.split(".")[0] for line in done.stdout.splitlines()}


def test_help_and_a_keyword_search_load_no_torch(tmp_path):
    heavy = {"torch", "torchaudio", "transformers", "PySide6"}
    assert not heavy & loaded_by("from app.cli import main; main(['--help'])")
    path = str(tmp_path / "library.db")
    assert not heavy & loaded_by(
        "from pathlib import Path\n"
        "from engine.store import Library\n"
        "from engine.search import search_names\n"
        f"search_names(Library(Path({path!r})), 'door')"
    )
    assert not heavy & loaded_by(
        f"import sys; sys.stdout = open({str(tmp_path / 'out')!r}, 'w')\n"
        "from app.cli import main\n"
        f"assert main(['status', '--library', {path!r}]) == 0\n"
        "assert main(['skipped', '--library', %r]) == 0\n"
        % path
        + "assert main(['models', 'list']) in (0, 1)\n"
        "sys.stdout = sys.__stdout__"
    )


def test_the_text_side_and_the_outline_of_a_model_load_no_transformers_and_no_compiler():
    loaded = loaded_by(
        "from engine.models.outline import outline\n"
        "from engine.models.spec import read_spec\n"
        "from engine.paths import assets\n"
        "outline(read_spec(assets() / 'models' / 'default'))"
    )
    assert "torch" in loaded
    assert not {"transformers", "torchaudio", "sqlalchemy", "sympy"} & loaded


def test_every_benchmark_finds_what_it_imports():
    modules = [path for path in (ROOT / "benchmarks").rglob("*.py") if path.stem != "__init__"]
    assert len(modules) > 30
    for path in modules:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:  # what it is compared with need not be here
            assert error.name.split(".")[0] not in ("app", "benchmarks", "engine", "trainer"), name


def test_no_two_files_of_tests_share_a_name():
    # pytest imports those that lie in no package by their names alone
    loose = [path.name for path in (ROOT / "tests").rglob("test_*.py") if not is_packaged(path)]
    assert sorted(loose) == sorted(set(loose))


def is_packaged(path: Path) -> bool:
    return (path.parent / "__init__.py").exists()
