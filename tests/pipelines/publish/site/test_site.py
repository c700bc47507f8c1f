"""Pages for people: complete, escaped, accessible, and without requests to the network."""

import re
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from publishing import DAY, UNTIL, fill_contract_columns, make_mastery_rows, make_next_skill_rows, publish

from pipelines.contracts.catalog import EVIDENCE, PERSON, SKILL
from pipelines.contracts.feature_tables import EVALUATION, MODEL_CARD
from pipelines.contracts.output_tables import ALIGNMENT, NEXT_SKILL, OUT_MASTERY, SUPPORT_GAP
from pipelines.publish.site.build import build_site
from pipelines.publish.site.page_data import list_people, load_page_data, name_team_page
from pipelines.publish.site.page_names import read_page_names, write_page_names
from pipelines.publish.site.page_reuse import fingerprint_pages
from pipelines.snapshots.writer import publish_snapshot
from pipelines.storage.lake import Lake

SCRIPT = "<script>document.title='taken over'</script>"
RIGHT_TO_LEFT = "مهارة جديدة لكل شخص " * 25
BINS = (
    '{"horizon": 7776000000000, "is_calendar": true, "reliability": {"n": 20, "ece": 0.1, "bins": '
    '[{"n": 10, "said": 0.1, "came_true": 0.2}, {"n": 10, "said": 0.5, "came_true": 0.4}]}}'
)


def make_lake(root: Path, people: int) -> Lake:
    """A lake with names that try to break the pages."""
    lake = Lake(root / "lake")
    names = [SCRIPT, RIGHT_TO_LEFT, "Ann & “Bob”", *(f"Person {n}" for n in range(3, people))]
    lake.write(
        PERSON,
        fill_contract_columns(
            PERSON,
            [
                {
                    "person_id": f"p{n:04d}",
                    "display_name": names[n],
                    "unit_name": SCRIPT if n < 5 else "Small",
                    "role_name": RIGHT_TO_LEFT if n == 1 else "Engineer",
                    "employment_status": "active",
                }
                for n in range(people)
            ],
        ),
    )
    lake.write(
        SKILL,
        fill_contract_columns(
            SKILL,
            [
                {
                    "skill_id": f"sql{n}",
                    "skill_name": f"{SCRIPT} {n}" if n else "Query a database",
                    "capability_name": "Data",
                }
                for n in range(4)
            ],
        ),
    )
    lake.write(
        EVALUATION,
        fill_contract_columns(
            EVALUATION,
            [
                {
                    "model": "footsteps",
                    "segment": segment,
                    "people_count": people_count,
                    "hr_at_10": 0.5,
                    "ndcg_at_10": 0.25,
                    "ndcg_at_10_low": 0.2,
                    "ndcg_at_10_high": 0.3,
                    "mrr": 0.2,
                }
                for segment, people_count in (("all", 9), ("long", 9), ("short", 9), ("cold", 4), ("no_history", 0))
            ],
        ),
    )
    lake.write(MODEL_CARD, fill_contract_columns(MODEL_CARD, [{"model_version": "m", "card": BINS}]))
    lake.write(EVIDENCE, pl.DataFrame(schema=EVIDENCE.schema))
    return lake


def replace_by_reason(rows: pl.DataFrame, person: str) -> pl.DataFrame:
    """Replace the rows of one person by a row that says why nothing is recommended."""
    first_row = rows.filter(pl.col("person_id") == person).head(1).to_dicts()[0]
    no_step = dict.fromkeys(("rank", "skill_id", "from_stage", "to_stage", "kind", "probability", "score"))
    why = fill_contract_columns(
        NEXT_SKILL, [{**first_row, **no_step, "no_recommendation_reason": "too_little_evidence"}]
    )
    return pl.concat([rows.filter(pl.col("person_id") != person), why])


def person_page(root: Path, pages: Path, person: str) -> Path:
    """The page of a person of a data root."""
    return pages / "people" / read_page_names(root).folder_of(person) / "index.html"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("site")
    rows = replace_by_reason(make_next_skill_rows("s0", people=7), "p0002").with_columns(
        how=pl.lit(RIGHT_TO_LEFT + SCRIPT)
    )
    held = make_mastery_rows("s0", people=7).with_columns(stage=pl.lit("journeyman"))
    snapshot = publish_snapshot(root / "published", {NEXT_SKILL: rows, OUT_MASTERY: held}, "s0", DAY, UNTIL)
    return build_site(snapshot, make_lake(root, 7), "Acme <b>", root / "site").parent


def test_everyone_has_a_page_and_only_teams_of_five_or_more_have_one(site: Path) -> None:
    names = read_page_names(site.parents[1])
    folders = {path.name for path in (site / "people").iterdir() if path.is_dir()}
    assert folders == {names.folder_of(f"p{n:04d}") for n in range(7)}
    assert all(re.fullmatch("[0-9a-f]{32}", folder) for folder in folders)
    assert [path.name for path in (site / "teams").iterdir()] == [name_team_page(SCRIPT)]
    assert (site.parent / "index.html").read_text().count("s0/index.html") == 2


def test_no_page_lists_people_and_no_file_leads_to_their_folders(site: Path) -> None:
    folders = [path.name for path in (site / "people").iterdir() if path.is_dir()]
    for name in ("index.html", "people/index.html", "run.html", "page_fingerprints.parquet"):
        content = (site / name).read_bytes().decode(errors="ignore")
        assert not any(word in content for word in (*folders, "Person 3", "p0003", "Ann &amp;")), name
    assert (site.parents[1] / "page_names.json").stat().st_mode & 0o077 == 0


def test_pages_of_an_earlier_version_are_replaced(tmp_path: Path) -> None:
    old_pages = tmp_path / "site" / "s0"
    (old_pages / "people").mkdir(parents=True)
    (old_pages / "people" / "p0003.html").write_text("Person 3")
    (old_pages / "index.html").write_text("Person 3")
    pl.DataFrame({"file": ["p0003.html"], "page_print": [""]}).write_parquet(old_pages / "pages.parquet")
    (old_pages / "snapshot.txt").write_text("s0")
    pages = build_site(publish(tmp_path, "s0", 7), make_lake(tmp_path, 7), "Acme", tmp_path / "site").parent
    assert "Person 3" not in (pages / "index.html").read_text()
    assert not (pages / "people" / "p0003.html").exists()


def test_a_renewed_address_replaces_the_old_one_and_nobody_elses(tmp_path: Path) -> None:
    lake, snapshot = make_lake(tmp_path, 7), publish(tmp_path, "s0", 7)
    pages = build_site(snapshot, lake, "Acme", tmp_path / "site").parent
    old_page, other_page = (person_page(tmp_path, pages, person) for person in ("p0003", "p0004"))
    text = old_page.read_text()
    write_page_names(tmp_path, read_page_names(tmp_path).renew("p0003"))
    shutil.rmtree(pages)
    build_site(snapshot, lake, "Acme", tmp_path / "site")
    assert not old_page.exists()
    assert person_page(tmp_path, pages, "p0003").read_text() == text
    assert other_page.exists()


def test_no_value_becomes_markup(site: Path) -> None:
    for path in site.rglob("*.html"):
        text = path.read_text()
        assert "<script" not in text, path.name
        assert "Acme &lt;b&gt;" in text


def test_a_page_shows_the_values_of_the_tables(site: Path) -> None:
    root = site.parents[1]
    page = person_page(root, site, "p0003").read_text()
    assert "Estimated chance that you reach it within 90 days, by 28 September 2025: 50 in 100." in page
    assert "You have stated no wish." in page
    assert '<span style="width:25%"></span></span>25%' in page
    assert "As of 30 June 2025." in page
    assert "Valid until 2 July 2025." in (site / "run.html").read_text()
    assert "There is too little evidence to recommend a step." in person_page(root, site, "p0002").read_text()


def test_the_run_page_leaves_out_figures_about_too_few_people(site: Path) -> None:
    page = (site / "run.html").read_text()
    assert page.count(">people with a long history<") == 1  # the chart has its labels in comments
    # groups of four people and of nobody, and the one person without a list
    assert not any(text in page for text in ("almost no history", "without a history", "too little evidence"))


def test_a_team_page_counts_nobody_below_five(tmp_path: Path) -> None:
    held = pl.concat(
        [
            make_mastery_rows("s0", people=5).with_columns(stage=pl.lit("journeyman")),
            make_mastery_rows("s0", people=2).with_columns(stage=pl.lit("master"), skill_id=pl.lit("sql1")),
        ]
    )
    snapshot = publish_snapshot(
        tmp_path, {NEXT_SKILL: make_next_skill_rows("s0", 5), OUT_MASTERY: held}, "s0", DAY, UNTIL
    )
    page = (
        build_site(snapshot, make_lake(tmp_path, 5), "Acme", tmp_path / "site").parent
        / "teams"
        / name_team_page(SCRIPT)
    ).read_text()
    # everyone holds a micro-skill of the capability, and one micro-skill is held by two people
    assert re.findall("<strong>(.*?)</strong>", page) == ["5", "5"]
    assert not any(words in page for words in ("fewer than", "obody", "2 people", "lacks"))
    assert "Ann" not in page


def test_a_team_page_shows_gaps_and_alignment_of_five_or_more_people(tmp_path: Path) -> None:
    row_metadata = {"snapshot_id": "s0", "as_of": DAY}
    support = fill_contract_columns(
        SUPPORT_GAP,
        [
            {
                "unit_name": SCRIPT,
                "skill_id": f"sql{n}",
                "recommended_count": count,
                "lacks": lacks,
                "finding": "",
                **row_metadata,
            }
            for n, count, lacks in ((0, 5, ["hours"]), (1, 4, ["project"]))
        ],
    )
    aims = fill_contract_columns(
        ALIGNMENT,
        [
            {
                "unit_name": SCRIPT,
                "capability_id": name,
                "capability_name": name,
                "team_people_count": count,
                "wish_share": wish,
                "need_share": 0.25,
                "agreement": "need_without_wish",
                **row_metadata,
            }
            for name, count, wish in (("Data", 5, 0.0), ("Law", 5, None), ("Sales", 4, 0.5))
        ],
    )
    frames = {
        NEXT_SKILL: make_next_skill_rows("s0", 5),
        OUT_MASTERY: make_mastery_rows("s0", people=5),
        SUPPORT_GAP: support,
        ALIGNMENT: aims,
    }
    snapshot = publish_snapshot(tmp_path, frames, "s0", DAY, UNTIL)
    teams = build_site(snapshot, make_lake(tmp_path, 5), "Acme", tmp_path / "site").parent / "teams"
    page = " ".join((teams / name_team_page(SCRIPT)).read_text().split())
    assert "<td>no hours of work in the last quarter</td>" in page
    assert "no open work" not in page
    for name, wished, comparison in (("Data", "0%", ", but not wished for more"), ("Law", "–", "")):
        assert f"<bdi>{name}</bdi></th>" in page
        assert (
            f'25%</td><td class="number">{wished}</td><td>needed more than other capabilities{comparison}</td>' in page
        )
    assert "Sales" not in page


def test_pages_of_removed_snapshots_are_removed_and_other_folders_remain(tmp_path: Path) -> None:
    lake, folder = make_lake(tmp_path, 7), tmp_path / "site"
    first = build_site(publish(tmp_path / "one", "s0", 7), lake, "Acme", folder)
    (folder / "other_folder").mkdir()
    build_site(publish(tmp_path / "two", "s1", 7), lake, "Acme", folder)
    assert not first.exists()
    assert (folder / "other_folder").is_dir()
    assert "s1/index.html" in (folder / "index.html").read_text()


def test_the_same_snapshot_gives_the_same_bytes(site: Path, tmp_path: Path) -> None:
    snapshot = publish(tmp_path, "s0", 7)
    lake = make_lake(tmp_path, 7)
    sites = [build_site(snapshot, lake, "Acme", tmp_path / name).parent for name in ("a", "b")]
    for path in sites[0].rglob("*.html"):
        assert path.read_bytes() == (sites[1] / path.relative_to(sites[0])).read_bytes()


OPEN_ALL = "document.querySelectorAll('details').forEach(details => { details.open = true })"
PAGES = ("index.html", "run.html", "people/index.html", "p0000", "p0001", "p0002", "team")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1200])  # 320: a phone, and 400 % zoom of 1280 pixels
def test_pages_fit_the_screen_and_are_accessible(site: Path, browser: Any, scheme: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    # the pages run no script themselves; the checker's own must get past their policy
    checking = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True)
    requested: list[str] = []
    for name in PAGES:
        path = site / "teams" / name_team_page(SCRIPT) if name == "team" else site / name
        path = person_page(site.parents[1], site, name) if name.startswith("p0") else path
        page = context.new_page()
        page.on("request", lambda request: requested.append(request.url))
        page.on("dialog", lambda dialog: pytest.fail("a dialog opened"))
        page.goto(path.as_uri())
        assert "taken over" not in page.title().removesuffix(" · Footsteps").replace(SCRIPT, "")
        page.evaluate(OPEN_ALL)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than the screen"
        assert page.evaluate("document.scripts.length") == 0
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        checked_page = checking.new_page()
        checked_page.goto(path.as_uri())
        checked_page.evaluate(OPEN_ALL)
        result = axe.Axe().run(checked_page)
        assert result.violations_count == 0, f"{name}: {result.generate_report()}"
    assert all(url.startswith("file:") for url in requested)
    assert len(requested) == len(PAGES)
    context.close()
    checking.close()


def test_markup_in_a_name_is_shown_as_text(site: Path, browser: Any) -> None:
    page = browser.new_page()
    page.goto(person_page(site.parents[1], site, "p0000").as_uri())
    assert page.locator("h1").inner_text() == SCRIPT
    page.goto(person_page(site.parents[1], site, "p0001").as_uri())
    assert page.locator("h1").inner_text().strip() == RIGHT_TO_LEFT.strip()
    assert page.locator("h2").first.inner_text() == "Next steps"
    page.close()


def test_reused_pages_equal_the_pages_that_would_be_written(tmp_path: Path) -> None:
    lake, first = make_lake(tmp_path, 7), make_next_skill_rows("s0", people=7)
    # in the next snapshot one person's rows differ, and all rows hold for longer
    second = make_next_skill_rows("s1", people=7).with_columns(
        valid_until=pl.lit(UNTIL + timedelta(days=1)),
        how=pl.when(pl.col("person_id") == "p0003").then(pl.lit("Something else")).otherwise("how"),
    )
    inodes = {}
    for rows, name in ((first, "s0"), (second, "s1")):
        held = make_mastery_rows(name, people=7)
        snapshot = publish_snapshot(tmp_path / "published", {NEXT_SKILL: rows, OUT_MASTERY: held}, name, DAY, UNTIL)
        build_site(snapshot, lake, "Acme", tmp_path / "site")
        written_pages = (tmp_path / "site" / name / "people").glob("*/index.html")
        inodes[name] = {path.parent.name: path.stat().st_ino for path in written_pages}
    assert not (tmp_path / "site" / "s0").exists()
    build_site(snapshot, lake, "Acme", tmp_path / "without_reuse")
    pages = {
        name: {path.parent.name: path.read_text() for path in (tmp_path / name / "s1" / "people").glob("*/index.html")}
        for name in ("site", "without_reuse")
    }
    assert pages["site"] == pages["without_reuse"]
    rewritten = {folder for folder, inode in inodes["s1"].items() if inode != inodes["s0"][folder]}
    assert rewritten == {read_page_names(tmp_path).folder_of("p0003")}
    # every page states the smallest count
    page_data = load_page_data(snapshot, lake, "Acme")
    person_ids = list_people(page_data)
    larger_prints = fingerprint_pages(replace(page_data, smallest_team=8), person_ids)
    assert not set(fingerprint_pages(page_data, person_ids)["page_print"]) & set(larger_prints["page_print"])
    # a changed name may be on any page
    lake.write(PERSON, lake.scan(PERSON).with_columns(display_name=pl.lit("Renamed")).collect())
    shutil.rmtree(tmp_path / "site" / "s1")
    build_site(snapshot, lake, "Acme", tmp_path / "site")
    assert all("Renamed" in path.read_text() for path in (tmp_path / "site" / "s1" / "people").glob("*/index.html"))
