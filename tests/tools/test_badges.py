"""Badges and the citation's address come from one setting, and are absent while it is."""

import pytest
from coursetools import badges
from coursetools.notebooks import ROOT

UNSET = '[project]\nname = "x"\n'
SET = UNSET + '[project.urls]\nRepository = "https://github.com/ann/vae-course.git/"\n'


def test_without_the_setting_there_is_no_badge_and_no_address():
    assert badges.repository(UNSET) == "" and badges.badges("") == ""
    citation = badges.with_address('title: "t"\nrepository-code: "https://old"\n', "")
    assert citation == 'title: "t"\n'


def test_the_setting_makes_badges_of_the_workflows_that_exist():
    address = badges.repository(SET)
    assert address == "https://github.com/ann/vae-course"
    line = badges.badges(address)
    for file in badges.WORKFLOWS.values():
        assert f"({address}/actions/workflows/{file})" in line
        assert (ROOT / ".github" / "workflows" / file).exists()
    assert "colab.research.google.com/github/ann/vae-course/blob/main/notebooks/01_" in line
    readme = badges.with_badges((ROOT / "README.md").read_text(encoding="utf-8"), line)
    assert readme.count(line) == 1
    assert badges.with_badges(badges.with_badges(readme, ""), line) == readme
    citation = badges.with_address('title: "t"\n', address)
    assert citation.endswith(f'repository-code: "{address}"\n')


def test_another_host_than_the_workflows_gets_no_badges():
    assert badges.badges("https://codeberg.org/ann/vae-course") == ""


@pytest.mark.parametrize(
    "address", ["git@github.com:ann/x", "https://github.com/ann", "ftp://a/b/c"]
)
def test_an_address_that_is_none_is_named(address):
    with pytest.raises(ValueError, match="expected https://github.com/OWNER/NAME"):
        badges.repository(SET.replace("https://github.com/ann/vae-course.git/", address))


def test_the_readme_and_the_citation_are_as_the_setting_says():
    # `python -m coursetools badges` writes them
    address = badges.repository((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert badges.with_badges(readme, badges.badges(address)) == readme
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert badges.with_address(citation, address) == citation
