"""Figures that people read are those that benchmarks wrote."""

import importlib.util
import json
import re
import shutil
from pathlib import Path

import pytest

from benchmarks import page, report
from benchmarks.highlights import CARDS
from benchmarks.sections import GROUPS

ROOT = Path(__file__).parents[1]
SECTIONS = [section for sections in GROUPS.values() for section in sections]
RESULTS = {path.stem for path in report.RESULTS.glob("*.json")}
DOCUMENTS = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("assets/**/*.md"))
    if path.name != "CHANGELOG.md"  # which tells of what was
)


def is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def modules(text: str) -> set[str]:
    return set(re.findall(r"python -m (benchmarks[\w.]*\w)", text))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder with the results and with everything that figures are written into."""
    shutil.copytree(report.RESULTS, tmp_path / "results")
    for name in ("README.md", *(f"assets/models/{model}/README.md" for model in CARDS)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("name", [page.PAGE, "README.md", *(f"card of {m}" for m in CARDS)])
def test_what_people_read_is_what_the_benchmarks_wrote(name):
    path = f"assets/models/{name.removeprefix('card of ')}/README.md" if "card" in name else name
    stands = (ROOT / path).read_text(encoding="utf-8")
    assert stands == page.written()[path], "run `python -m benchmarks`"


def test_a_new_figure_reaches_page_readme_and_card(copy):
    file = copy / "results" / "quality.json"
    result = json.loads(file.read_text(encoding="utf-8"))
    for row in result["rows"]:
        row["R@1"] = 0.1234567
    file.write_text(json.dumps(result), encoding="utf-8")
    files = page.written(copy, copy / "results")
    assert "| 0.1235 |" in files[page.PAGE]
    for path in files.keys() - {page.PAGE}:
        assert "| 0.123 / " in files[path]


def test_every_result_stands_in_the_page_once():
    shown = [name for section in SECTIONS for name in page.names_of(section, report.RESULTS)]
    assert sorted(shown) == sorted(RESULTS)
    text = (ROOT / page.PAGE).read_text(encoding="utf-8")
    assert [name for name in RESULTS if text.count(f"`{name}.json`") != 1] == []


def test_every_benchmark_has_a_section():
    scripts = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
        for path in (ROOT / "benchmarks").rglob("*.py")
        if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
    }
    named = set.union(*(modules(" ".join(section.commands)) for section in SECTIONS))
    assert len(scripts) > 30
    assert scripts == named


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_of_documents_can_be_run(path):
    named = modules(path.read_text(encoding="utf-8"))
    assert [name for name in named if not is_module(name)] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_documents_lead_somewhere(path):
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    local = [link for link in links if link and "://" not in link]
    assert [link for link in local if not (path.parent / link).exists()] == []


def test_a_row_that_is_gone_is_named():
    result = report.read_result("searching", report.RESULTS)
    with pytest.raises(LookupError, match=r"searching\.json has 0 rows of .*by smell"):
        result.only(search="by smell")


def test_figures_without_their_markers_are_refused():
    with pytest.raises(LookupError, match="0 times"):
        page.between("no markers here", "good", "")


def test_the_readme_names_the_libraries_that_the_set_up_installs():
    setup = (ROOT / "tools" / "setup.sh").read_text(encoding="utf-8")
    (libraries,) = re.findall(r"^libraries=\((.*?)\)", setup, re.DOTALL | re.MULTILINE)
    (told,) = re.findall(
        r"apt-get install (lib[^`]*?)\n```", (ROOT / "README.md").read_text("utf-8")
    )
    assert told.replace("\\\n", " ").split() == libraries.split()
