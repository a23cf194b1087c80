"""What is installed holds what the code opens; tools/check-wheel.sh installs it and uses it."""

from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[1]
SHIPPED = ("app", "assets", "engine", "trainer")
MADE = ("assets/demo/", ".wav")  # by the first run, and again wherever somebody asks for them


def of_the_checkout() -> set[str]:
    files = (path for folder in SHIPPED for path in (ROOT / folder).rglob("*") if path.is_file())
    names = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    return {name for name in names if not (name.startswith(MADE[0]) and name.endswith(MADE[1]))}


@pytest.fixture(scope="module")
def wheel() -> set[str]:
    """Return the names of the files that a wheel built of this checkout would hold."""
    files = WheelBuilder(str(ROOT)).recurse_included_files()
    return {Path(file.distribution_path).as_posix() for file in files}


def test_a_wheel_holds_the_packages_and_all_assets_and_nothing_else(wheel):
    assert wheel == of_the_checkout()
    assert {"assets/icons/soundsift.svg", "assets/taxonomies/ucs.csv"} < wheel


def test_a_wheel_says_that_its_packages_are_typed(wheel):
    assert {f"{package}/py.typed" for package in ("app", "engine", "trainer")} < wheel
