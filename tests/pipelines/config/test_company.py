"""An invalid footsteps.yaml is refused with the line of every error and the allowed values."""

from datetime import date
from pathlib import Path

import pytest

from pipelines.config.company import Config, ConfigError, SourceConfig, read_config
from pipelines.config.settings import Settings
from pipelines.contracts.policy import RecommendationPolicy

HR = """company: X
sources:
  - name: hr
    system: bamboohr
    path: hr/*.csv
"""
TABLE = """sources:
  - name: marks
    system: tabular
    shape: feedback
    path: marks.csv
    mapping:
      account_code: who
      skill_text: skill
      feedback_kind: kind
      occurred_at: day
"""


def read(folder: Path, text: str | bytes) -> Config:
    path = folder / "footsteps.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_config(path)


def test_a_short_configuration_is_enough(tmp_path: Path) -> None:
    config = read(tmp_path, HR)
    assert config.source("hr").system == "bamboohr"
    assert (config.policy, config.as_of, config.time_zone) == (RecommendationPolicy(), "today", "UTC")
    with pytest.raises(KeyError):
        config.source("crm")


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbf" + HR.encode()).company == "X"


def test_policy_days_and_taxonomy_are_read(tmp_path: Path) -> None:
    more = "as_of: 2025-06-30\npolicy:\n  stages:\n    journeyman:\n      repetition_days: 3\n"
    config = read(tmp_path, HR + more)
    assert (config.as_of, config.policy.stages.journeyman.repetition_days) == (date(2025, 6, 30), 3)
    assert config.policy.version != RecommendationPolicy().version


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: expected keys such as `sources:`, found nothing"),
        ("- a\n", "line 1: expected keys such as `sources:`, found list"),
        ("a: [1\nb: 2\n", "line 2: not YAML: expected ',' or ']'"),
        ("a:\n\t- b\n", "line 2: not YAML: found character '\\t'"),
        (b"company: X\nname: \xff\n", "line 2: not UTF-8"),
        (HR + "company: Y\n", "line 6: company is given twice: keep one"),
        ("company: X\n", "line 1: sources: Field required"),
        ("sources: []\n", "line 1: sources: List should have at least 1 item"),
        ("sources:\n  - hr\n", "line 2: sources.0: Input should be a valid dictionary"),
        (
            HR + "polcy: 1\n",
            "line 6: polcy: unknown key; allowed: company, landing, time_zone, nightly_hour, ",
        ),
        (HR + "    pth: x\n", "line 6: sources.0.pth: unknown key; allowed: name, system, path, shape, "),
        (HR.replace("bamboohr", "bambu"), "line 4: sources.0.system: unknown system 'bambu'; allowed: adp, "),
        (HR.replace("name: hr", "name: HR x"), "line 3: sources.0.name: String should match pattern"),
        (HR + HR.split("sources:\n")[1], "line 6: sources.1.name: an earlier source is called 'hr' too: give each"),
        (HR + "    delivery: all\n", "line 6: sources.0.delivery: Input should be 'full' or 'incremental'"),
        (HR + "    floor_share: 2\n", "line 6: sources.0.floor_share: Input should be less than or equal to 1"),
        (HR + "    freshness_days: 0\n", "line 6: sources.0.freshness_days: Input should be greater than 0"),
        (HR + "    encoding: klingon\n", "line 6: sources.0.encoding: unknown encoding 'klingon'; use utf-8"),
        (HR + "    time_zone: Mars\n", "line 6: sources.0.time_zone: unknown time zone 'Mars'; use a name like"),
        (HR.replace("hr/*.csv", "/etc/*"), "line 5: sources.0.path: must be a pattern inside the landing folder"),
        (HR.replace("hr/*.csv", "a/../../b"), "line 5: sources.0.path: must be a pattern inside the landing folder"),
        (HR + "    shape: person\n", "line 6: sources.0.shape: shape is for system tabular only: bamboohr has its own"),
        (HR.replace("bamboohr", "tabular"), "line 4: sources.0.system: system tabular needs `shape`; allowed: "),
        (HR + "as_of: tomorrow\n", "line 6: as_of: no such day; allowed: today, newest_event, or a day like"),
        (
            TABLE + "      score_share: 3\n",
            "line 11: sources.0.mapping.score_share: Input should be a valid dictionary",
        ),
        (TABLE + "      score_share: {unit: hours}\n", "line 11: sources.0.mapping.score_share: give either `column`"),
        (
            TABLE + "      score_share:\n        colunm: s\n",
            "line 12: sources.0.mapping.score_share.colunm: unknown key; allowed: column, constant, scale, ",
        ),
        (
            TABLE + "      score_share:\n        column: s\n        scale: [5, 1]\n",
            "line 13: sources.0.mapping.score_share.scale: a scale is two numbers, the lower one first: [1, 5]",
        ),
        (HR + "policy:\n  list_length: 0\n", "line 7: policy.list_length: list_length is 0; allowed: 1 or more"),
        (HR + "policy:\n  weights:\n    prob: 1\n", "line 8: policy.weights.prob: unknown key; allowed: probability, "),
        (
            HR + "policy:\n  stages:\n    positive_share: 3\n",
            "line 8: policy.stages.positive_share: positive_share is 3.0; allowed: 0 to 1",
        ),
        (HR + "policy:\n  horizon_days: soon\n", "line 7: policy.horizon_days: Input should be a valid"),
        (
            HR + "contracts:\n  support:\n    - channel: x\n      tol: slack\n",
            "line 9: contracts.support.0.tol: unknown key; allowed: channel, tool, url, description",
        ),
        (
            HR + "contracts:\n  support:\n    - channel: x\n      url: chat\n",
            "line 9: contracts.support.0.url: url must be an address such as https://",
        ),
        (HR + "contracts:\n  purposes: []\n", "line 7: contracts.purposes: purposes is empty: readers need at least"),
        (
            HR + "publish:\n  webhook:\n    batch: 9\n    url: http://portal.example\n",
            "line 9: publish.webhook.url: url is plain http to another machine: use https, or declare allow_insecure",
        ),
        (HR + "taxonomy:\n  system: esco\n", "line 7: taxonomy.system: system esco needs `folder`; allowed: folder"),
        (HR + "taxonomy:\n  system: tabular\n", "line 7: taxonomy.system: system tabular needs `skills`"),
    ],
)
def test_an_error_has_its_line_and_the_allowed_values(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_all_errors_are_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, HR + "    delivery: all\ntime_zone: Mars\n")
    lines = {line.split(": ")[0] for line in str(caught.value).splitlines()}
    assert lines == {"footsteps.yaml line 6", "footsteps.yaml line 7"}


def test_the_error_for_a_missing_file_names_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"footsteps.yaml is missing in .*footsteps demo"):
        read_config(tmp_path / "footsteps.yaml")


def source(**more: object) -> SourceConfig:
    mapping = {"skill_text": "s"}
    declared = {"name": "marks", "system": "tabular", "shape": "feedback", "path": "a.csv", "mapping": mapping}
    return SourceConfig.model_validate({**declared, **more})


def test_only_options_that_affect_reading_change_the_mapping_code() -> None:
    same = [
        source(path="b.csv"),
        source(delivery="full"),
        source(freshness_days=3),
        source(floor_share=0.1),
        source(name="other"),
        source(mapping={"skill_text": {"column": "s"}}),
    ]
    assert {config.mapping_code for config in same} == {source().mapping_code}
    other = [
        source(mapping={"skill_text": "t"}),
        source(time_zone="Europe/Berlin"),
        source(delimiter=";"),
        source(decimal_comma=True),
        source(date_order="day_first"),
        source(encoding="utf-16"),
    ]
    assert len({config.mapping_code for config in (source(), *other)}) == 7


def test_a_header_and_its_long_form_give_equal_options() -> None:
    assert source().options() == source(mapping={"skill_text": {"column": "s"}}).options()


def test_settings_come_from_environment_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTSTEPS_DATA_ROOT", str(tmp_path))
    monkeypatch.setenv("FOOTSTEPS_AS_OF", "2025-06-30")
    settings = Settings()
    assert (settings.root, settings.as_of) == (tmp_path.resolve(), date(2025, 6, 30))
    assert settings.config_path == tmp_path.resolve() / "footsteps.yaml"
    assert {settings.lake_path.parent, settings.published_path.parent, settings.models_path.parent} == {settings.root}
    monkeypatch.setenv("FOOTSTEPS_CONFIG", str(tmp_path / "other.yaml"))
    assert Settings().config_path.name == "other.yaml"
