"""What is made from the table is up to date, and can be read again."""

from __future__ import annotations

from pathlib import Path

from eventd.config import load, render
from eventd.config.reader import read_all
from eventd.config.settings import TABLE

ROOT = Path(__file__).resolve().parents[2]


def test_the_shipped_file_is_what_the_table_gives() -> None:
    assert (ROOT / "etc/eventd.ini").read_text() == render.ini()


def test_the_reference_page_is_what_the_table_gives() -> None:
    assert (ROOT / "docs/configuration.md").read_text() == render.markdown()


def test_the_shipped_file_changes_nothing() -> None:
    assert load([ROOT / "etc/eventd.ini"]) == load()


def test_the_shipped_file_with_all_comments_taken_off_is_the_same_but_for_the_examples(tmp_path: Path) -> None:
    lines = (line for line in render.ini().splitlines() if not line.startswith("# "))
    file = tmp_path / "all.ini"
    file.write_text("\n".join(line.removeprefix("#") for line in lines))

    configuration, defaults = load([file]), load()

    assert configuration.eventd == defaults.eventd
    assert configuration.journal == defaults.journal
    assert configuration.limits == defaults.limits
    assert configuration.listeners == defaults.listeners
    assert configuration.plugin("handler", "NAME") == defaults.plugin("handler", "NAME")


def test_every_setting_is_on_the_page() -> None:
    page = render.markdown()

    for section in TABLE:
        assert f"\n## [{section.title}]\n" in page
        assert all(f"| `{setting.key}` |" in page for setting in section.settings)


def test_show_tells_where_it_comes_from_and_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "x.ini"
    file.write_text("[source:github]\nsecret = hunter2\ntoken = file:/t\nrate = 5%%\n[eventd]\nnode = n\n")

    text = render.show(read_all([file], None, ["eventd.log_level=debug"]))

    assert f"[eventd]\n# {file}:6\nnode = n\nstate_dir = /var/lib/eventd\n" in text
    assert "# -o eventd.log_level\nlog_level = debug\n" in text
    assert "hunter2" not in text
    assert f"# {file}:3\ntoken = file:/t\n" in text
    assert "rate = 5%%\n" in text


def test_what_show_prints_can_be_read_again(tmp_path: Path) -> None:
    file = tmp_path / "x.ini"
    file.write_text(render.show(read_all([], None, ["handler:x.keep=5", "handler:x.batch_size=7"])))

    assert load([file]).plugin("handler", "x").own == {"keep": "5"}
    assert load([file]).plugin("handler", "x").batch_size == 7
    assert load([file]).listeners == load().listeners
