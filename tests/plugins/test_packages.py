"""The shipped plugins as packages: what they declare can be registered and configured as their README says."""

from __future__ import annotations

import configparser
import re

import pytest

from eventd.config.reader import load
from eventd.plugin.registry import Registry
from tests.support.plugins import entry_points_of

SHIPPED = ("github", "hostmetrics", "jsonl")


@pytest.fixture
def registry(root, tmp_path):
    """Loads the entry points of all shipped plugins, with the given text as configuration."""

    def make(text=""):
        (tmp_path / "eventd.ini").write_text(f"[eventd]\nstate_dir = {tmp_path}\n{text}")
        entries = [entry for name in SHIPPED for entry in entry_points_of(root / "plugins" / name / "setup.cfg")]
        return Registry.load(load([tmp_path / "eventd.ini"], None, []), entries)

    return make


def test_all_that_they_declare_can_be_registered(registry):
    found = registry()

    assert found.failed == []
    assert list(found.handlers) == ["jsonl"]
    assert list(found.sources) == ["hostmetrics"]
    assert list(found.webhooks) == ["github"]
    assert "com.github.push" in found.types
    assert "eventd.host.cpu" in found.schemas


@pytest.mark.parametrize("name", SHIPPED)
def test_the_section_in_its_readme_is_a_configuration_with_all_its_keys(name, root, registry, tmp_path):
    readme = (root / "plugins" / name / "README.md").read_text()
    text = re.search(r"```ini\n(.*?)```", readme, re.DOTALL)[1]
    (tmp_path / "secret").write_text("s3cret")
    found = registry(text.replace("/etc/eventd/github.secret", str(tmp_path / "secret")))

    assert found.failed == []
    [loaded] = [one for one in found.loaded if one.name == name and one.kind != "event_type"]
    config = configparser.ConfigParser(interpolation=None)
    config.read_string(text)
    [section] = config.sections()
    assert {"enabled", *loaded.config.__struct_fields__} == set(config[section])


# The README of github shows a secret, which has no default.
@pytest.mark.parametrize("name", sorted({*SHIPPED} - {"github"}))
def test_the_defaults_that_its_readme_shows_are_the_defaults(name, root, registry):
    text = re.search(r"```ini\n(.*?)```", (root / "plugins" / name / "README.md").read_text(), re.DOTALL)[1]
    configs = []
    for given in (text, ""):
        found = registry(given)
        configs += [one.config for one in found.loaded if one.name == name and one.kind != "event_type"]

    assert configs[0] == configs[1]
