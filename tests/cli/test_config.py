"""eventd config."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner, Result

from eventd.cli import main
from eventd.config import render


def test_defaults_and_docs() -> None:
    assert CliRunner().invoke(main, ["config", "defaults"]).output == render.ini()
    assert CliRunner().invoke(main, ["config", "docs"]).output == render.markdown()


def test_show_tells_what_holds_and_where_it_was_set(eventd: Callable[..., Result], config_file: Path) -> None:
    output = eventd("config show", "-o", "journal.fsync=no").output

    assert f"# {config_file}:2\nrun_dir = {config_file.parent}\n" in output
    assert "# -o journal.fsync\nfsync = no\n" in output


def test_show_of_a_wrong_configuration(eventd: Callable[..., Result]) -> None:
    result = eventd("config show", "-o", "journal.fsnyc=no", "-o", "eventd.node=%(x)s")

    assert result.exit_code == 78
    assert sorted(result.output.splitlines()) == [
        "eventd: -o eventd.node: %(x)s is not set",
        "eventd: -o journal.fsnyc: [journal] has no fsnyc; did you mean fsync?",
    ]
