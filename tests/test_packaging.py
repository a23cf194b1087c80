"""What can be said of bundles and releases without building one; tools/check-bundle.sh uses one."""

import configparser
import importlib.util
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from app.licences import bundled, installed, of_distribution, work_named, works
from engine.audio.decode import EXTENSIONS
from engine.errors import InputError

ROOT = Path(__file__).parents[1]


def load(place: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(place).stem, ROOT / place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


contents, legal = load("packaging/contents.py"), load("packaging/legal.py")
versions = load("tools/version.py")


# Versions


@pytest.mark.parametrize(
    ("described", "version"),
    [
        ("v1.2.3-0-g1a2b3c", "1.2.3"),
        ("v1.2.3-7-g1a2b3c", "1.2.4.dev7"),
        ("v2.0rc1-0-gabc", "2.0rc1"),
        ("v2.0rc1-3-gabc", "2.0rc2.dev3"),
        ("", versions.UNKNOWN),
        ("1a2b3c", versions.UNKNOWN),
    ],
)
def test_a_version_is_that_of_its_tag_or_leads_to_the_next(described, version):
    assert versions.of_description(described) == version


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    def git(*arguments: str) -> None:
        name = ("-c", "user.name=A", "-c", "user.email=a@b")
        subprocess.run(["git", "-C", tmp_path, *name, *arguments], check=True, capture_output=True)

    git("init")
    git("commit", "--allow-empty", "--message", "first")
    git("tag", "other-9.9")
    git("tag", "v0.4.0")
    git("commit", "--allow-empty", "--message", "second")
    return tmp_path


def test_a_checkout_is_as_far_as_its_last_tag_of_a_release(repository):
    assert versions.version(repository) == "0.4.1.dev1"


def test_a_shallow_clone_without_tags_has_a_version(repository, tmp_path_factory):
    clone = tmp_path_factory.mktemp("shallow") / "clone"
    shallow = ["git", "clone", "--quiet", "--depth", "1", "--no-tags", repository.as_uri(), clone]
    subprocess.run(shallow, check=True, capture_output=True)
    assert versions.version(clone) == versions.UNKNOWN


def test_a_folder_in_somebody_elses_repository_has_not_its_version(repository):
    (repository / "unpacked").mkdir()
    assert versions.version(repository / "unpacked") == versions.UNKNOWN


def test_without_git_there_is_a_version(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert versions.version(repository) == versions.UNKNOWN


# What goes into a bundle


@pytest.mark.parametrize(
    ("place", "needed"),
    [
        ("assets/models/default/weights.safetensors", True),
        ("PySide6/Qt/plugins/platforms/libqxcb.so", True),
        ("PySide6/plugins/platforms/qwindows.dll", True),
        ("PySide6/Qt/translations/qtbase_de.qm", True),
        ("PySide6/Qt/translations/designer_de.qm", False),
        ("PySide6/Qt/plugins/tls/libqopensslbackend.so", False),
        ("PySide6\\plugins\\tls\\qschannelbackend.dll", False),
        ("PySide6/Qt/lib/libQt6Quick.so.6", False),
        ("torch/lib/libtorch_cpu.so", True),
        ("torch/bin/torch_shm_manager", True),
        ("torch/bin/protoc", False),
        ("torch/include/ATen/ATen.h", False),
        ("torchaudio/lib/libtorchaudio.abi3.so", False),
    ],
)
def test_what_is_not_needed_stays_out_of_a_bundle(place, needed):
    assert contents.is_needed(place) is needed


def test_no_file_of_ours_stays_out_of_a_bundle():
    ours = [p.relative_to(ROOT).as_posix() for p in (ROOT / "assets").rglob("*") if p.is_file()]
    assert ours and all(map(contents.is_needed, ours))


def test_a_library_stays_where_something_needs_it():
    entries = [
        ("PySide6/QtGui.so", "/gui", "EXTENSION"),
        ("PySide6/Qt/lib/libQt6Gui.so", "/libgui", "BINARY"),
        ("libQt6Gui.so", "PySide6/Qt/lib/libQt6Gui.so", "SYMLINK"),
        ("libpng.so", "/png", "BINARY"),
        ("libkrb5.so", "/krb", "BINARY"),
        ("libcudart.so.13", "/cuda", "BINARY"),
        ("libcudart.so", "libcudart.so.13", "SYMLINK"),
        ("libpython3.11.so.1.0", "/python", "BINARY"),
        ("av.libs/libx265.so", "/x265", "BINARY"),
    ]
    needs = {"/gui": ["libQt6Gui.so", "libc.so"], "/libgui": ["libpng.so"], "/krb": ["libpng.so"]}
    kept = contents.linked(entries, lambda path: needs.get(path, []))
    assert [entry[0] for entry in kept] == [
        *("PySide6/QtGui.so", "PySide6/Qt/lib/libQt6Gui.so", "libpng.so"),
        *("libpython3.11.so.1.0", "av.libs/libx265.so", "libQt6Gui.so"),
    ]


def test_modules_that_read_their_own_text_keep_it():
    import torch

    folder = Path(torch.__file__).parent
    read = set(contents.sources_read(folder))
    assert {"torch/distributed/config.py", "torch/nn/functional.py", "torch/functional.py"} < read
    assert len(read) < len(list(folder.rglob("*.py"))) / 5


def test_of_transformers_only_the_models_that_we_build_are_bundled(tmp_path):
    for name in ("clap", "auto", "bert", "whisper"):
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "__init__.py").touch()
    left_out = contents.other_models(tmp_path)
    assert left_out == ["transformers.models.bert", "transformers.models.whisper"]


def test_the_programs_of_bundles_are_what_the_window_starts():
    program = (ROOT / "packaging" / "start.py").read_text(encoding="utf-8")
    assert program.index("freeze_support") < program.index("be_child") < program.index("app.cli")
    specification = (ROOT / "packaging" / "soundsift.spec").read_text(encoding="utf-8")
    assert 'program("soundsift", console=True)' in specification  # see engine/children.py


# Licences


def test_every_installed_part_has_a_licence():
    found = {work.name: work for work in installed()}
    assert {"Python", "soundsift", "torch", "mutagen", "SQLAlchemy", "Mako"} < set(found)
    assert all(work.version and work.licence != "see its text" for work in found.values())
    assert found["mutagen"].licence == "GPL-2.0-or-later"
    assert found["soundsift"].licence == "Apache-2.0"
    assert "pytest" not in found  # nobody who uses it gets that


def test_a_licence_can_be_read():
    assert "GNU GENERAL PUBLIC LICENSE" in work_named("MUTAGEN").texts[0].read_text()
    with pytest.raises(InputError, match="nothing here is called mutagem"):
        work_named("mutagem")


def test_a_bundle_lists_what_its_builder_found(tmp_path, monkeypatch):
    folder = tmp_path / "licences"
    folder.mkdir()
    mutagen = of_distribution(distribution("mutagen"))
    for place, source, _ in legal.listed([*legal.works_of([], []), mutagen], folder):
        target = tmp_path / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if Path(source) != target:
            shutil.copyfile(source, target)
    monkeypatch.setattr("app.licences.assets", lambda: tmp_path / "assets")
    assert works() == bundled(folder)
    found = work_named("mutagen")
    assert (found.version, found.licence) == (mutagen.version, "GPL-2.0-or-later")
    assert found.texts[0].is_relative_to(tmp_path)
    assert found.texts[0].read_bytes() == mutagen.texts[0].read_bytes()


def test_whose_work_a_package_brings_along_is_known():
    import av

    libraries = list((Path(av.__file__).parents[1] / "av.libs").glob("*"))  # of Linux
    sources = [*map(str, libraries), "/x/numpy.libs/libmystery-1.so"]
    assert legal.unknown(sources) == ["libmystery-1.so"]
    told = {work.name: work.licence for work in legal.works_of(map(str, libraries), [])}
    assert not libraries or told["x265"] == "GPL-2.0-or-later"


def test_packages_are_known_by_their_files():
    import mutagen
    import yaml

    files = [mutagen.__file__, yaml.__file__, __file__]
    assert [found.name for found in legal.owners(files, ["soundsift"])] == [
        *("mutagen", "PyYAML", "soundsift")
    ]
    assert "pyinstaller" in legal.ALSO  # its bootloader is the program file of a bundle


# What desktops are told


def test_the_desktop_opens_kinds_of_files_that_we_read():
    entry = configparser.RawConfigParser(strict=True)
    entry.optionxform = str  # type: ignore[assignment, method-assign]
    entry.read(ROOT / "packaging" / "linux" / "soundsift.desktop", encoding="utf-8")
    said = entry["Desktop Entry"]
    assert said["Exec"] == "soundsift window %F" and said["Icon"] == "soundsift"
    kinds = said["MimeType"].rstrip(";").split(";")
    own = ElementTree.parse(ROOT / "packaging" / "linux" / "soundsift-mime.xml")
    space = "{http://www.freedesktop.org/standards/shared-mime-info}"
    for kind in own.iter(f"{space}mime-type"):
        assert kind.attrib["type"] in kinds
        globs = [glob.attrib["pattern"].removeprefix("*") for glob in kind.iter(f"{space}glob")]
        assert globs and set(globs) <= EXTENSIONS
    about = ElementTree.parse(ROOT / "packaging" / "linux" / "soundsift.metainfo.xml")
    assert about.findtext("launchable") == "soundsift.desktop"


def test_the_installer_of_windows_is_well_formed():
    ElementTree.parse(ROOT / "packaging" / "windows" / "soundsift.wxs")


@pytest.mark.parametrize("script", sorted((ROOT / "packaging").rglob("*.sh")), ids=lambda p: p.name)
def test_scripts_that_pack_are_read_by_bash_and_may_be_run(script):
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    assert script.stat().st_mode & 0o111


# Workflows


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=str)
def test_a_workflow_is_whole(path):
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    for job in jobs.values():
        assert job["timeout-minutes"] and job["steps"]
        assert set(job.get("needs", [])) <= set(jobs)
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            for named in re.findall(
                r"(?:tools|packaging)/[\w./-]+\.(?:sh|py)", step.get("run", "")
            ):
                assert (ROOT / named).exists()


def test_a_release_is_of_a_tag_and_has_passed_the_bundles_check():
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    assert workflow[True] == {"push": {"tags": ["v*"]}, "workflow_dispatch": None}  # `on` is yes
    jobs = workflow["jobs"]
    systems = jobs["bundle"]["strategy"]["matrix"]["include"]
    assert len({system["os"].split("-")[0] for system in systems}) == 3
    assert jobs["release"]["needs"] == ["bundle", "wheel"]
    assert "refs/tags/v" in jobs["release"]["if"]


def test_what_builds_bundles_is_pinned():
    lines = (ROOT / "packaging" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    asked = [line for line in lines if line and not line.startswith("#")]
    assert asked and all("==" in line for line in asked)
    assert not json.dumps(asked).count("*")
