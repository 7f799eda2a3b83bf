"""The house: what the files at the root promise together."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import eventd
from eventd.config.reader import load

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("hostmetrics", "jsonl", "github")


def metadata(path: Path) -> configparser.ConfigParser:
    config = configparser.ConfigParser()
    config.read(path)
    return config


@pytest.fixture
def service() -> str:
    return (ROOT / "systemd" / "eventd.service").read_text()


def test_the_version_is_the_same_wherever_it_stands():
    version = metadata(ROOT / "setup.cfg")["metadata"]["version"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert eventd.__version__ == version == newest[1]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_shipped_plugin_has_the_version_of_the_daemon_and_is_run_by_make(name):
    plugin = metadata(ROOT / "plugins" / name / "setup.cfg")

    assert plugin["metadata"]["version"] == eventd.__version__
    assert re.search(rf"^PLUGINS := .*\b{name}\b", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_every_plugin_in_the_tree_is_shipped():
    assert {path.parent.name for path in (ROOT / "plugins").glob("*/setup.cfg")} == {*PACKAGES}


def test_every_requirement_has_a_lower_bound():
    for path in [ROOT / "setup.cfg", *(ROOT / "plugins").glob("*/setup.cfg")]:
        config = metadata(path)
        texts = (
            [config["options"]["install_requires"], *dict(config.items("options.extras_require")).values()]
            if (config.has_section("options.extras_require"))
            else [config["options"]["install_requires"]]
        )
        lines = [line for text in texts for line in text.split("\n") if line.strip() and not line.startswith("#")]

        assert [line for line in lines if ">=" not in line] == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_the_service_and_finds_it_safe(service, tmp_path):
    # The command need not be installed for the check.
    unit = tmp_path / "eventd.service"
    unit.write_text(re.sub(r"^ExecStart=.*$", "ExecStart=/bin/true", service, flags=re.MULTILINE))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    about_us = [line for line in verified.stderr.splitlines() if "eventd.service" in line]
    assert about_us == []

    # Exposure is 0 to 10, and the threshold ten times that.
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", unit],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert rated.returncode == 0, rated.stdout + rated.stderr


@pytest.fixture
def put(tmp_path):
    """Runs one of the scripts of ``make install`` below a directory; pip is replaced, so that nothing is built."""
    python = tmp_path / "python"
    python.write_text(
        '#!/bin/sh\n[ "$2" = venv ] && mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && touch "$3/pyvenv.cfg"\nexit 0\n'
    )
    python.chmod(0o755)
    root = tmp_path / "root"
    places = ["/opt/eventd", "/etc/eventd", "/etc/systemd/system", "/usr/local/bin"]

    def run(script: str) -> Path:
        begin = [str(python), str(root)] if script == "install.sh" else [str(root)]
        end = [str(tmp_path / "package")] if script == "install.sh" else []
        command = [str(ROOT / "systemd" / script), *begin, *places, *end]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        return root

    return run


def test_installing_puts_the_service_in_place_and_can_be_repeated(put, service):
    put("install.sh")
    root = put("install.sh")

    assert (root / "etc/systemd/system/eventd.service").read_text() == service
    assert os.readlink(root / "usr/local/bin/eventd") == "/opt/eventd/bin/eventd"
    assert (root / "etc/eventd/eventd.ini").read_text() == (ROOT / "etc/eventd.ini").read_text()
    assert (root / "etc/eventd/conf.d").is_dir()


def test_installing_again_keeps_the_operators_settings(put):
    ini = put("install.sh") / "etc/eventd/eventd.ini"
    ini.write_text("[eventd]\nnode = mine\n")
    put("install.sh")

    assert ini.read_text() == "[eventd]\nnode = mine\n"
    assert "node" in (ini.parent / "eventd.ini.default").read_text()


def test_uninstalling_leaves_what_is_the_operators_and_can_be_repeated(put):
    put("install.sh")
    put("uninstall.sh")
    root = put("uninstall.sh")

    assert sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()) == [
        "etc/eventd/eventd.ini"
    ]


def test_uninstalling_touches_no_directory_that_is_not_ours(put, tmp_path):
    keep = tmp_path / "root/opt/eventd/precious"
    keep.parent.mkdir(parents=True)
    keep.write_text("not ours")
    put("uninstall.sh")

    assert keep.exists()


def test_make_run_lets_the_commands_find_its_daemon(tmp_path):
    tree = tmp_path / "100% eventd"
    binaries = tree / ".venv" / "bin"
    binaries.mkdir(parents=True)
    for name in ("Makefile", "setup.cfg", "pyproject.toml", "etc", "plugins"):
        (tree / name).symlink_to(ROOT / name)
    for name in ("python", "eventd"):
        (binaries / name).write_text('#!/bin/sh\necho "$@"\n')
        (binaries / name).chmod(0o755)
    (tree / ".venv" / ".installed").touch()
    said = subprocess.check_output(["make", "-s", "run", "ARGS=-o x.y=1"], cwd=tree, text=True)
    own = tree / ".venv" / "etc" / "eventd"
    found = load([own / "eventd.ini"], own / "conf.d").eventd

    assert said == "run -o x.y=1\n"
    assert (found.state_dir, found.run_dir) == (f"{tree}/var/lib", f"{tree}/var/run")


def test_every_link_in_the_pages_leads_to_a_file():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "plugins").glob("*/README.md")]
    links = {(page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())}
    missing = {link for page, link in links if not (page.parent / link).exists()}

    assert missing == set()
