"""docs/settings.md says what the field table says."""

import settings_doc


def test_the_page_is_that_of_the_table():
    found = settings_doc.PAGE.read_text(encoding="utf-8")
    assert found == settings_doc.page(), "run: python tools/settings_doc.py"


def test_every_setting_that_can_be_changed_stands_there_once():
    text = settings_doc.page()
    for limit in settings_doc.limits.every():
        assert text.count(f"| `{settings_doc.table.name(limit.row)}` |") == 1
    for never in ("0x1626", "0x1110"):
        assert never not in text
