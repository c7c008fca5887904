"""A file is found by guessing its name (design section 4)."""

import tomllib

from tests.house.sources import ROOT, python_files, said

SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "base", "core", "manager"}
TOP_LEVEL_PACKAGES = {
    *("audit", "bench", "cli", "client", "demo", "events", "protocol", "services", "tests"),
}


def test_every_name_says_what_is_inside() -> None:
    found = [
        f"{path}: {part} says nothing: name the subject it is about"
        for path in python_files()
        for part in (*path.parts[:-1], path.stem)
        if part in SAY_NOTHING
    ]

    assert not found, said(found)


def test_a_new_top_level_package_is_given_its_place_here() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}

    assert packages <= TOP_LEVEL_PACKAGES


def test_the_import_contracts_see_every_package_of_the_server() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    seen = set(settings["tool"]["importlinter"]["root_packages"])

    assert seen == TOP_LEVEL_PACKAGES - {"bench", "client", "tests"} | {"pushgate_client"}
