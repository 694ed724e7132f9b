"""The installed package: it works without the checkout beside it."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from zipfile import ZipFile

import pytest

from intent_platform.__main__ import main
from intent_platform.instance import WORKSPACE

PROJECT = Path(__file__).parents[2]
BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
PREPARE = """
from intent_platform.instance import WORKSPACE, prepare_home
from intent_platform.settings import load_settings
print(WORKSPACE)
print(prepare_home(load_settings()) / "dagster.yaml")
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the wheel installs."""
    source, wheels, site = (tmp_path_factory.mktemp(name) for name in ("source", "wheels", "site"))
    for name in ("pyproject.toml", "setup.cfg", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "intent_platform", source / "intent_platform", ignore=ignored)
    subprocess.run([sys.executable, "-c", BUILD, str(wheels)], cwd=source, check=True, capture_output=True)
    (wheel,) = wheels.iterdir()
    with ZipFile(wheel) as file:
        file.extractall(site)
    return site


class TestWheel:
    @staticmethod
    def package_files(root: Path) -> set[str]:
        found = (path.relative_to(root) for path in (root / "intent_platform").rglob("*") if path.is_file())
        return {str(path) for path in found if "__pycache__" not in path.parts}

    def test_has_every_file_of_the_package(self, installed):
        assert self.package_files(installed) == self.package_files(PROJECT)

    def test_declares_the_command(self, installed):
        (declared,) = installed.glob("*.dist-info/entry_points.txt")
        group, line = declared.read_text().split("\n")[:2]
        name, _, value = line.partition(" = ")
        assert (group, name) == ("[console_scripts]", "intent-platform")
        assert EntryPoint(name, value, "console_scripts").load() is main


class TestInstalledPackage:
    @pytest.fixture(scope="class")
    @classmethod
    def printed_paths(cls, installed, tmp_path_factory) -> list[Path]:
        """The workspace, and the Dagster configuration in the home that the package prepared."""
        folder = tmp_path_factory.mktemp("elsewhere")
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(installed), "HOME": str(folder)}
        answer = subprocess.run(
            [sys.executable, "-c", PREPARE], cwd=folder, env=environment, check=True, capture_output=True, text=True
        )
        return [Path(line) for line in answer.stdout.splitlines()]

    def test_uses_its_own_workspace(self, printed_paths, installed):
        workspace, _ = printed_paths
        assert workspace.is_relative_to(installed)
        assert workspace.read_text() == WORKSPACE.read_text()

    def test_prepares_a_home_with_its_configuration(self, printed_paths):
        _, configuration = printed_paths
        assert configuration.read_text() == (PROJECT / "dagster.yaml").read_text()


class TestCheckout:
    @pytest.mark.parametrize("name", ["dagster.yaml", "workspace.yaml"])
    def test_has_the_same_files_as_the_package(self, name):
        """`dagster dev` in the checkout reads the files at the top. The commands use those of the package."""
        assert (PROJECT / name).read_text() == WORKSPACE.with_name(name).read_text()
