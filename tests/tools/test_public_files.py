"""What a public repository shows first: the README, the citation, the workflows, what is safe."""

import re
import tomllib

import pytest
import yaml
from coursetools import notebooks, teaching

ROOT = notebooks.ROOT
README = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOWS = {
    path.name: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
}


def steps(name):
    return [(job, step) for job in WORKFLOWS[name]["jobs"].values() for step in job["steps"]]


def test_the_first_screen_has_the_story_a_picture_two_commands_and_the_course():
    first = "\n".join(README[:60])
    assert "one student's story" in first and "![" in first
    assert first.index("make run") < first.index("make test") < first.index("## The notebooks")
    for path in teaching.main_line():
        assert f"(notebooks/{notebooks.name_of(path)}.ipynb)" in first
    assert len(README) < 120  # numbers and details live in docs/


def test_every_page_that_the_readme_and_the_docs_link_to_is_there():
    pages = [ROOT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md")]
    for page in [*pages, *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\((?!\w+:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_citation_is_of_this_version_and_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0" and citation["authors"] and citation["message"]
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]["text"]
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_workflows_try_every_python_that_the_project_allows():
    tried = WORKFLOWS["tests.yml"]["jobs"]["newest"]["strategy"]["matrix"]["python"]
    oldest, beyond = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"]).groups()
    assert tried == [f"3.{minor}" for minor in range(int(oldest), int(beyond))]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_runs_targets_that_exist_with_few_rights_and_a_time_limit(name):
    workflow = WORKFLOWS[name]
    assert workflow["permissions"] == {"contents": "read"}
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for job, step in steps(name):
        assert job["runs-on"] == "ubuntu-latest"
        assert ("run" in step) != ("uses" in step)
        for target in re.findall(r"^make ([a-z]+)", step.get("run", ""), re.MULTILINE):
            assert target in targets, f"{name}: make {target}"
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])
    building = [job for job in workflow["jobs"].values() if "make" in str(job["steps"])]
    assert building and all(job["timeout-minutes"] <= 120 for job in building)


def test_nothing_in_the_package_unpickles_or_runs_text_as_code():
    # As SECURITY.md promises.
    banned = re.compile(
        r"\b(?:import pickle|pickle\.loads?|joblib|cloudpickle|allow_pickle=True|safe_mode=False"
        r"|enable_unsafe_deserialization|os\.system|shell=True)\b|(?<![\w.])(?:eval|exec)\("
    )
    files = sorted((ROOT / "vae_helpers").rglob("*.py"))
    found = [f"{p.name}: {m[0]}" for p in files for m in banned.finditer(p.read_text("utf-8"))]
    assert files and found == []
    for path in notebooks.find_notebooks():
        assert not banned.search(path.read_text(encoding="utf-8").replace("model.eval(", ""))
