"""The planted stages can be read back from the exports by the declared policy, and paths beat popularity.

The reading here is a small one of its own: it knows neither the adapters nor the estimator of the product.
"""

import csv
import json
from collections import Counter, defaultdict
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from pipelines.demo.build import build_demo
from pipelines.demo.simulation.catalog import read_catalog

END = date(2026, 6, 30)
STAGES = ("none", "apprentice", "journeyman", "master")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo_truth")
    build_demo(folder, people_count=200, seed=7, export_day=END)
    return folder


class Evidence:
    """What the exports show of one person and one micro-skill."""

    def __init__(self) -> None:
        self.hours, self.days, self.judges, self.positive, self.lessons, self.seen = 0.0, set(), set(), 0, 0, 0


def parse_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def skill_names() -> dict[str, str]:
    names = {}
    for skill, name, aliases in read_catalog().skills.select("skill_id", "name", "aliases").iter_rows():
        names.update({text.lower(): skill for text in (name, *aliases.split("|"))})
    return names


def read_evidence(landing: Path) -> dict[tuple[str, str], Evidence]:
    names, evidence = skill_names(), defaultdict(Evidence)
    number = {row["Work Email"].lower(): row["Employee #"] for row in read_csv(next(landing.glob("bamboohr/*.csv")))}
    account = {row["account_code"]: number[row["work_email"]] for row in read_csv(landing / "jira/accounts.csv")}
    label = {}
    for path in sorted(landing.glob("jira/issues_*.csv")):
        with path.open(encoding="utf-8", newline="") as stream:
            header, *rows = csv.reader(stream)
        first = header.index("Labels")
        label.update({row[header.index("Issue key")]: names[row[first].lower()] for row in rows})
    logs = {row["Worklog Id"]: row for path in sorted(landing.glob("tempo/*.csv")) for row in read_csv(path)}
    for row in logs.values():
        who, day = account.get(row["Username"].lower()), parse_day(row["Work date"])
        if who and day:
            row_evidence = evidence[who, label[row["Issue Key"]]]
            row_evidence.hours, row_evidence.seen = row_evidence.hours + float(row["Hours"]), 1
            row_evidence.days.add(day)
    for row in {row["feedback_id"]: row for row in read_csv(next(landing.glob("feedback/feedback_*.csv")))}.values():
        if row["kind"] != "self" and parse_day(row["date"]) and (row["score"] or "5") in "45":
            row_evidence = evidence[row["employee_number"], names[row["skill"].lower()]]
            row_evidence.positive += 1
            row_evidence.judges.add(row["given_by"])
    for row in read_csv(landing / "feedback/certificates.csv"):
        evidence[row["employee_number"], names[row["skill"].lower()]].positive += 1
    for row in {row["session_id"]: row for row in read_csv(landing / "mentoring/sessions.csv")}.values():
        evidence[row["mentor"], names[row["skill"].lower()]].lessons += bool(parse_day(row["held_on"]))
    read_learning(landing, number, names, evidence)
    return evidence


def read_learning(landing: Path, number: dict[str, str], names: dict[str, str], evidence: dict) -> None:
    statements = {}
    for path in sorted(landing.glob("learning/*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.endswith("}"):
                statement = json.loads(line)
                statements[statement["id"]] = statement
    voided = {
        statement["object"]["id"] for statement in statements.values() if statement["verb"]["id"].endswith("voided")
    }
    for key, statement in statements.items():
        verb, actor = statement["verb"]["id"].rsplit("/", 1)[1], statement["actor"]
        if key in voided or verb not in ("completed", "passed") or not parse_day(statement["timestamp"]):
            continue
        who = actor["account"]["name"] if "account" in actor else number.get(actor["mbox"][7:].lower())
        title = statement["object"]["definition"]["name"]["en-US"].split(": ", 1)[1]
        entry = evidence[who, names[title.lower()]]
        entry.seen = 1
        entry.positive += verb == "passed"


def stage(evidence: Evidence) -> str:
    repeated = evidence.hours >= 40 or len(evidence.days) >= 8
    if repeated and evidence.positive:
        span = (max(evidence.days) - min(evidence.days)).days
        sustained = evidence.hours >= 200 and span >= 365
        return "master" if sustained and len(evidence.judges) >= 3 and evidence.lessons >= 2 else "journeyman"
    return "apprentice" if evidence.seen else "none"


def kappa(pairs: Counter[tuple[str, str]]) -> float:
    """Cohen's kappa: agreement beyond what the two margins alone would give."""
    total = sum(pairs.values())
    agreed = sum(count for (a, b), count in pairs.items() if a == b) / total
    by_chance = (
        sum(
            sum(n for (a, _), n in pairs.items() if a == s) * sum(n for (_, b), n in pairs.items() if b == s)
            for s in STAGES
        )
        / total**2
    )
    return (agreed - by_chance) / (1 - by_chance)


def test_the_policy_recovers_the_planted_stages_from_the_exports(demo: Path) -> None:
    truth = {
        (person, skill): name
        for person, skill, name in pl.read_parquet(demo / "truth/stages.parquet")
        .select("person_id", "skill_id", "stage")
        .iter_rows()
    }
    recovered = {
        key: stage(evidence)
        for key, evidence in read_evidence(demo / "landing").items()
        if key[0] in {p for p, _ in truth}
    }
    pairs = Counter((truth.get(key, "none"), recovered.get(key, "none")) for key in truth.keys() | recovered.keys())
    assert kappa(pairs) >= 0.9
    for name in STAGES[1:]:
        assert pairs[name, name] >= 0.85 * sum(n for (planted, _), n in pairs.items() if planted == name)


def test_all_three_stages_are_planted_and_reached_in_order(demo: Path) -> None:
    stages = pl.read_parquet(demo / "truth/stages.parquet")
    shares = dict(stages["stage"].value_counts(normalize=True).iter_rows())
    assert shares["apprentice"] > shares["journeyman"] > shares["master"] > 0.02
    begun = stages.join(pl.read_parquet(demo / "truth/paths.parquet"), on=("person_id", "skill_id"))
    assert begun.height == stages.height
    days = (pl.col("reached_at") - pl.col("begun_at")).dt.total_days()
    least = dict(begun.group_by("stage").agg(days.min()).iter_rows())
    assert least["apprentice"] == 0
    assert least["journeyman"] >= 70
    assert least["master"] >= 365


def test_the_last_step_predicts_the_next_better_than_popularity(demo: Path) -> None:
    paths = pl.read_parquet(demo / "truth/paths.parquet").sort("person_id", "position")
    walks = [walk["skill_id"].to_list() for _, walk in paths.group_by("person_id", maintain_order=True)]
    learn, ask = walks[::2], [walk for walk in walks[1::2] if len(walk) > 4]
    popular = Counter(skill for walk in learn for skill in walk)
    follows: dict[str, Counter[str]] = defaultdict(Counter)
    for walk in learn:
        for last, following in pairwise(walk):
            follows[last][following] += 1

    def hits(rank) -> int:
        return sum(walk[-1] in [s for s, _ in rank(walk).most_common() if s not in walk[:-1]][:5] for walk in ask)

    assert hits(lambda walk: follows[walk[-2]]) > 1.5 * hits(lambda _walk: popular)


def test_most_steps_are_taken_when_their_prerequisites_are_held(demo: Path) -> None:
    paths = pl.read_parquet(demo / "truth/paths.parquet")
    needs = paths.join(pl.read_parquet(demo / "truth/prerequisites.parquet"), on="skill_id")
    held = needs.join(
        paths.select("person_id", pl.col("skill_id").alias("requires_skill_id"), pl.col("position").alias("held_at")),
        on=("person_id", "requires_skill_id"),
        how="left",
    )
    ready = held.select((pl.col("held_at") < pl.col("position")).fill_null(False).mean()).item()
    assert 0.8 < ready < 1


def test_trends_are_visible_in_the_steps_taken_up(demo: Path) -> None:
    paths = pl.read_parquet(demo / "truth/paths.parquet").join(
        pl.read_parquet(demo / "truth/trends.parquet"), on="skill_id"
    )
    late = paths["begun_at"] > paths["begun_at"].median()
    rising = paths.filter(late)["trend"].mean() - paths.filter(~late)["trend"].mean()
    assert rising > 0.05


def test_the_planted_benefit_of_steps_is_that_of_the_stages_people_reach(demo: Path) -> None:
    names = ("benefits", "talents", "roles", "paths", "stages")
    truth = {name: pl.read_parquet(demo / f"truth/{name}.parquet") for name in names}
    capabilities = read_catalog().skills.select("skill_id", "capability_id")
    talents = truth["talents"].with_columns(is_favoured=pl.lit(True))
    assert set(talents.group_by("person_id").len()["len"]) == {3}
    steps = (
        # a journeyman needs up to 240 days
        truth["paths"]
        .filter(pl.col("begun_at") < END - timedelta(days=250))
        .join(truth["roles"], on="person_id")
        .join(capabilities, on="skill_id")
        .join(talents, on=("person_id", "capability_id"), how="left")
        .with_columns(pl.col("is_favoured").fill_null(False))
        .join(truth["benefits"], on=("role_name", "skill_id", "is_favoured"))
        .join(truth["stages"], on=("person_id", "skill_id"))
        .with_columns(planted=pl.col("journeyman_share") + pl.col("master_share"))
    )
    # essential and favoured: 0.48 and 0.17; neither: 0.16 and 0.03
    assert steps["planted"].max() == pytest.approx(0.65, abs=1e-6)
    assert steps["planted"].min() == pytest.approx(0.19, abs=1e-6)
    reached = steps.group_by(is_high=pl.col("planted") > 0.4).agg(
        reached_share=(pl.col("stage") != "apprentice").mean(), planted_share=pl.col("planted").mean()
    )
    # people who left in between did not reach what they aimed at
    for _, reached_share, planted_share in reached.iter_rows():
        assert reached_share == pytest.approx(planted_share, abs=0.06)
